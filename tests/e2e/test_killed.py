"""Tasks that a user marks as failed, or the system kills, while they store a log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from airflow_provider_integrator.simulator import BigLog
from tests.e2e.stage import RUN_SECONDS, Stage

pytestmark = pytest.mark.e2e


def begin(stage: Stage, slug: str, size: int) -> tuple[str, str]:
    """Run the DAG that saves the log of a flow's execution.

    :return: The ids of DAG and run.
    """
    flow = stage.integrator.add_flow(stage.demo.project, slug, slug=slug, id=f"e2e-{slug}")
    log = BigLog(size)
    log.pack()
    run_id = stage.change(lambda: stage.airflow.api.trigger(f"e2e_{slug}"))
    stage.integrator.add_execution(flow, lasts=0, log=log)
    return f"e2e_{slug}", run_id


@pytest.fixture
def folder(stage: Stage) -> Path:
    return stage.airflow.home / "killed"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def writers(folder: Path, size: int) -> list[psutil.Process]:
    """Find the processes that have a file of some size open in a folder, with or without a name."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError):  # ended, or closed, by now
            for link in Path(f"/proc/{process.pid}/fd").iterdir():
                if str(link.readlink()).startswith(f"{folder}/") and link.stat().st_size > size:
                    found.append(process)
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system doesn't show open files")
def test_a_sigkill_leaves_nothing_and_the_retry_all(stage: Stage, folder: Path):
    run = begin(stage, "killed_write", 400_000_000)
    target = folder / "target"
    killed: list[psutil.Process] = []
    until(lambda: killed.extend(writers(target, 50_000_000)) or killed)
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, 10)
    assert list(target.iterdir()) == []
    stage.airflow.api.wait_for_task(*run, "save", "success", RUN_SECONDS)
    (task,) = stage.airflow.api.tasks(*run)
    assert task.tries >= 2
    assert list(target.iterdir()) == [target / "x.json"]
    assert (target / "x.json").stat().st_size == 400_000_000
    assert list((folder / "temporary").iterdir()) == []


def test_a_task_that_is_marked_as_failed_aborts_its_upload(stage: Stage, folder: Path):
    run = begin(stage, "killed_upload", 150_000_000)  # which takes half a minute from the mark on
    until((folder / "begun").exists)
    stage.change(lambda: stage.airflow.api.fail_task(*run, "save"))
    (folder / "marked").touch()
    until((folder / "aborted").exists)
    until(lambda: not psutil.pid_exists(int((folder / "pid").read_text())))
    assert not (folder / "object").exists()
    assert list((folder / "temporary").iterdir()) == []
    stage.airflow.api.wait_for_task(*run, "save", "failed", RUN_SECONDS)
