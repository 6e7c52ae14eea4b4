"""Parsing of an answer's values, whatever their form: ids, integers, members of enums, times."""

from __future__ import annotations

import re
import reprlib
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_integrator.api.texts import fit_name

if TYPE_CHECKING:
    from pendulum import DateTime

EnumT = TypeVar("EnumT", bound=IntEnum)


# Bounded: a value may be large, or nested too deeply for repr.
class _Short(reprlib.Repr):
    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(fit_name(x), level)


_short = _Short()
_short.maxstring = _short.maxother = 100

_WHOLE = re.compile(r"-?\d{1,18}(?:\.0+)?", re.ASCII)
#: The maximum length of an id. Those in the samples have 36 characters, and a file is named by one.
MAX_ID = 200
#: The maximum of a count: a larger one is none, and neither a rate nor a metric can be made of it.
MAX_COUNT = 10**18
_TRUTH = {"true": True, 1: True, "false": False, 0: False}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def shown(value: object) -> str:
    """Format a value for a message: its ``repr``, fit for a message and cut to 100 characters."""
    text = _short.repr(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def is_id(text: str) -> bool:
    """Return whether a text without outer white space can be an id: it can be sent, shown and be a file's name."""
    return 0 < len(text) <= MAX_ID and text.isprintable()


def is_encodable(text: str) -> bool:
    """Return whether a text can be sent: it has no lone surrogate."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def whole_number(value: object) -> int | None:
    """Parse an integer: a JSON number without a fraction, or a string of digits; None if it isn't one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return None


def read_id(value: object) -> str | None:
    """Parse an id in any of its forms: a string, or an integer; None if it can't be one."""
    if isinstance(value, str):
        text = value.strip()
    else:
        number = whole_number(value)
        text = "" if number is None else str(number)
    return text if is_id(text) else None


def read_count(value: object) -> int | None:
    """Parse a count, an integer in any of its forms that isn't negative; None if it isn't one."""
    number = whole_number(value)
    return None if number is None or not 0 <= number <= MAX_COUNT else number


def read_flag(value: object) -> bool | None:
    """Parse a boolean: ``true``, its name in any case, or 1 or 0 in any of their forms; None if it isn't one."""
    if isinstance(value, bool):
        return value
    number = whole_number(value)
    return _TRUTH.get(value.strip().lower() if number is None and isinstance(value, str) else number)


def _bare(value: object) -> str | float | None:
    """Strip a text; None for what is no number and no time, as what is parsed is remembered."""
    if isinstance(value, str):
        text = value.strip()
        return text if len(text) <= MAX_ID else None
    return value if isinstance(value, (int, float)) else None


def read_member(value: object, members: type[EnumT]) -> EnumT | None:
    """Parse the number of an enum's member, in any of its forms; None if it isn't the number of one."""
    return _member(members, _bare(value))


# The same numbers come with every poll.
@lru_cache(maxsize=256, typed=True)  # True equals 1, and is no number
def _member(members: type[EnumT], value: str | float | None) -> EnumT | None:
    number = whole_number(value)
    return next((member for member in members if member == number), None)


def read_time(value: object) -> DateTime | None:
    """Parse a time in any of its forms.

    :param value: Epoch milliseconds, as a number or a string of digits, or ISO 8601 with an offset.
    :return: The time, in UTC, exact to the microsecond; None if the value isn't one.
    """
    return _time(_bare(value))


# The same logs come with every poll.
@lru_cache(maxsize=8192, typed=True)  # True equals 1, and is no time
def _time(value: str | float | None) -> DateTime | None:
    import pendulum

    milliseconds = whole_number(value)
    with suppress(ValueError, OverflowError):
        if milliseconds is not None and milliseconds >= 0:
            return pendulum.instance(_EPOCH + timedelta(milliseconds=milliseconds))
        # pendulum also accepts dates, times of day, durations and intervals, and takes UTC without an offset.
        if (
            isinstance(value, str)
            and value[10:11] in ("T", " ")
            and any(sign in value[19:] for sign in "Z+-")
        ):
            found = pendulum.parse(value)
            return found.in_timezone(pendulum.UTC) if isinstance(found, pendulum.DateTime) else None
    return None
