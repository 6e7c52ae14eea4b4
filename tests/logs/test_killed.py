"""A save that is killed, truly: nothing of it is left, and the next one is whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import BigLog

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="the system doesn't show open files"
)

LARGE = BigLog(200_000_000)
#: Bytes of a file that is being written when its process is killed.
MIDDLE = 30_000_000

SAVE = """
import asyncio, sys, time
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.logs import disk, document
from tests.stores import attached

way, flow, log, path = sys.argv[1:]

def halt(*_, **__):
    print("halted", flush=True)
    time.sleep(600)

if way == "named":
    disk._open_unnamed = lambda _: None
elif way == "upload":
    store = attached("s3", "killed")
    store.between = lambda upload: len(upload.parts) == 3 and halt()
elif way == "store":
    attached("memory", "killed")
elif way == "child":
    document._CHILD = "import time; time.sleep(2)"
    document.subprocess.Popen.communicate = halt

hook = IntegratorHook()
if way == "child":
    asyncio.run(hook.asave_log(flow, log, path))
else:
    hook.save_log(flow, log, path)
"""


@pytest.fixture
def folders(tmp_path):
    made = tmp_path / "temporary", tmp_path / "target"
    for folder in made:
        folder.mkdir()
    return made


def files(*folders):
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def written(pid, folder):
    """Bytes of the files that a process has open in a folder, with or without a name."""
    sizes = [0]
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed by now
            if str(link.readlink()).startswith(str(folder)):
                sizes.append(link.stat().st_size)
    return max(sizes)


@contextlib.contextmanager
def saving(way, execution, path, temporary):
    command = [sys.executable, "-c", SAVE, way, execution.flow.id, execution.log_id, str(path)]
    with subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(temporary)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("way", "form", "in_temporary", "in_target"),
    [
        ("download", "{}/x.json", MIDDLE, 0),
        ("local", "{}/x.json", 0, MIDDLE),
        ("named", "{}/x.json", 0, MIDDLE),
        ("store", "memory://killed@/x.json", 2 * MIDDLE, 0),
        ("upload", "s3://killed@bucket/x.json", 0, 0),
        ("child", "{}/x.json", 0, 0),
    ],
)
def test_a_kill_leaves_nothing(way, form, in_temporary, in_target, simulator, flow, folders, mocker):
    temporary, target = folders
    execution = simulator.add_execution(flow, lasts=0, log=LARGE)
    path = form.format(target)
    with saving(way, execution, path, temporary) as process:
        if not in_temporary and not in_target:
            assert "halted\n" in iter(process.stdout.readline, "")
        while written(process.pid, temporary) < in_temporary or written(process.pid, target) < in_target:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
        process.wait()
    assert files(temporary) == []
    left = files(target)
    assert len(left) == (way == "named")
    if "://" in path:
        return
    mocker.patch.object(tempfile, "tempdir", str(temporary))
    with IntegratorHook() as hook:
        _, saved = hook.save_log(flow.id, execution.log_id, path)
    assert files(temporary, target) == [target / "x.json"]
    assert saved.bytes == LARGE.size
    assert saved.sha256 == hashlib.sha256((target / "x.json").read_bytes()).hexdigest()


def test_a_save_that_runs_keeps_its_part(simulator, flow, folders):
    temporary, target = folders
    execution = simulator.add_execution(flow, lasts=0, log=LARGE)
    with saving("named", execution, target / "x.json", temporary) as process:
        while not written(process.pid, target):
            assert process.poll() is None
            time.sleep(0.005)
        (part,) = files(target)
        small = simulator.add_execution(flow, lasts=0, log=b"{}")
        with IntegratorHook() as hook:
            hook.save_log(flow.id, small.log_id, target / "x.json")
        assert process.poll() is None
        assert sorted(files(target)) == [part, target / "x.json"]
        assert process.wait() == 0
    assert files(target) == [target / "x.json"]
    assert (target / "x.json").stat().st_size == LARGE.size
