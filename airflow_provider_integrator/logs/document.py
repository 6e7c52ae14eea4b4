"""A log's JSON in a file: checked, its first errors read, loaded.

The file is mapped into memory and msgspec reads it there, so a check takes no memory of its own, whatever the size.
"""

from __future__ import annotations

import json
import logging
import mmap
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import msgspec

from airflow_provider_integrator.exceptions import LogArchiveError
from airflow_provider_integrator.logs import MAX_ERRORS
from airflow_provider_integrator.logs.disk import temporary_file

_log = logging.getLogger(__name__)

#: Bytes of an entry of ``errors``; of a longer one only the beginning is kept, as text.
_MAX_ENTRY_BYTES = 64 * 1024
_BEGINNING_BYTES = 1024

# JSON's grammar allows the escape of one half of a surrogate pair, and programs that cut texts write it, but msgspec
# refuses it. The group is such a lone half; whole pairs and escaped backslashes match without it.
_HEX = "[0-9a-fA-F]{2}"
_SURROGATE = re.compile(rf"\\(?:\\|u[dD](?:[89abAB]{_HEX}\\u[dD][c-fC-F]{_HEX}|([89a-fA-F]{_HEX})))".encode())
_REPLACEMENT = rb"\ufffd"

_OBJECT = re.compile(rb"[ \t\r\n]*\{")
_ABSENT = msgspec.Raw()

_CHILD = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from airflow_provider_integrator.logs import document; document.report(int(sys.argv[1]))"
)
_POLL_SECONDS = 0.1

#: Why it isn't JSON, or that it can't be checked as it is nested too deeply, or neither; its first errors.
_Verdict = tuple[str | None, bool, list[Any]]


class _Log(msgspec.Struct):
    """A log. What has no field here is checked and skipped."""

    errors: msgspec.Raw = _ABSENT


# A list of which the first elements have a field; the others are checked and skipped, were there millions.
_FirstEntries = msgspec.defstruct(
    "_FirstEntries", [(f"entry_{n}", msgspec.Raw, _ABSENT) for n in range(MAX_ERRORS)], array_like=True
)
_READ_ANY = msgspec.json.Decoder(msgspec.Raw).decode
_READ_LOG = msgspec.json.Decoder(_Log).decode
_READ_FIRST_ENTRIES = msgspec.json.Decoder(_FirstEntries).decode


def check(file: IO[bytes]) -> list[Any]:
    """Check that a file is JSON to its last byte, and read its first errors.

    JSON that is nested too deeply for a parser is taken unchecked, with a warning.

    :param file: A file on disk, readable and flushed; known to be UTF-8.
    :return: The first entries of the list ``errors`` at the top level; if that isn't a list, its value alone. An
        entry that is too long to be decoded is the beginning of its JSON text.
    :raises LogArchiveError: It isn't JSON.
    """
    return _concluded(*_judge(file))


def check_in_child(file: IO[bytes], check_cancelled: Callable[[], None]) -> list[Any]:
    """Check a file, as :func:`check` does, in a child process: msgspec holds the interpreter's lock, which blocks all other threads.

    If there can't be a child, the check is done here.

    :param file: A file on disk, readable and flushed; known to be UTF-8.
    :param check_cancelled: Called ten times a second; what it raises ends the child and is raised here.
    :return: The first entries of ``errors``.
    :raises LogArchiveError: It isn't JSON.
    """
    try:
        verdict = _judge_in_child(file, check_cancelled)
    except OSError as error:
        _log.warning("Download log: no child process can check the log (%s); this one does.", error)
        verdict = _judge(file)
    return _concluded(*verdict)


def report(descriptor: int) -> None:
    """Check a file in the child process, and print the verdict for its parent.

    :param descriptor: The file's.
    """
    with open(descriptor, "rb", closefd=False) as file:
        print(json.dumps(_judge(file)))  # noqa: T201 - what the parent reads


def load(file: IO[bytes]) -> tuple[Any, list[Any]]:
    """Decode a file's JSON.

    :param file: A file on disk, readable and flushed; known to be UTF-8.
    :return: The decoded JSON, in which lone surrogates, which UTF-8 can't hold, are U+FFFD; the first entries of its
        ``errors``.
    :raises LogArchiveError: It isn't JSON, or holds what Python can't.
    """
    try:
        with _mapped(file) as text:
            value = _decode(text)
    except (msgspec.DecodeError, json.JSONDecodeError) as error:
        raise _not_json(_reason(error)) from None
    except (ValueError, RecursionError) as error:
        raise LogArchiveError(f"Download log: the log isn't JSON that Python can hold ({error}).") from None
    errors = value.get("errors") if isinstance(value, dict) else None
    if isinstance(errors, list):
        return value, errors[:MAX_ERRORS]
    return value, [errors] if errors else []


@contextmanager
def _mapped(file: IO[bytes], access: int = mmap.ACCESS_READ) -> Iterator[mmap.mmap | bytearray]:
    if not file.seek(0, 2):
        yield bytearray()  # what is empty can't be mapped
        return
    text = mmap.mmap(file.fileno(), 0, access=access)
    try:
        yield text
    finally:
        # An exception on its way out still refers to it, and closes it as it goes.
        with suppress(BufferError):
            text.close()


def _judge(file: IO[bytes]) -> _Verdict:
    try:
        with _mapped(file) as text:
            return None, False, _checked(text)
    except RecursionError:
        return None, True, []
    except msgspec.DecodeError as error:
        return _reason(error), False, []


def _concluded(fault: str | None, is_too_deep: bool, errors: list[Any]) -> list[Any]:
    if fault is not None:
        raise _not_json(fault)
    if is_too_deep:
        _log.warning(
            "Download log: the log is taken without a check of its JSON, as it is nested too deeply. Its CRC is right."
        )
    return errors


def _reason(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ")


def _not_json(reason: str) -> LogArchiveError:
    return LogArchiveError(f"Download log: the first file in the ZIP is not JSON: {reason}.")


def _judge_in_child(file: IO[bytes], check_cancelled: Callable[[], None]) -> _Verdict:
    descriptor = file.fileno()
    with subprocess.Popen(  # noqa: S603 - this interpreter, with a command of our own
        # Isolated from this process's environment, but with its packages, wherever they were found.
        [sys.executable or "", "-I", "-c", _CHILD, str(descriptor), *map(str, sys.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
    ) as child:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    printed, _ = child.communicate(timeout=_POLL_SECONDS)
                    break
                check_cancelled()
        finally:
            child.kill()
    if child.returncode:
        raise ChildProcessError(f"it ended with {child.returncode}")
    verdict: _Verdict = tuple(json.loads(printed.splitlines()[-1]))
    return verdict


def _checked(text: mmap.mmap | bytearray) -> list[Any]:
    try:
        return _first_errors(text)
    except msgspec.DecodeError:
        if next(_lone_surrogates(text), None) is None:
            raise
    with temporary_file(f"a copy of the log's JSON, of {len(text)} bytes") as copy:
        copy.write(text)
        copy.flush()
        with _mapped(copy, mmap.ACCESS_WRITE) as mended:
            _mend(mended)
            return _first_errors(mended)


def _first_errors(text: mmap.mmap | bytearray) -> list[Any]:
    if not _OBJECT.match(text):
        _READ_ANY(text)
        return []
    errors = _READ_LOG(text).errors
    if errors is _ABSENT:
        return []
    if bytes(memoryview(errors)[:1]) != b"[":
        only = _entry(errors)
        return [only] if only else []
    entries = msgspec.structs.astuple(_READ_FIRST_ENTRIES(errors))
    return [_entry(entry) for entry in entries if entry is not _ABSENT]


def _entry(raw: msgspec.Raw) -> Any:
    text = memoryview(raw)
    if len(text) <= _MAX_ENTRY_BYTES:
        with suppress(ValueError, RecursionError):
            return json.loads(bytes(text))
    return bytes(text[:_BEGINNING_BYTES]).decode("utf-8", "ignore")


def _decode(text: mmap.mmap | bytearray) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        is_of_number = isinstance(error, msgspec.ValidationError)  # one that msgspec alone refuses
        if not is_of_number and next(_lone_surrogates(text), None) is None:
            raise
    mended = bytearray(text)
    _mend(mended)
    return json.loads(mended.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise msgspec.DecodeError(f"it holds {name}")


def _lone_surrogates(text: mmap.mmap | bytearray) -> Iterator[re.Match[bytes]]:
    return (found for found in _SURROGATE.finditer(text) if found[1])


def _mend(text: mmap.mmap | bytearray) -> None:
    """Replace the escapes of lone surrogates, in place, by that of U+FFFD, which is as long."""
    for lone in _lone_surrogates(text):
        text[lone.start() : lone.end()] = _REPLACEMENT
