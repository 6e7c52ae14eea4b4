"""The number of a flow's first logs that are worth reading instead of look-ups by id. No I/O."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Set

from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE
from airflow_provider_integrator.api.pages import Page

#: Look-ups of one poll up to which only bytes count.
MANY = 100
#: The weight of a request beyond that, in bytes.
REQUEST_BYTES = 64 * 1024
#: Bytes of an answer besides its logs: the page's own fields, and with them the HTTP headers.
PAGE_BYTES, ANSWER_BYTES = 200, 400
#: The part of the look-ups' cost that may be spent on finding out whether a window pays, and for how many polls it
#: may be saved.
SHARE, SAVED_POLLS = 0.05, 20


class Window:
    """Chooses, for each poll, between look-ups by id and a window: the flow's first logs, read page by page.

    A poll for each wait would make one look-up for each awaited execution. A window is read only if it costs no more
    than the look-ups that it replaces, to judge by the places where earlier windows found the executions. Executions
    whose place isn't known are searched for in a longer window as far as there is credit: one look-up for each
    execution that is new, a twentieth of all look-ups, and what earlier windows saved. So the order of List logs
    needn't be known: if the executions aren't among the first logs, windows are given up.
    """

    def __init__(self) -> None:
        self._log_bytes: float | None = None
        self._places: dict[str, int | None] = {}
        self._credit = 0.0

    def learn(self, page: Page) -> None:
        """Learn the usual size of a log.

        :param page: Any page of the flow's main logs.
        """
        if page.logs:
            size = max(1.0, (page.size - PAGE_BYTES) / len(page.logs))
            self._log_bytes = size if self._log_bytes is None else 0.7 * self._log_bytes + 0.3 * size

    def choose(self, ids: Set[str]) -> int:
        """Choose the window of the next poll.

        :param ids: The awaited executions.
        :return: The number of first logs to read; 0 for look-ups only.
        """
        count = len(ids)
        if count < 2:
            return 0
        new = len(ids - self._places.keys())
        self._places = {each: self._places.get(each) for each in ids}
        self._credit = min(self._credit + new + SHARE * count, SAVED_POLLS * count)
        request, log = self._prices(count)

        def cost(length: int) -> float:
            return (math.ceil(length / MAX_PAGE_SIZE) * request + length * log) / (request + log)

        places = sorted(place for place in self._places.values() if place is not None)
        if len(places) < count:
            # The longest window that would pay if it showed all executions.
            longest = int((count * (request + log) - request) / (request / MAX_PAGE_SIZE + log))
            if cost(longest) <= self._credit:  # also if the order has changed, and it shows none
                return longest
        shown, best = min(
            enumerate(places, start=1), key=lambda window: cost(window[1]) - window[0], default=(0, 0)
        )
        affordable = min(shown, self._credit)  # the order may have changed since
        if cost(best) > affordable:
            return 0
        # One more, if it pays, as a new execution may come in front of them.
        return best + 1 if best % MAX_PAGE_SIZE and cost(best + 1) <= affordable else best

    def record(self, length: int, pages: Collection[Page], places: Mapping[str, int]) -> None:
        """Record a window that was read.

        :param length: The number of first logs that were read.
        :param pages: The pages.
        :param places: The places of the awaited executions among these logs, from 1; the last one for those that are
            known not to exist.
        """
        request, log = self._prices(len(self._places))
        received = sum(page.size + request for page in pages)
        self._credit -= received / (request + log) - len(places)
        for each, place in self._places.items():
            if each in places or (place is not None and place <= length):
                self._places[each] = places.get(each)

    def reset(self) -> None:
        """Give up windows for some polls, as one couldn't be read."""
        self._places = dict.fromkeys(self._places)
        self._credit = 0.0

    def _prices(self, count: int) -> tuple[float, float]:
        """Return what a request and a log cost in a poll for so many executions, in bytes."""
        log = 2000.0 if self._log_bytes is None else self._log_bytes
        return ANSWER_BYTES if count <= MANY else REQUEST_BYTES, log
