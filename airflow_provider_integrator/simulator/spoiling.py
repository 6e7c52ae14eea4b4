"""How a downloaded log can be spoiled: its base64 text, its ZIP, and what is in it."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Literal

from airflow_provider_integrator.simulator.archives import FILE_NAME, first_file, zip_of

Base64Kind = Literal["line breaks", "bad padding", "junk"]
ArchiveKind = Literal["not a zip", "empty", "several files", "encrypted", "wrong crc", "truncated"]
ContentsKind = Literal["not json", "not utf-8"]
Spoiler = Callable[[bytes], bytes]

_LOCAL, _CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
# Offsets of the flags and of the CRC in a file's local header and in its entry of the central directory.
_FLAGS = {_LOCAL: 6, _CENTRAL: 8}
_CRC = {_LOCAL: 14, _CENTRAL: 16}
_ENCRYPTED = 0x1
_MIME_LINE = 76


def _line_breaks(text: bytes) -> bytes:
    lines = (text[start : start + _MIME_LINE] for start in range(0, len(text), _MIME_LINE))
    return b"\r\n".join(lines) + b"\r\n"


def _bad_padding(text: bytes) -> bytes:
    # One character over a multiple of four can't be padded into anything.
    bare = text.rstrip(b"=")
    return bare[: (len(bare) - 1) // 4 * 4 + 1]


def _junk(text: bytes) -> bytes:
    middle = len(text) // 2 // 4 * 4
    return text[:middle] + b"*!~\x00" + text[middle + 4 :]


def _with_headers(
    archive: bytes, offsets: dict[bytes, int], change: Callable[[int], int], form: str
) -> bytes:
    spoiled = bytearray(archive)
    for signature, offset in offsets.items():
        at = archive.index(signature) + offset
        (value,) = struct.unpack_from(form, archive, at)
        struct.pack_into(form, spoiled, at, change(value))
    return bytes(spoiled)


def _encrypted(contents: bytes) -> bytes:
    return _with_headers(zip_of({FILE_NAME: contents}), _FLAGS, lambda flags: flags | _ENCRYPTED, "<H")


def _wrong_crc(contents: bytes) -> bytes:
    return _with_headers(zip_of({FILE_NAME: contents}), _CRC, lambda crc: crc ^ 0xFFFFFFFF, "<I")


def _truncated(contents: bytes) -> bytes:
    archive = zip_of({FILE_NAME: contents})
    return archive[: len(archive) // 2]


def _several(contents: bytes) -> bytes:
    return zip_of({FILE_NAME: contents, "response.json": b'{"second": true}', "notes.txt": b"third"})


BASE64: dict[Base64Kind, Spoiler] = {
    "line breaks": _line_breaks,
    "bad padding": _bad_padding,
    "junk": _junk,
}
ARCHIVES: dict[ArchiveKind, Spoiler] = {
    "not a zip": lambda contents: b"<html>" + contents + b"</html>",
    "empty": lambda _: zip_of({}),
    "several files": _several,
    "encrypted": _encrypted,
    "wrong crc": _wrong_crc,
    "truncated": _truncated,
}
CONTENTS: dict[ContentsKind, Spoiler] = {
    "not json": lambda contents: b"{'errors': [}" + contents,
    "not utf-8": lambda _: b'{"errors": ["\xff\xfe\xfa"]}',
}


def spoil_archive(spoiler: Spoiler) -> Spoiler:
    """Make a change of the ZIP.

    :param spoiler: What is done to the file in it, one of :data:`ARCHIVES`.
    :return: A function from the right base64 text to the spoiled one.
    """
    return lambda text: base64.b64encode(spoiler(first_file(text)))


def spoil_contents(spoiler: Spoiler) -> Spoiler:
    """Make a change of the file in the ZIP.

    :param spoiler: A function from the right contents to the spoiled ones.
    :return: A function from the right base64 text to the spoiled one.
    """
    return lambda text: base64.b64encode(zip_of({FILE_NAME: spoiler(first_file(text))}))
