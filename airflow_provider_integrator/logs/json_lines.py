"""JSON Lines: records as JSON texts, a line each, in a file that may be compressed."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import IO, Any

import msgspec

from airflow_provider_integrator.logs.archive import CountedFile, Written


def encode(value: Any) -> bytes:
    """Write a JSON value in one line.

    :param value: A decoded JSON value.
    :return: The JSON text in UTF-8: valid whatever was decoded, with null for what is no number, and U+FFFD for half
        a character.
    :raises RecursionError: It is nested too deeply.
    """
    try:
        return msgspec.json.encode(value)
    except (OverflowError, ValueError):  # a long integer, or half a character
        return json.dumps(_plain(value), ensure_ascii=False).encode()


def decode(text: bytes) -> Any:
    """Read what :func:`encode` wrote.

    :param text: The JSON text.
    :return: The value.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:  # of a number that msgspec alone refuses
        return json.loads(text)


def write(
    records: Iterable[bytes], file: IO[bytes], check_cancelled: Callable[[], None], *, is_gzip: bool
) -> Written:
    """Write records to a file, a line each.

    :param records: JSON texts without line breaks.
    :param file: A new file.
    :param check_cancelled: Called for each record; what it raises is raised here.
    :param is_gzip: Whether to compress the file.
    :return: The size and hash of the file.
    """
    counted = CountedFile(file)
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=counted, compresslevel=6, mtime=0)
        if is_gzip
        else nullcontext(counted)
    ) as target:
        for record in records:
            check_cancelled()
            target.write(record + b"\n")
    return counted.end()


def _plain(value: Any) -> Any:
    """Replace what JSON in UTF-8 can't hold, though Python's parser takes it."""
    if isinstance(value, dict):
        return {_plain(name): _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return None if isinstance(value, float) and not math.isfinite(value) else value
