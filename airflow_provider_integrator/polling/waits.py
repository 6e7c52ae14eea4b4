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
from airflow_provider_integrator.exceptions import ExecutionMissingError, IntegratorError, WaitTimeoutError
from airflow_provider_integrator.executions.outage import Outage
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.polling.schedule import adaptive_interval

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Wait:
    """One wait for an execution to finish.

    :param execution_id: The execution; None: the first one created since ``created_after``.
    :param created_after: With a time zone; used where no execution is named.
    :param created_before: The end of the window that begins there; None: it has no end.
    :param interval: Seconds between two polls.
    :param outage: The tolerance of failed polls.
    :param adaptive: Whether polls come seldom early and often near the flow's usual duration.
    :param deadline: When the wait is over, in the loop's time.
    :param joined: When the wait began, in the loop's time.
    :param polls: Polls since then.
    :param created: When the execution was created, once that is known.
    :param checked: The last round that looked for the execution, found or not.
    :param done: The execution, once it has finished.
    """

    execution_id: str | None
    created_after: datetime | None
    interval: float
    outage: Outage
    created_before: datetime | None = None
    adaptive: bool = False
    deadline: float = math.inf
    joined: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    polls: int = 0
    created: datetime | None = None
    checked: int = -1
    done: asyncio.Future[Execution] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    # The waiter's own, so that what is said of its polls stands in its own task's log.
    context: contextvars.Context = field(default_factory=contextvars.copy_context, repr=False)

    @classmethod
    def of(cls, spec: WaitSpec, outage: Outage) -> Wait:
        """Make the wait that a spec describes.

        :param spec: What is waited for, how often and how long.
        :param outage: The outage, which may have begun with the look-up of the flow.
        :return: The wait; it begins now.
        :raises ConfigurationError: The window can't be read.
        """
        since, before = (None, None) if spec.execution_id is not None else spec.window()
        left = math.inf if spec.end_time is None else max(0.0, spec.end_time - time.time())
        return cls(
            execution_id=spec.execution_id,
            created_after=since,
            created_before=before,
            interval=spec.poll_interval,
            outage=outage,
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
        """End the wait at its deadline."""
        self._end(WaitTimeoutError("The time to wait is over."))

    def miss(self, read: datetime) -> None:
        """Record that a complete reading has no execution of the window; end the wait if the window had passed.

        :param read: When the reading began.
        """
        if self.created_before is not None and self.created_before <= read:
            self._end(
                ExecutionMissingError(
                    f"The flow has no execution that was created at or after {self.created_after} and before "
                    f"{self.created_before}, and that time has passed."
                )
            )

    def fail(self, error: IntegratorError) -> None:
        """Record a failed poll; end the wait if it is one too many, or if another wouldn't help.

        :param error: The poll's error.
        """
        if self.done.done():
            return
        try:
            self.context.run(self.outage.add, error)
        except IntegratorError as final:
            self._end(final)

    def _end(self, error: IntegratorError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


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
