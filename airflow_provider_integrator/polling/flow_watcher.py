"""Watches a flow across restarts: each finished execution once. Knows asyncio and the API, nothing of Airflow."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol
from urllib.parse import quote

from airflow_provider_integrator.api.history import History
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.arguments import read_moment
from airflow_provider_integrator.exceptions import IntegratorError, ResponseError, TransientError
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.polling.connection import shared_connection
from airflow_provider_integrator.polling.cursor import FlowCursor, Seen, from_epoch, is_wanted, to_epoch
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.waits import Wait

log = logging.getLogger(__name__)

#: How far back the first start looks for executions that are running.
LOOK_BACK = timedelta(days=1)
#: Seconds until a flow is tried again whose connection or name can't be used.
PAUSE = 60.0
#: Polls of which one reads all that the cursor spans, for executions that List logs shows behind younger ones.
WHOLE_EVERY = 10


class Store(Protocol):
    """Where the cursor is kept: an asset's state store, or a stand-in."""

    async def aget(self, key: str, default: Any = None) -> Any:
        """Read a value."""

    async def aset(self, key: str, value: Any) -> None:
        """Write a value."""


@dataclass(frozen=True)
class WatchedFlow:
    """What is watched.

    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; the connection's if None.
    :param flow: The flow: its slug, name or id.
    :param status: The statuses of the executions to deliver.
    :param since: ISO 8601: what was created since then counts at the first start; None: what finishes from then on.
    :param poll_interval: Seconds between two polls.
    """

    integrator_conn_id: str
    project_id: str | None
    flow: str
    status: tuple[str, ...]
    since: str | None
    poll_interval: float

    @property
    def key(self) -> str:
        """The key of the stored cursor; ``since`` and the interval may change without losing it."""
        project = "" if self.project_id is None else f"{quote(self.project_id, safe='')}/"
        return f"integrator:{project}{quote(self.flow, safe='')}:{','.join(self.status)}"

    def wait_spec(self, execution_id: str) -> WaitSpec:
        """Describe the wait for one execution, whose failed polls end nothing: the next poll looks again."""
        return WaitSpec(
            integrator_conn_id=self.integrator_conn_id,
            project_id=self.project_id,
            flow=self.flow,
            is_flow_id=False,
            execution_id=execution_id,
            created_after=None,
            poll_interval=self.poll_interval,
            end_time=None,
        )


class _OpenExecution(Wait):
    """Looks for one execution that was created before what a subscription reads, wherever it stands."""

    def fail(self, error: Exception) -> None:
        """Let the next poll look again; the subscription reports what is wrong."""


@dataclass(eq=False)
class Subscription:
    """A watched flow's part in the flow's one poll. Enter it to subscribe.

    :param poller: The flow's poller.
    :param flow: The flow.
    :param start: The moment since which the polls read, until :meth:`request` says otherwise.
    """

    poller: FlowPoller
    flow: WatchedFlow
    start: datetime
    failed_polls: int = 0
    _recent: datetime | None = None
    _history: History | None = None
    _open: dict[str, _OpenExecution] = field(default_factory=dict)
    _error: Exception | None = None
    _is_ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def interval(self) -> float:
        """Seconds between two polls."""
        return self.flow.poll_interval

    async def __aenter__(self) -> Subscription:
        self.poller.subscribe(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        for execution in self._open.values():
            await self.poller.leave(execution)
        await self.poller.unsubscribe(self)

    async def next_reading(self) -> tuple[History, list[Execution]]:
        """Wait for the next poll.

        :return: What it read, and those of the requested open executions that have finished.
        :raises IntegratorError: No later poll can succeed.
        """
        while True:
            await self._is_ready.wait()
            self._is_ready.clear()
            if self._error is not None:
                raise self._error
            if self._history is not None:
                history, self._history = self._history, None
                return history, [each.done.result() for each in self._open.values() if each.done.done()]

    async def request(self, since: datetime, recent: datetime | None, still_open: Iterable[str]) -> None:
        """Choose what the next polls look for.

        :param since: The executions created at or after this moment.
        :param recent: A later moment that will do if it makes a poll cheaper; None: it won't.
        :param still_open: Executions that were created before.
        """
        self.start, self._recent = since, recent
        wanted = set(still_open)
        for each in self._open.keys() - wanted:
            await self.poller.leave(self._open.pop(each))
        for each in wanted - self._open.keys():
            self._open[each] = _OpenExecution(self.flow.wait_spec(each))
            self.poller.join(self._open[each])

    def since(self, *, is_newest_first: bool) -> datetime:
        """Choose the moment since which the next poll is to read."""
        return self._recent if is_newest_first and self._recent is not None else self.start

    def deliver(self, history: History) -> None:
        """Take what a poll read; it replaces an earlier reading that nobody has fetched."""
        if self.failed_polls:
            log.info("Flow %s is read again after %d failed polls.", self.flow.flow, self.failed_polls)
            self.failed_polls = 0
        self._history = history
        self._is_ready.set()

    def fail(self, error: Exception) -> None:
        """Take note of a failed poll: a transient error is logged once, any other ends the subscription."""
        self.failed_polls += 1
        if not isinstance(error, TransientError):
            self._error = error
            self._is_ready.set()
        elif self.failed_polls == 1:
            log.warning("Flow %s can't be read; nothing is lost, polls go on: %s", self.flow.flow, error)


class FlowWatcher:
    """Yields the finished executions of a flow, and keeps the cursor.

    :param flow: What is watched.
    :param store: Where the cursor is kept; None: nowhere, each start is the first.
    """

    def __init__(self, flow: WatchedFlow, store: Store | None) -> None:
        self._flow = flow
        self._store = store
        self._cursor: FlowCursor | None = None
        self._stored: dict[str, Any] | None = None
        self._in_flight: set[str] = set()
        self._is_settled = asyncio.Event()
        self._polls_since_whole = 0
        self._reported: dict[str, None] = {}

    async def executions(self) -> AsyncGenerator[Seen, None]:
        """Yield the finished executions, without end. What can't be reached is tried again.

        :return: The executions. Each is to be acknowledged or not, and then released.
        """
        while True:
            try:
                async with contextlib.aclosing(self._watch()) as executions:
                    async for seen in executions:
                        yield seen
            except IntegratorError as error:
                pause = max(0.0 if isinstance(error, TransientError) else PAUSE, self._flow.poll_interval)
                log.warning("Flow %s isn't watched; another try in %g s: %s", self._flow.flow, pause, error)
            except Exception:
                # Airflow would start us again at once, and again.
                pause = max(PAUSE, self._flow.poll_interval)
                log.exception("Flow %s isn't watched; another try in %g s.", self._flow.flow, pause)
            await asyncio.sleep(pause)

    async def acknowledge(self, *executions: Seen) -> None:
        """Mark executions as delivered, and store that."""
        assert self._cursor is not None  # noqa: S101 - they came from it
        for seen in executions:
            self._cursor.mark_delivered(seen.execution_id, seen.created)
        await self._save()

    def release(self, *executions: Seen) -> None:
        """End the delivery of executions; those that weren't acknowledged are yielded again."""
        self._in_flight -= {seen.execution_id for seen in executions}
        if not self._in_flight:
            self._is_settled.set()

    async def _watch(self) -> AsyncGenerator[Seen, None]:
        await self._load()
        flow = self._flow
        async with shared_connection(flow.integrator_conn_id) as shared:
            poller = await shared.poller(flow.project_id, flow.flow, is_flow_id=False)
            start = datetime.now(timezone.utc) - LOOK_BACK
            since = start if self._cursor is None else from_epoch(self._cursor.since)
            async with Subscription(poller, flow, since) as subscription:
                if self._cursor is None:
                    cursor = FlowCursor(to_epoch(start))
                    cursor.start((await self._read(subscription))[0])
                    self._cursor = cursor
                    await self._save()
                while True:
                    await subscription.request(
                        from_epoch(self._cursor.since), self._recent(), self._cursor.open
                    )
                    for seen in self._choose(*await self._read(subscription)):
                        self._in_flight.add(seen.execution_id)
                        self._is_settled.clear()
                        yield seen
                        await asyncio.sleep(0)  # the one that takes them gets its turn
                    if self._in_flight:
                        await self._is_settled.wait()
                    await self._save()

    async def _load(self) -> None:
        if self._cursor is not None:
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
            self._stored, self._cursor = stored, FlowCursor.read(stored)
        elif self._flow.since is not None:
            self._cursor = FlowCursor(to_epoch(read_moment(self._flow.since, "since")))
            await self._save()

    async def _save(self) -> None:
        assert self._cursor is not None  # noqa: S101 - there is one from the first reading on
        now = self._cursor.as_json()
        if self._store is not None and now != self._stored:
            await self._store.aset(self._flow.key, now)
            self._stored = now

    def _recent(self) -> datetime | None:
        """Choose the moment since which a poll must read at least; None: all that the cursor spans."""
        assert self._cursor is not None  # noqa: S101 - as above
        recent = self._cursor.recent()
        is_whole_due = self._polls_since_whole + 1 >= WHOLE_EVERY
        return None if recent is None or is_whole_due else from_epoch(recent)

    async def _read(self, subscription: Subscription) -> tuple[list[Seen], bool]:
        """Wait for the next reading: what it shows, and whether that is all that was asked for."""
        history, finished = await subscription.next_reading()
        is_whole = history.since <= subscription.start
        self._polls_since_whole = 0 if is_whole else self._polls_since_whole + 1
        for each in history.sightings:
            if each.error is not None:
                # Known by its id, as its place in the answer changes.
                self._warn_once(each.execution_id, f"Execution {each.execution_id}", each.error)
        for error in history.faults:
            self._warn_once(str(error), "A log", error)
        seen = [
            *map(Seen.of, history.executions),
            *map(Seen.of, finished),
            *(
                Seen(each.execution_id, to_epoch(each.timestamp), None)
                for each in history.sightings
                if each.execution is None
            ),
        ]
        return seen, is_whole

    def _warn_once(self, key: str, what: str, error: ResponseError) -> None:
        if key not in self._reported:
            self._reported = dict.fromkeys([*list(self._reported)[-100:], key])
            log.warning("%s of flow %s can't be read yet: %s", what, self._flow.flow, error)

    def _choose(self, reading: list[Seen], is_whole: bool) -> list[Seen]:
        """Choose what to deliver; an execution of another status is passed over for good."""
        assert self._cursor is not None  # noqa: S101 - as above
        chosen = []
        for seen in self._cursor.choose(reading, is_whole=is_whole):
            if seen.execution is not None and is_wanted(seen.execution, self._flow.status):
                chosen.append(seen)
            else:
                self._cursor.mark_delivered(seen.execution_id, seen.created)
        return chosen
