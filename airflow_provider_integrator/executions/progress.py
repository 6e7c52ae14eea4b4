"""What a waiting task logs: what it found, each change, and how it goes on at most once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.enums import State

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution

log = logging.getLogger(__name__)

#: The least seconds between two lines that report no change.
QUIET = 60.0


class Progress:
    """Logs the progress of one wait.

    :param interval: Seconds between two polls.
    :param is_continued: Whether another process has polled before, one interval ago.
    :param memory: The ``memory`` of that process's progress; None: it is unknown.
    """

    __slots__ = ("_due", "_execution_id", "_is_continued", "_state")

    def __init__(
        self, interval: float, *, is_continued: bool = False, memory: Mapping[str, Any] | None = None
    ) -> None:
        self._is_continued = is_continued
        self._execution_id: str | None = None
        self._state: State | None = None
        now = time.time()
        # Without a memory of the last line, the first poll in each minute of the clock writes one.
        is_silent = is_continued and now // QUIET == (now - interval) // QUIET
        self._due = now + QUIET if is_silent else now
        if memory is not None:
            self._is_continued = False
            self._execution_id, self._due = memory["execution_id"], memory["due"]
            self._state = None if memory["state"] is None else State[memory["state"]]

    @property
    def memory(self) -> dict[str, Any]:
        """What another process needs to continue, fit for JSON."""
        state = None if self._state is None else self._state.name
        return {"execution_id": self._execution_id, "state": state, "due": self._due}

    def is_due(self) -> bool:
        """Return whether a line is due though nothing has changed."""
        return time.time() >= self._due

    def wants(self, state: State) -> bool:
        """Return whether an execution in a state gives a line."""
        return log.isEnabledFor(logging.INFO) and (state is not self._state or self.is_due())

    def begin(self, text: str) -> None:
        """Log what is waited for, unless another process has done so."""
        if not self._is_continued:
            self._write(text)

    def see(self, execution: Execution | None, polls: int, usual: float | None = None) -> None:
        """Log what a successful poll saw, if it is new or if a line is due.

        :param execution: The execution; None: there is none yet.
        :param polls: The number of polls so far.
        :param usual: The flow's usual duration in seconds; None if it isn't known.
        """
        is_known, self._is_continued = self._is_continued, False
        if execution is None:
            if self.is_due():
                self._write(f"Poll {polls}: no such execution yet.")
            return
        name, state = f"execution {execution.execution_id}", execution.state.name.lower().replace("_", " ")
        if is_known:  # to another process, which may have logged it
            if self.is_due():
                self._write(f"Poll {polls}: {name}, {_origin(execution)}.\nIts state is {state}.")
        elif execution.execution_id == self._execution_id and execution.state is self._state:
            if self.is_due():
                self._write(f"Poll {polls}: the state of {name} is {state}{_age(execution, usual)}.")
        elif execution.execution_id == self._execution_id:
            self._write(f"The state of {name} is {state}.")
        else:
            self._write(f"Found {name}: {_origin(execution)}.\nIts state is {state}.")
        self._execution_id, self._state = execution.execution_id, execution.state

    def _write(self, text: str) -> None:
        self._due = time.time() + QUIET
        log.info("%s", text)


def in_words(seconds: float) -> str:
    """Write a duration, given in seconds, in its two largest units."""
    whole = max(0, round(seconds))
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count or unit == "s")


def counted(count: int | None, what: str) -> str:
    """Write a number of things, named in the singular."""
    return f"{count} {what}{'s' * (count != 1)}"


def _origin(execution: Execution) -> str:
    created = (
        "created at an unknown time"
        if execution.created is None
        else f"created {execution.created.isoformat()}"
    )
    return f"{created}, by {execution.triggered_by}" if execution.triggered_by else created


def _age(execution: Execution, usual: float | None) -> str:
    if execution.created is None:
        return ""
    age = (datetime.now(timezone.utc) - execution.created).total_seconds()
    text = f",\ncreated {in_words(age)} ago"
    return text if usual is None else f"{text}; the flow usually takes {in_words(usual)}"


class Rate:
    """Logs how many things are done, how fast, and the time left, at most once a minute.

    :param what: The things and what is done to them, such as ``lines read``.
    :param total: The number of all, as far as is known; None: unknown.
    :param done: The number that an earlier try has done.
    """

    __slots__ = ("_began", "_done", "_due", "_earlier", "_total", "_what")

    def __init__(self, what: str, total: int | None = None, done: int = 0) -> None:
        self._what = what
        self._total = total
        self._done = self._earlier = done
        self._began = time.monotonic()
        self._due = self._began + QUIET

    def add(self, count: int = 1) -> None:
        """Count more of them, and log a line if one is due."""
        self._done += count
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + QUIET
        rate = (self._done - self._earlier) / (now - self._began)
        text, end = f"{self._what}: {self._done}", ""
        if self._total is not None and self._done <= self._total and rate:
            text += f" of {self._total}"
            end = f", about {in_words((self._total - self._done) / rate)} left"
        log.info("%s, %.1f a second%s.", text, rate, end)
