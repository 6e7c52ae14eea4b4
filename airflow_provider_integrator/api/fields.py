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
from airflow_provider_integrator.api.values import (
    read_count,
    read_flag,
    read_id,
    read_member,
    read_time,
    shown,
)
from airflow_provider_integrator.exceptions import ResponseError

if TYPE_CHECKING:
    from pendulum import DateTime

EnumT = TypeVar("EnumT", bound=IntEnum)
T = TypeVar("T")

log = logging.getLogger(__name__)


@lru_cache(maxsize=1024)
def note(call: str, field: str, what: str) -> None:
    """Log once, at debug level, how an optional field differs from the documentation; ``what`` is without its value."""
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
        """Return one field, unparsed; None if it is missing."""
        return self.values.get(name)

    def fault(self, name: str, expected: str) -> ResponseError:
        """Build the error for a required field that can't be read; ``expected`` is in words."""
        found = shown(self.values[name]) if name in self.values else "missing"
        return ResponseError(f"{self.call}: field {self.path}{name} should be {expected} but is {found}.")

    def note(self, name: str, what: str) -> None:
        """Log at debug level that an optional field differs from the documentation; ``what`` is without its value."""
        note(self.call, name, what)

    def _noted(self, name: str, found: T | None, expected: str) -> T | None:
        """Return what an optional field was parsed into, with a note if there is a value that can't be."""
        if found is None and (value := self.get(name)) is not None:
            self.note(name, f"should be {expected} but is of type {type(value).__name__}")
        return found

    def identifier(self, name: str) -> str:
        """Parse a required id, as text whatever its form."""
        text = read_id(self.get(name))
        if text is None:
            raise self.fault(name, "an id")
        return text

    def optional_identifier(self, name: str) -> str | None:
        """Parse an optional id, as :meth:`identifier` does; None if it can't be read."""
        return self._noted(name, read_id(self.get(name)), "an id")

    def optional_text(self, name: str) -> str | None:
        """Parse an optional text, stripped and fit for messages, or a number's digits; None if it can't be read."""
        value = self.get(name)
        return fit_name(value.strip()) if isinstance(value, str) else self.optional_identifier(name)

    def optional_count(self, name: str) -> int | None:
        """Parse an optional count, which isn't negative; None if it can't be read."""
        return self._noted(name, read_count(self.get(name)), "a whole number from 0")

    def optional_flag(self, name: str) -> bool | None:
        """Parse an optional boolean; None if it can't be read."""
        return self._noted(name, read_flag(self.get(name)), "true or false")

    def member(self, name: str, members: type[EnumT]) -> EnumT:
        """Parse a required enum member, from its number in any form."""
        found = read_member(self.get(name), members)
        if found is None:
            known = ", ".join(f"{member.value} ({member.name.lower()})" for member in members)
            raise self.fault(name, f"one of {known}")
        return found

    def optional_member(self, name: str, members: type[EnumT]) -> EnumT | None:
        """Parse an optional enum member, as :meth:`member` does; None if it can't be read."""
        return self._noted(name, read_member(self.get(name), members), "the number of a known member")

    def optional_time(self, name: str) -> DateTime | None:
        """Parse an optional time, in UTC; None if it can't be read."""
        return self._noted(name, read_time(self.get(name)), "a time")

    def optional_object(self, name: str) -> Fields:
        """Parse an optional object; it has no fields if it can't be read."""
        value = self.get(name)
        found = self._noted(name, value if isinstance(value, dict) else None, "an object")
        return Fields(self.call, found or {}, f"{self.path}{name}.")

    def optional_objects(self, name: str) -> Iterator[Fields]:
        """Parse an optional list of objects; members of other types are skipped."""
        value = self.get(name)
        members = self._noted(name, value if isinstance(value, list) else None, "a list of objects")
        for index, member in enumerate(members or ()):
            if isinstance(member, dict):
                yield Fields(self.call, member, f"{self.path}{name}[{index}].")
            else:
                self.note(name, f"has a member of type {type(member).__name__}")
