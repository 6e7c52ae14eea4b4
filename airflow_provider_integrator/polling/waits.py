"""The waits of a poller, and the one timer that ends them."""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_integrator.api.enums import State
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import ExecutionMissingError, WaitTimeoutError
from airflow_provider_integrator.executions.progress import Progress
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.executions.wait import EMPTY_POLLS
from airflow_provider_integrator.polling.kept_outage import KeptOutage
from airflow_provider_integrator.polling.schedule import adaptive_interval


@dataclass(eq=False, slots=True)
class Wait:
    """One wait for an execution to finish.

    :param spec: The execution, the interval and the deadline.
    :param outage: The outage, which may have begun with the look-up of the flow.
    :param progress: Logs the wait's progress; None: nobody does.
    :param doubt_after: Polls without the execution after which the wait ends with a :class:`FlowDoubtError`.
    :ivar execution_id: The execution; None until the flow's next one has been found.
    :ivar created_after: The time from which an execution counts as the next one; None if one is named.
    :ivar created_before: The time from which an execution no longer counts; None if there is none.
    :ivar deadline: The end of the wait, in the loop's time.
    :ivar joined: The beginning of the wait, in the loop's time.
    :ivar polls: The number of polls so far.
    :ivar created: The execution's creation time, if known.
    :ivar done: The execution, once it has finished.
    :raises ConfigurationError: The window can't be read.
    """

    spec: WaitSpec
    outage: KeptOutage
    progress: Progress | None = None
    doubt_after: float = EMPTY_POLLS
    execution_id: str | None = field(init=False)
    created_after: datetime | None = field(init=False, default=None)
    created_before: datetime | None = field(init=False, default=None)
    deadline: float = field(init=False, default=math.inf)
    joined: float = field(init=False)
    polls: int = field(init=False, default=0)
    created: datetime | None = field(init=False, default=None)
    done: asyncio.Future[Execution] = field(init=False)
    # The task's own context, so that messages about its polls are written to its own log.
    context: contextvars.Context = field(init=False, repr=False)
    _empty_polls: int = field(init=False, default=0)
    _uncounted: Exception | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        spec, loop = self.spec, asyncio.get_running_loop()
        self.execution_id = spec.execution_id
        if spec.execution_id is None:
            self.created_after, self.created_before = spec.window()
        self.joined = loop.time()
        if spec.end_time is not None:
            self.deadline = self.joined + max(0.0, spec.end_time - time.time())
        self.done = loop.create_future()
        self.context = contextvars.copy_context()

    def pause(self, now: float, usual: float | None) -> float:
        """Choose the pause before the next poll of an adaptive wait.

        :param now: The loop's time.
        :param usual: The flow's usual duration in seconds; None if unknown.
        :return: Seconds.
        """
        interval, usual = self.spec.poll_interval, usual or self.spec.usual_duration
        elapsed = None if self.created is None else time.time() - self.created.timestamp()
        return adaptive_interval(interval, now - self.joined, self.polls, elapsed, usual)

    def wants(self, state: State) -> bool:
        """Return whether the wait needs the whole execution, to end or to log its progress.

        :param state: The execution's state.
        """
        if state is State.FINISHED or (self.spec.adaptive and self.created is None):
            return True
        return self.progress is not None and self.progress.wants(state)

    def find(self, execution: Execution | None, usual: float | None) -> None:
        """Record a successful poll that found the execution; one that has finished ends the wait.

        :param execution: The execution; None if the wait doesn't want it.
        :param usual: The flow's usual duration in seconds; None if unknown.
        """
        self.outage.end()
        self._empty_polls = 0
        if execution is None:
            return
        self.created = execution.created
        if self.progress is not None:
            usual = usual or self.spec.usual_duration
            self.context.run(self.progress.see, execution, self.polls, usual)
        if execution.is_finished and not self.done.done():
            self.done.set_result(execution)

    def miss(self, asked: float) -> None:
        """Record a successful poll that didn't find the execution.

        :param asked: When the poll began, in seconds since the epoch: if the window had passed, the wait ends.
        """
        self.outage.end()
        self._empty_polls += 1
        if self.progress is not None and self.progress.is_due():
            self.context.run(self.progress.see, None, self.polls)
        before = self.created_before if self.execution_id is None else None
        if before is not None and before.timestamp() <= asked:
            self._end(ExecutionMissingError(self.spec.missing()))
        elif self._empty_polls >= self.doubt_after:
            self._end(FlowDoubtError())

    def fail(self, error: Exception) -> None:
        """Record a failed poll, which ends the wait after too long an outage or if no later poll can succeed.

        :param error: The poll's error.
        """
        if self.done.done():
            return
        recalled = self.outage.recall(error)
        if recalled is None:
            self._count(error)
            return
        if self._uncounted is None:  # those that fail until it is known count once
            recalled.add_done_callback(self._count_recalled)
        self._uncounted = error

    def expire(self) -> None:
        """End the wait, as its deadline has passed."""
        self._end(WaitTimeoutError("The time to wait is over."))

    def _count_recalled(self, _: asyncio.Future[None]) -> None:
        error, self._uncounted = self._uncounted, None
        # A poll may have succeeded in the meantime, or the wait may be over.
        if error is not None and self.outage.began is not None and not self.done.done():
            self._count(error)

    def _count(self, error: Exception) -> None:
        try:
            self.context.run(self.outage.add, error)
        except Exception as final:  # noqa: BLE001 - it goes to whoever awaits the wait
            self._end(final)

    def _end(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class FlowDoubtError(Exception):
    """Many polls were empty: the flow may have been deleted and created again under another id."""


class Deadlines:
    """The waits of a poller. Ends those whose deadline has passed, also while a poll hangs.

    One timer for all: with thousands of timers, each full garbage collection would stop the loop for longer.
    """

    def __init__(self) -> None:
        self._waits: set[Wait] = set()
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[Wait]:
        return iter(self._waits)

    def __len__(self) -> int:
        return len(self._waits)

    def add(self, wait: Wait) -> None:
        """Add a wait.

        :param wait: The wait; its deadline may be infinite.
        """
        self._waits.add(wait)
        if wait.deadline < self._due:
            self._set(wait.deadline)

    def discard(self, wait: Wait) -> None:
        """Remove a wait; the timer ends with the last one.

        :param wait: The wait.
        """
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
