"""Checks that bytes are JSON in UTF-8, and picks entries from it, in constant memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import IO, Any

import ijson

from airflow_provider_integrator.exceptions import LogArchiveError

#: Bytes from the beginning that are checked against JSON's whole grammar. Beyond them, where that would take
#: longer than all the rest together, the encoding and the last character are checked.
GRAMMAR_BYTES = 16 * 1024 * 1024

_WHITE_SPACE = b" \t\r\n"
# The parser makes an event of each token, which takes memory, and reads a token that goes on in the next piece
# again from its beginning, which takes time: pieces of this many bytes keep both small.
_SLICE = 128 * 1024
_OPENING = {ord("{"): b"}", ord("["): b"]"}


class JsonText:
    """A JSON text that comes in pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        # Events without their paths: a path in each of them takes the square of the nesting's depth in memory.
        self._events = ijson.sendable_list()
        self._grammar = ijson.basic_parse_coro(self._events)
        self._count = 0
        self._first: int | None = None
        self._last = b""

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        :raises LogArchiveError: The text isn't UTF-8, or not JSON.
        """
        try:
            self._decoder.decode(data)
            if self._count < GRAMMAR_BYTES:
                self._check_grammar(data)
        except UnicodeDecodeError as error:
            raise _fault(f"not UTF-8: {error.reason} near byte {self._count + error.start}") from error
        except ijson.JSONError as error:
            raise _fault(f"not JSON: {_first_line(error)}") from None  # its text would show the log's
        self._count += len(data)
        if solid := data.strip(_WHITE_SPACE):
            self._first = solid[0] if self._first is None else self._first
            self._last = solid[-1:]

    def _check_grammar(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE):
            self._grammar.send(data[start : start + _SLICE])
            self._events.clear()

    def finish(self) -> None:
        """Check that the text is complete.

        :raises LogArchiveError: It isn't.
        """
        try:
            self._decoder.decode(b"", final=True)
            if self._count < GRAMMAR_BYTES:
                self._grammar.close()
        except UnicodeDecodeError as error:
            raise _fault("not UTF-8: it ends within a character") from error
        except ijson.JSONError as error:
            raise _fault(f"not JSON: {_first_line(error)}") from None  # its text would show the log's
        if self._first is None or self._last != _OPENING.get(self._first, self._last):
            raise _fault("not JSON: it is empty or ends too early")


def pick_entries(file: IO[bytes], name: str, most: int) -> list[Any]:
    """Pick the first entries of a list at the top of a JSON text.

    :param file: The text, from its beginning.
    :param name: The list's name.
    :param most: How many entries at the most.
    :return: The entries; where the name stands for something other than a list, that alone.
    :raises LogArchiveError: The text isn't JSON in UTF-8 as far as it was read.
    """
    # Not ijson.items: it gives each event its path, which takes the square of the nesting's depth in memory.
    events = ijson.basic_parse(file, buf_size=4 * _SLICE)
    try:
        return _entries(events, most) if _go_to(events, name) else []
    except ijson.JSONError as error:
        raise _fault(f"not JSON: {_first_line(error)}") from None  # its text would show the log's
    except UnicodeDecodeError as error:
        raise _fault(f"not UTF-8: {error.reason}") from None


def _go_to(events: Iterable[tuple[str, Any]], name: str) -> bool:
    depth = 0
    for event, value in events:
        if event in ("start_map", "start_array"):
            depth += 1
        elif event in ("end_map", "end_array"):
            depth -= 1
        elif event == "map_key" and depth == 1 and value == name:
            return True
    return False


def _entries(events: Iterator[tuple[str, Any]], most: int) -> list[Any]:
    event, value = next(events)
    if event != "start_array":
        only = _value(events, event, value)
        return [only] if only else []
    entries: list[Any] = []
    for event, value in events:
        if event == "end_array" or len(entries) >= most:
            break
        entries.append(_value(events, event, value))
    return entries


def _value(events: Iterator[tuple[str, Any]], event: str, value: Any) -> Any:
    builder, depth = ijson.ObjectBuilder(), 0
    while True:
        # The parser reads fractions as Decimal, since as float it refuses long whole numbers.
        builder.event(event, float(value) if isinstance(value, Decimal) else value)
        depth += event in ("start_map", "start_array")
        depth -= event in ("end_map", "end_array")
        if not depth:
            return builder.value
        event, value = next(events)


def _fault(what: str) -> LogArchiveError:
    return LogArchiveError(f"Download log: the first file in the ZIP is {what}.")


def _first_line(error: ijson.JSONError) -> str:
    # The parser's further lines show the text itself, which may be a customer's. Bytes, where it isn't UTF-8.
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text.partition("\n")[0].strip()
