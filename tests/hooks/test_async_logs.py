"""Logs read beside an event loop: what may take long is elsewhere, and ends with whom it is for."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import tempfile
import threading

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_integrator.exceptions import LogArchiveError
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.logs import document
from airflow_provider_integrator.logs.archive import LogArchive
from airflow_provider_integrator.simulator import BigLog
from tests.logs.test_archive import open_files
from tests.stores import attached

try:
    from airflow.sdk.io import attach
except ImportError:
    from airflow.io.store import attach

LARGE = BigLog(17 * 2**20)


@pytest.fixture
def _temporary(tmp_path, mocker):
    LARGE.pack()  # the simulator's file isn't to be among those that are looked for
    (tmp_path / "temporary").mkdir()
    mocker.patch.object(tempfile, "tempdir", str(tmp_path / "temporary"))


def left(folder):
    return [path for path in folder.rglob("*") if path.is_file()] + open_files(folder)


async def save(flow, execution, path):
    async with IntegratorHook() as hook:
        return await hook.asave_log(flow.id, execution.log_id, path)


@pytest.mark.usefixtures("_temporary")
def test_a_large_log_is_checked_in_a_child(simulator, flow, tmp_path, mocker):
    execution = simulator.add_execution(flow, lasts=0, log=LARGE)
    children, here = mocker.spy(subprocess, "Popen"), mocker.spy(document, "_judge")
    path = tmp_path / "large.json"
    _, written = asyncio.run(save(flow, execution, path))
    assert path.stat().st_size == written.bytes == LARGE.size
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (children.call_count, here.call_count) == (1, 0)
    assert left(tmp_path) == [path]


def test_a_small_log_is_checked_here(simulator, flow, tmp_path, mocker):
    execution = simulator.add_execution(flow, lasts=0, log=b"{}")
    children = mocker.spy(subprocess, "Popen")
    asyncio.run(save(flow, execution, tmp_path / "small.json"))
    assert (tmp_path / "small.json").read_bytes() == b"{}"
    assert children.call_count == 0


@pytest.mark.usefixtures("_temporary")
def test_a_fault_that_a_child_finds_leaves_nothing(simulator, flow, tmp_path):
    text = b"[" + b"".join(b'"%013d", ' % number for number in range(2**20)) + b"nope]"
    execution = simulator.add_execution(flow, lasts=0, log=text)
    with pytest.raises(LogArchiveError, match=r"not JSON: .*\(byte 178\d+\)"):
        asyncio.run(save(flow, execution, tmp_path / "x.json"))
    assert left(tmp_path) == []


async def load(flow, execution, path):
    async with IntegratorHook() as hook:
        return await hook.aload_log(flow.id, execution.log_id)


async def cancel(reading, begun):
    """Cancel what reads a log once something has begun."""
    task = asyncio.create_task(reading)
    while not begun():
        await asyncio.sleep(0.01)
        assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("form", ["{}/x.json", "memory://cancelled@/x.json"])
@pytest.mark.usefixtures("_temporary")
def test_cancelling_leaves_neither_child_nor_file(form, simulator, flow, tmp_path, mocker):
    execution = simulator.add_execution(flow, lasts=0, log=LARGE)
    mocker.patch.object(document, "_CHILD", "import time; time.sleep(600)")
    children = mocker.spy(subprocess, "Popen")
    attach("memory", "cancelled", fs=MemoryFileSystem())
    upload = mocker.patch("airflow_provider_integrator.logs.storage.upload")
    asyncio.run(cancel(save(flow, execution, form.format(tmp_path)), lambda: children.spy_return is not None))
    assert children.spy_return.returncode == -9
    assert upload.call_count == 0
    assert left(tmp_path) == []


@pytest.fixture
def cancelled(mocker):
    """Set once an archive was cancelled."""
    event, original = threading.Event(), LogArchive.cancel

    def cancel_archive(archive):
        original(archive)
        event.set()

    mocker.patch.object(LogArchive, "cancel", cancel_archive)
    return event


@pytest.mark.usefixtures("_temporary")
def test_cancelling_aborts_an_upload(simulator, flow, tmp_path, cancelled):
    execution = simulator.add_execution(flow, lasts=0, log=LARGE)
    store, begun = attached("s3"), threading.Event()

    def wait(upload):
        begun.set()
        assert cancelled.wait(20)

    store.between = wait
    asyncio.run(cancel(save(flow, execution, f"s3://{store.conn_id}@bucket/x.json"), begun.is_set))
    assert len(store.uploads) == 1
    assert (store.objects, store.unfinished) == ({}, [])
    assert left(tmp_path) == []


@pytest.mark.parametrize("read", [save, load])
@pytest.mark.usefixtures("_temporary")
def test_cancelling_ends_the_unpacking(read, simulator, flow, tmp_path, mocker, cancelled):
    execution = simulator.add_execution(flow, lasts=0, log=LARGE)
    begun, pieces = threading.Event(), []

    def check_size(archive, count, max_bytes):
        pieces.append(count)
        begun.set()
        assert cancelled.wait(20)

    mocker.patch.object(LogArchive, "_check_size", check_size)
    asyncio.run(cancel(read(flow, execution, tmp_path / "x.json"), begun.is_set))
    assert len(pieces) == 1
    assert left(tmp_path) == []
