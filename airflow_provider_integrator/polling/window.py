"""How many of a flow's first logs are worth reading together. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE
from airflow_provider_integrator.api.pages import Page

#: Requests of a poll up to which bytes decide; beyond, requests do.
MANY = 100
#: Bytes of an answer beside its logs: the page's own fields, and with them the HTTP headers.
_PAGE_BYTES, _ANSWER_BYTES = 150, 350
#: The part of the answers by id that may be spent on finding out what else pays, and for how many polls it is saved.
_SHARE, _SAVED_POLLS = 0.05, 20


class Window:
    """Chooses between one question for a flow's first logs and a question for each awaited execution by its id.

    A poll for each wait would receive one answer by id for each execution. The window is as long as takes the fewest
    requests without more bytes than that. What it knows are the places at which it saw executions, and the bytes of a
    log. It looks at more places than it knows to pay as far as it has credit: one answer for each execution that is
    new to it, a twentieth of the answers by id, and what earlier windows saved.

    Only if executions by the hundred aren't among the first logs, and a request for each would be a storm, the fewest
    requests are chosen whatever the bytes.
    """

    def __init__(self) -> None:
        self.log_bytes = 2000.0
        self._is_learnt = False
        self._least = 0
        self._places: dict[str, int] = {}
        self._assumed: set[str] = set()
        self._known: frozenset[str] = frozenset()
        self._credit = 0.0
        self._charged = 0

    def learn(self, page: Page, limit: int) -> None:
        """Learn from an answer what a log weighs.

        :param page: The answer.
        :param limit: How many logs were asked for.
        """
        if not page.logs:
            return
        weight = max(1.0, (page.size - _PAGE_BYTES) / len(page.logs))
        self.log_bytes += (weight - self.log_bytes) * (0.3 if self._is_learnt else 1.0)
        self._is_learnt = True
        if len(page.logs) > limit:
            self._least = len(page.logs)  # the server doesn't mind the limit

    def choose(self, ids: Collection[str], rest: Callable[[int], int] = lambda count: count) -> int:
        """Choose the window of the next poll.

        :param ids: The awaited executions.
        :param rest: Says how many requests a number of executions takes that the window doesn't show.
        :return: How many of the first logs to read; 0: none.
        """
        count, new = len(ids), frozenset(ids) - self._known
        self._known = frozenset(ids)
        self._places = {each: place for each, place in self._places.items() if each in self._known}
        self._credit = min(self._credit + len(new) + _SHARE * count, _SAVED_POLLS * max(count, 1))
        self._charged = self._best(count, rest)
        longest = self._longest(count)
        if count > len(self._places) and longest > self._charged:
            covered = sum(place <= longest for place in self._places.values())
            if self._credit >= self._answers(longest) - covered:
                self._charged = longest
        return self._charged

    def record(self, length: int, places: Mapping[str, int]) -> None:
        """Record what a window showed.

        :param length: How many logs it had.
        :param places: The places of the awaited executions in it, from 1.
        """
        if self._charged:
            self._credit -= self._answers(self._charged) - len(places)
            self._charged = 0
        kept = {each: place for each, place in self._places.items() if place > length}
        # An execution that younger ones have pushed out stands right behind the window: assumed once, until it is seen.
        pushed = list(self._places.keys() - kept.keys() - places.keys() - self._assumed)
        pushed.sort(key=lambda each: self._places[each])
        behind = {each: length + number for number, each in enumerate(pushed, start=1)}
        self._places = {**kept, **behind, **places}
        self._assumed = {*behind, *(self._assumed & kept.keys())}

    def _best(self, count: int, rest: Callable[[int], int]) -> int:
        places = sorted(self._places.values())
        options = [
            (pages_of(place) + rest(count - shown), place, shown) for shown, place in enumerate(places, 1)
        ]
        none = (rest(count), 0, 0)
        paying = [option for option in options if self._answers(option[1]) <= option[2]]
        best = min([none, *paying])
        return (best if best[0] <= MANY else min([none, *options]))[1]

    def _longest(self, count: int) -> int:
        """The longest window that would pay if it showed all."""
        if count < 2:
            return 0
        budget = count * (_ANSWER_BYTES + self.log_bytes)
        pages = pages_of(int((budget - _ANSWER_BYTES) / self.log_bytes))
        length = int((budget - pages * _ANSWER_BYTES) / self.log_bytes)
        return length if length >= self._least else 0

    def _answers(self, length: int) -> float:
        """What a window costs, in answers by id."""
        received = pages_of(length) * _ANSWER_BYTES + max(length, self._least) * self.log_bytes
        return received / (_ANSWER_BYTES + self.log_bytes)


def pages_of(length: int) -> int:
    """Return how many pages a number of logs takes."""
    return math.ceil(length / MAX_PAGE_SIZE)
