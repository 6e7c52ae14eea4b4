"""Reads the fields of an answer: tolerant of their form, strict about their meaning.

A whole number may come as a JSON number or as digits in a text, a truth value as ``true``, ``"true"`` or 1, a time as
epoch milliseconds or ISO 8601. What a decision needs and can't be read raises, naming call, field and value; anything
else that can't be read is None, and noted at debug level.
"""

from __future__ import annotations

import logging
import re
import reprlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrator.exceptions import ResponseError

if TYPE_CHECKING:
    from pendulum import DateTime

EnumT = TypeVar("EnumT", bound=IntEnum)

log = logging.getLogger(__name__)

# Reads no more of a value than is shown: what came may be large, and nested more deeply than repr bears.
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 100

_WHOLE = re.compile(r"-?\d{1,18}(?:\.0+)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def shown(value: object) -> str:
    """Show a value in a message, cut if it is long.

    :param value: Anything that came in an answer.
    :return: Its ``repr``, abridged, at most 100 characters.
    """
    text = _short.repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def whole_number(value: object) -> int | None:
    """Read a whole number in any form.

    :param value: A JSON number without a fraction, or its digits in a text.
    :return: The number; None if it is none.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return None


def parse_time(value: object) -> DateTime:
    """Read a time in any of the forms that an answer may have it in.

    :param value: Epoch milliseconds, as a number or as digits in a text, or ISO 8601 with an offset.
    :return: The time, in UTC, exact to the microsecond.
    :raises ValueError: The value has another form, or names no real time.
    """
    if isinstance(value, (str, int, float)):
        return _parse_time(value)
    raise ValueError(f"{shown(value)} is neither epoch milliseconds nor ISO 8601 with an offset")


# The same logs come with every poll.
@lru_cache(maxsize=8192)
def _parse_time(value: str | float) -> DateTime:
    import pendulum

    text = value.strip() if isinstance(value, str) else value
    milliseconds = whole_number(text)
    try:
        if milliseconds is not None and milliseconds >= 0:
            return pendulum.instance(_EPOCH + timedelta(milliseconds=milliseconds))
        # A guard, as pendulum reads dates, times of today, durations and intervals too, and takes UTC for no offset.
        if isinstance(text, str) and text[10:11] in ("T", " ") and any(sign in text[19:] for sign in "Z+-"):
            found = pendulum.parse(text)
            if isinstance(found, pendulum.DateTime):
                return found.in_timezone(pendulum.UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{shown(value)} is no time: {error}") from error
    raise ValueError(f"{shown(value)} is neither epoch milliseconds nor ISO 8601 with an offset")


@lru_cache(maxsize=1024)
def note(call: str, field: str, what: str) -> None:
    """Note once, at debug level, that an answer differs from what its pages show; nothing depends on it.

    :param call: The call that was answered.
    :param field: The field.
    :param what: What is odd about it, without its value, which may be a customer's.
    """
    log.debug("%s: field %s %s.", call, field, what)


class Fields:
    """One JSON object of an answer.

    :param call: The call that was answered, for messages.
    :param value: What should be a JSON object.
    :param path: Its place in the answer, for messages.
    :raises ResponseError: The value isn't an object.
    """

    __slots__ = ("_values", "call", "path")

    def __init__(self, call: str, value: object, path: str = "") -> None:
        self.call = call
        self.path = path
        if not isinstance(value, dict):
            raise ResponseError(
                f"{call}: {path.rstrip('.') or 'the answer'} should be an object but is {shown(value)}."
            )
        self._values: dict[str, Any] | None = value

    @property
    def values(self) -> dict[str, Any]:
        """The whole object."""
        assert self._values is not None  # noqa: S101 - set where the object was made
        return self._values

    def get(self, name: str) -> Any:
        """Return a field as it came.

        :param name: The field.
        :return: Its value; None if it is missing.
        """
        return self.values.get(name)

    def fault(self, name: str, expected: str) -> ResponseError:
        """Make the error for a needed field that can't be read.

        :param name: The field.
        :param expected: What it should be.
        :return: The error, to be raised.
        """
        found = shown(self.values[name]) if name in self.values else "missing"
        return ResponseError(f"{self.call}: field {self.path}{name} should be {expected} but is {found}.")

    def note(self, name: str, what: str) -> None:
        """Note at debug level what is odd about a field that no decision needs.

        :param name: The field.
        :param what: What is odd about it.
        """
        note(self.call, name, what)

    def _odd(self, name: str, expected: str) -> None:
        self.note(name, f"should be {expected} but is of type {type(self.values[name]).__name__}")

    def identifier(self, name: str) -> str:
        """Read a needed id.

        :param name: The field.
        :return: The id as a text, whatever form it came in.
        :raises ResponseError: The field is missing, empty, or neither a text nor a whole number.
        """
        value = self.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, str) or (number := whole_number(value)) is None:
            raise self.fault(name, "an id")
        return str(number)

    def optional_identifier(self, name: str) -> str | None:
        """Read an id that no decision needs.

        :param name: The field.
        :return: The id as a text; None if it can't be read.
        """
        if self.get(name) in (None, ""):
            return None
        try:
            return self.identifier(name)
        except ResponseError:
            self._odd(name, "an id")
            return None

    def optional_text(self, name: str) -> str | None:
        """Read a text that no decision needs.

        :param name: The field.
        :return: The text without outer white space; a number's digits; None if it can't be read.
        """
        value = self.get(name)
        if value is None or isinstance(value, str):
            return value if value is None else value.strip()
        return self.optional_identifier(name)

    def optional_count(self, name: str) -> int | None:
        """Read a number of rows or the like.

        :param name: The field.
        :return: A whole number from 0; None if it can't be read.
        """
        if self.get(name) is None:
            return None
        count = whole_number(self.get(name))
        if count is None or count < 0:
            self._odd(name, "a whole number from 0")
            return None
        return count

    def optional_flag(self, name: str) -> bool | None:
        """Read a truth value.

        :param name: The field.
        :return: True or false; None if it can't be read.
        """
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return value
        text = str(whole_number(value)) if whole_number(value) is not None else value
        flag = _TRUTH.get(text.strip().lower()) if isinstance(text, str) else None
        if flag is None:
            self._odd(name, "true or false")
        return flag

    def member(self, name: str, members: type[EnumT]) -> EnumT:
        """Read a needed number that stands for one of a closed set.

        :param name: The field.
        :param members: The set.
        :return: The member.
        :raises ResponseError: The number is missing or isn't one of the set's.
        """
        number = whole_number(self.get(name))
        try:
            return members(number)  # type: ignore[arg-type]  # None is no member
        except ValueError:
            known = ", ".join(f"{member.value} ({member.name.lower()})" for member in members)
            raise self.fault(name, f"one of {known}") from None

    def optional_member(self, name: str, members: type[EnumT]) -> EnumT | None:
        """Read a number that stands for one of a closed set and that no decision needs.

        :param name: The field.
        :param members: The set.
        :return: The member; None if it can't be read.
        """
        if self.get(name) is None:
            return None
        try:
            return self.member(name, members)
        except ResponseError:
            self._odd(name, f"the number of a known {members.__name__.lower()}")
            return None

    def optional_time(self, name: str) -> DateTime | None:
        """Read a time.

        :param name: The field.
        :return: The time, in UTC; None if it can't be read.
        """
        if self.get(name) in (None, ""):
            return None
        try:
            return parse_time(self.get(name))
        except ValueError:
            self._odd(name, "a time")
            return None

    def optional_object(self, name: str) -> Fields:
        """Read an object that no decision needs.

        :param name: The field.
        :return: The object's fields; none if it can't be read.
        """
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            self._odd(name, "an object")
        return Fields(self.call, value if isinstance(value, dict) else {}, f"{self.path}{name}.")

    def optional_objects(self, name: str) -> Iterator[Fields]:
        """Read the objects of a list that no decision needs.

        :param name: The field.
        :return: The objects; what isn't one is left out.
        """
        value = self.get(name)
        if isinstance(value, list):
            for index, member in enumerate(value):
                if isinstance(member, dict):
                    yield Fields(self.call, member, f"{self.path}{name}[{index}].")
                else:
                    self._odd(name, "a list of objects")
        elif value is not None:
            self._odd(name, "a list of objects")
