"""Makes a JSON text of any size such that a pull parser survives it, in constant memory."""

from __future__ import annotations

import re

_CONTENTS = re.compile(rb'(?:[^"\\\x00-\x1f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
# What the end of a piece may have cut: a pair of surrogates, an escape, a character.
_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_PART = rb"\\(?:u[0-9a-fA-F]{0,3})?"
_CUT = re.compile(rb"(?:%b(?:%b)?|%b|[\xc0-\xff][\x80-\xbf]{0,2})\Z" % (_HIGH, _PART, _PART))
_LONGEST_CUT = 11
#: Half of a pair, which JSON's grammar allows to stand alone, and programs that cut texts leave behind. In the group
#: what is to stay: a backslash that is escaped, or a whole pair.
_SURROGATE = re.compile(rb"(\\\\|%b%b)|%b|%b" % (_HIGH, _LOW, _HIGH, _LOW))

_DIGITS = b"0123456789"
_ALIKE = bytes.maketrans(_DIGITS, b"0" * 10)


class ParserInput:
    """Makes a JSON text such that the parser reads it in constant memory, and survives it.

    Strings longer than a piece are shortened, so that nobody has to hold them, and what is left out is checked. Lone
    surrogates, over which it fails, are replaced by U+FFFD. Numbers of more digits than Python converts, over which it
    may take the process with it, are shortened.

    :param max_digits: How many digits are left in a row, in strings as well; of an exponent it reads 18 at the most.
    :ivar in_string: Whether what has been fed ends within a string.
    """

    def __init__(self, max_digits: int) -> None:
        self.in_string = False
        self._max_digits = max_digits
        self._long_number = re.compile(rb"([0-9]{%d})[0-9]+" % max_digits)
        self._held = b""
        self._pieces = 0  # that lay in one string
        self._digits = 0  # at the end

    def feed(self, data: bytes) -> bytes:
        """Take the next piece of a JSON text.

        :param data: The piece.
        :return: What a parser is to read of it: nothing where a string began before the last piece and ends behind
            this one. An escape or character that the piece's end cuts comes with the next.
        """
        data, self._held = split_cut(self._held + data)
        data = replace_lone_surrogates(data)
        start = 0
        if self.in_string:
            contents = _CONTENTS.match(data)
            start = contents.end() if contents else 0
            if start == len(data):
                self._pieces += 1
                return self._shorten_numbers(data) if self._pieces == 1 else b""
        self._pieces = 0
        self.in_string ^= bool(_quotes(data[start:]) % 2)
        return self._shorten_numbers(data)

    def finish(self) -> bytes:
        """Give back what was held."""
        data, self._held = self._held, b""
        return data

    def _shorten_numbers(self, data: bytes) -> bytes:
        if self._digits:
            rest = data.lstrip(_DIGITS)
            data = data[: len(data) - len(rest)][: self._max_digits - self._digits] + rest
        if b"0" * (self._max_digits + 1) in data.translate(_ALIKE):
            data = self._long_number.sub(rb"\1", data)
        last = len(data) - len(data.rstrip(_DIGITS))
        self._digits = last if last < len(data) else self._digits + last
        return data


def split_cut(data: bytes) -> tuple[bytes, bytes]:
    """Split off what the end of a piece cuts: an escape, a pair of surrogates or a character.

    :param data: A piece of a JSON text that begins with none of them cut.
    :return: What is whole, and the rest, which belongs before the next piece.
    """
    start = max(0, len(data) - _LONGEST_CUT)
    while cut := _CUT.search(data, start):
        start = cut.start()
        slashes = start + 1 - len(data[: start + 1].rstrip(b"\\"))
        if slashes == 0 or slashes % 2:
            return data[:start], data[start:]
        start += 1  # what looked like an escape's beginning ends one
    return data, b""


def replace_lone_surrogates(data: bytes) -> bytes:
    """Replace the escapes of lone surrogates, which JSON's grammar allows and UTF-8 can't hold, by those of U+FFFD.

    :param data: A JSON text, or a piece that no escape and no pair is cut by.
    :return: It, without them.
    """
    return _SURROGATE.sub(lambda found: found[1] or rb"\ufffd", data) if b"\\u" in data else data


def _quotes(data: bytes) -> int:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return data.count(b'"')
