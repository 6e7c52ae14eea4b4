"""Checks that bytes are JSON in UTF-8, and picks entries from it, in constant memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import IO, Any

import ijson

from airflow_provider_integrator.api.jsongrammar import Grammar
from airflow_provider_integrator.api.jsoninput import ParserInput
from airflow_provider_integrator.exceptions import LogArchiveError

#: Bytes of a log that are read at a time in search of entries.
_PIECE = 64 * 1024
#: Of a number in it; more than is shown of an entry, fewer than Python can be told to read at the most.
_MAX_DIGITS = 500


class JsonText:
    """A JSON text that comes in pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._grammar = Grammar()
        self._count = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        :raises LogArchiveError: The text isn't UTF-8, or not JSON.
        """
        try:
            self._decoder.decode(data)
            self._grammar.feed(data)
        except UnicodeDecodeError as error:
            raise _fault(f"not UTF-8: {error.reason} near byte {self._count + error.start}") from error
        except ijson.JSONError as error:
            raise _fault(f"not JSON: {_first_line(error)}") from None  # its text would show the log's
        self._count += len(data)

    def finish(self) -> None:
        """Check that the text is complete.

        :raises LogArchiveError: It isn't.
        """
        try:
            self._decoder.decode(b"", final=True)
            self._grammar.finish()
        except UnicodeDecodeError as error:
            raise _fault("not UTF-8: it ends within a character") from error
        except ijson.JSONError as error:
            raise _fault(f"not JSON: {_first_line(error)}") from None  # its text would show the log's


class _Filtered:
    """A file as the parser can read it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._input = ParserInput(_MAX_DIGITS)

    def read(self, size: int) -> bytes:
        if size == 0:
            return b""  # how the parser asks whether it gets bytes or text
        while data := self._file.read(size):
            if short := self._input.feed(data):
                return short
        return self._input.finish()


def pick_entries(file: IO[bytes], name: str, most: int) -> list[Any]:
    """Pick the first entries of a list at the top of a JSON text.

    :param file: The text, from its beginning.
    :param name: The list's name.
    :param most: How many entries at the most.
    :return: The entries; where the name stands for something other than a list, that alone.
    :raises LogArchiveError: The text isn't JSON in UTF-8 as far as it was read, or has an exponent in it that is too
        long for Python.
    """
    # Not ijson.items: it gives each event its path, which takes the square of the nesting's depth in memory.
    events = ijson.basic_parse(_Filtered(file), buf_size=_PIECE)
    try:
        return _entries(events, most) if _go_to(events, name) else []
    except ijson.JSONError as error:
        raise _fault(f"not JSON: {_first_line(error)}") from None  # its text would show the log's
    except UnicodeDecodeError as error:
        raise _fault(f"not UTF-8: {error.reason}") from None
    except ArithmeticError as error:
        raise LogArchiveError(
            f"Download log: {name!r} can't be picked from the log, as a number's exponent is too long for Python."
        ) from error


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
