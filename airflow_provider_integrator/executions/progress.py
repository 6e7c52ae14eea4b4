"""What a waiting task logs: what it found, each change, and how it goes on at most once a minute."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_integrator.api.enums import State
    from airflow_provider_integrator.api.models import Execution

log = logging.getLogger(__name__)

#: The least seconds between two lines that report no change.
QUIET = 60.0


class Progress:
    """Logs the progress of one wait.

    :param interval: Seconds between two polls.
    :param is_continued: Whether another process has polled before, one interval ago: a rescheduled task.
    """

    __slots__ = ("_due", "_execution_id", "_is_continued", "_state")

    def __init__(self, interval: float, *, is_continued: bool = False) -> None:
        self._is_continued = is_continued
        self._execution_id: str | None = None
        self._state: State | None = None
        # A rescheduled task can't remember its last line: the first poll in each minute of the clock writes one.
        now = time.time()
        is_silent = is_continued and now // QUIET == (now - interval) // QUIET
        self._due = now + QUIET if is_silent else now

    def is_due(self) -> bool:
        """Return whether a line is due though nothing has changed."""
        return time.time() >= self._due

    def wants(self, state: State) -> bool:
        """Return whether an execution gives a line.

        :param state: Its state.
        """
        return log.isEnabledFor(logging.INFO) and (state is not self._state or self.is_due())

    def begin(self, text: str) -> None:
        """Log what is waited for, unless another process has done so.

        :param text: A description of the wait.
        """
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
                self._write("No such execution yet." if is_known else f"Poll {polls}: no such execution yet.")
            return
        name, state = f"execution {execution.execution_id}", execution.state.name.lower().replace("_", " ")
        if is_known:  # by another process, whose polls can't be counted
            if self.is_due():
                self._write(
                    f"Execution {execution.execution_id}: {_origin(execution)}.\nIts state is {state}."
                )
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
    """Write a duration for people.

    :param seconds: The duration.
    :return: It, in its two largest units.
    """
    whole = max(0, round(seconds))
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count or unit == "s")


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
