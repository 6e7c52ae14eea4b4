"""The numbers that stand for an execution's state, its status and the kind of a log (List logs)."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """How far a log is: the field ``state``. Says nothing of how it went."""

    START = 1
    IN_PROGRESS = 2
    FINISHED = 3


class Status(IntEnum):
    """How a log went: the field ``status``. Means something only where the state is Finished."""

    IN_PROGRESS = 1
    SUCCESS = 2
    FAILED = 3
    EMPTY = 4


class LogType(IntEnum):
    """What a log tells of: an execution (main), one of its steps (sub) or one row (line)."""

    MAIN = 1
    SUB = 2
    LINE = 3
