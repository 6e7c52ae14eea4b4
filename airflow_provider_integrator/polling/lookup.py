"""The search for awaited executions in List logs, with as few requests and bytes as possible."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, Call, LogQuery
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.pages import Page, Paging
from airflow_provider_integrator.api.queries import logs_of
from airflow_provider_integrator.exceptions import IntegratorError, ResponseError, UnavailableError
from airflow_provider_integrator.polling.window import MANY, Window

if TYPE_CHECKING:
    from airflow_provider_integrator.api.async_client import AsyncClient
    from airflow_provider_integrator.polling.waits import Wait

A = TypeVar("A")
T = TypeVar("T")

#: Requests of one poller that are under way at once, and consecutive failures that end a poll's requests.
CONCURRENCY = 4
#: The page size of a look-up by id: there is one such log, and perhaps an unreadable one with the same id.
_BY_ID = 10

#: The result of a search: the execution's logs, unparsed; none if it doesn't exist yet; or the error.
Outcome = list[Fields] | IntegratorError


class ExecutionLookup:
    """Searches for executions of a flow, poll by poll.

    Executions on a page that is read anyway are taken from it (``take``). Of the others, some are found in a window of
    the flow's first logs, if reading it is cheaper (``Window``), and the rest is looked up by id. A search of more than
    ``MANY`` requests is made in every second poll only.

    :param client: Makes the calls.
    :param query: The flow's main logs.
    :param report: Called once a search for each execution with its waits and the outcome.
    :ivar retry_after: The longest pause that the server has asked for in this poll, in seconds.
    """

    def __init__(
        self, client: AsyncClient, query: LogQuery, report: Callable[[list[Wait], Outcome], None]
    ) -> None:
        self.retry_after = 0.0
        self._client = client
        self._query = query
        self._report = report
        self._window = Window()
        self._left: dict[str, list[Wait]] = {}
        self._calls: dict[str, Call[Page]] = {}
        self._requests = 0
        self._failures = 0
        self._outage: IntegratorError | None = None

    @property
    def alternates(self) -> bool:
        """Whether the next poll is without a search, as the last one took many requests."""
        return self._requests > MANY

    def start(self, awaited: dict[str, list[Wait]]) -> None:
        """Start the next poll.

        :param awaited: The executions to search for, each with its waits.
        """
        self.retry_after = 0.0
        self._failures, self._outage = 0, None
        self._left = awaited
        if len(self._calls) > len(awaited):
            self._calls = {each: call for each, call in self._calls.items() if each in awaited}

    def note(self, error: IntegratorError) -> None:
        """Note the pause that the server asks for.

        :param error: A failed call.
        """
        if isinstance(error, UnavailableError):
            self.retry_after = max(self.retry_after, error.retry_after or 0.0)

    def take(self, logs: Iterable[Fields]) -> dict[str, int]:
        """Report the executions that are on a page.

        :param logs: The page's logs.
        :return: Their places on it, from 1.
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

    def settle_rest(self) -> None:
        """Report the other executions as not existing yet, as all pages of the flow have been read."""
        for execution_id in [*self._left]:
            self._settle(execution_id, [])

    async def find_rest(self, at_least: int = 0) -> Sequence[Fields]:
        """Search for the executions that haven't been reported in this poll.

        :param at_least: The number of the flow's first logs to read in any case, at most a page.
        :return: The logs of the first page, if it was read.
        """
        alternates, self._requests = self.alternates, 0
        if alternates:
            self._left = {}  # for the garbage collector, which would look through the lists
            return ()
        first: Sequence[Fields] = ()
        length = max(self._window.choose(self._left.keys()), at_least)
        if length:
            try:
                first = await self._read_window(length)
            except IntegratorError as error:
                self._window.reset()
                for execution_id in [*self._left]:
                    self._settle(execution_id, error)
        ids = [*self._left]
        for begin in range(0, len(ids), CONCURRENCY):
            await _together(self._look_up, ids[begin : begin + CONCURRENCY])
        return first

    async def _read_window(self, length: int) -> Sequence[Fields]:
        """Read the flow's first logs until all executions have been found.

        :raises IntegratorError: A page could not be read.
        """
        count = math.ceil(length / MAX_PAGE_SIZE)
        query = replace(self._query, limit=math.ceil(length / count))
        paging, pages, places = Paging(), list[Page](), dict[str, int]()
        while len(pages) < count and not paging.ended and (self._left or not pages):
            begin = len(pages) + 1
            numbers = range(begin, min(begin + CONCURRENCY, count + 1))
            for page in await _together(self._fetch, [endpoints.list_logs(query, each) for each in numbers]):
                before = len(pages) * query.limit
                places |= {each: before + place for each, place in self.take(page.logs).items()}
                pages.append(page)
                if not paging.ended:
                    paging.take(page)
        length = len(pages) * query.limit
        if paging.ended:
            # An execution that doesn't exist yet is known to be nowhere before the end.
            places |= dict.fromkeys(self._left, length)
            self.settle_rest()
        self._window.record(length, pages, places)
        return pages[0].logs

    async def _look_up(self, execution_id: str) -> None:
        if execution_id not in self._calls:  # each poll makes the same one, which knows the last answer
            query = replace(self._query, filename_uuid=execution_id, limit=_BY_ID)
            self._calls[execution_id] = endpoints.list_logs(query)
        try:
            outcome: Outcome = logs_of(await self._fetch(self._calls[execution_id]), execution_id)
        except IntegratorError as error:
            outcome = error
        self._settle(execution_id, outcome)

    async def _fetch(self, call: Call[Page]) -> Page:
        """Fetch a page. In an outage, a few failed requests stand for all others of the poll."""
        if self._outage is not None and self._failures >= CONCURRENCY:
            raise self._outage
        self._requests += 1
        try:
            page = await self._client.call(call)
        except ResponseError:
            raise
        except IntegratorError as error:
            self.note(error)
            self._failures, self._outage = self._failures + 1, error
            raise
        self._failures = 0
        self._window.learn(page)
        return page

    def _settle(self, execution_id: str, outcome: Outcome) -> None:
        self._report(self._left.pop(execution_id), outcome)


async def _together(do: Callable[[A], Coroutine[None, None, T]], items: Sequence[A]) -> list[T]:
    """Do something for a few items at once. Nothing is left running, however it ends."""
    if len(items) == 1:
        return [await do(items[0])]
    # Without return_exceptions gather ends with the first that is cancelled or fails, not with the last.
    outcomes = await asyncio.gather(*map(do, items), return_exceptions=True)
    results = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
