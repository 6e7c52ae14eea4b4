"""Lines and their logs in a temporary file, and in the journal from which another try restores them."""

from __future__ import annotations

import uuid
from array import array
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from airflow_provider_integrator.logs.json_lines import decode

LINE = b"line"
LOG = b"log"
ERROR = b"error"
PENDING = b"pending"
END = b"end"
_NONE = -1
_ID_BYTES = 9


class Entry(NamedTuple):
    """A line, its log, or why there is none (``pending``: yet); or the end of the lines. Appended to the journal.

    :param at: The line's number, from 0; of the end, the number of lines.
    :param kind: Which of these it is.
    :param json: The JSON text.
    """

    at: int
    kind: bytes
    json: bytes

    def text(self) -> bytes:
        """Write it as a line of the journal."""
        return b"%d %s %s\n" % self

    @classmethod
    def read(cls, text: bytes) -> Entry:
        """Read what :meth:`text` wrote.

        :param text: A line of the journal.
        """
        at, kind, json = text.split(b" ", 2)
        return cls(int(at), kind, json.rstrip(b"\n"))


class Spool:
    """Lines and logs in the order in which they come, in a temporary file; only their places are in memory.

    Each entry begins with its list's id: another try may list the lines in another order, and so number them otherwise.

    :param file: The file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.end: Any = None
        self._list_id = _new_id()
        self._lines = array("q")
        self._logs = array("q")

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._lines)

    def add(self, entry: Entry) -> bytes:
        """Add an entry.

        :param entry: The entry.
        :return: Its text.
        """
        place, text = self.file.seek(0, 2), self._list_id + entry.text()
        self.file.write(text)
        if entry.kind == LINE:
            self._lines.append(place)
            self._logs.append(_NONE)
        elif entry.kind == END:
            self.end = decode(entry.json)
        else:
            self._logs[entry.at] = place
        return text

    def restore(self, text: bytes) -> Entry | None:
        """Add an entry of an earlier try.

        :param text: Its text.
        :return: The entry; None if it is another list's, is there already, or isn't one.
        """
        list_id = text[:_ID_BYTES]
        try:
            entry = Entry.read(text[_ID_BYTES:])
        except ValueError:  # of a disk that has lost a block
            return None
        is_of_list = entry.kind in (LINE, END)
        if is_of_list and entry.at == 0 and self.end is None:  # the one before has no end: it can't be used
            self.clear()
            self._list_id = list_id
        if is_of_list:
            is_new = self.end is None and entry.at == len(self)
        else:
            is_new = entry.at < len(self) and self._logs[entry.at] == _NONE
        if list_id != self._list_id or not is_new:
            return None
        self.add(entry)
        return entry

    def clear(self) -> None:
        """Remove all entries, and begin another list."""
        self.file.seek(0)
        self.file.truncate()
        self.end = None
        self._list_id = _new_id()
        del self._lines[:], self._logs[:]

    def line(self, at: int) -> bytes:
        """Read a line's JSON.

        :param at: Its number.
        """
        return self._entry(self._lines[at]).json

    @property
    def left(self) -> int:
        """The number of lines that have neither a log nor an error."""
        return self._logs.count(_NONE)

    def missing(self) -> Iterator[int]:
        """Find the lines that have neither a log nor an error."""
        return (at for at in range(len(self)) if self._logs[at] == _NONE)

    def records(self) -> Iterator[tuple[bytes, bool]]:
        """Read each line's JSON with its log, or with the error instead, and whether it has its log."""
        for at, place in enumerate(self._logs):
            entry = self._entry(place)
            values = (entry.json, b"null") if entry.kind == LOG else (b"null", entry.json)
            yield self.line(at)[:-1] + b',"log":%s,"log_error":%s}' % values, entry.kind == LOG

    def _entry(self, place: int) -> Entry:
        self.file.seek(place + _ID_BYTES)
        return Entry.read(self.file.readline())


def _new_id() -> bytes:
    return uuid.uuid4().hex[: _ID_BYTES - 1].encode() + b" "
