"""Logs as Download log sends them: JSON in a ZIP in base64; also logs too large for memory."""

from __future__ import annotations

import atexit
import base64
import io
import json
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_NAME = "log.json"

# A multiple of 3, so that the pieces' base64 texts join into one without padding in the middle.
_CHUNK = 3 * 256 * 1024
_ROWS_IN_BLOCK = 5_000


@dataclass(frozen=True)
class BigLog:
    """A log of ``size`` bytes of JSON that is never whole in memory, for ``add_execution(log=…)``.

    ``contents="rows"`` is a JSON document of believable rows, which packs about fivefold; ``"zeros"`` is one
    JSON string of zeros, which packs about a thousandfold: a bomb. Both are valid JSON of exactly ``size``
    bytes.
    """

    size: int
    contents: Literal["rows", "zeros"] = "rows"

    def pack(self) -> PackedFile:
        """Write the ZIP to a temporary file, once per process for equal logs.

        A gigabyte of rows takes some ten seconds.

        :return: The file, which is removed when the process ends.
        :raises ValueError: If ``size`` is too small for a JSON document.
        """
        with _packing:
            if self not in _packed:
                _packed[self] = self._write()
            return _packed[self]

    def json_bytes(self) -> Iterator[bytes]:
        """Make the JSON document.

        :return: Its pieces, ``size`` bytes in all.
        :raises ValueError: If ``size`` is too small for a JSON document.
        """
        head, tail = (b'{"errors":[],"rows":[\n', b"{}]}") if self.contents == "rows" else (b'"', b'"')
        left = self.size - len(head) - len(tail)
        if left < 0:
            raise ValueError(
                f"a log of {self.contents} has {self.size - left} bytes or more, not {self.size}"
            )
        yield head
        block = _rows() if self.contents == "rows" else b"0" * _CHUNK
        while left >= len(block):
            yield block
            left -= len(block)
        # White space between two rows is JSON too, and makes the size exact.
        yield (b" " if self.contents == "rows" else b"0") * left
        yield tail

    def _write(self) -> PackedFile:
        path = _folder() / f"{self.contents}-{self.size}.zip"
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open(FILE_NAME, "w", force_zip64=True) as packed,
        ):
            for piece in self.json_bytes():
                packed.write(piece)
        return PackedFile(path, path.stat().st_size)


@dataclass(frozen=True)
class PackedFile:
    """A ZIP of ``size`` bytes on disk, to be sent in base64."""

    path: Path
    size: int

    @property
    def encoded_size(self) -> int:
        """Bytes of the base64 text."""
        return (self.size + 2) // 3 * 4

    def encoded(self) -> Iterator[bytes]:
        """Read the file as base64 text.

        :return: The text's pieces.
        """
        with self.path.open("rb") as packed:
            while piece := packed.read(_CHUNK):
                yield base64.b64encode(piece)


_packing = threading.Lock()
_packed: dict[BigLog, PackedFile] = {}


@cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="integrator-simulator-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def encoded_log(contents: object) -> bytes | PackedFile:
    """Make the body that Download log answers.

    :param contents: The log: bytes as they are, a :class:`BigLog`, or anything that JSON can hold.
    :return: Base64 text of a ZIP with one file.
    """
    if isinstance(contents, BigLog):
        return contents.pack()
    return base64.b64encode(zip_of({FILE_NAME: json_bytes(contents)}))


def json_bytes(contents: object) -> bytes:
    """Write a log's contents.

    :param contents: Bytes as they are, or anything that JSON can hold.
    :return: The file's bytes.
    """
    return contents if isinstance(contents, bytes) else json.dumps(contents, ensure_ascii=False).encode()


def zip_of(files: dict[str, bytes]) -> bytes:
    """Make a ZIP.

    :param files: Names and contents, in the order in which they stand in the archive.
    :return: The archive's bytes.
    """
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def first_file(encoded: bytes) -> bytes:
    """Read back what :func:`encoded_log` made.

    :param encoded: Base64 text of a ZIP.
    :return: The contents of its first file.
    """
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(encoded))) as archive:
        return archive.read(archive.namelist()[0])


def _rows() -> bytes:
    # A fixed mix of repeated names and varied values: packs like real rows do, neither a bomb nor noise.
    rows = (
        {
            "row": number,
            "sku": f"SKU-{number * 7919 % 100_003:06d}",
            "price": f"{number * 31 % 9973 / 100:.2f}",
            "stock": number * 17 % 211,
            "response": {"status": 202, "batch": f"{number * 2654435761 % 2**32:08x}"},
        }
        for number in range(_ROWS_IN_BLOCK)
    )
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b",\n" for row in rows)
