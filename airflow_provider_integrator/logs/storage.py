"""Puts a log, or lines, into object storage, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.logs import DEFAULT_FILE_MODE
from airflow_provider_integrator.logs.disk import appearing, check_folders, temporary_file
from airflow_provider_integrator.logs.upload import upload

if TYPE_CHECKING:
    from airflow_provider_integrator.logs.archive import LogArchive, Written

_S3_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_GOOGLE = "https://storage.googleapis.com"


class Destination:
    """Where a task's logs go: an ``output_path``, its store opened once.

    :param path: An object storage URI or a local path; a folder if it ends in ``/``.
    :raises ConfigurationError: No such file system is installed, or its connection can't be used.
    """

    def __init__(self, path: str | os.PathLike[str] | ObjectStoragePath) -> None:
        self._path, self._named = open_store(path), str(path)
        self._is_folder = self._named.endswith("/")

    def check_writable(self) -> None:
        """Check that a log can be written, by writing; a store in the cloud only says so when it is.

        :raises ConfigurationError: The temporary folder or the path's local folder can't be written to.
        :raises StorageError: A disk is full or broken.
        """
        if (local := local_path(self._path)) is None:
            check_folders()
            return
        if local.is_dir() and not self._is_folder:
            raise ConfigurationError(
                f"The path {self._named} is a folder; end it in / to get a file of its own in it."
            )
        check_folders(local if self._is_folder else local.parent)

    def log_path(self, flow: str, execution_id: str, log_id: str) -> ObjectStoragePath:
        """Find the path of a log.

        :param flow: The flow's slug or id.
        :param execution_id: The execution.
        :param log_id: The log.
        :return: The path; in a folder ``<flow>/<execution id>/<log id>.json``.
        """
        return self.path_of(flow, execution_id, name=f"{_segment(log_id)}.json")

    def path_of(self, *folders: str, name: str) -> ObjectStoragePath:
        """Find the path of a file.

        :param folders: The names of the folders that lead to it.
        :param name: Its name.
        :return: The path; the destination's own if that isn't a folder.
        """
        return self._path.joinpath(*map(_segment, folders), name) if self._is_folder else self._path


def _segment(name: str) -> str:
    # Ids come from a server: none may climb out of the folder, or merge with it.
    return "%2E" if name == "." else quote(name, safe="", errors="surrogatepass").replace("..", "%2E%2E")


def open_store(path: str | os.PathLike[str] | ObjectStoragePath) -> ObjectStoragePath:
    """Find the file system behind a path.

    :param path: An object storage URI or a local path.
    :return: The path, its file system ready.
    :raises ConfigurationError: No such file system is installed, its connection can't be used, or no file can
        have that path.
    """
    if not _can_be_named(str(path)):
        raise ConfigurationError(f"The path {str(path)!r} has characters that no file name can have.")
    try:
        target = path if isinstance(path, ObjectStoragePath) else ObjectStoragePath(os.fspath(path))
        target.fs  # noqa: B018 - makes the file system
    except Exception as error:  # each store has errors of its own
        raise ConfigurationError(
            f"The path {str(path)!r} can't be used ({type(error).__name__}: {fit(str(error))}). Install the provider of "
            "its scheme (such as apache-airflow-providers-amazon[s3fs] for s3://) and check its connection."
        ) from error
    return target


def _can_be_named(path: str) -> bool:
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def save(
    archive: LogArchive,
    path: str | os.PathLike[str] | ObjectStoragePath,
    *,
    file_mode: int = DEFAULT_FILE_MODE,
    beside_loop: bool = False,
) -> tuple[str, Written]:
    """Write a log to a path, replacing what is there.

    :param archive: The log. Its :meth:`LogArchive.cancel` ends the save, and an upload with it.
    :param path: An object storage URI or a local path, folders made as needed.
    :param file_mode: The permissions of a new local file, and of new folders but for their execute bits.
    :param beside_loop: Whether an event loop runs in this process.
    :return: The URI of what was written; its size and hash.
    :raises ConfigurationError: The path can't be written to.
    :raises StorageError: The disk is full or broken, or the store refuses the log; nothing is left at the path.
    :raises LogArchiveError: The log can't be read; nothing is left at the path.
    :raises LogCancelledError: The save was cancelled; nothing is left at the path.
    """
    return place(
        path,
        archive.needs,
        lambda file: archive.write(file, beside_loop=beside_loop),
        archive.check_cancelled,
        file_mode,
    )


def place(
    path: str | os.PathLike[str] | ObjectStoragePath,
    needs: str,
    write: Callable[[IO[bytes]], Written],
    check_cancelled: Callable[[], None],
    file_mode: int = DEFAULT_FILE_MODE,
) -> tuple[str, Written]:
    """Let a file be written, and give it its path, replacing what is there.

    :param path: An object storage URI or a local path, folders made as needed.
    :param needs: What is written and how large that is, for messages.
    :param write: Writes a file; what it raises is raised here.
    :param check_cancelled: Called between two steps; what it raises is raised here.
    :param file_mode: The permissions of a new local file, and of new folders but for their execute bits.
    :return: The URI of what was written; its size and hash.
    :raises ConfigurationError: The path can't be written to.
    :raises StorageError: The disk is full or broken, or the store refuses the file; nothing is left at the path.
    """
    if str(path).endswith("/"):
        raise ConfigurationError(f"The path {path} names a folder; name a file in it.")
    target = open_store(path)
    if (local := local_path(target)) is not None:
        with appearing(local, needs, file_mode, check_cancelled) as file:
            return local.absolute().as_uri(), write(file)
    with temporary_file(needs) as file:
        written = write(file)
        upload(file, target, check_cancelled)
    return str(target), written


def without_connection(uri: str) -> str:
    """Take the Airflow connection out of a URI, which others don't know.

    :param uri: What :func:`save` returned.
    :return: The URI without it.
    """
    scheme, separator, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def web_address(path: str | os.PathLike[str] | ObjectStoragePath) -> str | None:
    """Find the page that a browser shows a stored file on; its store asks for a login of its own.

    :param path: An object storage URI.
    :return: The page's URL; None where there is no page, as for local files and for stores that only speak
        the protocol of a known one.
    """
    target = open_store(path)
    store: Any = target.fs
    bucket, _, key = target.path.lstrip("/").partition("/")
    if target.protocol in ("s3", "s3a"):
        if getattr(store, "endpoint_url", None) or any(os.environ.get(name) for name in _S3_ENDPOINTS):
            return None  # another store than Amazon's
        return f"https://s3.console.aws.amazon.com/s3/object/{quote(bucket)}?prefix={quote(key, safe='')}"
    if target.protocol in ("gs", "gcs"):
        if getattr(store, "_location", _GOOGLE) != _GOOGLE:
            return None  # an emulator
        return f"https://storage.cloud.google.com/{quote(bucket)}/{quote(key)}"
    if target.protocol in ("abfs", "abfss", "az"):
        account = str(getattr(getattr(store, "service_client", None), "url", ""))
        if account.startswith("https://"):
            return f"{account.partition('?')[0].rstrip('/')}/{quote(bucket)}/{quote(key)}"
    return None


def local_path(target: ObjectStoragePath) -> Path | None:
    """Find the path on this machine.

    :param target: An object storage path.
    :return: The local path; None if the path is in another store.
    """
    return Path(target.path) if (target.protocol or "file") in ("file", "local") else None
