"""How log ids are written: digits, as the vendor's pages show them, or opaque texts."""

from __future__ import annotations

import re

# An opaque id looks like a MongoDB ObjectId. Its prefix holds letters, so that it is never a number by chance.
_OPAQUE_PREFIX = "64957f9d"
_OPAQUE = re.compile(rf"{_OPAQUE_PREFIX}([0-9a-f]{{16}})")
_DIGITS = re.compile(r"[0-9]{1,18}")


def opaque_id(number: int) -> str:
    """Write a log id as an opaque text.

    :param number: The log id.
    :return: 24 hexadecimal digits.
    """
    return f"{_OPAQUE_PREFIX}{number:016x}"


class LogIds:
    """The form of all log ids of a simulator; ``opaque`` can be switched while it serves."""

    def __init__(self) -> None:
        self.opaque = False

    def text(self, number: int) -> str:
        """Write a log id as Download log takes it.

        :param number: The log id.
        :return: Its digits, or its opaque form.
        """
        return opaque_id(number) if self.opaque else str(number)

    def number(self, text: str) -> int | None:
        """Read a log id that Download log was called with.

        :param text: The parameter ``id``.
        :return: The log id, or None if the text isn't in the present form.
        """
        if self.opaque:
            match = _OPAQUE.fullmatch(text)
            return int(match[1], 16) if match else None
        return int(text) if _DIGITS.fullmatch(text) else None
