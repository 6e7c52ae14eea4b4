"""Long histories and large logs through both transports, in bounded memory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import airflow_provider_integrator
from airflow_provider_integrator.api.async_client import AsyncClient
from airflow_provider_integrator.api.endpoints import download_log
from airflow_provider_integrator.logs.archive import Limits
from airflow_provider_integrator.logs.receiver import ArchiveReceiver
from airflow_provider_integrator.simulator import BigLog
from tests.api.conftest import FAST, access_to

ROOT = Path(airflow_provider_integrator.__file__).parents[1]

# In a Python of its own, so that only the client's memory is measured and not the simulator's.
READ = """
import sys, tracemalloc
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.access import Access
from tests.api.conftest import Async, Sync

kind, url = sys.argv[1:]
client = {"sync": Sync, "async": Async}[kind](Access(url, token="token"))
query, number = LogQuery("project-1", "flow-1"), 0

def count():
    global number
    number += 1
    if number == 1_000:  # by then everything is imported and set up
        tracemalloc.start()

def read():
    for _ in client.client.logs(query):
        count()

async def aread():
    async for _ in client.client.logs(query):
        count()

read() if kind == "sync" else client.loop.run_until_complete(aread())
print(number, tracemalloc.get_traced_memory()[1])
client.close()
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_long_history_takes_the_memory_of_a_few_pages(integrator, flow, kind):
    integrator.accept_token("token")
    for _ in range(20_000):
        integrator.add_execution(flow, lasts=0, steps=[])
    done = subprocess.run(
        [sys.executable, "-c", READ, kind, integrator.url],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    number, peak = map(int, done.stdout.split())
    assert number == 20_000
    assert peak < 8 * 2**20
    assert integrator.count("logs") == 201


def test_a_large_log_over_http_leaves_the_loop_to_others(integrator, flow):
    execution = integrator.add_execution(flow, lasts=0, log=BigLog(30_000_000))
    call = download_log(
        execution.log_id, flow.project.id, flow.project.slug, flow.id, lambda: ArchiveReceiver(Limits())
    )
    turns = 0

    async def take_turns():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def fetch():
        async with AsyncClient(access_to(integrator), FAST) as client:
            turning = asyncio.create_task(take_turns())
            archive = await client.call(call)
            turning.cancel()
            return archive

    with asyncio.run(fetch()) as log, tempfile.TemporaryFile() as file:
        assert log.write(file).bytes == 30_000_000
    # 8 MB of base64 text come in dozens of pieces, and others have a turn between them.
    assert turns > 20
