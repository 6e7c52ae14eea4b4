"""The beginning of a deferred wait's outage, kept as an XCom of the waiting task while the outage lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_integrator.polling.kept_outage import OutageStore

log = logging.getLogger(__name__)

#: The XCom's key.
KEY = "integrator_outage_since"
_ACTIVE = ("deferred", "running")


def outage_store(ti: Any) -> OutageStore | None:
    """Make the store for a trigger's task.

    :param ti: The task instance, as the triggerer gives it to a trigger; None: there is none.
    :return: The store; None if nothing can be kept here, as in ``airflow dags test``.
    """
    if ti is None:
        return None
    try:
        from airflow.sdk.execution_time import task_runner
    except ImportError:
        return DatabaseStore(ti)
    # Only the triggerer's has it. The synchronous requests can deadlock there.
    send = getattr(getattr(task_runner, "SUPERVISOR_COMMS", None), "asend", None)
    return None if send is None else SupervisorStore(ti, send)


def push_outage(ti: Any, began: float) -> None:
    """Keep the beginning of an outage that a worker's poll has met, for the triggerer that goes on."""
    try:
        base_xcom().set(key=KEY, value=_as_text(began), **_ids(ti))
    except Exception:  # noqa: BLE001 - of a database or a server; the deferral carries the moment, too
        log.warning(
            "The beginning of this outage could not be kept in Airflow.\n"
            "If the triggerer restarts in it, the time counts from the restart."
        )


def base_xcom() -> Any:
    """Return Airflow's own XComs, which no custom backend moves to where the triggerer doesn't look."""
    try:
        from airflow.sdk.bases.xcom import BaseXCom
    except ImportError:
        from airflow.models.xcom import BaseXCom  # type: ignore[no-redef]
    return BaseXCom


class SupervisorStore:
    """The XCom on Airflow 3: by requests to the triggerer's supervisor.

    :param ti: The task instance.
    :param send: Sends a request and returns the answer.
    """

    __slots__ = ("_comms", "_send", "_ti")

    def __init__(self, ti: Any, send: Callable[[Any], Awaitable[Any]]) -> None:
        from airflow.sdk.execution_time import comms

        self._ti = ti
        self._send = send
        self._comms = comms

    async def read(self) -> float | None:
        """Read the beginning."""
        return _as_moment((await self._send(self._comms.GetXCom(key=KEY, **_ids(self._ti)))).value)

    async def write(self, began: float) -> None:
        """Keep a beginning."""
        await self._send(self._comms.SetXCom(key=KEY, value=_as_text(began), **_ids(self._ti)))

    async def delete(self) -> None:
        """Delete the beginning."""
        await self._send(self._comms.DeleteXCom(key=KEY, **_ids(self._ti)))

    async def is_active(self) -> bool:
        """Find out whether the task still waits or runs."""
        ti = self._ti
        request = self._comms.GetTaskStates(
            dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=[ti.task_id], map_index=ti.map_index
        )
        runs = (await self._send(request)).task_states
        return any(state in _ACTIVE for tasks in runs.values() for state in tasks.values())


class DatabaseStore:
    """The XCom on Airflow 2: in the database, from a thread.

    :param ti: The task instance.
    """

    __slots__ = ("_ti",)

    def __init__(self, ti: Any) -> None:
        self._ti = ti

    async def read(self) -> float | None:
        """Read the beginning."""

        def read(session: Any) -> Any:
            found = session.query(base_xcom()).filter_by(key=KEY, **_ids(self._ti)).first()
            return None if found is None else found.value

        return _as_moment(await asyncio.to_thread(_in_session, read))

    async def write(self, began: float) -> None:
        """Keep a beginning."""
        await asyncio.to_thread(base_xcom().set, key=KEY, value=_as_text(began), **_ids(self._ti))

    async def delete(self) -> None:
        """Delete the beginning."""

        def delete(session: Any) -> None:
            session.query(base_xcom()).filter_by(key=KEY, **_ids(self._ti)).delete()

        await asyncio.to_thread(_in_session, delete)

    async def is_active(self) -> bool:
        """Find out whether the task still waits or runs."""
        from airflow.models.taskinstance import TaskInstance

        def state(session: Any) -> Any:
            return session.query(TaskInstance.state).filter_by(**_ids(self._ti)).scalar()

        return await asyncio.to_thread(_in_session, state) in _ACTIVE


def _in_session(query: Callable[[Any], Any]) -> Any:
    from airflow.utils.session import create_session

    with create_session() as session:
        return query(session)


def _ids(ti: Any) -> dict[str, Any]:
    return {
        "dag_id": ti.dag_id,
        "run_id": ti.run_id,
        "task_id": ti.task_id,
        "map_index": -1 if ti.map_index is None else ti.map_index,
    }


def _as_text(began: float) -> str:
    return datetime.fromtimestamp(began, timezone.utc).isoformat()


def _as_moment(value: Any) -> float | None:
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        return None
