"""Checks a JSON text of any size against the whole grammar, in constant memory.

A parser judges, but makes an object of each token, which takes longer than all else that happens to a log. Of what it
has read, only the lists and objects that are open matter for what may follow. So where it rests behind an element, a
decoder that only skips is handed what follows up to the end of a later element, between brackets that open these lists
and objects and close them again. Where that is sound, the same are open at its end, and the parser needn't see it.
Where it isn't, or not there, the parser reads on and judges.
"""

from __future__ import annotations

import ijson
import msgspec

from airflow_provider_integrator.api.jsoninput import ParserInput

# The parser makes an event of each token, which takes memory, and reads a token that goes on in the next piece
# again from its beginning, which takes time: pieces of this many bytes keep both small.
_PIECE = 16 * 1024
# Of numbers only the form matters here.
_MAX_DIGITS = 16
# Ends of elements that are tried, from the last one back: at those of other depths something else is open.
_TRIES = 16
_MAX_DEPTH = 64

_LIST, _OBJECT = ord("["), ord("{")
_OPENED = {_LIST: b"[", _OBJECT: b'{"":'}
_CLOSED = {_LIST: b"]", _OBJECT: b"}"}


class Grammar:
    """JSON's grammar, for a text that comes in pieces. Whether its characters are UTF-8 is for others to check."""

    def __init__(self) -> None:
        # Events without their paths: a path in each of them takes the square of the nesting's depth in memory.
        self._events = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events)
        self._input = ParserInput(_MAX_DIGITS)
        self._open = bytearray()
        self._element_end = b""
        self._ahead = b""

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        :raises ijson.JSONError: The text isn't JSON.
        """
        data, self._ahead = self._ahead + data, b""
        if not self._element_end:
            data = self._parse_to_rest(data)
        if self._element_end and data:
            run = self._sound_run(data)
            if run:
                self._ahead = data[run:]
            else:
                self._element_end = b""
                self._parse(data)

    def finish(self) -> None:
        """Check that the text is complete.

        :raises ijson.JSONError: It isn't JSON, or not to its end.
        """
        self._parse(self._ahead)
        self._send(self._input.finish())
        self._parser.close()
        if self._input.in_string:  # which the parser doesn't mind behind the end of the whole
            raise ijson.IncompleteJSONError("it ends within a string")

    def _parse_to_rest(self, data: bytes) -> bytes:
        """Parse up to the end of an element.

        :return: What follows, from the comma on.
        """
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            cut = max(piece.rfind(b"},"), piece.rfind(b"],")) + 1 or piece.rfind(b'",') + 1
            self._send(self._input.feed(piece[:cut]))
            if cut and 0 < len(self._open) <= _MAX_DEPTH and not self._input.in_string:
                self._element_end = piece[cut - 1 : cut + 1]
                return data[start + cut :]
            self._send(self._input.feed(piece[cut:]))
        return b""

    def _sound_run(self, data: bytes) -> int:
        """Find what is sound and leaves open what is open.

        :param data: What follows an element, from the comma on.
        :return: How many bytes that takes, up to the comma behind a later element; 0 where none is found.
        """
        before = b"".join(_OPENED[kind] for kind in self._open) + b"0"
        after = b"".join(_CLOSED[kind] for kind in reversed(self._open))
        end = len(data)
        for _ in range(_TRIES):
            # At least half of it, or what is held for the next piece would grow.
            end = data.rfind(self._element_end, len(data) // 2, end)
            if end < 0:
                break
            if _is_json(before + data[: end + 1] + after):
                return end + 1
        return 0

    def _parse(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            self._send(self._input.feed(data[start : start + _PIECE]))

    def _send(self, data: bytes) -> None:
        if not data:
            return  # which the parser would take for the end
        self._parser.send(data)
        for event, _ in self._events:
            if event == "start_map":
                self._open.append(_OBJECT)
            elif event == "start_array":
                self._open.append(_LIST)
            elif event in ("end_map", "end_array"):
                self._open.pop()
        self._events.clear()


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
