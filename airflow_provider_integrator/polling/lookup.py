"""Finds the executions that waits await, by as few and as small questions as will do."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, LogQuery
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.pages import Page
from airflow_provider_integrator.api.queries import logs_of
from airflow_provider_integrator.exceptions import AuthenticationError, IntegratorError, UnavailableError
from airflow_provider_integrator.polling.window import MANY, Window, pages_of

if TYPE_CHECKING:
    from airflow_provider_integrator.api.async_client import AsyncClient

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Requests of one poller that are under way at once.
CONCURRENCY = 4
#: The part of many executions, or pages, that a poll looks at: somewhat more than half, so that none waits longer than
#: two intervals.
_SHARE = 0.55
#: The size of a page by id: there is one such log, and a server may add what can't be read.
_BY_ID = 10

#: What a poll says of an execution: its logs, unread; none while it doesn't exist; or why it couldn't be seen.
Outcome = list[Fields] | IntegratorError


@dataclass(slots=True)
class _Awaited:
    """What is known of an awaited execution.

    :param checked: The last poll that looked for it, found or not.
    :param mark: How many pages had been swept by then.
    :param exists: Whether it has ever been seen.
    """

    checked: int
    mark: int
    exists: bool = False


class ExecutionLookup:
    """Looks for executions of a flow, poll by poll.

    A poll takes what pages that are read anyway show (``take``). Of the rest it reads a window of the first logs where
    that pays, and asks for what is left by id: all of it, so that an execution is found within one interval. If more
    than ``MANY`` are left, it looks at somewhat more than half, by id or among the further pages, whichever takes fewer
    requests: then an execution is found within two intervals, wherever it stands.

    :param client: Carries the calls through.
    :param query: The flow's main logs.
    :param report: Called once a poll for each execution that was looked for.
    """

    def __init__(self, client: AsyncClient, query: LogQuery, report: Callable[[str, Outcome], None]) -> None:
        self.retry_after = 0.0
        self._client = client
        self._query = query
        self._report = report
        self._window = Window()
        self._awaited: dict[str, _Awaited] = {}
        self._left: dict[str, None] = {}
        self._poll = 0
        self._first_page = 1  # the first that no window has shown
        self._next_page = 1
        self._pages: int | None = None  # None until the end has been seen
        self._deepest = 0
        self._keys: dict[int, tuple[str | None, ...]] = {}
        self._swept = 0
        self._failed_at = -1

    def start(self, ids: Iterable[str]) -> None:
        """Start the next poll.

        :param ids: The executions to look for.
        """
        self._poll += 1
        self.retry_after = 0.0
        self._left = dict.fromkeys(ids)
        self._awaited = {
            each: self._awaited.get(each) or _Awaited(self._poll - 1, self._swept) for each in self._left
        }

    def take(self, logs: Iterable[Fields]) -> dict[str, int]:
        """Report the executions that a page shows.

        :param logs: The page's logs.
        :return: The places of these executions on it, from 1.
        """
        found: dict[str, list[Fields]] = defaultdict(list)
        places: dict[str, int] = {}
        for place, fields in enumerate(logs, start=1):
            execution_id = fields.optional_identifier("filename_uuid")
            if execution_id in self._left:
                found[execution_id].append(fields)
                places.setdefault(execution_id, place)
        for execution_id, its_logs in found.items():
            self._settle(execution_id, its_logs)
        return places

    async def find_rest(self, at_least: int = 0) -> list[Fields]:
        """Look for the executions that haven't been seen in this poll.

        :param at_least: How many of the first logs to read in any case.
        :return: The first logs, as far as they were read.
        """
        first: list[Fields] = []
        if not self._left and not at_least:
            return first
        length = max(self._window.choose(self._left, self._requests), at_least)
        self._first_page = 1 + length // MAX_PAGE_SIZE
        if length:
            try:
                first = await self._read_first(length)
            except IntegratorError as error:
                self._fail(error, self._left)
                return first
        if len(self._left) > MANY:
            await self._look_at_share()
        else:
            await self._ask(self._left)
        return first

    def _settle(self, execution_id: str, outcome: Outcome) -> None:
        known = self._awaited[execution_id]
        known.checked, known.mark = self._poll, self._swept
        known.exists = known.exists or (isinstance(outcome, list) and bool(outcome))
        del self._left[execution_id]
        self._report(execution_id, outcome)

    def _fail(self, error: IntegratorError, ids: Iterable[str]) -> None:
        self.note(error)
        for execution_id in [*ids]:
            self._settle(execution_id, error)

    def note(self, error: IntegratorError) -> None:
        """Note how long the server asks to be left alone.

        :param error: A failed call.
        """
        if isinstance(error, UnavailableError):
            self.retry_after = max(self.retry_after, error.retry_after or 0.0)

    async def _read_first(self, length: int) -> list[Fields]:
        """Read a window of the first logs.

        :raises IntegratorError: None of its pages could be read.
        """
        count = pages_of(length)
        limit = math.ceil(length / count)
        pages: dict[int, Page] = {}
        errors: list[IntegratorError] = []

        async def read(number: int) -> None:
            try:
                pages[number] = await self._page(number, limit)
            except IntegratorError as error:
                errors.append(error)

        await _each(read, range(1, count + 1))
        if not pages:
            raise errors[0]
        first = [fields for _, page in sorted(pages.items()) for fields in page.logs]
        self._window.record(len(first), self.take(first))
        return first

    async def _page(self, number: int, limit: int) -> Page:
        page = await self._client.call(endpoints.list_logs(replace(self._query, limit=limit), number))
        self._window.learn(page, limit)
        return page

    async def _ask(self, ids: Iterable[str]) -> None:
        """Ask for executions by id. An outage isn't met with a request for each of them."""
        failures = 0
        outage: IntegratorError | None = None

        async def ask(execution_id: str) -> None:
            nonlocal failures, outage
            if outage is not None:
                self._settle(execution_id, outage)
                return
            query = replace(self._query, filename_uuid=execution_id, limit=_BY_ID)
            try:
                page = await self._client.call(endpoints.list_logs(query))
                logs = logs_of(page, execution_id)
            except IntegratorError as error:
                failures = failures + 1 if isinstance(error, UnavailableError) else 0
                if failures >= CONCURRENCY or isinstance(error, AuthenticationError):
                    outage = error
                self._fail(error, [execution_id])
                return
            failures = 0
            self._window.learn(page, _BY_ID)
            self._settle(execution_id, logs)

        await _each(ask, [*ids])

    def _requests(self, count: int) -> int:
        """Return how many requests it takes to look for executions that no window shows."""
        if count <= MANY:
            return count
        return _share(count) if self._pages is None else min(_share(count), _share(self._span))

    async def _look_at_share(self) -> None:
        oldest = sorted(self._left, key=lambda each: self._awaited[each].checked)
        count = max(_share(len(oldest)), len(self._overdue()))
        if _share(self._span) >= count:
            await self._ask(oldest[:count])
            return
        await self._sweep(count if self._pages is None else _share(self._span))
        for execution_id in self._overdue():
            if self._is_nowhere(self._awaited[execution_id]):
                self._settle(execution_id, [])
        await self._ask(self._overdue())

    def _overdue(self) -> list[str]:
        return [each for each in self._left if self._awaited[each].checked < self._poll - 1]

    def _is_nowhere(self, known: _Awaited) -> bool:
        """Whether an execution can't exist yet: it was never seen, and all pages have been read since it is awaited."""
        is_swept = self._swept - known.mark >= self._span and known.mark > self._failed_at
        return is_swept and self._pages is not None and not known.exists

    @property
    def _span(self) -> int:
        """How many pages a whole sweep reads, as far as is known."""
        return max(1, (self._pages or self._deepest) - self._first_page + 1)

    async def _sweep(self, count: int) -> None:
        """Read the next pages behind the window, round and round.

        Only an empty page, or one that repeats another, shows the end. The end is remembered, and looked behind once the
        last page is full.
        """
        self._keys = {number: key for number, key in self._keys.items() if number == self._next_page - 1}
        fullest = 0

        async def read(number: int) -> None:
            nonlocal fullest
            try:
                page = await self._page(number, MAX_PAGE_SIZE)
            except IntegratorError as error:
                # Executions that stay unseen because of it are asked for by id, and a fault that stays is counted there.
                log.debug("Page %d could not be read: %s", number, error)
                self._failed_at = self._swept
                return
            if self._repeats(number, page) or not page.logs:
                self._end_at(number - 1)
                return
            self._swept += 1
            self._deepest = max(self._deepest, number)
            self.take(page.logs)
            if not page.has_next:
                self._end_at(number)
            elif number == self._pages and len(page.logs) >= fullest:
                self._pages += 1
            fullest = max(fullest, len(page.logs))

        await _each(read, self._numbers(count))

    def _numbers(self, count: int) -> Iterator[int]:
        for done in range(count):
            if not self._left or (self._pages is not None and done >= self._span):
                return
            if self._next_page < self._first_page or self._next_page > (self._pages or math.inf):
                self._next_page = self._first_page
            self._next_page += 1
            yield self._next_page - 1

    def _repeats(self, number: int, page: Page) -> bool:
        """Whether a page is the one before it again; a server may answer so behind the last one."""
        key = tuple(fields.optional_identifier("id") for fields in page.logs)
        self._keys[number] = key
        if any(key) and self._keys.get(number + 1) == key:  # which has come earlier
            self._end_at(number)
        return any(key) and self._keys.get(number - 1) == key

    def _end_at(self, number: int) -> None:
        self._pages = max(self._first_page, number if self._pages is None else min(self._pages, number))


def _share(count: int) -> int:
    return math.ceil(_SHARE * count)


async def _each(do: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Do something for each of some items, for a few at a time. Nothing is left running, however it ends."""
    left = iter(items)

    async def work() -> None:
        for item in left:
            await do(item)

    if isinstance(items, Sized) and len(items) < 2:
        await work()
        return
    # Without return_exceptions gather ends with the first that is cancelled or fails, not with the last.
    outcomes = await asyncio.gather(*(work() for _ in range(CONCURRENCY)), return_exceptions=True)
    for error in filter(None, outcomes):
        raise error
