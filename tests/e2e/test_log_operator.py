"""The log operator as the one task that waits, fetches and judges."""

from __future__ import annotations

import pytest

from tests.e2e.stage import FAILED_LOG, LOG, Run, Stage

pytestmark = pytest.mark.e2e


@pytest.fixture
def run(runs: dict[str, Run]) -> Run:
    return runs["e2e_log"]


def test_every_task_ends_as_it_should(run: Run):
    assert {key: task.state for key, task in run.tasks.items()} == {
        ("fetches_in_worker", -1): "success",
        ("fetches_deferred", -1): "success",
        ("fails_in_worker", -1): "failed",
        ("fails_deferred", -1): "failed",
        ("mapped", 0): "success",
        ("mapped", 1): "failed",
        ("mapped", 2): "success",
    }


@pytest.mark.parametrize("task_id", ["fetches_in_worker", "fetches_deferred"])
def test_the_log_is_returned(stage: Stage, run: Run, task_id: str):
    assert stage.xcom(run, task_id) == LOG
    execution = stage.xcom(run, task_id, "execution")
    assert execution["execution_id"] == run.executions[task_id].id
    assert (execution["state"], execution["status"]) == ("finished", "success")


@pytest.mark.parametrize("task_id", ["fails_in_worker", "fails_deferred"])
def test_a_failure_is_final_says_why_and_leaves_log_and_execution(stage: Stage, run: Run, task_id: str):
    assert run.tasks[task_id, -1].tries == 1  # of 4 that it may have
    assert stage.xcom(run, task_id) == FAILED_LOG
    execution = stage.xcom(run, task_id, "execution")
    assert execution["execution_id"] == run.executions[task_id].id
    assert (execution["state"], execution["status"]) == ("finished", "failed")
    log = stage.log(run, task_id)
    assert f"ExecutionFailedError: Execution {execution['execution_id']} of flow {task_id}" in log
    assert "The price isn't allowed." in log
    assert "Row 2: no such currency" in log


@pytest.mark.parametrize("map_index", [0, 1, 2])
def test_each_mapped_instance_has_its_own_execution_and_log(stage: Stage, run: Run, map_index: int):
    execution = stage.xcom(run, "mapped", "execution", map_index)
    assert execution["execution_id"] == run.executions[f"mapped_{map_index}"].id
    assert stage.xcom(run, "mapped", map_index=map_index) == (FAILED_LOG if map_index == 1 else LOG)
    assert run.tasks["mapped", map_index].tries == 1
