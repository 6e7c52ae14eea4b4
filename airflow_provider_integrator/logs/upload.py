"""Uploads of a file to an object store, whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]

from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.exceptions import IntegratorError, StorageError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

#: Stores in which an object that is uploaded shows only once all of it is there.
_ATOMIC_STORES = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "wasb", "wasbs"))
#: Bytes that are sent at once, after which an upload can be cancelled: the least that S3 takes as a part.
_PIECE = 5 * 1024 * 1024


def upload(file: IO[bytes], target: ObjectStoragePath, check_cancelled: Callable[[], None]) -> None:
    """Upload a file, replacing what is there.

    :param file: The file.
    :param target: The object's path.
    :param check_cancelled: Called between two pieces; what it raises ends the upload and is raised here.
    :raises StorageError: The store refuses the object, or can't be reached.
    """
    try:
        store, path = target.fs, target.path
        if target.protocol in _ATOMIC_STORES:
            _send(file, store, path, check_cancelled)
            return
        part = f"{path}.{uuid.uuid4().hex}.part"
        try:
            _send(file, store, part, check_cancelled)
            store.mv(part, path)
        except BaseException:
            with suppress(Exception):  # the failure to report is the first one
                store.rm_file(part)
            raise
    except IntegratorError:
        raise
    except Exception as error:  # each store has errors of its own
        raise StorageError(
            f"The file can't be stored at {target} ({type(error).__name__}: {fit(str(error))}). Check that the bucket or "
            "container exists, and that the path's connection may write to it."
        ) from error


def _send(file: IO[bytes], store: Any, path: str, check_cancelled: Callable[[], None]) -> None:
    file.seek(0)
    written = store.open(path, "wb", block_size=_PIECE)
    try:
        while piece := file.read(_PIECE):
            check_cancelled()
            written.write(piece)
        check_cancelled()
        written.close()
    except BaseException:
        _abandon(written)
        raise


def _abandon(written: Any) -> None:
    with suppress(Exception):  # the failure to report is the first one
        if not isinstance(written, AbstractBufferedFile):
            written.close()
            return
        written.closed = True  # else it would be completed when it is collected
        written.discard()  # aborts a multipart upload, whose parts would be kept and charged
