"""A watched flow's part in the flow's one poll. Knows the API and asyncio, nothing of Airflow."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from airflow_provider_integrator.api.history import History
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import TransientError
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.polling.kept_outage import KeptOutage
from airflow_provider_integrator.polling.waits import Wait

log = logging.getLogger(__name__)


class _OpenExecution(Wait):
    """A search for an execution that was created before the time since which the subscription reads."""

    def fail(self, error: Exception) -> None:
        """Ignore a failed poll: the next one searches again, and the subscription reports the error."""


@dataclass(eq=False)
class Subscription:
    """What a watched flow's polls read, and what they have read.

    :param wait: The wait for one execution of the flow, whose id is replaced.
    :param start: The time since which the polls read, until :meth:`request` changes it.
    :ivar open: The requested executions that were created before, by their ids.
    """

    wait: WaitSpec
    start: datetime
    open: dict[str, Wait] = field(default_factory=dict)
    failed_polls: int = 0
    _recent: datetime | None = None
    _history: History | None = None
    _error: Exception | None = None
    _is_ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def interval(self) -> float:
        """Seconds between two polls."""
        return self.wait.poll_interval

    async def next_reading(self) -> tuple[History, list[Execution]]:
        """Wait for the next poll.

        :return: The executions that it read, and those of the requested open executions that have finished.
        :raises IntegratorError: No later poll can succeed.
        """
        while True:
            await self._is_ready.wait()
            self._is_ready.clear()
            if self._error is not None:
                raise self._error
            if self._history is not None:
                history, self._history = self._history, None
                return history, [each.done.result() for each in self.open.values() if each.done.done()]

    def request(self, since: datetime, recent: datetime | None, still_open: Iterable[str]) -> None:
        """Choose the executions that the next polls read.

        :param since: The time since which they were created.
        :param recent: A later time that is enough if it makes a poll cheaper; None if it isn't enough.
        :param still_open: Executions created before that time.
        """
        self.start, self._recent = since, recent
        self.open = {each: self.open.get(each) or self._search(each) for each in still_open}

    def _search(self, execution_id: str) -> _OpenExecution:
        spec = replace(self.wait, execution_id=execution_id)
        return _OpenExecution(spec, KeptOutage(math.inf), None, math.inf)

    def since(self, *, is_newest_first: bool) -> datetime:
        """Choose the point in time since which the next poll reads.

        :param is_newest_first: Whether a later time makes the poll cheaper.
        :return: The point in time, with a time zone.
        """
        return self._recent if is_newest_first and self._recent is not None else self.start

    def deliver(self, history: History) -> None:
        """Receive the executions that a poll read; they replace those of an earlier poll that weren't fetched.

        :param history: The executions.
        """
        if self.failed_polls:
            log.info("Flow %s is read again after %d failed polls.", self.wait.flow, self.failed_polls)
            self.failed_polls = 0
        self._history = history
        self._is_ready.set()

    def fail(self, error: Exception) -> None:
        """Record a failed poll: the first of several transient errors is logged, any other ends the subscription.

        :param error: The poll's error.
        """
        self.failed_polls += 1
        if not isinstance(error, TransientError):
            self._error = error
            self._is_ready.set()
        elif self.failed_polls == 1:
            log.warning("Flow %s can't be read; nothing is lost, polls go on: %s", self.wait.flow, error)
