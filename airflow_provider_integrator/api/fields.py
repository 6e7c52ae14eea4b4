"""Reads the fields of an answer; what is missing or malformed raises, naming call, field and value."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import TypeVar

from airflow_provider_integrator.exceptions import ResponseError

EnumT = TypeVar("EnumT", bound=IntEnum)

# Reads no more of a value than is shown: what came may be large, and nested more deeply than repr bears.
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECONDS = re.compile(r"\d{1,15}", re.ASCII)
# Python 3.10's fromisoformat takes 3 or 6 fractional digits only; the Integrator sends 2 to 6.
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:(Z)|([+-]\d\d):?(\d\d))", re.ASCII
)


def shown(value: object) -> str:
    """Show a value in a message, cut where it is long.

    :param value: Anything that came in an answer.
    :return: Its ``repr``, abridged, at most 100 characters.
    """
    text = _short.repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def parse_moment(text: str) -> datetime:
    """Read a time in either of the forms that List logs uses.

    :param text: Epoch milliseconds as decimal digits, or ISO 8601 with an offset.
    :return: The moment, in UTC.
    :raises ValueError: The text has neither form, or names no real moment.
    """
    try:
        if _MILLISECONDS.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        if match := _ISO.fullmatch(text):
            day, clock, fraction, zulu, hours, minutes = match.groups()
            offset = "+00:00" if zulu else f"{hours}:{minutes}"
            moment = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '')[:6].ljust(6, '0')}{offset}")
            return moment.astimezone(timezone.utc)
    except OverflowError as error:
        raise ValueError(f"{shown(text)} is out of range") from error
    raise ValueError(f"{shown(text)} is neither epoch milliseconds nor ISO 8601 with an offset")


class Fields:
    """One JSON object of an answer.

    :param call: The call that was answered, for messages.
    :param value: What should be a JSON object.
    :param path: Where it stands in the answer, for messages.
    :raises ResponseError: It isn't one.
    """

    def __init__(self, call: str, value: object, path: str = "") -> None:
        self.call = call
        self.path = path
        if not isinstance(value, dict):
            raise ResponseError(f"{call}: {path or 'the answer'} should be an object but is {shown(value)}.")
        self.values = value

    def fault(self, name: str, expected: str) -> ResponseError:
        """Make the error for a field that isn't what it should be.

        :param name: The field.
        :param expected: What it should be.
        :return: The error, to be raised.
        """
        found = shown(self.values[name]) if name in self.values else "missing"
        return ResponseError(f"{self.call}: field {self.path}{name} should be {expected} but is {found}.")

    def text(self, name: str) -> str:
        """Read a text that must be there and not be empty."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            raise self.fault(name, "a non-empty text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Read a text that may be missing or null; outer white space is cut off."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.fault(name, "a text or null")
        return value.strip()

    def optional_count(self, name: str) -> int | None:
        """Read a whole number from 0 that may be missing or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.fault(name, "a whole number from 0 or null")
        return value

    def optional_flag(self, name: str) -> bool | None:
        """Read a truth value that may be missing or null."""
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self.fault(name, "true, false or null")

    def optional_text_flag(self, name: str) -> bool | None:
        """Read a truth value that is sent as text and may be missing or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if value not in ("true", "false"):
            raise self.fault(name, 'the text "true" or "false"')
        return bool(value == "true")

    def member(self, name: str, members: type[EnumT]) -> EnumT:
        """Read a number that stands for one of a closed set."""
        value = self.values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                return members(value)
            except ValueError:
                pass  # falls through to the one error below, which names the known numbers
        known = ", ".join(f"{member.value} ({member.name.lower()})" for member in members)
        raise self.fault(name, f"one of {known}")

    def moment(self, name: str) -> datetime:
        """Read a time that must be there."""
        value = self.values.get(name)
        try:
            if isinstance(value, str):
                return parse_moment(value)
        except ValueError as error:
            raise self.fault(name, "epoch milliseconds in a text or ISO 8601 with an offset") from error
        raise self.fault(name, "epoch milliseconds in a text or ISO 8601 with an offset")

    def optional_moment(self, name: str) -> datetime | None:
        """Read a time that may be missing or null."""
        return None if self.values.get(name) is None else self.moment(name)

    def object(self, name: str) -> Fields:
        """Read an object that must be there."""
        if name not in self.values:
            raise self.fault(name, "an object")
        return Fields(self.call, self.values[name], f"{self.path}{name}.")

    def objects(self, name: str) -> list[Fields]:
        """Read a list of objects that must be there."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise self.fault(name, "a list")
        return list(each_object(self.call, value, f"{self.path}{name}"))


def each_object(call: str, value: object, path: str = "") -> Iterator[Fields]:
    """Read a JSON array of objects.

    :param call: The call that was answered.
    :param value: What should be a list of objects.
    :param path: Where it stands in the answer.
    :return: Each of the objects.
    :raises ResponseError: It isn't a list, or one of its members isn't an object.
    """
    if not isinstance(value, list):
        raise ResponseError(f"{call}: {path or 'the answer'} should be a list but is {shown(value)}.")
    for index, member in enumerate(value):
        yield Fields(call, member, f"{path}[{index}].")
