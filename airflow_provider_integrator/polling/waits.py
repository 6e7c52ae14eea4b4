"""The waits of a poller, and the one timer that ends them."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.arguments import read_moment
from airflow_provider_integrator.exceptions import IntegratorError, TransientError
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.polling.schedule import adaptive_interval

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Wait:
    """One wait for an execution to finish.

    :param execution_id: The execution; None: the first one created since ``created_after``.
    :param created_after: With a time zone; used where no execution is named.
    :param interval: Seconds between two polls.
    :param max_failed_polls: Failed polls in a row that are tolerated.
    :param adaptive: Whether polls come seldom early and often near the flow's usual duration.
    :param deadline: When the wait is over, in the loop's time.
    :param joined: When the wait began, in the loop's time.
    :param polls: Polls since then.
    :param created: When the execution was created, once that is known.
    :param checked: The last round that looked for the execution, found or not.
    :param failed_polls: Failed polls in a row so far.
    :param done: The execution, once it has finished.
    """

    execution_id: str | None
    created_after: datetime | None
    interval: float
    max_failed_polls: int
    adaptive: bool = False
    deadline: float = math.inf
    joined: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    polls: int = 0
    created: datetime | None = None
    checked: int = -1
    failed_polls: int = 0
    done: asyncio.Future[Execution] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    # The waiter's own, so that what is said of its polls stands in its own task's log.
    context: contextvars.Context = field(default_factory=contextvars.copy_context, repr=False)

    @classmethod
    def of(cls, spec: WaitSpec) -> Wait:
        """Make the wait that a spec describes.

        :param spec: What is waited for, how often and how long.
        :return: The wait; it begins now.
        :raises ConfigurationError: ``created_after`` can't be read.
        """
        left = math.inf if spec.end_time is None else max(0.0, spec.end_time - time.time())
        return cls(
            execution_id=spec.execution_id,
            created_after=None if spec.created_after is None else read_moment(spec.created_after),
            interval=spec.poll_interval,
            max_failed_polls=spec.max_failed_polls,
            adaptive=spec.adaptive,
            deadline=asyncio.get_running_loop().time() + left,
        )

    def pause(self, now: float, usual: float | None) -> float:
        """Choose the seconds until the next poll.

        :param now: The loop's time.
        :param usual: The flow's usual duration in seconds, None where it isn't known.
        """
        if not self.adaptive:
            return self.interval
        elapsed = None if self.created is None else time.time() - self.created.timestamp()
        return adaptive_interval(self.interval, now - self.joined, self.polls, elapsed, usual)

    def finish(self, execution: Execution) -> None:
        """Wake the waiter."""
        if not self.done.done():
            self.done.set_result(execution)

    def expire(self) -> None:
        """Wake the waiter with a ``TimeoutError``, as its time is over."""
        if not self.done.done():
            self.done.set_exception(asyncio.TimeoutError())

    def fail(self, error: IntegratorError) -> None:
        """Count a failed poll; the waiter is woken where it is one too many, or where another wouldn't help."""
        self.failed_polls += 1
        if self.done.done():
            return
        if not isinstance(error, TransientError) or self.failed_polls > self.max_failed_polls:
            self.done.set_exception(error)
        else:
            self.context.run(
                log.warning,
                "Failed poll %d of %d that are tolerated in a row: %s",
                self.failed_polls,
                self.max_failed_polls,
                error,
            )


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
