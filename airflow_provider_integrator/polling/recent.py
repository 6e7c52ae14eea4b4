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

#: Logs of a small page besides the expected ones: a new one, and one that is older than all of them.
_SPARE = 2
#: Polls for which a page that is known to be a flow's only one isn't followed by a request for the next page.
_ONLY_PAGE_HOLDS = 20


class RecentExecutions:
    """Reads a flow's executions since a point in time, poll by poll.

    Pages of the usual size are read until they have shown that the newest executions come first. From then on the first
    page is as small as the last poll's executions suggest, as long as no log contradicts the order.

    A flow's only page may have a ``next``, and only a request for the next page shows that it is empty. A page that the
    server itself calls shorter than its limit, and that isn't longer than an only page before, is taken as the only one
    without that request for some polls.

    :param client: Makes the calls.
    :param query: The flow's main logs.
    :param see: Called with each page.
    :ivar is_newest_first: Whether the pages so far have shown that the newest executions come first.
    """

    def __init__(self, client: AsyncClient, query: LogQuery, see: Callable[[Page], None]) -> None:
        self.is_newest_first = False
        self._client = client
        self._query = query
        self._see = see
        self._times: list[datetime] = []
        self._sizes: list[int] = []
        self._polls = 0
        self._only_page, self._only_until = 0, 0

    async def read(self, since: datetime) -> History:
        """Read the executions created at or after a point in time.

        :param since: The point in time, with a time zone.
        :return: The history.
        :raises IntegratorError: A page could not be read.
        """
        self._polls, self._sizes = self._polls + 1, []
        limit = MAX_PAGE_SIZE
        if self.is_newest_first:
            limit = min(limit, sum(each >= since for each in self._times) + _SPARE)
        script = read_since(
            self._query.project_id, self._query.flow_id, since, first_limit=limit, is_last=self._is_last
        )
        history = await self._client.run(script)
        if self._sizes[1:] == [0] and history.is_complete:
            self._only_page, self._only_until = self._sizes[0], self._polls + _ONLY_PAGE_HOLDS
        self.is_newest_first = history.order.is_possible and (self.is_newest_first or history.order.is_shown)
        self._times = [
            *(each.timestamp for each in history.sightings),
            *(each for each in self._times if each < history.since),
        ][:MAX_PAGE_SIZE]
        return history

    def _is_last(self, page: Page) -> bool:
        self._see(page)
        self._sizes.append(len(page.logs))
        is_short = page.limit == MAX_PAGE_SIZE and 0 < len(page.logs) <= min(
            self._only_page, MAX_PAGE_SIZE - 1
        )
        return len(self._sizes) == 1 and is_short and self._polls < self._only_until
