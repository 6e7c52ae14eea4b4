"""The XComs of one task as a trigger reaches them: by Airflow 3's supervisor, or in Airflow 2's database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.triggers.outage_xcom import KEY
from tests.tasks import IS_AIRFLOW_3

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

IDS = {"dag_id": "dag", "run_id": "manual__2026-11-27T12:00:00+00:00", "task_id": "task"}


class Supervisor:
    """Answers as the triggerer's supervisor does, one request after the other.

    As below Airflow 3.2, a request that is cancelled leaves its answer to the next one.

    :ivar requests: The types of the requests.
    :ivar is_down: Whether it answers with an error.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[Any, ...], Any] = {}
        self.state: str | None = "deferred"
        self.requests: list[str] = []
        self.is_down = False
        self._is_spoiled = False
        self._one = asyncio.Lock()

    def send(self, message: Any) -> None:
        """Take the secrets to mask that Airflow 3.0 sends at a look-up of a connection."""

    async def asend(self, message: Any) -> Any:
        async with self._one:
            assert not self._is_spoiled, "Response read out of order!"
            self._is_spoiled = True
            await asyncio.sleep(0.001)
            self._is_spoiled = False
        self.requests.append(message.type)
        if self.is_down:
            raise RuntimeError("API_SERVER_ERROR")
        if message.type == "GetTaskStates":
            return SimpleNamespace(task_states={message.run_ids[0]: {message.task_ids[0]: self.state}})
        key = (message.dag_id, message.run_id, message.task_id, message.map_index, message.key)
        if message.type == "SetXCom":
            self.values[key] = message.value
        elif message.type == "DeleteXCom":
            self.values.pop(key, None)
        else:
            return SimpleNamespace(value=self.values.get(key))
        return None


class SupervisedXComs:
    """Those of Airflow 3."""

    def __init__(self, mocker: MockerFixture) -> None:
        from airflow.sdk.execution_time import task_runner

        self.supervisor = Supervisor()
        mocker.patch.object(task_runner, "SUPERVISOR_COMMS", self.supervisor, create=True)

    def get(self, map_index: int = -1) -> Any:
        return self.supervisor.values.get((*IDS.values(), map_index, KEY))

    def set(self, value: Any) -> None:
        self.supervisor.values[(*IDS.values(), -1, KEY)] = value

    def set_state(self, state: str | None) -> None:
        self.supervisor.state = state

    def break_down(self) -> None:
        self.supervisor.is_down = True


class DatabaseXComs:
    """Those of Airflow 2."""

    def __init__(self, mocker: MockerFixture, folder: Path) -> None:
        from airflow import settings
        from airflow.models import import_all_models
        from airflow.models.base import Base
        from airflow.models.dagrun import DagRun
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.xcom import BaseXCom
        from sqlalchemy import create_engine, insert
        from sqlalchemy.orm import scoped_session, sessionmaker

        import_all_models()
        self._engine = create_engine(f"sqlite:///{folder}/airflow.db")
        self._xcom = BaseXCom
        self._task = TaskInstance.__table__
        names = ("log_template", "dag_run", "task_instance", "xcom")
        Base.metadata.create_all(self._engine, tables=[Base.metadata.tables[name] for name in names])
        mocker.patch.object(settings, "Session", scoped_session(sessionmaker(bind=self._engine)))
        run = {"dag_id": IDS["dag_id"], "run_id": IDS["run_id"], "run_type": "manual"}
        with self._engine.begin() as connection:
            connection.execute(insert(DagRun.__table__).values(id=1, clear_number=0, **run))
            for map_index in (-1, 3):
                connection.execute(
                    insert(self._task).values(
                        map_index=map_index, state="deferred", pool_slots=1, pool="p", **IDS
                    )
                )

    def get(self, map_index: int = -1) -> Any:
        return self._xcom.get_one(key=KEY, map_index=map_index, **IDS)

    def set(self, value: Any) -> None:
        self._xcom.set(key=KEY, value=value, map_index=-1, **IDS)

    def set_state(self, state: str | None) -> None:
        with self._engine.begin() as connection:
            connection.execute(self._task.update().values(state=state))

    def break_down(self) -> None:
        with self._engine.begin() as connection:
            self._xcom.__table__.drop(connection)


def make_xcoms(mocker: MockerFixture, folder: Path) -> Any:
    """Make what this version of Airflow has."""
    return SupervisedXComs(mocker) if IS_AIRFLOW_3 else DatabaseXComs(mocker, folder)


def task_instance(map_index: int = -1) -> Any:
    """Make the task instance that a triggerer gives to a trigger."""
    return SimpleNamespace(map_index=map_index, try_number=1, id="id", **IDS)
