"""The body of Download log, received: base64 text into a temporary file that holds a ZIP."""

from __future__ import annotations

import base64
import binascii
import tempfile
from contextlib import suppress
from typing import IO

from airflow_provider_integrator.exceptions import LogArchiveError, LogTooLargeError
from airflow_provider_integrator.logs.archive import MEBIBYTE, Limits, LogArchive
from airflow_provider_integrator.logs.disk import disk_faults

_WHITE_SPACE = b" \t\r\n"


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

        :param data: The piece.
        :raises LogArchiveError: It isn't base64 text.
        :raises LogTooLargeError: The body is too long for a log within the limits.
        :raises StorageError: The temporary folder's disk is full or broken; no retry of the call helps.
        :raises ConfigurationError: There is no temporary folder that can be written to.
        """
        self._text_bytes += len(data)
        if self._text_bytes > self._limits.max_text_bytes:
            raise LogTooLargeError(
                f"Download log: the body passes {self._limits.max_text_bytes} bytes, more than a log of "
                f"{self._limits.max_log_bytes} bytes can take; raise max_log_bytes if it is to be that large."
            )
        with disk_faults(self._needs):
            self._spool.write(self._decoder.decode(data))

    def finish(self) -> LogArchive:
        """Open the archive; the caller closes it.

        :return: The archive.
        :raises LogArchiveError: It isn't a ZIP that can be read.
        :raises StorageError: The temporary folder's disk is full or broken.
        """
        self._decoder.finish()
        with disk_faults(self._needs):
            self._spool.flush()
        return LogArchive(self._spool, self._limits)

    def discard(self) -> None:
        """Delete the temporary file."""
        with suppress(OSError):  # of a full disk, for what wasn't written yet
            self._spool.close()

    @property
    def _needs(self) -> str:
        return f"the log's ZIP, of {self._text_bytes * 3 // 4} bytes or more"
