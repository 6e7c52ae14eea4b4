"""What is measured: this provider and its peers, each with its own trigger and its own sensor, as they are."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

_FAR = 86_400.0
_FINISHED = 3


@dataclass(frozen=True)
class Subject:
    """A provider.

    :param name: A short name.
    :param label: Its name in tables.
    :param distribution: The package.
    :param server: The module of ``benchmarks.processes`` that it talks to.
    :param environment: Makes the environment variables that tell it of that server.
    :param triggers: Is called in a process of its own; makes the function that makes the trigger for a thing
        and an interval in seconds.
    :param sensor: Module and class of its sensor.
    :param arguments: The sensor's arguments in a DAG file; ``{i}`` is a number.
    """

    name: str
    label: str
    distribution: str
    server: str
    environment: Callable[[dict[str, Any]], dict[str, str]]
    triggers: Callable[[], Callable[[Any, float], Any]]
    sensor: tuple[str, str]
    arguments: str


def _connection(name: str, **fields: Any) -> dict[str, str]:
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields)}


def _our_triggers(*, adaptive: bool = False) -> Callable[[Any, float], Any]:
    from airflow_provider_integrator.triggers.execution import IntegratorExecutionTrigger

    def make(thing: Any, interval: float) -> Any:
        return IntegratorExecutionTrigger(
            integrator_conn_id="integrator_default",
            project_id=None,
            flow=thing[0],
            flow_id=thing[0],
            execution_id=thing[1],
            created_after=None,
            poll_interval=interval,
            end_time=time.time() + _FAR,
            adaptive=adaptive,
        )

    return make


def _loop_triggers() -> Callable[[Any, float], Any]:
    import aiohttp
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    connection = json.loads(os.environ["AIRFLOW_CONN_INTEGRATOR_DEFAULT"])
    host, project = connection["host"], connection["extra"]["project_id"]
    sessions: dict[asyncio.AbstractEventLoop, asyncio.Task[aiohttp.ClientSession]] = {}

    async def log_in() -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(host)
        form = {"username": connection["login"], "password": connection["password"]}
        async with session.post("/api/nifi/login", data=form) as response:
            session.headers["Authorization"] = f"Bearer {await response.text()}"
        return session

    class Loop(BaseTrigger):
        def __init__(self, thing: Any, interval: float) -> None:
            super().__init__()
            self._query = {"projectid": project, "flowId": thing[0], "filename_uuid": thing[1]}
            self._interval = interval

        def serialize(self) -> tuple[str, dict[str, Any]]:
            return "", {}

        async def run(self) -> AsyncIterator[TriggerEvent]:
            loop = asyncio.get_running_loop()
            session = await sessions.setdefault(loop, loop.create_task(log_in()))
            while True:
                async with session.get("/logs", params=self._query) as response:
                    page = await response.json()
                if page["results"][0]["state"] == _FINISHED:
                    yield TriggerEvent({})
                await asyncio.sleep(self._interval)

    return Loop


def _sleeping_triggers() -> Callable[[Any, float], Any]:
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    class Sleeper(BaseTrigger):
        def serialize(self) -> tuple[str, dict[str, Any]]:
            return "", {}

        async def run(self) -> AsyncIterator[TriggerEvent]:
            await asyncio.sleep(_FAR)
            yield TriggerEvent({})

    return lambda thing, interval: Sleeper()


def _dbt_cloud_triggers() -> Callable[[Any, float], Any]:
    from airflow.providers.dbt.cloud.hooks.dbt import DbtCloudHook
    from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger

    # Its URLs are https, whatever the connection says.
    secure = DbtCloudHook.get_request_url_params

    def plain(*arguments: Any, **options: Any) -> tuple[str, dict[str, Any]]:
        url, parameters = secure(*arguments, **options)
        return url.replace("https://", "http://", 1), parameters

    DbtCloudHook.get_request_url_params = staticmethod(plain)

    def make(thing: Any, interval: float) -> Any:
        return DbtCloudRunJobTrigger(
            conn_id="dbt_cloud_default",
            run_id=thing,
            end_time=time.time() + _FAR,
            poll_interval=interval,
            account_id=1,
        )

    return make


def _databricks_triggers() -> Callable[[Any, float], Any]:
    from airflow.providers.databricks.triggers.databricks import DatabricksExecutionTrigger

    def make(thing: Any, interval: float) -> Any:
        return DatabricksExecutionTrigger(
            run_id=thing, databricks_conn_id="databricks_default", polling_period_seconds=int(interval)
        )

    return make


def _http_triggers() -> Callable[[Any, float], Any]:
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    def make(thing: Any, interval: float) -> Any:
        return HttpSensorTrigger(endpoint=f"things/{thing}", poke_interval=interval)

    return make


def _fivetran_triggers() -> Callable[[Any, float], Any]:
    from fivetran_provider_async.hooks import FivetranHookAsync
    from fivetran_provider_async.triggers import FivetranTrigger

    # Its address can't be set by a connection.
    FivetranHookAsync.api_protocol = "http"
    FivetranHookAsync.api_host = os.environ["BENCHMARK_FIVETRAN_HOST"]

    def make(thing: Any, interval: float) -> Any:
        return FivetranTrigger(
            task_id="wait",
            connector_id=f"c{thing}",
            fivetran_conn_id="fivetran_default",
            poke_interval=interval,
        )

    return make


OURS = Subject(
    name="integrator",
    label="this provider",
    distribution="airflow-provider-integrator",
    server="integrator",
    environment=lambda connection: _connection("integrator_default", **connection),
    triggers=_our_triggers,
    sensor=("airflow_provider_integrator.sensors.execution", "IntegratorExecutionSensor"),
    arguments='flow="product", execution_id="e{i}", deferrable=True',
)

#: This provider, with the interval that its sensor's ``adaptive=True`` chooses.
OURS_ADAPTIVE = replace(
    OURS,
    name="integrator-adaptive",
    label="this provider, adaptive",
    triggers=lambda: _our_triggers(adaptive=True),
)

#: What a user would write by hand: a request by the execution's id for each wait and interval, over one session.
LOOP = Subject(
    name="loop",
    label="a loop for each wait",
    distribution="aiohttp",
    server="integrator",
    environment=lambda connection: _connection("integrator_default", **connection),
    triggers=_loop_triggers,
    sensor=("", ""),
    arguments="",
)

#: What any trigger costs at the least: one that asks nobody anything.
SLEEPER = Subject(
    name="sleeper",
    label="sleeping trigger",
    distribution="apache-airflow",
    server="stand_in",
    environment=lambda _: {},
    triggers=_sleeping_triggers,
    sensor=("", ""),
    arguments="",
)

PEERS = (
    Subject(
        name="dbt-cloud",
        label="dbt Cloud",
        distribution="apache-airflow-providers-dbt-cloud",
        server="stand_in",
        environment=lambda server: _connection(
            "dbt_cloud_default",
            conn_type="dbt_cloud",
            host=f"127.0.0.1:{server['port']}",
            login="1",
            password="t",  # noqa: S106
        ),
        triggers=_dbt_cloud_triggers,
        sensor=("airflow.providers.dbt.cloud.sensors.dbt", "DbtCloudJobRunSensor"),
        arguments="run_id={i}, deferrable=True",
    ),
    Subject(
        name="databricks",
        label="Databricks",
        distribution="apache-airflow-providers-databricks",
        server="stand_in",
        environment=lambda server: _connection(
            "databricks_default",
            conn_type="databricks",
            schema="http",
            host="127.0.0.1",
            port=server["port"],
            password="t",  # noqa: S106
        ),
        triggers=_databricks_triggers,
        sensor=("airflow.providers.databricks.sensors.databricks", "DatabricksSQLStatementsSensor"),
        arguments='warehouse_id="w", statement_id="s{i}", deferrable=True',
    ),
    Subject(
        name="fivetran",
        label="Fivetran",
        distribution="airflow-provider-fivetran-async",
        server="stand_in",
        environment=lambda server: {
            **_connection("fivetran_default", conn_type="fivetran", login="k", password="s"),  # noqa: S106
            "BENCHMARK_FIVETRAN_HOST": f"127.0.0.1:{server['port']}",
        },
        triggers=_fivetran_triggers,
        sensor=("fivetran_provider_async.sensors", "FivetranSensor"),
        arguments='connector_id="c{i}", deferrable=True',
    ),
    Subject(
        name="http",
        label="HttpSensor",
        distribution="apache-airflow-providers-http",
        server="stand_in",
        environment=lambda server: _connection(
            "http_default", conn_type="http", host="http://127.0.0.1", port=server["port"]
        ),
        triggers=_http_triggers,
        sensor=("airflow.providers.http.sensors.http", "HttpSensor"),
        arguments='endpoint="things/{i}", deferrable=True',
    ),
)

_BY_NAME = {subject.name: subject for subject in (OURS, OURS_ADAPTIVE, LOOP, SLEEPER, *PEERS)}


def named(name: str) -> Subject:
    """Find a subject by its name."""
    return _BY_NAME[name]


def installed() -> list[Subject]:
    """Say which subjects can be measured here: this provider, and the peers that are installed."""
    return [subject for subject in (OURS, *PEERS) if subject is OURS or _is_there(subject)]


def _is_there(subject: Subject) -> bool:
    try:
        importlib.metadata.version(subject.distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
