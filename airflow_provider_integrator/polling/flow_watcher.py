"""A watch on a flow that yields each finished execution once, across restarts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol
from urllib.parse import quote

from airflow_provider_integrator.arguments import read_moment
from airflow_provider_integrator.exceptions import IntegratorError, RequestError, TransientError
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.executions.wait import EMPTY_POLLS
from airflow_provider_integrator.polling.connection import SharedConnection, shared_connection
from airflow_provider_integrator.polling.cursor import FlowCursor, Seen, from_epoch, to_epoch
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.subscription import Subscription

log = logging.getLogger(__name__)

#: How far back the first start looks for executions that are running.
LOOK_BACK = timedelta(days=1)
#: Seconds until the next try if a flow's connection or name can't be used.
PAUSE = 60.0
#: Of so many polls one reads all that the cursor spans, for executions that show up late behind younger ones.
WHOLE_EVERY = 10


class Store(Protocol):
    """A store for the cursor: an asset's state store, or a stand-in."""

    async def aget(self, key: str, default: Any = None) -> Any:
        """Read a key's value; the default if there is none."""

    async def aset(self, key: str, value: Any) -> None:
        """Write a key's value, which is fit for JSON."""


@dataclass(frozen=True)
class WatchedFlow:
    """A flow to watch.

    Airflow takes a trigger whose arguments have another order for another trigger.

    :param flow: The flow: its slug, name or id.
    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; the connection's if None.
    :param status: The statuses of the executions to deliver.
    :param since: ISO 8601: the first start delivers executions created since then; None: those that finish from
        then on.
    :param poll_interval: Seconds between two polls.
    """

    flow: str
    integrator_conn_id: str
    project_id: str | None
    status: tuple[str, ...]
    since: str | None
    poll_interval: float

    @property
    def key(self) -> str:
        """The key of the stored cursor; ``since`` and the interval may change without losing it."""
        project = "" if self.project_id is None else f"{quote(self.project_id, safe='')}/"
        return f"integrator:{project}{quote(self.flow, safe='')}:{','.join(self.status)}"

    @property
    def wait(self) -> WaitSpec:
        """The wait for one of its executions, which has no id yet."""
        return WaitSpec.of(self)


class FlowWatcher:
    """Yields the finished executions of a flow, and keeps the cursor.

    :param flow: The flow.
    :param store: The store for the cursor; None for no store, so that each start is the first.
    """

    def __init__(self, flow: WatchedFlow, store: Store | None) -> None:
        self._flow = flow
        self._store = store
        self._cursor = _first_cursor()
        self._has_cursor = False  # until it has been stored, or the flow read for the first time
        self._stored: dict[str, Any] | None = None
        self._in_flight: set[str] = set()
        self._is_settled = asyncio.Event()
        self._polls_since_whole = 0
        self._warned: dict[str, None] = {}
        self._is_doubted = False
        self._empty_polls = 0
        self._doubt_after = EMPTY_POLLS

    async def executions(self) -> AsyncGenerator[Seen, None]:
        """Yield the finished executions, without end; after an error the watch begins again.

        :return: The executions. Acknowledge each if it was delivered, and release it in any case.
        """
        while True:
            pause = 0.0
            try:
                async with contextlib.aclosing(self._watch()) as executions:
                    async for seen in executions:
                        yield seen
            except IntegratorError as error:
                # A flow that was deleted and created again has another id, which is looked up at once, but once.
                is_first_doubt = not self._is_doubted
                self._is_doubted = isinstance(error, RequestError) and error.status == 400
                is_brief = isinstance(error, TransientError) or (self._is_doubted and is_first_doubt)
                pause = max(0.0 if is_brief else PAUSE, self._flow.poll_interval)
                log.warning("Flow %s isn't watched; another try in %g s: %s", self._flow.flow, pause, error)
            except Exception:
                # Airflow would start the trigger again at once, and again.
                pause = max(PAUSE, self._flow.poll_interval)
                log.exception("Flow %s isn't watched; another try in %g s.", self._flow.flow, pause)
            await asyncio.sleep(pause)

    async def acknowledge(self, *executions: Seen) -> None:
        """Mark executions as delivered, and store the cursor.

        :param executions: Executions that were yielded.
        """
        for seen in executions:
            self._cursor.mark_delivered(seen.execution_id, seen.created)
        await self._save()

    def release(self, *executions: Seen) -> None:
        """End the delivery of executions; those that weren't acknowledged are yielded again.

        :param executions: Executions that were yielded.
        """
        self._in_flight -= {seen.execution_id for seen in executions}
        if not self._in_flight:
            self._is_settled.set()

    async def _watch(self) -> AsyncGenerator[Seen, None]:
        await self._load()
        flow = self._flow
        if not self._has_cursor:
            self._cursor = _first_cursor()
        async with shared_connection(flow.integrator_conn_id) as shared:
            poller = await self._poller(shared)
            subscription = Subscription(flow.wait, from_epoch(self._cursor.since))
            async with poller.serving(subscription):
                if not self._has_cursor:
                    self._cursor.start((await self._read(subscription))[0])
                    self._has_cursor = True
                    await self._save()
                while self._empty_polls < self._doubt_after:
                    subscription.request(from_epoch(self._cursor.since), self._recent(), self._cursor.open)
                    for seen in self._choose(*await self._read(subscription)):
                        self._in_flight.add(seen.execution_id)
                        self._is_settled.clear()
                        yield seen
                        await asyncio.sleep(0)  # lets the consumer run
                    if self._in_flight:
                        await self._is_settled.wait()
                    await self._save()

    async def _poller(self, shared: SharedConnection) -> FlowPoller:
        flow = self._flow
        if self._empty_polls >= self._doubt_after:
            self._empty_polls, self._doubt_after = 0, self._doubt_after * 2
        elif not self._is_doubted:
            return await asyncio.shield(shared.find_poller(flow.project_id, flow.flow))
        fresh = EMPTY_POLLS * flow.poll_interval / 2
        return await asyncio.shield(shared.look_up_again(flow.project_id, flow.flow, fresh))

    async def _load(self) -> None:
        if self._has_cursor:
            return
        if self._store is None:
            if self._flow.since is not None:
                log.warning(
                    "since needs the asset state store of Airflow 3.3; flow %s is watched from now on.",
                    self._flow.flow,
                )
            return
        stored = await self._store.aget(self._flow.key)
        if stored is not None:
            self._stored, self._cursor, self._has_cursor = stored, FlowCursor.read(stored), True
        elif self._flow.since is not None:
            self._cursor = FlowCursor(to_epoch(read_moment(self._flow.since, "since")))
            self._has_cursor = True
            await self._save()

    async def _save(self) -> None:
        now = self._cursor.as_json()
        if self._store is not None and now != self._stored:
            await self._store.aset(self._flow.key, now)
            self._stored = now

    def _recent(self) -> datetime | None:
        """Choose the latest time since which the next poll may read; None if it must read all."""
        recent = self._cursor.recent()
        is_whole_due = self._polls_since_whole + 1 >= WHOLE_EVERY
        return None if recent is None or is_whole_due else from_epoch(recent)

    async def _read(self, subscription: Subscription) -> tuple[list[Seen], bool]:
        """Wait for the next reading: its executions, and whether it has all that the cursor spans."""
        history, finished = await subscription.next_reading()
        self._empty_polls = 0 if history.sightings or finished else self._empty_polls + 1
        self._is_doubted = False
        is_whole = history.since <= subscription.start
        self._polls_since_whole = 0 if is_whole else self._polls_since_whole + 1
        # Known by the execution, as an error names a place on a page, which changes from poll to poll.
        errors = {f"Execution {seen.execution_id}": seen.error for seen in history.sightings if seen.error}
        for what, error in [*errors.items(), *(("An execution", fault) for fault in history.faults)]:
            if what not in self._warned:
                self._warned = dict.fromkeys([*list(self._warned)[-100:], what])
                log.warning("%s of flow %s can't be read yet: %s", what, self._flow.flow, error)
        seen = [
            *(
                Seen.of(each.execution)
                if each.execution is not None
                else Seen(each.execution_id, to_epoch(each.timestamp), None)
                for each in history.sightings
            ),
            *map(Seen.of, finished),
        ]
        return seen, is_whole

    def _choose(self, reading: list[Seen], is_whole: bool) -> list[Seen]:
        """Choose the executions to deliver; those of other statuses are marked as delivered."""
        chosen = []
        for seen in self._cursor.choose(reading, is_whole=is_whole):
            if seen.execution is not None and seen.execution.status.name.lower() in self._flow.status:
                chosen.append(seen)
            else:
                self._cursor.mark_delivered(seen.execution_id, seen.created)
        return chosen


def _first_cursor() -> FlowCursor:
    return FlowCursor(to_epoch(datetime.now(timezone.utc) - LOOK_BACK))
