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
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.waits import Wait

log = logging.getLogger(__name__)


class _OpenExecution(Wait):
    """A wait for an execution that was created before the time since which the subscription reads."""

    def fail(self, error: Exception) -> None:
        """Ignore a failed poll: the next one searches again, and the subscription reports the error."""


@dataclass(eq=False)
class Subscription:
    """A subscription to a flow's executions. Enter it to subscribe.

    :param poller: The flow's poller.
    :param wait: The wait for one execution of the flow, whose id is replaced.
    :param start: The time since which the polls read, until :meth:`request` changes it.
    """

    poller: FlowPoller
    wait: WaitSpec
    start: datetime
    failed_polls: int = 0
    _recent: datetime | None = None
    _history: History | None = None
    _open: dict[str, _OpenExecution] = field(default_factory=dict)
    _error: Exception | None = None
    _is_ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def interval(self) -> float:
        """Seconds between two polls."""
        return self.wait.poll_interval

    async def __aenter__(self) -> Subscription:
        self.poller.subscribe(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        for execution in self._open.values():
            await self.poller.leave(execution)
        await self.poller.unsubscribe(self)

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
                return history, [each.done.result() for each in self._open.values() if each.done.done()]

    async def request(self, since: datetime, recent: datetime | None, still_open: Iterable[str]) -> None:
        """Choose the executions that the next polls read.

        :param since: The time since which they were created.
        :param recent: A later time that is enough if it makes a poll cheaper; None if it isn't enough.
        :param still_open: Executions created before that time.
        """
        self.start, self._recent = since, recent
        wanted = set(still_open)
        for each in self._open.keys() - wanted:
            await self.poller.leave(self._open.pop(each))
        for each in wanted - self._open.keys():
            spec = replace(self.wait, execution_id=each)
            self._open[each] = _OpenExecution(spec, KeptOutage(math.inf), None, math.inf)
            self.poller.join(self._open[each])

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
