"""The sensor in poke, reschedule and deferrable mode: the same outcome, whatever happens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.scenarios import MODES
from tests.e2e.stage import LOG, Run, Stage

pytestmark = pytest.mark.e2e


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(mode: str, runs: dict[str, Run]) -> Run:
    return runs[f"e2e_wait_{mode}"]


def test_every_task_ends_as_it_should(run: Run):
    assert run.state == "failed"
    assert run.states == {
        "succeeds": "success",
        "fetches": "success",
        "sees_failure": "success",
        "fails_on_failed": "failed",
        "times_out": "failed",
        "skips": "skipped",
    }


def test_no_failure_is_retried(run: Run):
    assert {task.task_id: task.tries for task in run.tasks.values()} == dict.fromkeys(run.states, 1)


def test_the_sensor_takes_the_first_execution_since_the_run_began(stage: Stage, run: Run, mode: str):
    # the flow has an older one, that failed
    execution = stage.xcom(run, "succeeds")
    assert execution["execution_id"] == run.executions[f"succeeds_{mode}"].id
    assert execution["log_id"] == run.executions[f"succeeds_{mode}"].log_id
    assert execution["flow_id"] == f"e2e-succeeds_{mode}"
    assert (execution["state"], execution["status"]) == ("finished", "success")


def test_the_log_operator_follows_the_sensor_by_xcom(stage: Stage, run: Run, mode: str):
    assert stage.xcom(run, "fetches") == LOG
    assert stage.xcom(run, "fetches", "execution") == stage.xcom(run, "succeeds")


def test_a_failed_execution_is_a_success_of_the_wait_and_a_warning(stage: Stage, run: Run, mode: str):
    execution = stage.xcom(run, "sees_failure")
    assert execution["execution_id"] == run.executions[f"sees_failure_{mode}"].id
    assert (execution["state"], execution["status"]) == ("finished", "failed")
    assert any(
        "WARNING" in line and "is Finished, status Failed" in line
        for line in stage.log(run, "sees_failure").splitlines()
    )


def test_fail_on_failed_says_which_execution_failed(stage: Stage, run: Run, mode: str):
    execution = run.executions[f"fails_on_failed_{mode}"]
    assert f"ExecutionFailedError: Execution {execution.id} of flow" in stage.log(run, "fails_on_failed")


def test_the_log_has_what_is_waited_for_and_what_was_found_once(stage: Stage, run: Run, mode: str):
    log = stage.log(run, "succeeds")
    assert log.count(f"Waiting for the first execution of flow succeeds_{mode}") == 1
    assert log.count(f"Found execution {run.executions[f'succeeds_{mode}'].id}: created ") == 1


@pytest.mark.parametrize("task_id", ["times_out", "skips"])
def test_a_wait_in_vain_says_what_it_waited_for(stage: Stage, run: Run, mode: str, task_id: str):
    assert stage.polls(f"{task_id}_{mode}") >= 2
    assert stage.xcom(run, task_id) is None
    assert "timed out" in stage.log(run, task_id)


def test_all_modes_push_the_same_of_an_execution(stage: Stage, runs: dict[str, Run]):
    def seen(mode: str, task_id: str) -> dict[str, Any]:
        execution = stage.xcom(runs[f"e2e_wait_{mode}"], task_id)
        own = ("execution_id", "log_id", "flow_id", "flow_slug", "created", "finished", "duration")
        steps = [{**step, "log_id": None} for step in execution.pop("steps")]
        return {name: value for name, value in execution.items() if name not in own} | {"steps": steps}

    for task_id in ("succeeds", "sees_failure"):
        poke, reschedule, deferrable = (seen(mode, task_id) for mode in MODES)
        assert poke == reschedule == deferrable
