"""A flow's recent executions, for the waits for its next one and for its watches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, LogQuery
from airflow_provider_integrator.api.history import History, read_since
from airflow_provider_integrator.api.pages import Page

if TYPE_CHECKING:
    from airflow_provider_integrator.api.async_client import AsyncClient

#: Logs of a small page beside those that are expected: one that is older than all of them, and a new one.
_SPARE = 2
#: Polls for which a page that was the last one is taken for the last one again.
_END_HOLDS = 10


class RecentExecutions:
    """Reads a flow's executions since a moment, poll by poll.

    Whole pages are read, until they have shown that the newest executions come first. From then on the first page is as
    small as the last reading lets expect, as long as nothing contradicts the order.

    That a page is the last one shows only in the next one, which is empty. Of a flow with few executions, that is asked
    for again only if the page has grown, or after some polls.

    :param client: Carries the calls through.
    :param query: The flow's main logs.
    :param on_page: Called with each page.
    :ivar is_newest_first: Whether the pages so far show that the newest executions come first.
    """

    def __init__(self, client: AsyncClient, query: LogQuery, on_page: Callable[[Page], None]) -> None:
        self.is_newest_first = False
        self._client = client
        self._query = query
        self._on_page = on_page
        self._times: list[datetime] = []
        self._polls = 0
        self._is_small = False
        self._sizes: list[int] = []  # of the whole pages of this poll
        self._last_size, self._last_until = 0, 0

    async def read(self, since: datetime) -> History:
        """Read the executions that were created at or after a moment.

        :param since: With a time zone.
        :return: The executions.
        :raises IntegratorError: A page could not be read.
        """
        limit, self._sizes = MAX_PAGE_SIZE, []
        self._polls += 1
        if self.is_newest_first:
            limit = min(limit, sum(each >= since for each in self._times) + _SPARE)
        self._is_small = limit < MAX_PAGE_SIZE
        project, flow = self._query.project_id, self._query.flow_id
        history = await self._client.run(read_since(project, flow, since, limit, self._take))
        if self._sizes[1:] == [0] and self._sizes[0] < MAX_PAGE_SIZE:
            self._last_size, self._last_until = self._sizes[0], self._polls + _END_HOLDS
        self.is_newest_first = history.order.is_possible and (self.is_newest_first or history.order.is_shown)
        self._times = [
            *(seen.timestamp for seen in history.sightings),
            *(each for each in self._times if each < history.since),
        ][: 2 * MAX_PAGE_SIZE]
        return history

    def _take(self, page: Page) -> bool:
        self._on_page(page)
        if self._is_small:
            self._is_small = False
            return False
        self._sizes.append(len(page.logs))
        return self._polls < self._last_until and self._sizes == [min(len(page.logs), self._last_size)]
