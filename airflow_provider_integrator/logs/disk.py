"""Files of logs on this machine's disk: temporary ones, and targets that appear whole or not at all.

Neither a kill nor a full disk leaves anything behind. A fault of the disk is an error of its own, never the network's.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError, StorageError
from airflow_provider_integrator.logs import DEFAULT_FILE_MODE

_log = logging.getLogger(__name__)

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
#: What another path or other permissions mend, and a retry doesn't.
_MISCONFIGURED = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
)
_FOLDER_MODE = 0o700
_OTHERS_READ = 0o044
_OTHERS_READ_WRITE = 0o066
_DESCRIPTORS = Path("/proc/self/fd")
_PART = re.compile(r"[0-9a-f]{32}\.part")


@contextmanager
def temporary_file(needs: str) -> Iterator[IO[bytes]]:
    """Open a temporary file without a name, which ends with its process.

    :param needs: What it is for and how large that is, for messages.
    :return: The file, readable and writable by the process's user alone.
    :raises StorageError: The disk is full or broken.
    :raises ConfigurationError: There is no folder that can be written to.
    """
    with disk_faults(needs), tempfile.TemporaryFile() as file:
        yield file


@contextmanager
def disk_faults(needs: str, folder: Path | None = None) -> Iterator[None]:
    """Raise the faults of a disk as errors that say what to do.

    :param needs: What is written and how large that is.
    :param folder: The folder that it is written to; None: the temporary one.
    :raises StorageError: The disk is full or broken.
    :raises ConfigurationError: The folder can't be written to.
    """
    try:
        yield
    except OSError as error:
        raise _fault(error, needs, folder) from error


def check_folders(target: Path | None = None) -> None:
    """Write to the temporary folder and to a target's folder, without leaving anything there.

    :param target: The folder; if it doesn't exist, the nearest one above that does is tried. None: none.
    :raises StorageError: A disk is full or broken.
    :raises ConfigurationError: A folder can't be written to.
    """
    with temporary_file("a log"):
        pass
    if target is None:
        return
    while not target.exists() and target != target.parent:
        target = target.parent
    with disk_faults("a log", target), tempfile.TemporaryFile(dir=target):
        pass


def create_growing(path: Path, folder_mode: int) -> IO[bytes]:
    """Create a file that grows piece by piece and survives its process; its owner's alone.

    :param path: The file's path.
    :param folder_mode: The permissions of new folders but for their execute bits.
    :return: The file, open for writing.
    :raises FileExistsError: There is such a file already.
    """
    _make_folders(path.parent, folder_mode)
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, DEFAULT_FILE_MODE), "wb")


@contextmanager
def appearing(
    path: Path,
    needs: str,
    file_mode: int = DEFAULT_FILE_MODE,
    check_cancelled: Callable[[], None] = lambda: None,
) -> Iterator[IO[bytes]]:
    """Open a file that takes its name when all was written, and remove what killed saves to that name left.

    :param path: The file's path; folders are made as needed, as open to others as the file is.
    :param needs: What is written and how large that is, for messages.
    :param file_mode: The permissions of a new file; one that is there already keeps its own.
    :param check_cancelled: Called before the file takes its name; what it raises is raised here.
    :return: The file, open for reading and writing.
    :raises StorageError: The disk is full or broken.
    :raises ConfigurationError: The path can't be written to.
    """
    part = None
    try:
        with disk_faults(f"{path.name}, {needs}", path.parent):
            _make_folders(path.parent, file_mode)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{path.name} is a folder")
            _remove_abandoned(path)
            file, part = _open_unnamed(path.parent) or _open_part(path)
            with file:
                yield file
                file.flush()
                _set_mode(file.fileno(), _mode_of(path, file_mode))
                os.fsync(file.fileno())  # some file systems say only now that they are full
                check_cancelled()
                if part is None and not _link(file, path):
                    part = _part_name(path)
                    _link(file, part)
                if part is not None:
                    part.replace(path)
    finally:
        if part is not None:
            with suppress(OSError):  # the failure to report is the first one
                part.unlink(missing_ok=True)


def _fault(error: OSError, needs: str, folder: Path | None) -> IntegratorError:
    reason, where, remedy = error.strerror or str(error), f"folder {folder}", "choose another path"
    if folder is None:
        where, remedy = (
            f"temporary folder {_temporary_folder()}",
            "set TMPDIR to another folder on every worker",
        )
    if error.errno in _FULL:
        return StorageError(
            f"The {where} is full ({reason}); it has to take {needs}. Free space there, or {remedy}."
        )
    if error.errno in _MISCONFIGURED:
        return ConfigurationError(
            f"The {where} can't be written ({reason}); it has to take {needs}. "
            f"Make it a folder that the worker's user may write to, or {remedy}."
        )
    return StorageError(
        f"The disk of the {where} has a fault ({reason}); it has to take {needs}. Check it, or {remedy}."
    )


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - only named in a message


def _make_folders(folder: Path, file_mode: int) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent, file_mode)
    with suppress(FileExistsError):  # another task may make it at the same time; a file is found out later
        folder.mkdir(_FOLDER_MODE)
        if shared := file_mode & _OTHERS_READ_WRITE:
            inherited = stat.S_IMODE(folder.stat().st_mode) & stat.S_ISGID
            _set_mode(folder, inherited | _FOLDER_MODE | shared | (shared & _OTHERS_READ) >> 2)


def _mode_of(path: Path, file_mode: int) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return file_mode


def _set_mode(file: int | Path, mode: int) -> None:
    try:
        os.chmod(file, mode)  # noqa: PTH101 - a descriptor, too
    except OSError as error:  # of a share whose permissions are those of its mount
        _log.warning("The log's permissions can't be set to %o (%s).", mode, error.strerror)


def _open_unnamed(folder: Path) -> tuple[IO[bytes], None] | None:
    """Open a file without a name, which no kill can leave behind; None if the file system has none."""
    flag = getattr(os, "O_TMPFILE", None)  # Linux
    if flag is None or not _DESCRIPTORS.is_dir():
        return None
    try:
        descriptor = os.open(folder, flag | os.O_RDWR, DEFAULT_FILE_MODE)
    except OSError:  # its kinds differ; a named file fails as well if the folder is at fault
        return None
    file = os.fdopen(descriptor, "w+b")
    _lock(file)
    return file, None


def _open_part(path: Path) -> tuple[IO[bytes], Path]:
    while True:
        part = _part_name(path)
        file = os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, DEFAULT_FILE_MODE), "w+b")
        _lock(file)
        if os.fstat(file.fileno()).st_nlink:
            return file, part
        file.close()  # another save took it for abandoned before it was locked


def _part_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")


def _remove_abandoned(path: Path) -> None:
    """Remove the parts that killed saves left: those that nobody holds a lock on, which ends with its process."""
    begin = f".{path.name}."
    with suppress(OSError), os.scandir(path.parent) as entries:  # of a folder that can't be listed
        for entry in entries:
            if entry.name.startswith(begin) and _PART.fullmatch(entry.name, len(begin)):
                part = path.with_name(entry.name)
                with suppress(OSError), part.open("r+b") as file:  # what can't be locked may be in use
                    if _lock(file):
                        part.unlink()


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process has it, or the file system has no locks
        return False
    return True


def _link(file: IO[bytes], path: Path) -> bool:
    """Give an unnamed file its name; False if that is taken."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # With a folder's descriptor Python calls linkat, which alone can follow a link to an unnamed file.
        os.link(_DESCRIPTORS / str(file.fileno()), path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        return False
    finally:
        os.close(folder)
    return True
