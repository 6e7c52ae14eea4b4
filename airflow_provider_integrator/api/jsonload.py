"""Decodes a JSON text that comes in pieces.

Python's decoder wants the whole text, and holds the interpreter's lock until it is through: in whatever thread it runs,
the event loop stands still for some 10 ms for each MB. So it is given the lists' elements and objects' members that
lie whole within a window. What is larger than the window is gone through here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from airflow_provider_integrator.api.jsoninput import replace_lone_surrogates, split_cut

#: Characters that are decoded at a time.
WINDOW = 256 * 1024

_decode = json.JSONDecoder().raw_decode
_WHITE_SPACE = re.compile(r"[ \t\n\r]*")
# Behind anything else a number may go on.
_BEHIND_VALUE = frozenset(",:]} \t\n\r")


def load(pieces: Iterable[bytes], window: int = WINDOW) -> Any:
    """Decode a JSON text.

    :param pieces: The text, in UTF-8.
    :param window: Characters that are decoded at a time.
    :return: What it says, as :func:`json.loads` has it; lone surrogates, which UTF-8 can't hold, are U+FFFD in it.
    :raises ValueError: It isn't JSON, or has a number in it that is too long for Python.
    :raises RecursionError: It is nested too deeply for Python.
    """
    return _Decoder(pieces, window).whole()


class _Decoder:
    """Decodes what follows a place in a text, of which it sees a window that ends where the last piece did."""

    def __init__(self, pieces: Iterable[bytes], window: int) -> None:
        self._pieces = iter(pieces)
        self._window = window
        self._cut = b""
        self._text = ""
        self._at = 0
        self._ended = False
        self._run_tried = False

    def whole(self) -> Any:
        self._next()
        value = self._value()
        if self._next():
            raise json.JSONDecodeError("Extra data", self._text, self._at)
        return value

    def _fill(self, size: int) -> None:
        """Move the window on to the place, and read on until it has a size, or the text ends."""
        parts, have = [self._text[self._at :]], len(self._text) - self._at
        while have < size and not self._ended:
            piece = next(self._pieces, None)
            self._ended = piece is None
            whole, self._cut = (self._cut, b"") if piece is None else split_cut(self._cut + piece)
            parts.append(replace_lone_surrogates(whole).decode())
            have += len(parts[-1])
        self._text, self._at, self._run_tried = "".join(parts), 0, False

    def _next(self) -> str:
        """Go to the next character that isn't white space.

        :return: It, empty at the text's end.
        """
        while True:
            if found := _WHITE_SPACE.match(self._text, self._at):
                self._at = found.end()
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._fill(self._window)

    def _value(self) -> Any:
        """Decode the value that begins at the place, and go behind it."""
        size = self._window
        while True:
            try:
                value, end = _decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._ended:
                    raise
            else:
                if self._ended or self._text[end : end + 1] in _BEHIND_VALUE:
                    self._at = end
                    return value
            if len(self._text) - self._at >= size:
                if self._text[self._at] == "[":
                    return self._list()
                if self._text[self._at] == "{":
                    return self._object()
                size *= 2
            self._fill(size)

    def _list(self) -> list[Any]:
        elements: list[Any] = []
        self._at += 1
        if self._next() != "]":
            elements.append(self._value())
            while self._next() == ",":
                elements += self._run()
                self._at += 1
                self._next()
                elements.append(self._value())
        self._expect("]")
        return elements

    def _run(self) -> list[Any]:
        """Decode many of a list's elements at once, which is faster, and lets them share their keys.

        :return: Those from the comma at the place up to a later one, which is the place then; none where the last
            that looks alike in the window isn't a comma of this list.
        """
        alike = self._text[max(0, self._at - 1) : self._at + 1]
        end = self._text.rfind(alike, self._at) + len(alike) - 1
        if self._run_tried or end <= self._at:
            return []
        self._run_tried = True
        try:
            elements: list[Any] = json.loads(f"[{self._text[self._at + 1 : end]}]")
        except json.JSONDecodeError:
            return []
        self._at = end
        return elements

    def _object(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self._at += 1
        if self._next() != "}":
            self._member(members)
            while self._next() == ",":
                self._at += 1
                self._next()
                self._member(members)
        self._expect("}")
        return members

    def _member(self, members: dict[str, Any]) -> None:
        name = self._value()
        if not isinstance(name, str):
            raise json.JSONDecodeError("Expecting a name", self._text, self._at)
        self._next()
        self._expect(":")
        self._next()
        members[name] = self._value()

    def _expect(self, character: str) -> None:
        if self._text[self._at : self._at + 1] != character:
            raise json.JSONDecodeError(f"Expecting {character!r}", self._text, self._at)
        self._at += 1
