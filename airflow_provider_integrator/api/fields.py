"""Parsing of an answer's fields: tolerant of their form, strict about their meaning.

An integer may come as a JSON number or as a string of digits, a boolean as ``true``, ``"true"`` or 1, a time
as epoch milliseconds or ISO 8601. A required field that can't be read raises an error that names call, field
and value; an optional one becomes None, with a message at debug level.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrator.api.texts import fit_name
from airflow_provider_integrator.api.values import parse_time, read_id, read_member, shown, whole_number
from airflow_provider_integrator.exceptions import ResponseError

if TYPE_CHECKING:
    from pendulum import DateTime

EnumT = TypeVar("EnumT", bound=IntEnum)

log = logging.getLogger(__name__)

#: The maximum of a count: a larger one is none, and neither a rate nor a metric can be made of it.
MAX_COUNT = 10**18
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


@lru_cache(maxsize=1024)
def note(call: str, field: str, what: str) -> None:
    """Log once, at debug level, that an optional field differs from the documentation.

    :param call: The name of the call.
    :param field: The name of the field.
    :param what: The difference, without the field's value, which may be a customer's.
    """
    log.debug("%s: field %s %s.", call, field, what)


class Fields:
    """One JSON object of an answer.

    :param call: The name of the call, for messages.
    :param value: The JSON object.
    :param path: Its path in the answer, for messages.
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
        self._values: dict[str, Any] = value

    @property
    def values(self) -> dict[str, Any]:
        """The object's fields, unparsed."""
        return self._values

    @property
    def content(self) -> str:
        """The object as text, cut to 100 characters."""
        return shown(self.values)

    def get(self, name: str) -> Any:
        """Return one field, unparsed.

        :param name: The field.
        :return: Its value; None if it is missing.
        """
        return self.values.get(name)

    def fault(self, name: str, expected: str) -> ResponseError:
        """Build the error for a required field that can't be read.

        :param name: The field.
        :param expected: The expected value, in words.
        :return: The error to raise.
        """
        found = shown(self.values[name]) if name in self.values else "missing"
        return ResponseError(f"{self.call}: field {self.path}{name} should be {expected} but is {found}.")

    def note(self, name: str, what: str) -> None:
        """Log at debug level that an optional field differs from the documentation.

        :param name: The field.
        :param what: The difference, without the field's value.
        """
        note(self.call, name, what)

    def _note_type(self, name: str, expected: str) -> None:
        self.note(name, f"should be {expected} but is of type {type(self.get(name)).__name__}")

    def identifier(self, name: str) -> str:
        """Parse a required id.

        :param name: The field.
        :return: The id as a string, whatever its form.
        :raises ResponseError: The field is missing, empty, neither a string nor an integer, too long, or has
            characters that can't be shown.
        """
        text = read_id(self.get(name))
        if text is None:
            raise self.fault(name, "an id")
        return text

    def optional_identifier(self, name: str) -> str | None:
        """Parse an optional id.

        :param name: The field.
        :return: The id as a string; None if it can't be read.
        """
        value = self.get(name)
        text = read_id(value)
        if text is None and value not in (None, ""):
            self._note_type(name, "an id")
        return text

    def optional_text(self, name: str) -> str | None:
        """Parse an optional string.

        :param name: The field.
        :return: The string without outer white space and fit for messages, or the digits of a number; None if it
            can't be read.
        """
        value = self.get(name)
        if value is None or isinstance(value, str):
            return value if value is None else fit_name(value.strip())
        return self.optional_identifier(name)

    def optional_count(self, name: str) -> int | None:
        """Parse an optional count.

        :param name: The field.
        :return: A non-negative integer; None if it can't be read.
        """
        if self.get(name) is None:
            return None
        count = whole_number(self.get(name))
        if count is None or not 0 <= count <= MAX_COUNT:
            self._note_type(name, "a whole number from 0")
            return None
        return count

    def optional_flag(self, name: str) -> bool | None:
        """Parse an optional boolean.

        :param name: The field.
        :return: The boolean; None if it can't be read.
        """
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return value
        text = str(whole_number(value)) if whole_number(value) is not None else value
        flag = _TRUTH.get(text.strip().lower()) if isinstance(text, str) else None
        if flag is None:
            self._note_type(name, "true or false")
        return flag

    def member(self, name: str, members: type[EnumT]) -> EnumT:
        """Parse a required enum member.

        :param name: The field.
        :param members: The enum.
        :return: The member.
        :raises ResponseError: The field is missing or isn't the number of a member.
        """
        found = read_member(self.get(name), members)
        if found is None:
            known = ", ".join(f"{member.value} ({member.name.lower()})" for member in members)
            raise self.fault(name, f"one of {known}")
        return found

    def optional_member(self, name: str, members: type[EnumT]) -> EnumT | None:
        """Parse an optional enum member.

        :param name: The field.
        :param members: The enum.
        :return: The member; None if it can't be read.
        """
        if self.get(name) is None:
            return None
        try:
            return self.member(name, members)
        except ResponseError:
            self._note_type(name, f"the number of a known {members.__name__.lower()}")
            return None

    def optional_time(self, name: str) -> DateTime | None:
        """Parse an optional time.

        :param name: The field.
        :return: The time, in UTC; None if it can't be read.
        """
        if self.get(name) in (None, ""):
            return None
        try:
            return parse_time(self.get(name))
        except ValueError:
            self._note_type(name, "a time")
            return None

    def optional_object(self, name: str) -> Fields:
        """Parse an optional object.

        :param name: The field.
        :return: The object's fields; empty if it can't be read.
        """
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            self._note_type(name, "an object")
        return Fields(self.call, value if isinstance(value, dict) else {}, f"{self.path}{name}.")

    def optional_objects(self, name: str) -> Iterator[Fields]:
        """Parse an optional list of objects.

        :param name: The field.
        :return: The objects; members of other types are skipped.
        """
        value = self.get(name)
        if isinstance(value, list):
            for index, member in enumerate(value):
                if isinstance(member, dict):
                    yield Fields(self.call, member, f"{self.path}{name}[{index}].")
                else:
                    self._note_type(name, "a list of objects")
        elif value is not None:
            self._note_type(name, "a list of objects")
