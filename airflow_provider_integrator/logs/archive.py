"""A downloaded log: ZIP → a file of checked JSON. Never whole in memory."""

from __future__ import annotations

import codecs
import errno
import hashlib
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.exceptions import LogArchiveError, LogCancelledError, LogTooLargeError
from airflow_provider_integrator.logs.disk import disk_faults, temporary_file
from airflow_provider_integrator.logs.document import check, check_in_child, load

MEBIBYTE = 1024 * 1024

_CHUNK = 256 * 1024
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED_FLAG = 0x1
#: Bytes of JSON that are checked in some 20 ms, for which an event loop may stand still.
_CHILD_FROM = 16 * MEBIBYTE
#: A log's ZIP has one file or a few.
_MAX_ENTRIES = 1000
#: What may be read of a ZIP to open it: a directory of 1 MiB, and its end, in which zipfile looks for the directory.
_MAX_OPENING_BYTES = MEBIBYTE + 128 * 1024


@dataclass(frozen=True)
class Limits:
    """The limits on the size of a log.

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


@dataclass(frozen=True)
class Written:
    """The size and the hash of a written file.

    :param bytes: How many bytes.
    :param sha256: Their SHA-256, in hexadecimal digits.
    """

    bytes: int
    sha256: str


class CountedFile:
    """A file of which the bytes are counted and hashed as they are written.

    :param file: The file.
    :ivar bytes: How many bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.bytes = 0
        self._file = file
        self._digest = hashlib.sha256()
        self.flush = file.flush

    def write(self, data: bytes) -> int:
        """Write, as a file does."""
        self.bytes += len(data)
        self._digest.update(data)
        return self._file.write(data)

    def end(self) -> Written:
        """Return the size and the hash, once all is on its way to the disk."""
        self._file.flush()
        return Written(self.bytes, self._digest.hexdigest())


class _ZipSource:
    """The file of a ZIP, of which only so much can be read until the ZIP is open.

    zipfile reads a directory whole, whatever its size, and makes an object of some 500 bytes for each of its entries.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left: int | None = _MAX_OPENING_BYTES
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if self._left is None:
            return self._file.read(size)
        data = self._file.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise LogTooLargeError(
                f"Download log: the ZIP's directory is larger than {MEBIBYTE} bytes; nothing was kept."
            )
        return data

    def end_limit(self) -> None:
        self._left = None


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
            source = _ZipSource(file)
            self._zip = _read(lambda: zipfile.ZipFile(source))
            source.end_limit()
            self._zip_bytes = file.seek(0, 2) or file.tell()
            self._log = self._first_file()
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> LogArchive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the temporary file."""
        self._zip.close()
        self._file.close()

    @property
    def needs(self) -> str:
        """The content of the log's file and its size, for messages."""
        return f"the log's JSON, of {self._log.file_size} bytes"

    @property
    def file_count(self) -> int:
        """The number of files in the ZIP; the first one is the log."""
        return sum(not info.is_dir() for info in self._zip.infolist())

    def cancel(self) -> None:
        """End a :meth:`write`, a :meth:`load` or an upload at its next piece, from a signal handler or a thread."""
        self._cancelled.set()

    def check_cancelled(self) -> None:
        """Check whether the log is still wanted.

        :raises LogCancelledError: :meth:`cancel` was called.
        """
        if self._cancelled.is_set():
            raise LogCancelledError(
                "Download log: cancelled, as its task was killed or has timed out; nothing is left."
            )

    def write(self, file: IO[bytes], *, beside_loop: bool = False) -> Written:
        """Unpack the log into a file, and check its JSON there.

        :param file: A new file on disk, open for reading and writing. After an error it holds a part that is of no
            use.
        :param beside_loop: Whether an event loop runs in this process: a large log is then checked in a child
            process.
        :return: How much was written, and its hash.
        :raises LogArchiveError: The ZIP is damaged, or what is in it isn't JSON in UTF-8.
        :raises LogTooLargeError: A limit is passed; counted as the bytes come, whatever the ZIP says.
        :raises LogCancelledError: :meth:`cancel` was called.
        """
        written = self._unpack(file)
        if beside_loop and written.bytes > _CHILD_FROM:
            self.errors = check_in_child(file, self.check_cancelled)
        else:
            self.errors = check(file)
        self.check_cancelled()
        return written

    def load(self, max_bytes: int | None = None) -> Any:
        """Unpack the log into memory.

        :param max_bytes: Bytes of JSON at most, None for no limit but the archive's.
        :return: The decoded JSON; lone surrogates, which UTF-8 can't hold, are U+FFFD in it.
        :raises LogTooLargeError: The log is larger; read no further.
        :raises LogArchiveError: The ZIP is damaged, or its first file isn't JSON in UTF-8.
        """
        with temporary_file(self.needs) as file:
            self._unpack(file, max_bytes)
            value, self.errors = load(file)
        return value

    def _first_file(self) -> zipfile.ZipInfo:
        files: list[zipfile.ZipInfo] = self._zip.infolist()
        if len(files) > _MAX_ENTRIES:
            raise LogTooLargeError(
                f"Download log: the ZIP has {len(files)} files, more than {_MAX_ENTRIES}; nothing was kept."
            )
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
        counted, decoder = CountedFile(file), codecs.getincrementaldecoder("utf-8")()
        try:
            with _read(lambda: self._zip.open(self._log)) as member:
                while chunk := _read(lambda: member.read(_CHUNK)):
                    self.check_cancelled()
                    self._check_size(counted.bytes + len(chunk), max_bytes)
                    decoder.decode(chunk)
                    counted.write(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise LogArchiveError(
                "Download log: the first file in the ZIP is not UTF-8: "
                f"{error.reason} near byte {counted.bytes + error.start}."
            ) from None  # the error holds a piece of the log
        return counted.end()

    def _check_size(self, count: int, max_bytes: int | None) -> None:
        self._limits.check(count, self._zip_bytes)
        if max_bytes is not None and count > max_bytes:
            raise LogTooLargeError(
                f"Download log: the log is larger than {max_bytes} bytes of JSON "
                f"(the ZIP says {self._log.file_size})."
            )


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
        raise LogArchiveError(f"Download log: the ZIP can't be read ({fit(str(error))}).") from None
    except OSError as error:
        # What a file on disk says to a place before its beginning; any other is the disk's own fault.
        if error.errno != errno.EINVAL:
            with disk_faults("the log's ZIP"):
                raise
        raise LogArchiveError("Download log: the ZIP can't be read (a place in it is wrong).") from error
