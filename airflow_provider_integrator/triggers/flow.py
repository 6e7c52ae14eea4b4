"""Emits an asset event for each execution of a flow that finishes. Needs Airflow 3.0, and 3.3 to lose none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

try:
    from airflow.triggers.base import BaseEventTrigger, TriggerEvent
except ImportError as error:
    raise ImportError(
        "airflow_provider_integrator.triggers.flow needs Airflow 3.0 or later, which brought asset watchers. "
        "Below that, schedule the DAG by time and begin it with IntegratorExecutionSensor."
    ) from error
try:
    from airflow.triggers.shared_stream import SharedStreamProducer
except ImportError:  # below Airflow 3.3
    SharedStreamProducer = object  # type: ignore[assignment,misc]

from airflow_provider_integrator.polling.cursor import read_statuses
from airflow_provider_integrator.polling.flow_watcher import FlowWatcher, WatchedFlow

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_integrator.polling.cursor import Seen
    from airflow_provider_integrator.polling.flow_watcher import Store

#: Seconds between two polls by default.
DEFAULT_POLL_INTERVAL = 60.0

#: Seconds between Airflow's confirmation that events are stored and the move of the cursor.
SETTLE = 0.2

#: A producer is made from its trigger's arguments alone; the trigger's store waits here for it.
_stores: dict[Hashable, Store] = {}


class IntegratorFlowTrigger(BaseEventTrigger):
    """Fires for each execution of a flow that finishes with one of some statuses; for an ``AssetWatcher``.

    The event is the execution's small JSON object, ``Execution.as_dict()``.

    From Airflow 3.3 on a cursor in the asset's state store outlives the triggerer: the next one delivers what finishes
    while none runs. The cursor moves after Airflow has stored the events, so that none is lost. A triggerer that dies in
    the second between the two makes the next one deliver the last events again, which ``assets.new_executions``
    recognises. Below 3.3 each start of the triggerer is a first start.

    :param flow: The flow: its slug, name or id.
    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; the connection's if None.
    :param status: One or more of ``success``, ``failed`` and ``empty``.
    :param since: ISO 8601: the first start delivers what was created since then. None: what finishes from then on.
    :param poll_interval: Seconds between two polls. Watches and waits of a flow share them; the shortest counts.
    :raises ConfigurationError: The status is unknown.
    """

    def __init__(
        self,
        *,
        flow: str,
        integrator_conn_id: str = "integrator_default",
        project_id: str | None = None,
        status: str | Iterable[str] = "success",
        since: str | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watched = WatchedFlow(
            flow, integrator_conn_id, project_id, read_statuses(status), since, float(poll_interval)
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments to make the trigger again with."""
        arguments = {**asdict(self.watched), "status": list(self.watched.status)}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    def shared_stream_key(self) -> Hashable | None:
        """Ask Airflow for a stream of our own, as only a stream learns which events were stored.

        :return: The stream's key; None without a state store: below Airflow 3.3, or without an asset.
        """
        store: Store | None = getattr(self, "asset_state_store", None)
        if store is None:
            return None
        _stores[self.watched] = store
        return self.watched

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Make the producer, which polls and keeps the cursor."""
        watched = cls(**kwargs).watched
        return _Producer(FlowWatcher(watched, _stores.pop(watched)))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Make an event of each execution."""
        async for execution in shared_stream:
            yield TriggerEvent(execution)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch without a store: what has been delivered is remembered as long as the triggerer lives."""
        watcher = FlowWatcher(self.watched, None)
        async for seen in watcher.executions():
            yield TriggerEvent(seen.execution.as_dict())  # type: ignore[union-attr]
            await watcher.acknowledge(seen)
            watcher.release(seen)


class _Producer(SharedStreamProducer):
    """Feeds Airflow's shared stream with a watcher's executions, and acknowledges those that are stored."""

    def __init__(self, watcher: FlowWatcher) -> None:
        self._watcher = watcher
        self._ended = False

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Yield the executions."""
        try:
            async with aclosing(self._watcher.executions()) as executions:
                async for seen in executions:
                    yield seen.execution.as_dict(), seen  # type: ignore[union-attr]
        finally:
            self._ended = True

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Move the cursor past the executions whose events are stored."""
        # Events of a watcher that was just removed, to be replaced perhaps, are confirmed but not stored. Its stream is
        # ended immediately after that.
        await asyncio.sleep(SETTLE)
        stored: list[Seen] = [item.broker_payload for item in batch if item.outcome.is_clean]
        if stored and not self._ended:
            await self._watcher.acknowledge(*stored)
        self._watcher.release(*(item.broker_payload for item in batch))
