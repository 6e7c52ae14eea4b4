"""Uploads that fail or are cancelled: no object, and no upload that stays open."""

from __future__ import annotations

import gc
import io
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_integrator.exceptions import LogCancelledError, StorageError
from airflow_provider_integrator.logs import upload as upload_module
from airflow_provider_integrator.logs.upload import upload
from tests.logs.test_archive import open_files
from tests.stores import attached

PIECES = [b"first", b"secnd", b"third", b"4"]


class KilledError(BaseException):
    """What Airflow raises in the task's process: neither an Exception nor ours."""


@pytest.fixture(params=["s3", "memory"])
def store(request, mocker):
    mocker.patch.multiple(upload_module, _PIECE=5, _PART=5)
    return attached(request.param)


@pytest.fixture
def target(store):
    protocol = "memory" if store.shows_parts else "s3"
    path = ObjectStoragePath(f"{protocol}://{store.conn_id}@bucket/x.json")
    assert path.fs is store
    return path


def send(target, check_cancelled=lambda: None):
    upload(io.BytesIO(b"".join(PIECES)), target, check_cancelled)


def test_a_file_arrives_whole(target, store):
    send(target)
    assert list(store.objects.values()) == [b"".join(PIECES)]
    assert store.unfinished == []


def test_it_goes_in_pieces_from_its_beginning(target, store):
    file = io.BytesIO(b"".join(PIECES))
    file.seek(0, 2)
    parts = []
    store.between = lambda sent: parts.append(sent.parts[-1])
    upload(file, target, lambda: None)
    assert b"".join(parts) == b"".join(PIECES)
    assert len(parts) == 4


@pytest.mark.parametrize("before", [None, b"before"])
@pytest.mark.parametrize("calls", range(1, len(PIECES) + 2))
def test_one_that_is_cancelled_leaves_what_was_there(calls, before, target, store):
    if before is not None:
        target.write_bytes(before)
    left = calls

    def check_cancelled():
        nonlocal left
        left -= 1
        if not left:
            raise LogCancelledError

    with pytest.raises(LogCancelledError):
        send(target, check_cancelled)
    gc.collect()  # a file that is collected is closed, which would complete the upload
    assert list(store.objects.values()) == ([] if before is None else [before])
    assert store.unfinished == []


@pytest.mark.parametrize("error", [KilledError, ConnectionError, KeyboardInterrupt])
def test_one_that_is_interrupted_is_ended(error, target, store):
    def interrupt(_):
        raise error

    store.between = interrupt
    with pytest.raises(StorageError if error is ConnectionError else error):
        send(target)
    gc.collect()
    assert store.objects == {}
    assert store.unfinished == []


def test_what_a_store_says_is_in_the_message(target, store):
    store.fails = True
    with pytest.raises(
        StorageError,
        match=r"^The file can't be stored at .*bucket/x.json \(ConnectionError: the store hung up\)\. Check",
    ):
        send(target)
    assert store.objects == {}
    assert store.unfinished == []


def test_an_end_that_fails_does_not_hide_the_first_failure(target, store, mocker):
    store.fails = True
    for name in ("rm_file", "discard"):
        mocker.patch.object(store, name, side_effect=ValueError("gone"), create=True)
    with pytest.raises(StorageError, match="the store hung up"):
        send(target)


def test_a_file_of_another_kind_is_closed_and_removed(tmp_path, mocker):
    # As stores have them whose files aren't fsspec's own; here the local disk, under another protocol.
    store = LocalFileSystem(auto_mkdir=True)
    target = SimpleNamespace(protocol="sftp", fs=store, path=str(tmp_path / "x.json"))
    send(target)
    assert (tmp_path / "x.json").read_bytes() == b"".join(PIECES)
    with pytest.raises(LogCancelledError):
        send(target, mocker.Mock(side_effect=[None, LogCancelledError]))
    assert list(tmp_path.iterdir()) == [tmp_path / "x.json"]
    assert open_files(tmp_path) == []


@pytest.mark.parametrize(
    "store", [LocalFileSystem(auto_mkdir=True), MemoryFileSystem()], ids=["local", "memory"]
)
@pytest.mark.parametrize("before", [None, b"before"])
@pytest.mark.parametrize("calls", [1, 3, len(PIECES) + 1])
def test_fsspecs_own_stores_have_the_whole_file_or_what_was_there(store, before, calls, tmp_path, mocker):
    mocker.patch.multiple(upload_module, _PIECE=5, _PART=5)
    folder = str(tmp_path / "folder")
    target = SimpleNamespace(protocol="another", fs=store, path=f"{folder}/x.json")
    store.makedirs(folder)
    if before is not None:
        store.pipe_file(target.path, before)
    with pytest.raises(LogCancelledError):
        send(target, mocker.Mock(side_effect=[*[None] * (calls - 1), LogCancelledError]))
    found = {path: store.cat_file(path) for path in store.find(folder)}
    assert found == ({} if before is None else {target.path: before})
    send(target)
    found = {path: store.cat_file(path) for path in store.find(folder)}
    assert found == {target.path: b"".join(PIECES)}
