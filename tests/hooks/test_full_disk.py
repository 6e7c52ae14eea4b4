"""A disk that takes no more, in both transports: one message, one download, nothing left."""

from __future__ import annotations

import asyncio
import resource

import pytest

from airflow_provider_integrator.exceptions import StorageError
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import BigLog
from tests.processes import started
from tests.stores import attached

#: A log whose ZIP is on disk while it is received, and one whose ZIP stays in memory.
LARGE, SMALL = BigLog(40_000_000), BigLog(10_000_000)
MEBIBYTE = 2**20


def fetch(pipe, ways, limit, flow, log, path):
    """Fetch a log in each of several ways, where no file can be longer than a limit, and send how each ended."""
    store = attached("memory", "full")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    async def beside_loop(method, *to):
        async with IntegratorHook() as hook:
            await getattr(hook, method)(flow, log, *to)

    def save(method, *to):
        with IntegratorHook() as hook:
            getattr(hook, method)(flow, log, *to)

    ends = []
    for way in ways:
        to = [path] if way.endswith("save_log") else []
        try:
            asyncio.run(beside_loop(way, *to)) if way.startswith("a") else save(way, *to)
        except StorageError as error:
            ends.append((way, f"StorageError: {error}"))
    pipe.send((ends, store.objects))


def attempt(ways, limit, execution, path, temporary):
    """Fetch a log in each of several ways, in a process whose files can't be longer than a limit."""
    temporary.mkdir()
    arguments = ways, limit, execution.flow.id, execution.log_id, path
    with started(fetch, *arguments, TMPDIR=str(temporary)) as (_, pipe):
        ends, stored = pipe.recv()
    assert stored == {}
    assert list(temporary.iterdir()) == []
    assert [way for way, _ in ends] == ways
    return {said for _, said in ends}


def test_while_the_log_is_received(simulator, flow, tmp_path):
    execution = simulator.add_execution(flow, lasts=0, log=LARGE)
    ways = ["save_log", "load_log", "asave_log", "aload_log"]
    for said in attempt(ways, MEBIBYTE, execution, f"{tmp_path}/logs/x.json", tmp_path / "temporary"):
        assert said.startswith(
            f"StorageError: The temporary folder {tmp_path}/temporary is full (File too large); it has to take the "
            "log's ZIP, of 4"
        )
        assert said.endswith(
            " bytes or more. Free space there, or set TMPDIR to another folder on every worker."
        )
    assert simulator.count("download") == 4
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("limit", [MEBIBYTE, SMALL.size - 1])
def test_while_the_file_is_written(limit, simulator, flow, tmp_path):
    execution = simulator.add_execution(flow, lasts=0, log=SMALL)
    ways = ["save_log", "asave_log"]
    assert attempt(ways, limit, execution, f"{tmp_path}/logs/x.json", tmp_path / "temporary") == {
        f"StorageError: The folder {tmp_path}/logs is full (File too large); it has to take x.json, the log's JSON, of "
        "10000000 bytes. Free space there, or choose another path."
    }
    assert simulator.count("download") == 2
    assert list((tmp_path / "logs").iterdir()) == []


def test_while_the_log_is_unpacked(simulator, flow, tmp_path):
    execution = simulator.add_execution(flow, lasts=0, log=SMALL)
    ways = ["save_log", "load_log", "asave_log", "aload_log"]
    assert attempt(ways, SMALL.size - 1, execution, "memory://full@/x.json", tmp_path / "temporary") == {
        f"StorageError: The temporary folder {tmp_path}/temporary is full (File too large); it has to take the log's "
        "JSON, of 10000000 bytes. Free space there, or set TMPDIR to another folder on every worker."
    }
    assert simulator.count("download") == 4
