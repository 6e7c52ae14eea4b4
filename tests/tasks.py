"""Runs one task to its end as Airflow does, in this process: poking, rescheduled or deferred."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, TaskDeferred
from airflow.triggers.base import BaseTrigger

from airflow_provider_integrator.operators.lines import IntegratorLinesOperator
from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.sensors import pokes
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor
from tests import secrets

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:
    from airflow.exceptions import AirflowRescheduleException

#: What a rescheduled task finds in its context, by Airflow's version: the number of reschedules, and a store.
RESCHEDULED_CONTEXTS = ("count", "count and store")
CONTEXT = RESCHEDULED_CONTEXTS[hasattr(BaseTrigger, "on_kill")]
IS_AIRFLOW_3 = find_spec("airflow.sdk") is not None
MODES = ("poke", "reschedule", "deferrable")
POLL = 0.01
#: Seconds; a test that gets this far is wrong, so it may be long.
TIMEOUT = 60.0


class TaskInstance:
    """Stands in for Airflow's, which needs a database or a supervisor; keeps what is pushed."""

    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 0

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}
        self.pushes: list[tuple[str, Any]] = []
        self.reschedules = 0
        self.run_after = datetime.now(timezone.utc) - timedelta(hours=1)
        self.began: datetime | None = None
        self.state_store = StateStore()

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        self.xcoms[key] = json.loads(json.dumps(value))  # XCom takes JSON
        self.pushes.append((key, self.xcoms[key]))

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self.began


class StateStore:
    """Stands in for a task's state store, which needs a supervisor; ``sets`` has all that was set."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.sets: list[tuple[str, Any]] = []

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any, **_: Any) -> None:
        self.values[key] = json.dumps(value)
        self.sets.append((key, value))

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@dataclass
class Outcome:
    """How a task ended."""

    state: str
    value: Any = None
    error: BaseException | None = None
    xcoms: dict[str, Any] = field(default_factory=dict)
    pushes: list[tuple[str, Any]] = field(default_factory=list)
    reschedules: int = 0
    pauses: list[float] = field(default_factory=list)
    deferrals: list[TaskDeferred] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    @property
    def message(self) -> str:
        return str(self.error)


@dataclass
class Runner:
    """Does what Airflow's task runner, scheduler and triggerer do with one task, and checks that it shows no secret.

    :param make: Makes a new task for each process that Airflow would run it in.
    :param context: More for the context.
    :param between: Is called before the triggerer takes over, and before a worker takes over again.
    :param rescheduled_context: Which Airflow's context the task gets: one of ``RESCHEDULED_CONTEXTS``.
    :param min_reschedule: Seconds between two pokes of a rescheduled task at least.
    """

    make: Callable[[], Any]
    context: dict[str, Any] = field(default_factory=dict)
    between: Callable[[str], None] = lambda _: None
    rescheduled_context: str = CONTEXT
    min_reschedule: float = 0.0

    def run(self) -> Outcome:
        with secrets.recorded() as log:
            outcome = self._run()
        secrets.check(secrets.shown_by(outcome) + log.getvalue())
        return outcome

    def _run(self) -> Outcome:
        ti, outcome = TaskInstance(), Outcome("running")
        outcome.xcoms, outcome.pushes = ti.xcoms, ti.pushes
        started = datetime.now(timezone.utc)
        resume: tuple[str, dict[str, Any]] | None = None
        with _database_of(ti), pytest.MonkeyPatch.context() as patch:
            patch.setattr(pokes, "MIN_RESCHEDULE", self.min_reschedule)
            while outcome.state == "running":
                task = self.make()
                try:
                    outcome.value = self._in_worker(task, ti, resume)
                except TaskDeferred as deferred:
                    self.between("deferred")
                    resume = self._in_triggerer(deferred, outcome)
                    self.between("resumed")
                except AirflowRescheduleException as again:
                    outcome.pauses.append(
                        (again.reschedule_date - datetime.now(timezone.utc)).total_seconds()
                    )
                    outcome.reschedules = ti.reschedules = ti.reschedules + 1
                    ti.began = ti.began or started
                except AirflowSkipException as skip:
                    outcome.state, outcome.error = "skipped", skip
                except Exception as error:  # noqa: BLE001 - the task's
                    outcome.state, outcome.error = "failed", error
                else:
                    outcome.state = "success"
                    if outcome.value is not None and task.do_xcom_push:
                        ti.xcom_push("return_value", outcome.value)
        return outcome

    def _in_worker(self, task: Any, ti: TaskInstance, resume: tuple[str, dict[str, Any]] | None) -> Any:
        context = self._context(task, ti)
        if IS_AIRFLOW_3:
            context["task_reschedule_count"] = ti.reschedules
        if "store" in self.rescheduled_context:
            context["task_state_store"] = ti.state_store
        task.render_template_fields(context, None if task.has_dag() else _templates())
        if resume is None:
            return _execute(task, context)
        return task.resume_execution(*resume, context)

    def _context(self, task: Any, ti: TaskInstance) -> dict[str, Any]:
        return a_context(ti, **self.context)

    def _in_triggerer(self, deferred: TaskDeferred, outcome: Outcome) -> tuple[str, dict[str, Any]]:
        outcome.deferrals.append(deferred)
        assert deferred.timeout is None or deferred.timeout > timedelta(0)
        event = asyncio.run(_first_event(again(deferred.trigger)))
        payload = json.loads(json.dumps(event.payload, default=str))
        outcome.events.append(payload)
        return deferred.method_name, {**(deferred.kwargs or {}), "event": payload}


def a_context(ti: Any = None, **more: Any) -> dict[str, Any]:
    ti = ti or TaskInstance()
    dag_run = SimpleNamespace(run_after=ti.run_after, logical_date=ti.run_after, run_id="run")
    return {"ti": ti, "dag_run": dag_run, "logical_date": ti.run_after, "params": {}, **more}


def again(trigger: Any) -> Any:
    """Make a trigger again, as another process does from what the database holds."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    if _is_ours(module):  # another's may hold what only Airflow can encode
        arguments = json.loads(json.dumps(arguments))
    return getattr(import_module(module), name)(**arguments)


def _is_ours(module: str) -> bool:
    return module.startswith("airflow_provider_integrator.")


def _run(
    make: Callable[..., Any],
    mode: str,
    context: dict[str, Any] | None = None,
    between: Callable[[str], None] = lambda _: None,
    **arguments: Any,
) -> Outcome:
    return Runner(lambda: make(mode, **arguments), context or {}, between).run()


def run_sensor(mode: str, **arguments: Any) -> Outcome:
    return _run(a_sensor, mode, **arguments)


def a_sensor(mode: str = "poke", **arguments: Any) -> IntegratorExecutionSensor:
    given = {"task_id": "wait", "poke_interval": POLL, "timeout": TIMEOUT, "flow": "price", **arguments}
    is_deferred = mode == "deferrable"
    return IntegratorExecutionSensor(mode="poke" if is_deferred else mode, deferrable=is_deferred, **given)


def run_operator(mode: str = "poke", **arguments: Any) -> Outcome:
    return _run(an_operator, mode, **arguments)


def an_operator(mode: str = "poke", **arguments: Any) -> IntegratorLogOperator:
    given = {"task_id": "log", "poll_interval": POLL, "timeout": TIMEOUT, "flow": "price", "log_timeout": 0}
    return IntegratorLogOperator(deferrable=mode == "deferrable", **{**given, **arguments})


def run_lines(mode: str = "poke", **arguments: Any) -> Outcome:
    return _run(lines_operator, mode, **arguments)


def lines_operator(mode: str = "poke", **arguments: Any) -> IntegratorLinesOperator:
    given = {"task_id": "lines", "poll_interval": POLL, "timeout": TIMEOUT, "flow": "price", "log_timeout": 0}
    return IntegratorLinesOperator(deferrable=mode == "deferrable", **{**given, **arguments})


def after_looks(simulator: Any, looks: int, act: Callable[[], Any], on: str = "logs") -> None:
    """Let something happen once List logs, or another call, has been requested so many times."""
    from airflow_provider_integrator.simulator import Fault

    asked = 0

    def count(request: Any) -> bool:
        nonlocal asked
        asked += 1
        if asked == looks:
            act()
        return False

    simulator.inject(Fault.delay(0.0, on=on, where=count))


@cache
def _templates() -> Any:
    """Airflow's environment of templates for tasks without a DAG; compiles each template only once."""
    environment = an_operator().get_template_env()
    environment.from_string = cache(environment.from_string)
    return environment


def _execute(task: Any, context: dict[str, Any]) -> Any:
    # Airflow's runner gives this sign, so that nobody else calls execute.
    return task.execute(context, **{f"{type(task).__name__}__sentinel": _sentinel()})


def _sentinel() -> object:
    try:
        from airflow.sdk.bases.operator import ExecutorSafeguard
    except ImportError:
        return object()  # Airflow 2 only asks whether there is one
    return ExecutorSafeguard.sentinel_value


async def _first_event(trigger: Any) -> Any:
    with _short_sleeps(trigger):
        async for event in trigger.run():
            await trigger.cleanup()
            return event
    raise AssertionError("the trigger ended without an event")


@contextlib.contextmanager
def _short_sleeps(trigger: Any) -> Any:
    """Let Airflow's own trigger look at the clock more often than each second."""
    module = sys.modules[type(trigger).__module__]
    with pytest.MonkeyPatch.context() as patch:
        if not _is_ours(module.__name__):
            patch.setattr(module, "asyncio", SimpleNamespace(sleep=lambda _: asyncio.sleep(POLL)))
        yield


@contextlib.contextmanager
def _database_of(ti: TaskInstance) -> Any:
    """Answer what Airflow 2's sensors ask the database: when a rescheduled task began."""
    try:
        from airflow.sensors import base
    except ImportError:
        yield
        return
    if not hasattr(base, "_orig_start_date"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_orig_start_date", lambda **_: ti.began)
        patch.setattr(pokes, "read_reschedules", lambda _: (ti.reschedules, ti.began))
        yield
