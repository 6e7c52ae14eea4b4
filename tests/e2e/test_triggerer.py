"""A wait outlives its triggerer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow_api import AIRFLOW_VERSION

from tests.e2e.stage import LOG, PASSWORD, Part, Stage

pytestmark = pytest.mark.e2e

TASKS = ("sensor", "operator")


def wait_until(is_so: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "that took too long"
        time.sleep(0.5)


def deadline_of(trigger: dict[str, Any]) -> float:
    found = re.search(r'"end_time": ?([0-9.]+)', trigger["arguments"])
    assert found, trigger
    return float(found[1])


def test_a_killed_triggerer_s_waits_go_on_with_the_same_deadlines(stage: Stage):
    api = stage.airflow.api
    run = stage.begin("e2e_restart", [Part(f"restart_{task_id}", task_id, "deferred") for task_id in TASKS])

    def polls() -> list[int]:
        return [stage.polls(f"restart_{task_id}") for task_id in TASKS]

    for task_id in TASKS:
        api.wait_for_task(run.dag_id, run.run_id, task_id, "deferred")
    looked = polls()
    wait_until(lambda: all(now > before + 1 for now, before in zip(polls(), looked, strict=True)))
    triggers = {task_id: stage.trigger_row(run, task_id) for task_id in TASKS}

    stage.airflow.kill_triggerer()
    silent = polls()
    stage.airflow.start_triggerer()
    wait_until(lambda: all(now > before + 1 for now, before in zip(polls(), silent, strict=True)))

    for task_id, before in triggers.items():
        after = stage.trigger_row(run, task_id)
        assert after["id"] == before["id"]
        assert after["triggerer"] != before["triggerer"]
        assert deadline_of(after) == deadline_of(before)
        # ids and numbers only
        for secret in (PASSWORD, *stage.integrator.tokens):
            assert secret not in after["arguments"]
    for execution in run.executions.values():
        stage.integrator.finish(execution)
    assert api.wait_for_run(run.dag_id, run.run_id) == "success"
    assert stage.xcom(run, "sensor")["execution_id"] == run.executions["restart_sensor"].id
    assert stage.xcom(run, "operator") == LOG
    assert [task.tries for task in api.tasks(run.dag_id, run.run_id)] == [1, 1]


def test_a_wait_that_begins_in_the_triggerer_takes_a_worker_only_to_conclude(stage: Stage):
    api = stage.airflow.api
    part = Part("from_trigger", "sensor", "deferred")
    run = stage.begin("e2e_from_trigger", [part])
    api.wait_for_task(run.dag_id, run.run_id, "sensor", "deferred")
    wait_until(lambda: stage.polls("from_trigger") > 1)
    begins_in_triggerer = tuple(map(int, AIRFLOW_VERSION.split(".")[:2])) >= (3, 3)
    if begins_in_triggerer:
        assert not stage.has_let_go(run, part)
    else:  # it defers from a worker, as ever
        wait_until(lambda: stage.has_let_go(run, part))
    stage.integrator.finish(run.executions["from_trigger"])
    assert api.wait_for_run(run.dag_id, run.run_id) == "success"
    assert stage.xcom(run, "sensor")["execution_id"] == run.executions["from_trigger"].id
