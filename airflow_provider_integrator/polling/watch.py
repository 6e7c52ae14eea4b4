"""What one watcher of a flow gets of the flow's one poll. Knows the API and asyncio, nothing of Airflow."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_integrator.api.history import History
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import IntegratorError, TransientError
from airflow_provider_integrator.executions.outage import Outage
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.waits import Wait

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Late(Wait):
    """Looks for one execution that lies before what a watch reads, wherever it stands."""

    watch: Watch | None = None

    def finish(self, execution: Execution) -> None:
        """Hand the execution to the watch."""
        super().finish(execution)
        if self.watch is not None:
            self.watch.take(execution)

    def fail(self, error: IntegratorError) -> None:
        """Let the next round look again; the watch itself says what is wrong."""


@dataclass(eq=False)
class Watch:
    """Is told of a flow's executions, round for round.

    :param poller: The flow's poll; enter the watch to join it.
    :param since: Executions created at or after this moment are told of in each round.
    :param interval: Seconds between two polls.
    :param label: What messages call the flow.
    """

    poller: FlowPoller
    since: datetime
    interval: float
    label: str
    failed_polls: int = 0
    _history: History | None = None
    _finished: dict[str, Execution] = field(default_factory=dict)
    _late: dict[str, Late] = field(default_factory=dict)
    _error: Exception | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Watch:
        self.poller.watch(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        for late in self._late.values():
            await self.poller.leave(late)
        await self.poller.unwatch(self)

    async def news(self) -> tuple[History, list[Execution]]:
        """Wait for the next round.

        :return: What it read since ``since``, and those of the ``follow``ed executions that have finished.
        :raises IntegratorError: Polling on wouldn't help.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            if self._error is not None:
                raise self._error
            if self._history is not None:
                history, self._history = self._history, None
                return history, list(self._finished.values())

    async def follow(self, since: datetime, earlier: Iterable[str]) -> None:
        """Say what the next rounds are to look for.

        :param since: As above.
        :param earlier: Executions that were created before.
        """
        self.since = since
        wanted = set(earlier)
        for each in self._late.keys() - wanted:
            self._finished.pop(each, None)
            await self.poller.leave(self._late.pop(each))
        for each in wanted - self._late.keys():
            self._late[each] = Late(each, None, self.interval, Outage(math.inf), watch=self)
            self.poller.join(self._late[each])

    def tell(self, history: History) -> None:
        """Take a round's reading; a newer one replaces one that nobody has fetched."""
        if self.failed_polls:
            log.info("Flow %s is read again after %d failed polls.", self.label, self.failed_polls)
            self.failed_polls = 0
        self._history = history
        self._news.set()

    def take(self, execution: Execution) -> None:
        """Take a followed execution that has finished; it is told of with the next reading."""
        self._finished[execution.execution_id] = execution

    def fail(self, error: Exception) -> None:
        """Take note of a failed poll: a passing one is said once, any other ends the watch."""
        self.failed_polls += 1
        if not isinstance(error, TransientError):
            self._error = error
            self._news.set()
        elif self.failed_polls == 1:
            log.warning("Flow %s can't be read; nothing is lost, polls go on: %s", self.label, error)
