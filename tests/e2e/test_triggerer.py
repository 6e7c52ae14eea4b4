"""A wait outlives its triggerer."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.restart import TASKS, Restarted, kept_outages
from tests.e2e.stage import IS_AIRFLOW_3_3, LOG, PASSWORD, Run, Stage

pytestmark = pytest.mark.e2e


def deadline_of(trigger: dict[str, Any]) -> float:
    found = re.search(r'"end_time": ?([0-9.]+)', trigger["arguments"])
    assert found, trigger
    return float(found[1])


@pytest.mark.parametrize("task_id", TASKS)
def test_a_killed_triggerer_s_waits_go_on_with_the_same_deadlines(
    stage: Stage, restarted: Restarted, task_id: str
):
    before, after = restarted.before[task_id], restarted.after[task_id]
    assert after["id"] == before["id"]
    assert after["triggerer"] != before["triggerer"]
    assert deadline_of(after) == deadline_of(before)
    # ids and numbers only
    for secret in (PASSWORD, *stage.tokens):
        assert secret not in after["arguments"]


def test_a_killed_triggerer_s_waits_end_as_any_other(stage: Stage, restarted: Restarted):
    run = restarted.run
    assert run.state == "success"
    assert stage.xcom(run, "sensor")["execution_id"] == run.executions["restart_sensor"].id
    assert stage.xcom(run, "operator") == LOG
    assert [task.tries for task in run.tasks.values()] == [1, 1]


def test_an_outage_lasts_from_its_beginning_on_whatever_becomes_of_the_triggerer(
    stage: Stage, restarted: Restarted
):
    run = restarted.outage
    assert run.states == {"sensor": "failed"}
    since = restarted.since.isoformat(timespec="seconds")
    assert f"All polls have failed since {since}" in stage.log(run, "sensor")
    assert kept_outages(stage, run) == []


def test_a_wait_that_begins_in_the_triggerer_takes_a_worker_only_to_conclude(
    stage: Stage, from_trigger: tuple[Run, bool]
):
    run, took_worker = from_trigger
    assert took_worker == (not IS_AIRFLOW_3_3)  # below, it defers from a worker, as ever
    assert run.state == "success"
    assert stage.xcom(run, "sensor")["execution_id"] == run.executions["from_trigger"].id
