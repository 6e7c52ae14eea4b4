"""One poll for all waits on a flow. Knows the API and asyncio, nothing of Airflow."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.history import History, usual_duration
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.pages import Page
from airflow_provider_integrator.exceptions import IntegratorError, ResponseError
from airflow_provider_integrator.polling.lookup import CONCURRENCY, ExecutionLookup, Outcome
from airflow_provider_integrator.polling.recent import RecentExecutions
from airflow_provider_integrator.polling.schedule import TICKS, on_tick
from airflow_provider_integrator.polling.subscription import Subscription
from airflow_provider_integrator.polling.waits import Deadlines, Wait

if TYPE_CHECKING:
    from airflow_provider_integrator.api.async_client import AsyncClient

#: Logs from which the flow's usual duration is learnt, and polls after which it is learnt again.
LEARN_FROM, LEARN_EVERY = 25, 100
#: Seconds by which a timer may come too early.
_CLOCK_TICK = 0.001


class FlowPoller:
    """Polls List logs for a flow once per interval, for all its waits and subscriptions.

    :param client: Makes the calls.
    :param project_id: The project.
    :param flow_id: The flow.
    :param observer: Called at each poll with the number of waits and subscriptions; None: nobody is.
    :ivar flow_id: The flow.
    """

    def __init__(
        self,
        client: AsyncClient,
        project_id: str,
        flow_id: str,
        observer: Callable[[int], None] | None = None,
    ) -> None:
        query = LogQuery(project_id, flow_id)
        self.flow_id = flow_id
        self._observer = observer
        self._lookup = ExecutionLookup(client, query, self._report)
        self._recent = RecentExecutions(client, query, self._take)
        self._waits = Deadlines()
        self._subscriptions: set[Subscription] = set()
        self._round = 0
        self._asked = 0.0
        self._next_reading = 0
        self._next_learning = 0
        self._usual: float | None = None
        self._sleeping: asyncio.Future[None] | None = None
        self._slept_interval = math.inf
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waits) + len(self._subscriptions)

    def join(self, wait: Wait) -> None:
        """Add a wait. The first one starts the polling.

        :param wait: The wait; its ``done`` gets the result.
        """
        self._waits.add(wait)
        self._begin(wait.spec.poll_interval)

    async def leave(self, wait: Wait) -> None:
        """Remove a wait. The last one ends the polling: no request is under way then.

        :param wait: A wait that joined.
        """
        self._waits.discard(wait)
        wait.done.cancel()
        await self._end_if_idle()

    @asynccontextmanager
    async def serving(self, subscription: Subscription) -> AsyncGenerator[None, None]:
        """Let a subscription receive what each poll reads, as an async context manager.

        :param subscription: The subscription.
        """
        self._subscriptions.add(subscription)
        self._begin(subscription.interval)
        try:
            yield
        finally:
            self._subscriptions.discard(subscription)
            await self._end_if_idle()

    def _begin(self, interval: float) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._poll(), name=f"integrator-poll-{self.flow_id}")
        elif interval < self._slept_interval:
            self._wake()

    async def _end_if_idle(self) -> None:
        if not len(self) and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        # Pollers that start together drift apart once. No pause is shorter, a tick's half included, as that would cost
        # a poll.
        share = random.uniform(1.0, 1.1) + 0.5 / TICKS  # noqa: S311
        while True:
            started = loop.time()
            try:
                await self._poll_once()
            except Exception as error:  # noqa: BLE001 - a programming error ends the waits, not in silence
                if isinstance(error, IntegratorError):
                    self._lookup.note(error)
                _fail([*self._waits, *self._subscriptions], error)
            await self._sleep(started, share)
            # A search in every second poll finds an execution within two intervals, its own duration included.
            share = 0.9 if self._lookup.alternates else 1.0

    async def _sleep(self, started: float, share: float) -> None:
        """Sleep until the next poll is due; a wait with a shorter interval that joins brings it forward."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            pauses = [
                wait.pause(now, self._usual) if wait.spec.adaptive else wait.spec.poll_interval
                for wait in self._waits
            ]
            pauses += [each.interval for each in self._subscriptions]
            self._slept_interval = min(pauses, default=math.inf)
            due = max(on_tick(started, self._slept_interval * share), started + self._lookup.retry_after)
            if due <= now:
                return
            # Cheaper than wait_for, which takes a task, and than an event.
            self._sleeping = loop.create_future()
            timer = loop.call_at(due, self._wake)
            try:
                await self._sleeping
            finally:
                timer.cancel()
                self._sleeping = None
            if loop.time() > due - _CLOCK_TICK:
                return

    def _wake(self) -> None:
        if self._sleeping is not None and not self._sleeping.done():
            self._sleeping.set_result(None)

    async def _poll_once(self) -> None:
        self._round += 1
        if self._observer is not None:
            self._observer(len(self))
        self._asked = time.time()
        awaited: dict[str | None, list[Wait]] = defaultdict(list)
        is_adaptive = False
        for wait in self._open_waits():
            wait.polls += 1
            is_adaptive = is_adaptive or wait.spec.adaptive
            awaited[wait.execution_id].append(wait)
        unnamed = awaited.pop(None, [])
        self._lookup.start(awaited)  # type: ignore[arg-type]  # None is gone
        if unnamed or self._subscriptions:
            await self._read_recent(unnamed)
        needs_usual = is_adaptive and self._round >= self._next_learning
        self._learn(await self._lookup.find_rest(LEARN_FROM if needs_usual else 0))

    def _open_waits(self) -> list[Wait]:
        searches = [each.open.values() for each in self._subscriptions]
        return [wait for wait in chain(self._waits, *searches) if not wait.done.done()]

    def _take(self, page: Page) -> None:
        self._lookup.take(page.logs)
        if len(page.logs) >= LEARN_FROM:
            self._learn(page.logs)

    def _report(self, waits: list[Wait], outcome: Outcome) -> None:
        """Record the outcome of a search with the waits for the execution."""
        error = outcome if isinstance(outcome, IntegratorError) else None
        for fields in outcome if isinstance(outcome, list) else ():
            try:
                self._record(waits, fields)
                return
            except ResponseError as fault:
                error = error or fault
        if error is not None:
            _fail(waits, error)
        else:
            for wait in waits:
                wait.miss(self._asked)

    def _learn(self, logs: Sequence[Fields]) -> None:
        if logs and self._round >= self._next_learning:
            self._usual = usual_duration(logs[:LEARN_FROM])
            self._next_learning = self._round + LEARN_EVERY

    async def _read_recent(self, waits: list[Wait]) -> None:
        """Read the executions for the subscriptions, and for the waits for the flow's next one."""
        subscriptions = [*self._subscriptions]
        is_newest_first = self._recent.is_newest_first
        moments = [
            *(wait.created_after for wait in waits if wait.created_after is not None),
            *(each.since(is_newest_first=is_newest_first) for each in subscriptions),
        ]
        if not moments or self._round < self._next_reading:
            return
        try:
            history = await self._recent.read(min(moments))
        except ResponseError as error:  # which doesn't hinder the search by id
            _fail([*waits, *subscriptions], error)
            return
        # If the order makes it read all pages, they are read in every second poll.
        self._next_reading = self._round + (2 if history.pages > CONCURRENCY else 1)
        if history.is_complete:
            self._lookup.settle_rest()
        for subscription in subscriptions:
            subscription.deliver(history)
        for wait in waits:
            self._choose_next(wait, history)

    def _record(self, waits: list[Wait], fields: Fields) -> None:
        """Record what a log says of an execution. Of a running one, as most are, only what is needed is parsed.

        :raises ResponseError: The log can't be read.
        """
        state = fields.member("state", State)
        fields.member("status", Status)
        execution = Execution.read(fields) if any(wait.wants(state) for wait in waits) else None
        for wait in waits:
            wait.find(execution, self._usual)

    def _choose_next(self, wait: Wait, history: History) -> None:
        """Give a wait for a flow's next execution the id to wait for, as soon as there is one."""
        try:
            chosen = (
                history.first_since(wait.created_after, wait.created_before) if wait.created_after else None
            )
        except ResponseError as error:
            wait.fail(error)
            return
        if chosen is None:
            wait.miss(self._asked)
            return
        wait.execution_id = chosen.execution_id
        if chosen.error is not None:
            wait.fail(chosen.error)
        else:
            wait.find(chosen.execution, self._usual)


def _fail(users: Iterable[Wait | Subscription], error: Exception) -> None:
    for user in users:
        user.fail(error)
