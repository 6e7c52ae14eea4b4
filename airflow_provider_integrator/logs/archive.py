"""A downloaded log: base64 text → ZIP → a file of checked JSON. Never whole in memory."""

from __future__ import annotations

import base64
import binascii
import codecs
import errno
import hashlib
import struct
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any

from airflow_provider_integrator.exceptions import LogArchiveError, LogTooLargeError
from airflow_provider_integrator.logs.document import check, check_in_child, load

MEBIBYTE = 1024 * 1024

_CHUNK = 256 * 1024
_WHITE_SPACE = b" \t\r\n"
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED_FLAG = 0x1
#: Bytes of JSON that are checked in some 20 ms, for which an event loop may stand still.
_CHILD_FROM = 16 * MEBIBYTE


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
        block = self._whole_groups(self._rest + text)
        decoded = _decode_plain(block)
        if decoded is None:
            block = self._whole_groups((block + self._rest).translate(None, _WHITE_SPACE))
            decoded = _decode_strictly(block)
        if block:
            if self._ended:
                raise LogArchiveError("Download log: the base64 text goes on after its padding.")
            self._ended = block.endswith(b"=")
        return decoded

    def _whole_groups(self, text: bytes) -> bytes:
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        return text[:whole]

    def finish(self) -> None:
        """Check that nothing is missing.

        :raises LogArchiveError: The text's end is.
        """
        if self._rest.translate(None, _WHITE_SPACE):
            raise LogArchiveError("Download log: the base64 text ends within a group of four characters.")


def _decode_plain(block: bytes) -> bytes | None:
    """Decode text that holds nothing but base64, in half the time of a strict decoder.

    :return: The bytes; None if there is anything else in the text, which the decoder leaves out.
    """
    padding = len(block) - len(block.rstrip(b"="))
    try:
        decoded = binascii.a2b_base64(block)
    except binascii.Error:
        return None
    return decoded if len(decoded) == len(block) // 4 * 3 - padding else None


def _decode_strictly(block: bytes) -> bytes:
    try:
        return base64.b64decode(block, validate=True)
    except binascii.Error as error:
        raise LogArchiveError(f"Download log: the body isn't base64 text ({error}).") from error


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
    :ivar errors: The first entries of the log's top-level ``errors``; None until :meth:`write` or :meth:`load` has
        read them.
    :raises LogArchiveError: It isn't a ZIP, is empty, or its first file is encrypted or of a foreign compression.
    :raises LogTooLargeError: It says itself that it passes a limit.
    """

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self.errors: list[Any] | None = None
        self._file = file
        self._limits = limits
        self._cancelled = threading.Event()
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

    def cancel(self) -> None:
        """End a :meth:`write` or :meth:`load` in another thread, at the next piece of the log, by an exception."""
        self._cancelled.set()

    def write(self, file: IO[bytes], *, beside_loop: bool = False) -> Written:
        """Unpack the log into a file, and check its JSON there.

        :param file: A new file on disk, open for reading and writing. After an error it holds a part that is of no
            use.
        :param beside_loop: Whether an event loop runs in this process: a large log is then checked in a child
            process.
        :return: How much was written, and its hash.
        :raises LogArchiveError: The ZIP is damaged, or what is in it isn't JSON in UTF-8.
        :raises LogTooLargeError: A limit is passed; counted as the bytes come, whatever the ZIP says.
        """
        written = self._unpack(file)
        if beside_loop and written.bytes > _CHILD_FROM:
            self.errors = check_in_child(file, self._check_cancelled)
        else:
            self.errors = check(file)
        self._check_cancelled()
        return written

    def load(self, max_bytes: int | None = None) -> Any:
        """Unpack the log into memory.

        :param max_bytes: Bytes of JSON at most, None for no limit but the archive's.
        :return: The decoded JSON; lone surrogates, which UTF-8 can't hold, are U+FFFD in it.
        :raises LogTooLargeError: The log is larger; read no further.
        :raises LogArchiveError: As :meth:`write` does.
        """
        with tempfile.TemporaryFile() as file:
            self._unpack(file, max_bytes)
            value, self.errors = load(file)
        return value

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

    def _unpack(self, file: IO[bytes], max_bytes: int | None = None) -> Written:
        digest, decoder, count = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), 0
        try:
            with _read(lambda: self._zip.open(self._log)) as member:
                while chunk := _read(lambda: member.read(_CHUNK)):
                    self._check_cancelled()
                    self._check_size(count + len(chunk), max_bytes)
                    decoder.decode(chunk)
                    digest.update(chunk)
                    file.write(chunk)
                    count += len(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise LogArchiveError(
                "Download log: the first file in the ZIP is not UTF-8: "
                f"{error.reason} near byte {count + error.start}."
            ) from None  # the error holds a piece of the log
        file.flush()
        return Written(count, digest.hexdigest())

    def _check_size(self, count: int, max_bytes: int | None) -> None:
        self._limits.check(count, self._zip_bytes)
        if max_bytes is not None and count > max_bytes:
            raise LogTooLargeError(
                f"Download log: the log is larger than {max_bytes} bytes of JSON "
                f"(the ZIP says {self._log.file_size})."
            )

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise _CancelledError


class _CancelledError(Exception):
    """The reading was cancelled; whoever did that waits for its end and needs no error."""


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
