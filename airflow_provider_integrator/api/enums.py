"""The numeric codes of List logs: state, status and log type."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """The progress of a log: the field ``state``. It doesn't say whether the log succeeded."""

    START = 1
    IN_PROGRESS = 2
    FINISHED = 3


class Status(IntEnum):
    """The outcome of a log: the field ``status``. Meaningful only if the state is Finished."""

    IN_PROGRESS = 1
    SUCCESS = 2
    FAILED = 3
    EMPTY = 4


class LogType(IntEnum):
    """The kind of a log: an execution (main), one of its steps (sub) or one row (line)."""

    MAIN = 1
    SUB = 2
    LINE = 3
