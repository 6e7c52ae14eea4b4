"""Checks that bytes are JSON in UTF-8, and picks entries from it, in constant memory."""

from __future__ import annotations

import codecs
import itertools
from typing import IO, Any

import ijson

from airflow_provider_integrator.exceptions import LogArchiveError

#: Bytes from the beginning that are checked against JSON's whole grammar. Beyond them, where that would take
#: longer than all the rest together, the encoding and the last character are checked.
GRAMMAR_BYTES = 64 * 1024 * 1024

_WHITE_SPACE = b" \t\r\n"
_NO_PREFIX = "\0"  # matches no key, so that the parser checks all and builds nothing
_OPENING = {ord("{"): b"}", ord("["): b"]"}


class JsonText:
    """A JSON text that comes in pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._grammar = ijson.items_coro(ijson.sendable_list(), _NO_PREFIX)
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
                self._grammar.send(data)
        except UnicodeDecodeError as error:
            raise _fault(f"not UTF-8: {error.reason} near byte {self._count + error.start}") from error
        except ijson.JSONError as error:
            raise _fault(f"not JSON: {_first_line(error)}") from error
        self._count += len(data)
        if solid := data.strip(_WHITE_SPACE):
            self._first = solid[0] if self._first is None else self._first
            self._last = solid[-1:]

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
            raise _fault(f"not JSON: {_first_line(error)}") from error
        if self._first is None or self._last != _OPENING.get(self._first, self._last):
            raise _fault("not JSON: it is empty or ends too early")


def pick_entries(file: IO[bytes], name: str, most: int) -> list[Any]:
    """Pick the first entries of a list at the top of a JSON text.

    :param file: The text, from its beginning.
    :param name: The list's name.
    :param most: How many entries at the most.
    :return: The entries; where the name stands for something other than a list, that alone.
    """
    start = file.tell()
    entries = list(itertools.islice(ijson.items(file, f"{name}.item", use_float=True), most))
    if entries:
        return entries
    file.seek(start)
    return [value for value in itertools.islice(ijson.items(file, name, use_float=True), 1) if value]


def _fault(what: str) -> LogArchiveError:
    return LogArchiveError(f"Download log: the first file in the ZIP is {what}.")


def _first_line(error: ijson.JSONError) -> str:
    # The parser's further lines show the text itself, which may be a customer's.
    return str(error).partition("\n")[0]
