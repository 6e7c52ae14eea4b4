"""A save that is killed, truly: nothing of it is left, and the next one is whole."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import signal
import tempfile
import time
from pathlib import Path

import pytest

from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.logs import disk, document
from airflow_provider_integrator.simulator import BigLog
from tests.processes import started
from tests.stores import attached

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="the system doesn't show open files"
)

#: A log whose ZIP, of 8 MB, is on disk while it is received.
LARGE = BigLog(40_000_000)
#: Bytes of a file that has the ZIP's middle, and of one that has the whole ZIP and the JSON's middle.
IN_ZIP, IN_JSON = 6_000_000, 20_000_000


def save(pipe, way, limit, flow, log, path):
    """Save a log, until a file grows over a limit, or halt where one way does."""

    def halt(*_, **__):
        pipe.send("halted")
        time.sleep(600)

    if way == "named":
        disk._open_unnamed = lambda _: None
    elif way == "upload":
        store = attached("s3", "killed")
        store.between = lambda upload: len(upload.parts) == 3 and halt()
    elif way == "store":
        attached("memory", "killed")
    elif way == "child":
        document._CHILD = "import time; time.sleep(0.3)"
        document.subprocess.Popen.communicate = halt
    if limit:
        # Python ignores the signal; its default is to end the process where it stands.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    hook = IntegratorHook()
    if way == "child":
        asyncio.run(hook.asave_log(flow, log, path))
    else:
        hook.save_log(flow, log, path)


def save_slowly(pipe, flow, log, path):
    """Save a log into a named part, and ask before it takes its name."""
    disk._open_unnamed = lambda _: None
    set_mode = disk._set_mode

    def ask(file, mode):
        pipe.send("written")
        pipe.recv()
        set_mode(file, mode)

    disk._set_mode = ask
    IntegratorHook().save_log(flow, log, path)


@pytest.fixture
def folders(tmp_path):
    made = tmp_path / "temporary", tmp_path / "target"
    for folder in made:
        folder.mkdir()
    return made


def files(*folders):
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("way", "form", "limit"),
    [
        ("download", "{}/x.json", IN_ZIP),
        ("local", "{}/x.json", IN_JSON),
        ("named", "{}/x.json", IN_JSON),
        ("store", "memory://killed@/x.json", IN_JSON),
        ("upload", "s3://killed@bucket/x.json", None),
        ("child", "{}/x.json", None),
    ],
)
def test_a_kill_leaves_nothing(way, form, limit, simulator, flow, folders, mocker):
    temporary, target = folders
    execution = simulator.add_execution(flow, lasts=0, log=LARGE)
    path = form.format(target)
    with started(save, way, limit, execution.flow.id, execution.log_id, path, TMPDIR=str(temporary)) as (
        process,
        pipe,
    ):
        if not limit:
            assert pipe.recv() == "halted"
            process.kill()
        process.join()
        assert process.exitcode == -(signal.SIGXFSZ if limit else signal.SIGKILL)
    assert files(temporary) == []
    assert [part.stat().st_size for part in files(target)] == [IN_JSON] * (way == "named")
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
    path = target / "x.json"
    with started(save_slowly, flow.id, execution.log_id, path, TMPDIR=str(temporary)) as (process, pipe):
        assert pipe.recv() == "written"
        (part,) = files(target)
        small = simulator.add_execution(flow, lasts=0, log=b"{}")
        with IntegratorHook() as hook:
            hook.save_log(flow.id, small.log_id, path)
        assert sorted(files(target)) == [part, path]
        pipe.send("go on")
        process.join()
        assert process.exitcode == 0
    assert files(target) == [path]
    assert path.stat().st_size == LARGE.size
