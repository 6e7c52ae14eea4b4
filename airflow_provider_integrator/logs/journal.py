"""A journal: entries that survive the kill of their process, so that the next try goes on from there.

An entry is a line. Entries are read, once and before any is appended, in the order in which they were appended, and
whole ones survive. Two tries of a task may run at once, as one that Airflow takes for dead may live on. So each writes
files or objects of its own, and nobody changes another one's. A success removes them. ``is_slow`` says whether it takes
long to append.
"""

from __future__ import annotations

import glob
import io
import itertools
import logging
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.exceptions import StorageError
from airflow_provider_integrator.logs import DEFAULT_FILE_MODE
from airflow_provider_integrator.logs.disk import create_growing, disk_faults
from airflow_provider_integrator.logs.storage import local_path
from airflow_provider_integrator.logs.upload import upload

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Characters of a value in the state store, which warns above 64 KB of JSON: most take at most six bytes there.
_STATE_CHARACTERS = 10_000
_NAME = re.compile(r"([0-9]{6,})-[0-9a-f]{8}")


def journal_beside(
    path: ObjectStoragePath,
    name: str,
    check_cancelled: Callable[[], None],
    file_mode: int = DEFAULT_FILE_MODE,
) -> Journal:
    """Make a journal beside a file that is to be stored.

    :param path: The file's path.
    :param name: Sets the journal apart from those of other tasks with the same path.
    :param check_cancelled: Called between two pieces of an upload; what it raises is raised there.
    :param file_mode: The permissions of the file, which new folders are as open as.
    :return: The journal: hidden files in a local folder, and objects of a folder in a store.
    """
    local = local_path(path)
    if local is not None:
        return FileJournal(local.with_name(f".{local.name}.{name}.lines"), file_mode)
    return StoreJournal(path.with_name(f"{path.name}.{name}.lines"), check_cancelled)


class FileJournal:
    """A journal in local files: one for each try, numbered.

    :param path: What the files' paths begin with.
    :param folder_mode: The permissions of new folders but for their execute bits.
    """

    is_slow = False

    def __init__(self, path: Path, folder_mode: int = DEFAULT_FILE_MODE) -> None:
        self._path = path
        self._folder_mode = folder_mode
        self._file: IO[bytes] | None = None
        self._known: set[Path] = set()

    def entries(self) -> Iterator[bytes]:
        """Read the entries file by file, without a last one that isn't whole."""
        with disk_faults(f"{self._path.name}, lines", self._path.parent):
            for _, path in self._files():
                self._known.add(path)
                with suppress(FileNotFoundError), path.open("rb") as file:  # another try may remove it
                    yield from itertools.takewhile(_is_whole, file)

    def append(self, entries: IO[bytes]) -> None:
        """Append entries.

        :param entries: A file of entries.
        """
        with disk_faults(f"{self._path.name}, lines", self._path.parent):
            file = self._file = self._file or self._create()
            entries.seek(0)
            shutil.copyfileobj(entries, file)
            file.flush()

    def remove(self) -> None:
        """Remove the files that were read or made, but none of a try that has begun since."""
        try:
            if self._file is not None:
                self._file.close()
                self._file = None
            while self._known:
                self._known.pop().unlink(missing_ok=True)
        except OSError as error:
            _warn_of_rest(self._path, error)

    def _create(self) -> IO[bytes]:
        number = max((number for number, _ in self._files()), default=-1) + 1
        path = self._path.with_name(f"{self._path.name}.{_name(number)}")
        file = create_growing(path, self._folder_mode)
        self._known.add(path)
        return file

    def _files(self) -> list[tuple[int, Path]]:
        begin = f"{self._path.name}."
        found = self._path.parent.glob(f"{glob.escape(begin)}*")
        return _numbered((path.name.removeprefix(begin), path) for path in found)


def _name(number: int) -> str:
    """Make a name that nobody else makes."""
    return f"{number:06d}-{uuid.uuid4().hex[:8]}"


def _numbered(named: Iterable[tuple[str, T]]) -> list[tuple[int, T]]:
    """Sort what has such a name by its number."""
    found = [(_NAME.fullmatch(name), each) for name, each in named]
    return sorted((int(match[1]), each) for match, each in found if match)


def _is_whole(entry: bytes) -> bool:
    return entry.endswith(b"\n")


def _warn_of_rest(place: object, error: Exception) -> None:
    log.warning(
        "What was kept for another try can't be removed from %s\n(%s: %s). Remove it by hand.",
        place,
        type(error).__name__,
        fit(str(error)),
    )


class StoreJournal:
    """A journal in an object store, which can't append: an object for each addition.

    :param folder: Where the objects are.
    :param check_cancelled: Called between two pieces of an upload.
    """

    is_slow = True

    def __init__(self, folder: ObjectStoragePath, check_cancelled: Callable[[], None]) -> None:
        self._folder = folder
        self._check_cancelled = check_cancelled
        self._next = 0

    def entries(self) -> Iterator[bytes]:
        """Read the entries, object by object."""
        try:
            for number, path in self._objects():
                self._next = number + 1
                with suppress(FileNotFoundError), self._folder.fs.open(path, "rb") as file:
                    yield from file  # unless another try has removed it
        except Exception as error:  # each store has errors of its own
            raise StorageError(
                f"The lines of an earlier try can't be listed or read in {self._folder}\n"
                f"({type(error).__name__}: {fit(str(error))}).\n"
                "With logs, the connection needs the rights to list, read and delete there; checkpoint_path names\n"
                "another folder for them."
            ) from error

    def append(self, entries: IO[bytes]) -> None:
        """Append entries.

        :param entries: A file of entries.
        """
        upload(entries, self._folder / _name(self._next), self._check_cancelled)
        self._next += 1

    def remove(self) -> None:
        """Remove the objects, and what an interrupted upload left beside them."""
        try:
            with suppress(FileNotFoundError):
                self._folder.fs.rm(self._folder.path, recursive=True)
        except Exception as error:  # noqa: BLE001 - each store has errors of its own
            _warn_of_rest(self._folder, error)
        self._next = 0

    def _objects(self) -> list[tuple[int, str]]:
        with suppress(FileNotFoundError):
            found = self._folder.fs.find(self._folder.path)
            return _numbered((path.rpartition("/")[2], path) for path in found)
        return []


class StateJournal:
    """A journal in the task's state store, which Airflow has from 3.3 on.

    A value of another try that runs at once may be replaced, as its keys can't be listed.

    :param store: The state store.
    :param name: What the keys begin with.
    """

    is_slow = True

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name
        self._next = 0

    def entries(self) -> Iterator[bytes]:
        """Read the entries, value by value."""
        while (value := self._store.get(self._key(self._next))) is not None:
            self._next += 1
            yield from io.BytesIO(value.encode())

    def append(self, entries: IO[bytes]) -> None:
        """Append entries, as many to a value as it takes.

        :param entries: A file of entries.
        """
        entries.seek(0)
        value = ""
        for entry in entries:
            text = entry.decode()
            if value and len(value) + len(text) > _STATE_CHARACTERS:
                self._set(value)
                value = ""
            value += text
        if value:
            self._set(value)

    def remove(self) -> None:
        """Remove the values."""
        while self._next:
            self._next -= 1
            self._store.delete(self._key(self._next))

    def _set(self, value: str) -> None:
        self._store.set(self._key(self._next), value)
        self._next += 1

    def _key(self, number: int) -> str:
        return f"{self._name}-{number}"


Journal = FileJournal | StoreJournal | StateJournal
