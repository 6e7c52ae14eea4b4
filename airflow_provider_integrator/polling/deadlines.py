"""The ends of many waits, by one timer."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_integrator.polling.poller import Wait


class Deadlines:
    """Wakes waits whose time is over, also while a poll hangs.

    One timer for all, as what a timer each takes adds up in the garbage collector's rounds, which stop the loop.
    """

    def __init__(self) -> None:
        self._waits: set[Wait] = set()
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def add(self, wait: Wait) -> None:
        """Watch a wait's deadline.

        :param wait: Its deadline may be infinite.
        """
        self._waits.add(wait)
        if wait.deadline < self._due:
            self._set(wait.deadline)

    def discard(self, wait: Wait) -> None:
        """Forget a wait; the last one takes the timer with it."""
        self._waits.discard(wait)
        if not self._waits:
            self._set(math.inf)

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = None if due == math.inf else asyncio.get_running_loop().call_at(due, self._expire)

    def _expire(self) -> None:
        now = max(self._due, asyncio.get_running_loop().time())  # a timer may come a clock's tick early
        over = {wait for wait in self._waits if wait.deadline <= now}
        self._waits -= over
        for wait in over:
            wait.expire()
        self._set(min((wait.deadline for wait in self._waits), default=math.inf))
