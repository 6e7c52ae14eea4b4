"""Secrets found in a text in every form in which a server or a library may repeat them.

A form is the secret as it is, percent-encoded, escaped as in HTML or JSON, each also several times over and one
within the other; split by white space; in base64 or in hexadecimal digits. The text is decoded layer by layer, and
each layer knows which part of the text its characters come from. So the secret is looked for in few forms: the
layers undo the others.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from html.entities import html5
from itertools import islice
from urllib.parse import quote, quote_plus

#: How often a text is decoded.
MAX_LAYERS = 4
#: The fewest characters of a secret's beginning that are masked at the end of a text that was cut there.
MIN_BEGINNING = 4
# Shorter forms in base64 or hexadecimal digits would be found in any text.
_MIN_DIGITS = 6

_CODES = re.compile(
    r"""
    (?: % (?P<percent> [0-9A-Fa-f]{2} )
      | (?: %u | \\u ) (?P<high> [dD][89abAB][0-9A-Fa-f]{2} ) (?: %u | \\u ) (?P<low> [dD][c-fC-F][0-9A-Fa-f]{2} )
      | (?: %u | \\u ) (?P<unit> [0-9A-Fa-f]{4} )
      | \\x (?P<hex> [0-9A-Fa-f]{2} )
      | \\ (?P<simple> ["'\\/bfnrt] )
      | &\# (?P<decimal> [0-9]{1,7} ) ;
      | &\# [xX] (?P<hexadecimal> [0-9A-Fa-f]{1,6} ) ;
      | & (?P<entity> [A-Za-z][A-Za-z0-9]{1,31} ; )
    )""",
    re.VERBOSE,
)


def _bytes(text: str) -> str:
    """Return a text's bytes in UTF-8, each as a character."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _is_blank(character: str) -> bool:
    return character.isspace() or not character.isprintable()


def _without_blanks(text: str, *, ascii_only: bool = False) -> str:
    return "".join(each for each in text if not (_is_blank(each) and (each.isascii() or not ascii_only)))


@lru_cache(maxsize=256)
def needles(secret: str) -> tuple[str, ...]:
    """Build the forms in which a secret is looked for in each layer of a text, as the bytes of a layer."""
    plain = [_without_blanks(secret), _without_blanks(secret, ascii_only=True), secret.replace(" ", "+")]
    forms = [_bytes(_without_blanks(form, ascii_only=True)) for form in plain]
    raw = [secret.encode("utf-8", "surrogatepass"), secret.encode("latin-1", "ignore")]
    escaped = [quote(raw[0]), quote_plus(raw[0]), json.dumps(secret)[1:-1], escape(secret)]
    for data in {*raw, *(form.encode() for form in escaped)}:
        forms.append(_without_blanks(data.decode("latin-1"), ascii_only=True))
        digits = [data.hex(), data.hex().upper(), *_base64_forms(data)]
        forms += [form for form in digits if len(form) >= _MIN_DIGITS]
    # A secret that looks encoded itself is decoded with what surrounds it.
    forms += [layer.data for layer in islice(layers(secret), 1, None) if len(layer.data) >= _MIN_DIGITS]
    return tuple(dict.fromkeys(filter(None, forms)))


def _base64_forms(data: bytes) -> Iterator[str]:
    """Encode data as it looks inside of longer data: at each of three offsets, without what its neighbours change."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data).decode("ascii").rstrip("=")
        form = encoded[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        yield form
        yield form.translate(str.maketrans("+/", "-_"))


@dataclass(frozen=True)
class Layer:
    """A text, decoded some times, without white space and invisible characters.

    :param data: The bytes in UTF-8, each as a character.
    :param spans: Which part of the original text each of them comes from.
    :param is_tight: Whether a code ends at white space. If it doesn't, a code that was split is found; if it does, one
        before white space takes nothing from what follows.
    """

    data: str
    spans: tuple[tuple[int, int], ...]
    is_tight: bool

    def find(self, needle: str, *, is_cut: bool) -> Iterator[tuple[int, int]]:
        """Find a form of a secret.

        :param needle: One of the :func:`needles` of the secret.
        :param is_cut: Whether the text was cut, so that it may end with the beginning of the secret.
        :return: The parts of the original text that hold it.
        """
        start = self.data.find(needle)
        while start >= 0:
            yield self.spans[start][0], self.spans[start + len(needle) - 1][1]
            start = self.data.find(needle, start + 1)
        if is_cut:
            start = self.data.find(needle[:MIN_BEGINNING], max(0, len(self.data) - len(needle) + 1))
            while start >= 0:
                if needle.startswith(self.data[start:]):
                    yield self.spans[start][0], self.spans[-1][1]
                start = self.data.find(needle[:MIN_BEGINNING], start + 1)

    def decoded(self) -> Layer | None:
        """Decode the layer once more; None if there is nothing to decode."""
        data: list[str] = []
        spans: list[tuple[int, int]] = []
        done = 0
        for code in _CODES.finditer(self.data):
            start, end = code.span()
            decoded = None if self.is_tight and self._is_split(start, end) else _decode(code)
            if decoded is None:
                continue
            data += [self.data[done:start], decoded]
            spans += self.spans[done:start]
            spans += [(self.spans[start][0], self.spans[end - 1][1])] * len(decoded)
            done = end
        if not done:
            return None
        return Layer("".join([*data, self.data[done:]]), (*spans, *self.spans[done:]), self.is_tight)

    def _is_split(self, start: int, end: int) -> bool:
        return any(self.spans[index][1] < self.spans[index + 1][0] for index in range(start, end - 1))


def layers(text: str, *, is_tight: bool = False) -> Iterator[Layer]:
    """Decode a text layer by layer, at most ``MAX_LAYERS`` times; the first layer is the text as it is."""
    data, spans = [], []
    for index, character in enumerate(text):
        if not _is_blank(character):
            encoded = _bytes(character)
            data.append(encoded)
            spans += [(index, index + 1)] * len(encoded)
    layer = Layer("".join(data), tuple(spans), is_tight)
    yield layer
    for _ in range(MAX_LAYERS):
        if (decoded := layer.decoded()) is None:
            return
        layer = decoded
        yield layer


def _decode(code: re.Match[str]) -> str | None:
    """Return the bytes that a code stands for, blanks without; None if it stands for nothing."""
    kind, value = code.lastgroup, code[code.lastgroup or 0]
    if kind in ("percent", "hex"):
        character = chr(int(value, 16))
        return "" if character.isascii() and _is_blank(character) else character
    if kind == "low":
        high, low = int(code["high"], 16), int(value, 16)
        text = chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    elif kind in ("unit", "hexadecimal"):
        text = _character(int(value, 16))
    elif kind == "decimal":
        text = _character(int(value))
    elif kind == "simple":
        text = "" if value in "bfnrt" else value
    else:
        text = html5.get(value, "")
    return _bytes(_without_blanks(text, ascii_only=True)) if text or kind == "simple" else None


def _character(number: int) -> str:
    return chr(number) if number < 0x110000 else ""
