"""Follows a flow across restarts: each finished execution once. Knows asyncio and the API, nothing of Airflow."""

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
from airflow_provider_integrator.exceptions import IntegratorError, TransientError
from airflow_provider_integrator.polling.cursor import FlowCursor, Seen, from_epoch, is_wanted, to_epoch

log = logging.getLogger(__name__)

#: How far back the first start looks for executions that go on.
LOOK_BACK = timedelta(days=1)
#: Seconds until a flow is tried anew whose connection or name can't be used.
PAUSE = 60.0


class Store(Protocol):
    """Where the cursor is kept: an asset's state store, or a stand-in."""

    async def aget(self, key: str, default: Any = None) -> Any:
        """Read a value."""

    async def aset(self, key: str, value: Any) -> None:
        """Write a value."""


@dataclass(frozen=True)
class FollowedFlow:
    """What is followed.

    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project, the connection's where None.
    :param flow: The flow: its slug, name or id.
    :param status: The statuses that are told of.
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
        """What the cursor is stored under; ``since`` and the interval may change without losing it."""
        project = "" if self.project_id is None else f"{quote(self.project_id, safe='')}/"
        return f"integrator:{project}{quote(self.flow, safe='')}:{','.join(self.status)}"


class FlowFollower:
    """Tells the finished executions of a flow, and keeps the cursor.

    :param flow: What is followed.
    :param store: Where the cursor is kept; None: nowhere, each start is the first.
    """

    def __init__(self, flow: FollowedFlow, store: Store | None) -> None:
        self._flow = flow
        self._store = store
        self._cursor: FlowCursor | None = None
        self._stored: dict[str, Any] | None = None
        self._on_the_way: set[str] = set()
        self._arrived = asyncio.Event()
        self._complained: set[str] = set()

    async def executions(self) -> AsyncGenerator[Seen, None]:
        """Tell the finished executions; each is to be ``told`` or not, and ``let_go``.

        :return: They, without end; what can't be reached is tried again.
        """
        while True:
            try:
                async with contextlib.aclosing(self._follow()) as executions:
                    async for seen in executions:
                        yield seen
            except IntegratorError as error:
                passes = isinstance(error, TransientError)
                pause = max(0.0 if passes else PAUSE, self._flow.poll_interval)
                log.warning("Flow %s isn't watched; another try in %g s: %s", self._flow.flow, pause, error)
            except Exception:
                # Airflow would start us again at once, and again.
                pause = max(PAUSE, self._flow.poll_interval)
                log.exception("Flow %s isn't watched; another try in %g s.", self._flow.flow, pause)
            await asyncio.sleep(pause)

    async def told(self, *executions: Seen) -> None:
        """Take note that executions are surely told, and store that."""
        assert self._cursor is not None  # noqa: S101 - they came from it
        for seen in executions:
            self._cursor.tell(seen.execution_id, seen.created)
        await self._save()

    def let_go(self, *executions: Seen) -> None:
        """Say that executions aren't on their way any longer; those that weren't told are chosen again."""
        self._on_the_way -= {seen.execution_id for seen in executions}
        if not self._on_the_way:
            self._arrived.set()

    async def _follow(self) -> AsyncGenerator[Seen, None]:
        from airflow_provider_integrator.polling.connection import shared_connection
        from airflow_provider_integrator.polling.watch import Watch

        await self._load()
        flow = self._flow
        async with shared_connection(flow.integrator_conn_id) as shared:
            poller = await shared.poller(flow.project_id, flow.flow)
            start = datetime.now(timezone.utc) - LOOK_BACK
            since = start if self._cursor is None else from_epoch(self._cursor.since)
            async with Watch(poller, since, flow.poll_interval, flow.flow) as watch:
                if self._cursor is None:
                    cursor = FlowCursor(to_epoch(start))
                    cursor.start(await self._read(watch))
                    self._cursor = cursor
                    await self._save()
                while True:
                    await watch.follow(from_epoch(self._cursor.since), self._cursor.open)
                    for seen in self._choose(await self._read(watch)):
                        self._on_the_way.add(seen.execution_id)
                        self._arrived.clear()
                        yield seen
                        await asyncio.sleep(0)  # who takes them gets its turn
                    if self._on_the_way:
                        await self._arrived.wait()
                    await self._save()

    async def _load(self) -> None:
        if self._cursor is not None:
            return
        if self._store is None:
            if self._flow.since is not None:
                log.warning(
                    "since needs the asset state store of Airflow 3.3; flow %s is told from now on.",
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

    async def _read(self, watch: Any) -> list[Seen]:
        history, earlier = await watch.news()
        # By the execution, as an error names a place on a page, which changes from poll to poll.
        errors = {f"Execution {seen.execution_id}": seen.error for seen in history.sightings if seen.error}
        for what, error in [*errors.items(), *(("An execution", fault) for fault in history.faults)]:
            if what not in self._complained:
                self._complained = {*list(self._complained)[-100:], what}
                log.warning("%s of flow %s can't be read yet: %s", what, self._flow.flow, error)
        return [
            *map(Seen.of, history.executions),
            *map(Seen.of, earlier),
            *(
                Seen(each.execution_id, to_epoch(each.timestamp), None)
                for each in history.sightings
                if each.execution is None
            ),
        ]

    def _choose(self, reading: list[Seen]) -> list[Seen]:
        """Choose what to tell; what isn't wanted is passed over for good."""
        assert self._cursor is not None  # noqa: S101 - as above
        chosen = []
        for seen in self._cursor.choose(reading):
            if seen.execution is not None and is_wanted(seen.execution, self._flow.status):
                chosen.append(seen)
            else:
                self._cursor.tell(seen.execution_id, seen.created)
        return chosen
