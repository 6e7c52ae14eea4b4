"""One poll for all waits on a flow. Knows the API and asyncio, nothing of Airflow."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import statistics
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_integrator.api import endpoints, queries
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.history import History, read_since
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.pages import Page
from airflow_provider_integrator.exceptions import IntegratorError, ResponseError, UnavailableError
from airflow_provider_integrator.polling.waits import Deadlines, Wait

if TYPE_CHECKING:
    from airflow_provider_integrator.api.async_client import AsyncClient
    from airflow_provider_integrator.polling.watch import Watch

log = logging.getLogger(__name__)

#: Requests of one poller that are under way at once.
CONCURRENCY = 4
#: Rounds after which the flow's usual duration is learnt anew.
LEARN_EVERY = 20


class FlowPoller:
    """Asks List logs for a flow once per interval, wakes the waits whose execution has finished, tells watches.

    The first page is read in each round. An awaited execution that isn't on it is looked for within two
    rounds, wherever it stands: among the other pages, or by its ``filename_uuid`` where that takes fewer
    requests. So a round costs one request, and one for every second execution that is missing from the
    first page or for every second page, whichever is less.

    :param client: Carries the calls through.
    :param project_id: The project.
    :param flow_id: The flow.
    """

    def __init__(self, client: AsyncClient, project_id: str, flow_id: str) -> None:
        self._client = client
        self._query = LogQuery(project_id, flow_id)
        self._waits: set[Wait] = set()
        self._watches: set[Watch] = set()
        self._deadlines = Deadlines()
        self._round = 0
        self._pages: int | None = None  # as many as are known of; None before the first look
        self._next_page = 2
        self._next_history_round = 0
        self._usual: float | None = None
        self._hurry = asyncio.Event()
        self._slept_interval = math.inf
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waits) + len(self._watches)

    def join(self, wait: Wait) -> None:
        """Begin to wait. The first to join starts the polling.

        :param wait: Its ``done`` is the answer.
        """
        wait.checked = self._round
        self._waits.add(wait)
        self._deadlines.add(wait)
        self._begin(wait.interval)

    async def leave(self, wait: Wait) -> None:
        """Stop waiting. The last to leave ends the polling.

        :param wait: One that joined.
        """
        self._waits.discard(wait)
        self._deadlines.discard(wait)
        wait.done.cancel()
        await self._end_if_idle()

    def watch(self, watch: Watch) -> None:
        """Begin to tell a watch what each round reads.

        :param watch: It.
        """
        self._watches.add(watch)
        self._begin(watch.interval)

    async def unwatch(self, watch: Watch) -> None:
        """Stop telling a watch.

        :param watch: One that ``watch`` was called with.
        """
        self._watches.discard(watch)
        await self._end_if_idle()

    def _begin(self, interval: float) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._poll(), name=f"integrator-poll-{self._query.flow_id}")
        elif interval < self._slept_interval:
            self._hurry.set()

    async def _end_if_idle(self) -> None:
        if not len(self) and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        share = random.uniform(0.5, 1.0)  # noqa: S311 - pollers that start together drift apart
        while True:
            started, at_least = loop.time(), 0.0
            try:
                await self._poll_once()
            except IntegratorError as error:
                for user in self._users():
                    user.fail(error)
                at_least = (error.retry_after or 0.0) if isinstance(error, UnavailableError) else 0.0
            except Exception as error:  # noqa: BLE001 - a mistake of ours ends the waits, not in silence
                for wait in self._open_waits():
                    wait.done.set_exception(error)
                for watch in self._watches:
                    watch.fail(error)
            await self._sleep(started, share, at_least)
            share = random.uniform(0.9, 1.0)  # noqa: S311 - never above 1, so that detection isn't late

    async def _sleep(self, started: float, share: float, at_least: float) -> None:
        """Sleep until the next round is due; a wait with a shorter interval that joins brings it forward."""
        loop = asyncio.get_running_loop()
        while True:
            self._hurry.clear()
            now = loop.time()
            pauses = [wait.pause(now, self._usual) for wait in self._waits]
            self._slept_interval = min(
                (*pauses, *(each.interval for each in self._watches)), default=math.inf
            )
            left = started + max(self._slept_interval * share, at_least) - loop.time()
            if left <= 0:
                return
            try:
                await asyncio.wait_for(self._hurry.wait(), left if left < math.inf else None)
            except asyncio.TimeoutError:
                return

    async def _poll_once(self) -> None:
        self._round += 1
        waits = self._open_waits()
        if not waits and not self._watches:
            return
        for wait in waits:
            wait.polls += 1
        began = datetime.now(timezone.utc)
        first = await self._client.call(endpoints.list_logs(self._query))
        if any(wait.adaptive for wait in waits):
            self._learn(first)
        self._take(first)
        await self._read_history(first, began)
        if first.has_next:
            await self._find_missing()
        else:
            # All logs stand on the one page: what is missing there doesn't exist yet.
            self._know(self._missing_waits(), None)

    def _open_waits(self) -> list[Wait]:
        return [wait for wait in self._waits if not wait.done.done()]

    def _users(self) -> list[Wait | Watch]:
        return [*self._open_waits(), *self._watches]

    def _missing_waits(self) -> list[Wait]:
        return [wait for wait in self._open_waits() if wait.execution_id and wait.checked < self._round]

    def _know(self, waits: Iterable[Wait], execution: Execution | None) -> None:
        """Take note of what a successful poll says of the execution that some wait for."""
        for wait in waits:
            wait.checked = self._round
            wait.outage.end()
            if execution is not None:
                wait.created = execution.created
                if execution.is_finished:
                    wait.finish(execution)

    def _learn(self, page: Page) -> None:
        """Take the median of a page's finished executions as the flow's usual duration."""
        if self._usual is not None and self._round % LEARN_EVERY:
            return
        durations = []
        for fields in page.logs:
            try:
                execution = Execution.read(fields)
            except ResponseError:
                continue  # another's; who waits for it is told
            if execution.duration is not None:
                durations.append(execution.duration.total_seconds())
        self._usual = statistics.median(durations) if durations else None

    def _take(self, page: Page) -> None:
        """Wake the waits whose execution stands on a page and has finished."""
        awaited: dict[str, list[Wait]] = defaultdict(list)
        for wait in self._missing_waits():
            awaited[wait.execution_id or ""].append(wait)
        for fields in page.logs:
            execution_id = fields.optional_identifier("filename_uuid")
            if execution_id in awaited:
                self._read(awaited[execution_id], fields)

    def _read(self, waits: list[Wait], fields: Fields) -> None:
        try:
            if fields.member("state", State) is State.FINISHED:
                self._know(waits, Execution.read(fields))
                return
            # Of what still runs, and that is most of it each time, no more is read than is needed.
            fields.member("status", Status)
            self._know(waits, None)
            for wait in waits:
                wait.created = wait.created or fields.optional_time("created")
        except ResponseError as error:
            for wait in waits:
                wait.checked = self._round
                wait.fail(error)

    async def _read_history(self, first: Page, began: datetime) -> None:
        """Read what the watches want to know of, and what the waits for a flow's next execution choose from."""
        waits, watches = [wait for wait in self._open_waits() if wait.execution_id is None], [*self._watches]
        moments = [*(wait.created_after for wait in waits), *(watch.since for watch in watches)]
        since = min((moment for moment in moments if moment), default=None)
        if since is None or self._round < self._next_history_round:
            return
        project, flow = self._query.project_id, self._query.flow_id
        users: list[Wait | Watch] = [*waits, *watches]
        try:
            history = await self._client.run(read_since(project, flow, since, first))
        except IntegratorError as error:
            for user in users:
                user.fail(error)
            return
        # Where the order takes all pages to be read, they are every second round.
        self._next_history_round = self._round + (2 if history.pages > CONCURRENCY else 1)
        for watch in watches:
            watch.tell(history)
        for wait in waits:
            self._choose_next(wait, history, began)

    def _choose_next(self, wait: Wait, history: History, began: datetime) -> None:
        """Give a wait for a flow's next execution the id to wait for, as soon as there is one."""
        try:
            since, before = wait.created_after, wait.created_before
            chosen = history.first_since(since, before) if since else None
        except ResponseError as error:
            wait.fail(error)
            return
        if chosen is None:
            self._know([wait], None)
            wait.miss(began)
            return
        wait.execution_id = chosen.execution_id
        if chosen.error is not None:
            wait.fail(chosen.error)
        else:
            self._know([wait], chosen.execution)

    async def _find_missing(self) -> None:
        missing = sorted(self._missing_waits(), key=lambda wait: wait.checked)
        overdue = sum(wait.checked < self._round - 1 for wait in missing)
        due = max(math.ceil(len(missing) / 2), overdue)
        pages = due if self._pages is None else math.ceil((self._pages - 1) / 2)
        if pages < due or self._pages is None:
            await self._sweep(pages)
            missing = [wait for wait in self._missing_waits() if wait.checked < self._round - 1]
            due = len(missing)
        by_id: dict[str, list[Wait]] = defaultdict(list)
        for wait in missing[:due]:
            by_id[wait.execution_id or ""].append(wait)
        await self._each(self._look_up(execution_id, waits) for execution_id, waits in by_id.items())

    async def _sweep(self, count: int) -> None:
        """Read the next pages after the first, round and round."""
        numbers = range(self._next_page, self._next_page + count)
        ends: list[int] = []
        self._pages = max(self._pages or 0, numbers.stop)

        async def read(number: int) -> None:
            if ends:
                return
            try:
                page = await self._client.call(endpoints.list_logs(self._query, number))
            except IntegratorError as error:
                # Whom it leaves unseen is looked up by id; a fault that stays is counted there.
                log.debug("Page %d could not be read: %s", number, error)
                return
            self._take(page)
            if not page.logs or not page.has_next:
                ends.append(number if page.logs else number - 1)

        await self._each(read(number) for number in numbers)
        self._next_page = numbers.stop
        if ends:
            self._pages = max(2, min(ends))
            self._next_page = 2

    async def _look_up(self, execution_id: str, waits: list[Wait]) -> None:
        asking = queries.get_execution(self._query.project_id, self._query.flow_id, execution_id)
        try:
            self._know(waits, await self._client.run(asking))
        except IntegratorError as error:
            for wait in waits:
                wait.checked = self._round
                wait.fail(error)

    async def _each(self, jobs: Iterable[Coroutine[None, None, None]]) -> None:
        """Run jobs, a few at a time; none is left running, however it ends."""
        left = iter(jobs)

        async def work() -> None:
            for job in left:
                await job

        # Without return_exceptions gather ends with the first that is cancelled or fails, not with the last.
        outcomes = await asyncio.gather(*(work() for _ in range(CONCURRENCY)), return_exceptions=True)
        for error in filter(None, outcomes):
            raise error
