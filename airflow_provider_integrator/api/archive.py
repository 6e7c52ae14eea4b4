"""A downloaded log as a bounded stream: base64 text → ZIP → JSON bytes. Never whole in memory."""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any

from airflow_provider_integrator.api.jsonload import load
from airflow_provider_integrator.api.jsontext import JsonText, pick_entries
from airflow_provider_integrator.exceptions import LogArchiveError, LogTooLargeError

MEBIBYTE = 1024 * 1024

_CHUNK = 256 * 1024
_WHITE_SPACE = b" \t\r\n"
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED_FLAG = 0x1


@dataclass(frozen=True)
class Limits:
    """What a log may take.

    :param max_log_bytes: Bytes of JSON.
    :param max_ratio: Bytes of JSON for each byte of the ZIP; deflate itself reaches 1,032.
    :param ratio_from: Bytes of JSON from which on the ratio counts: small logs may well repeat themselves.
    """

    max_log_bytes: int = 2048 * MEBIBYTE
    max_ratio: int = 250
    ratio_from: int = 16 * MEBIBYTE

    @property
    def max_text_bytes(self) -> int:
        """Bytes of base64 text: those of a log that isn't compressed, line breaks and ZIP headers included."""
        return self.max_log_bytes * 3 // 2 + MEBIBYTE

    def check(self, json_bytes: int, zip_bytes: int) -> None:
        """Check how much JSON has come out of how much ZIP.

        :param json_bytes: Bytes of JSON so far.
        :param zip_bytes: The ZIP's bytes.
        :raises LogTooLargeError: A limit is passed.
        """
        if json_bytes > self.max_log_bytes:
            raise LogTooLargeError(
                f"Download log: the log unpacks to more than {self.max_log_bytes} bytes; raise max_log_bytes "
                "if it is to be that large."
            )
        if json_bytes > self.ratio_from and json_bytes > zip_bytes * self.max_ratio:
            raise LogTooLargeError(
                f"Download log: the log unpacks to more than {self.max_ratio} times the size of its ZIP "
                f"({zip_bytes} bytes), as a ZIP bomb does; nothing was kept."
            )


class Base64Decoder:
    """Decodes base64 text piece by piece. White space may stand anywhere; all else must be in order."""

    def __init__(self) -> None:
        self._rest = b""
        self._ended = False

    def decode(self, text: bytes) -> bytes:
        """Decode the next piece.

        :param text: Any number of bytes of the text.
        :return: The bytes that are complete with it.
        :raises LogArchiveError: The text isn't base64.
        """
        block = self._rest + text.translate(None, _WHITE_SPACE)
        whole = len(block) - len(block) % 4
        self._rest, block = block[whole:], block[:whole]
        if not block:
            return b""
        if self._ended:
            raise LogArchiveError("Download log: the base64 text goes on after its padding.")
        try:
            decoded = base64.b64decode(block, validate=True)
        except binascii.Error as error:
            raise LogArchiveError(f"Download log: the body isn't base64 text ({error}).") from error
        self._ended = block.endswith(b"=")
        return decoded

    def finish(self) -> None:
        """Check that nothing is missing.

        :raises LogArchiveError: The text's end is.
        """
        if self._rest:
            raise LogArchiveError("Download log: the base64 text ends within a group of four characters.")


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that stays in memory while it is small."""

    def seekable(self) -> bool:
        """Answer zipfile, which asks for what Python 3.10's own lacks."""
        return True


class ArchiveReceiver:
    """Receives the body of Download log into a temporary file; small logs stay in memory.

    :param limits: What the log may take.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._decoder = Base64Decoder()
        self._text_bytes = 0
        self._spool: IO[bytes] = _Spool(max_size=4 * MEBIBYTE)

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body.

        :raises LogArchiveError: It isn't base64 text.
        :raises LogTooLargeError: The body is too long for a log within the limits.
        """
        self._text_bytes += len(data)
        if self._text_bytes > self._limits.max_text_bytes:
            raise LogTooLargeError(
                f"Download log: the body passes {self._limits.max_text_bytes} bytes, more than a log of "
                f"{self._limits.max_log_bytes} bytes can take; raise max_log_bytes if it is to be that large."
            )
        self._spool.write(self._decoder.decode(data))

    def finish(self) -> LogArchive:
        """Open the archive; the caller closes it.

        :raises LogArchiveError: It isn't a ZIP that can be read.
        """
        self._decoder.finish()
        return LogArchive(self._spool, self._limits)

    def discard(self) -> None:
        """Delete the temporary file."""
        self._spool.close()


@dataclass(frozen=True)
class Written:
    """What was written.

    :param bytes: How many bytes.
    :param sha256: Their SHA-256, in hexadecimal digits.
    """

    bytes: int
    sha256: str


class LogArchive:
    """A log's ZIP. Its first file is the log.

    :param file: The ZIP, readable and seekable; closed with the archive.
    :param limits: What the log may take.
    :raises LogArchiveError: It isn't a ZIP, is empty, or its first file is encrypted or of a foreign compression.
    :raises LogTooLargeError: It says itself that it passes a limit.
    """

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self._file = file
        self._limits = limits
        try:
            self._zip = _read(lambda: zipfile.ZipFile(file))
            self._zip_bytes = file.seek(0, 2) or file.tell()
            self._log = self._first_file()
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> LogArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the temporary file."""
        self._zip.close()
        self._file.close()

    def _first_file(self) -> zipfile.ZipInfo:
        files: list[zipfile.ZipInfo] = self._zip.infolist()
        log = next((info for info in files if not info.filename.endswith("/")), None)
        if log is None:
            raise LogArchiveError("Download log: the ZIP is empty, so there is no log in it.")
        if log.flag_bits & _ENCRYPTED_FLAG:
            raise LogArchiveError("Download log: the ZIP is encrypted, and no password is documented.")
        if log.compress_type not in _READABLE:
            raise LogArchiveError(
                f"Download log: the ZIP is compressed in a way that isn't supported (method {log.compress_type})."
            )
        self._limits.check(log.file_size, self._zip_bytes)
        return log

    def chunks(self) -> Iterator[bytes]:
        """Unpack the log.

        :return: Its bytes in pieces, checked: once the last has come, the whole is known to be sound.
        :raises LogArchiveError: The ZIP is damaged, or what is in it isn't JSON in UTF-8.
        :raises LogTooLargeError: A limit is passed; counted as the bytes come, whatever the ZIP says.
        """
        text, count = JsonText(), 0
        with _read(lambda: self._zip.open(self._log)) as member:
            while chunk := _read(lambda: member.read(_CHUNK)):
                count += len(chunk)
                self._limits.check(count, self._zip_bytes)
                text.feed(chunk)
                yield chunk
        text.finish()

    def write(self, file: IO[bytes]) -> Written:
        """Unpack the log into a file.

        :param file: Open for writing. After an error it holds a part that is of no use.
        :return: How much was written, and its hash.
        :raises LogArchiveError: As :meth:`chunks` does.
        """
        digest, count = hashlib.sha256(), 0
        for chunk in self.chunks():
            file.write(chunk)
            digest.update(chunk)
            count += len(chunk)
        return Written(count, digest.hexdigest())

    def load(self, max_bytes: int | None = None) -> Any:
        """Unpack the log into memory.

        :param max_bytes: Bytes of JSON at the most, None for no limit but the archive's.
        :return: The decoded JSON; lone surrogates, which UTF-8 can't hold, are U+FFFD in it.
        :raises LogTooLargeError: The log is larger; read no further.
        :raises LogArchiveError: As :meth:`chunks` does.
        """
        try:
            return load(self._chunks_within(max_bytes))
        except (ValueError, RecursionError) as error:
            raise LogArchiveError(
                f"Download log: the log isn't JSON that can be decoded ({error})."
            ) from error

    def _chunks_within(self, max_bytes: int | None) -> Iterator[bytes]:
        count = 0
        for chunk in self.chunks():
            count += len(chunk)
            if max_bytes is not None and count > max_bytes:
                raise LogTooLargeError(
                    f"Download log: the log is larger than {max_bytes} bytes of JSON "
                    f"(the ZIP says {self._log.file_size})."
                )
            yield chunk

    def pick_entries(self, name: str, most: int) -> list[Any]:
        """Pick the first entries of a list at the top of the log, whatever its size.

        :param name: The list's name.
        :param most: How many entries at the most.
        :return: The entries; where the name stands for something other than a list, that alone.
        :raises LogArchiveError: The log can't be read as far as it has to be.
        """
        with _read(lambda: self._zip.open(self._log)) as member:
            return _read(lambda: pick_entries(member, name, most))  # type: ignore[no-any-return]


def _read(read: Callable[[], Any]) -> Any:
    """Read from a ZIP, whose faults come as many kinds of exception."""
    try:
        return read()
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
        ValueError,
        OverflowError,
        struct.error,
    ) as error:
        raise LogArchiveError(f"Download log: the ZIP can't be read ({error}).") from error
    except OSError as error:
        # What a file on disk says to a place before its beginning; any other is the disk's own fault.
        if error.errno != errno.EINVAL:
            raise
        raise LogArchiveError("Download log: the ZIP can't be read (a place in it is wrong).") from error
