"""The example DAGs do what they are said to do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.scenarios import APPROVED
from tests.e2e.stage import IS_AIRFLOW_3_1, Run, Stage

pytestmark = pytest.mark.e2e


def kept_log(stage: Stage, run: Run, task_id: str, flow: str) -> Path:
    """Check what a task returned against the file that it kept."""
    returned = stage.xcom(run, task_id)
    path = Path(urlsplit(returned["uri"]).path)
    execution = returned["execution"]
    assert path.parts[-3:] == (flow, execution["execution_id"], f"{execution['log_id']}.json")
    assert path.stat().st_size == returned["bytes"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == returned["sha256"]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert stage.xcom(run, task_id, "execution") == execution
    return path


def test_wait_and_keep_log(stage: Stage, examples: dict[str, Run]):
    run = examples["integrator_wait_and_keep_log"]
    assert run.states == {"wait_for_product": "success", "keep_product_log": "success"}
    assert run.state == "success"
    log = json.loads(kept_log(stage, run, "keep_product_log", "product").read_bytes())
    assert log["errors"] == []
    assert len(log["request"]["body"]) == 40


def test_failed_execution(stage: Stage, examples: dict[str, Run]):
    run = examples["integrator_failed_execution"]
    assert run.states == {"wait_for_price": "success", "judge_price": "failed"}
    assert run.state == "failed"
    assert run.tasks["judge_price", -1].tries == 1  # of 4 that it may have
    path = kept_log(stage, run, "judge_price", "price")
    message = stage.log(run, "judge_price").partition("ExecutionFailedError: ")[2]
    assert "12 rows processed, 9 ok, 3 failed" in message
    assert str(path) in message
    errors = json.loads(path.read_bytes())["errors"]
    assert len(errors) == 3
    for error in errors:
        assert error["message"] in message


def test_many_flows(stage: Stage, examples: dict[str, Run]):
    run = examples["integrator_many_flows"]
    assert run.state == "success"
    assert [run.tasks["wait_and_fetch", index].state for index in range(3)] == [
        "success",
        "success",
        "skipped",
    ]
    for index, (flow, rows) in enumerate([("product", 40), ("stock", 120)]):
        log = stage.xcom(run, "wait_and_fetch", map_index=index)
        assert (log["request"]["flow"], len(log["request"]["body"])) == (flow, rows)
    assert stage.xcom(run, "wait_and_fetch", map_index=2) is None
    assert stage.xcom(run, "wait_and_fetch", "execution", 2)["status"] == "empty"


@pytest.mark.skipif(not IS_AIRFLOW_3_1, reason="Airflow 3.1 and later ask people")
def test_failed_lines(stage: Stage, examples: dict[str, Run]):
    run = examples[APPROVED]
    assert run.state == "success"
    assert run.states == {"failed_lines": "success", "approve": "success"}
    lines = stage.xcom(run, "failed_lines")
    assert sorted(line["fields"]["sku"] for line in lines) == ["SKU-00002", "SKU-00007", "SKU-00011"]
    assert stage.xcom(run, "failed_lines", "counts") == {"success": 9, "failed": 3}
    assert stage.xcom(run, "approve")["chosen_options"] == ["Approve"]
    for index, line in enumerate(lines):
        prepared = stage.xcom(run, "prepare", map_index=index)
        assert prepared == {"row": line["fields"]["sku"], "reasons": line["log"]["errors"]}
        assert stage.xcom(run, "send", map_index=index) == {"sent": line["fields"]["sku"]}


def test_flows_run_well(stage: Stage, examples: dict[str, Run]):
    run = examples["integrator_flows_run_well"]
    assert run.states == {"check": "failed"}
    assert run.tasks["check", -1].tries == 1  # of 3 that it may have
    checked = stage.xcom(run, "check")
    assert [each["flow"] for each in checked] == ["product", "price", "stock", "image", "order_status"]
    (price,) = (each for each in checked if each["problems"])
    assert price["flow"] == "price"
    failure = stage.xcom(run, "check", "failure")
    assert [each["execution"]["status"] for each in failure["flows"]] == ["failed"]
    stage.until(lambda: "ALARM: " in stage.log(run, "check"))  # of a callback, after the task's state
    log = stage.log(run, "check")
    assert failure["message"].startswith("1 of 5 flows doesn't run well:\n- price: ")
    (alarm,) = (line for line in log.splitlines() if "ALARM: " in line)
    assert f"ALARM: price: {' '.join(price['problems'])}" in alarm
