"""A flow's latest executions, by as few requests as what the server has shown allows."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, LogQuery, Script
from airflow_provider_integrator.api.history import EPOCH, History, HistoryReader, NewestFirst
from airflow_provider_integrator.api.pages import Page, Paging


class Evidence:
    """What a server's pages have shown of what its documents leave open, so that the next flow takes fewer requests.

    :ivar order: The order of the logs, which holds until a log contradicts it; None: nothing is known.
    """

    #: Short pages with a ``next`` behind which there was nothing, before another one is taken for the last.
    ENOUGH_ENDS = 10
    #: Flows of which a small first page wasn't enough, before the next ones begin with a large one.
    ENOUGH_REPEATS = 3

    def __init__(self) -> None:
        self.order: NewestFirst | None = None
        self._ends = 0
        self._longest = 0
        self._goes_on = False
        self._repeats = 0

    def shows_end(self, length: int) -> bool:
        """Return whether a short page is the last one: nothing has ever been behind one, often enough.

        :param length: The number of its logs; a server may cut pages that are longer than those seen so far.
        """
        return self._ends >= self.ENOUGH_ENDS and not self._goes_on and length <= self._longest

    def take_end(self, length: int, *, is_end: bool) -> None:
        """Record what was behind a short page.

        :param length: The number of its logs.
        :param is_end: Whether there was nothing.
        """
        self._ends += 1
        self._longest = max(self._longest, length)
        self._goes_on = self._goes_on or not is_end

    def take_repeat(self) -> None:
        """Record that a flow is read again in large pages."""
        self._repeats += 1

    def first_limit(self, wanted: int) -> int:
        """Choose the size of a flow's first page, of which ``wanted`` is probably enough."""
        return MAX_PAGE_SIZE if self._repeats >= self.ENOUGH_REPEATS else wanted


def read_latest(
    project_id: str,
    flow_id: str,
    is_enough: Callable[[History], bool],
    *,
    first_limit: int,
    evidence: Evidence | None = None,
    max_requests: int | None = None,
) -> Script[History]:
    """Read a flow's latest executions, as many as are needed.

    All pages are read, unless those read so far leave no doubt that the newest executions come first, or
    ``max_requests`` ends it.

    :param project_id: The project.
    :param flow_id: The flow.
    :param is_enough: Called with the executions so far, if they come newest first; returns whether older ones
        aren't needed.
    :param first_limit: The size of the first page; at least ``NewestFirst.ENOUGH + 1``, as fewer logs show no
        order. If a full page isn't enough, the history is read again from its beginning, in pages of the usual
        size.
    :param evidence: What other flows' pages have shown, to which this one's is added; None: nothing is known.
    :param max_requests: The maximum number of requests, after which the history is as it is, not complete; a page
        that isn't full then counts as the last one. None: as many as it takes.
    :return: The history, since the epoch.
    """
    evidence = evidence or Evidence()
    limit, requests, short = evidence.first_limit(first_limit), 0, 0
    number, reader, paging = 1, HistoryReader(EPOCH, evidence.order), Paging()
    while True:
        requests += 1
        page: Page = yield endpoints.list_logs(LogQuery(project_id, flow_id, limit=limit), number)
        logs = paging.take(page)
        if short:
            evidence.take_end(short, is_end=not logs)
        for fields in logs:
            reader.take(fields)
        short = len(page.logs) if _is_short(page, limit, number) else 0
        is_end = paging.ended or (short > 0 and evidence.shows_end(short))
        is_full = len(page.logs) >= limit
        is_over = max_requests is not None and (requests >= max_requests or not is_full)
        if is_end or is_over or _is_enough(reader, number, is_enough):
            history = reader.history(number, is_complete=is_end)
            evidence.order = history.order
            return history
        # A page that isn't full is probably the only one, which a request for the next one shows.
        if is_full and limit < MAX_PAGE_SIZE:
            evidence.take_repeat()
            limit, number, reader, paging = MAX_PAGE_SIZE, 1, HistoryReader(EPOCH, evidence.order), Paging()
        else:
            number += 1


def _is_enough(reader: HistoryReader, number: int, is_enough: Callable[[History], bool]) -> bool:
    return reader.is_newest_first and is_enough(reader.history(number, is_complete=False))


def _is_short(page: Page, limit: int, number: int) -> bool:
    """Return whether all that a page says of itself means that it is the last one, but for its ``next``."""
    length = (number - 1) * limit + len(page.logs)
    return 0 < len(page.logs) < limit == page.limit and (page.count is None or page.count <= length)
