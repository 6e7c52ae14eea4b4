"""What OpenLineage gets of tasks that run in a real Airflow, as its file transport writes it down."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.stage import Run, Stage

pytest.importorskip("airflow.providers.openlineage")
pytestmark = pytest.mark.e2e


def event_of(stage: Stage, task_id: str, kind: str) -> dict[str, Any]:
    def found() -> list[dict[str, Any]]:
        # each line is whole once it ends; the last may be about to be written
        lines = (stage.airflow.home / "lineage.jsonl").read_text("utf-8").split("\n")[:-1]
        wanted = (f"e2e_outlets.{task_id}", kind)
        return [
            event for event in map(json.loads, lines) if (event["job"]["name"], event["eventType"]) == wanted
        ]

    stage.until(lambda: bool(found()))  # a task sends it after its state
    (event,) = found()
    return event


@pytest.mark.parametrize(("task_id", "kind"), [("keeps", "COMPLETE"), ("fails", "FAIL")])
def test_the_flow_goes_in_and_the_stored_log_comes_out(
    stage: Stage, outlets_run: Run, task_id: str, kind: str
):
    event, stored = event_of(stage, task_id, kind), stage.xcom(outlets_run, task_id)
    ((flow,), (file,)) = event["inputs"], event["outputs"]
    assert flow["namespace"] == f"integrator://{urlsplit(stage.integrator.url).netloc}"
    assert flow["name"] == f"{stage.demo.project.id}/{task_id}"
    assert flow["inputFacets"]["inputStatistics"]["rowCount"] == stored["execution"]["process_count"]
    assert (file["namespace"], file["name"]) == ("file", urlsplit(stored["uri"]).path)
    assert file["outputFacets"]["outputStatistics"]["size"] == stored["bytes"]
    assert file["facets"]["version"]["datasetVersion"] == stored["sha256"]


def test_the_flow_goes_in_and_its_lines_come_out(stage: Stage, outlets_run: Run):
    event, stored = event_of(stage, "lists", "COMPLETE"), stage.xcom(outlets_run, "lists")
    ((flow,), (file,)) = event["inputs"], event["outputs"]
    assert flow["name"] == f"{stage.demo.project.id}/keeps"
    assert (file["namespace"], file["name"]) == ("file", urlsplit(stored["uri"]).path)
    written = file["outputFacets"]["outputStatistics"]
    assert (written["rowCount"], written["size"]) == (stored["lines"], stored["bytes"])


@pytest.mark.parametrize(("task_id", "kind"), [("keeps", "COMPLETE"), ("fails", "FAIL")])
def test_the_run_is_that_of_an_execution(stage: Stage, outlets_run: Run, task_id: str, kind: str):
    facets, execution = (
        event_of(stage, task_id, kind)["run"]["facets"],
        stage.xcom(outlets_run, task_id)["execution"],
    )
    assert facets["externalQuery"]["externalQueryId"] == outlets_run.executions[task_id].id
    assert facets["externalQuery"]["source"] == stage.integrator.url
    said = facets["integrator_execution"]
    assert (said["flow"], said["status"]) == (task_id, execution["status"])
    assert [said["processCount"], said["successCount"], said["failCount"]] == [
        execution["process_count"],
        execution["success_count"],
        execution["fail_count"],
    ]


def test_the_failure_comes_with_the_logs_errors(stage: Stage, outlets_run: Run):
    message = event_of(stage, "fails", "FAIL")["run"]["facets"]["errorMessage"]["message"]
    assert outlets_run.executions["fails"].id in message
    assert "The price isn't allowed." in message
    assert "errorMessage" not in event_of(stage, "keeps", "COMPLETE")["run"]["facets"]
