"""Asset events of sensor and log operator, in every mode, as the API of Airflow lists them."""

from __future__ import annotations

from typing import Any

import pytest
from airflow_api import IS_AIRFLOW_3

from tests.e2e.stage import Run, Stage

pytestmark = pytest.mark.e2e


def events(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    """List the extras of all events of the run's assets, by the asset's URI."""
    found: dict[str, list[dict[str, Any]]] = {}
    for event in stage.events(source_dag_id="e2e_outlets"):
        found.setdefault(event["uri" if IS_AIRFLOW_3 else "dataset_uri"], []).append(event["extra"])
    return found


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferrable"])
def test_the_sensor_emits_its_execution(stage: Stage, outlets_run: Run, mode: str):
    (extra,) = events(stage)[f"e2e_sees_{mode}"]
    assert extra["execution_id"] == outlets_run.executions[f"sees_{mode}"].id
    assert (extra["flow_slug"], extra["status"]) == (f"sees_{mode}", "success")
    seen = stage.xcom(outlets_run, f"sees_{mode}")
    assert {name: seen[name] for name in extra} == extra
    assert {"process_count", "success_count", "fail_count"} < set(extra)


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferrable"])
def test_the_sensors_alias_stands_for_the_flow(stage: Stage, outlets_run: Run, mode: str):
    found = events(stage)
    assert found[f"integrator://integrator_pages/sees_{mode}"] == found[f"e2e_sees_{mode}"]


def test_the_log_operator_emits_what_it_stored_where(stage: Stage, outlets_run: Run):
    (extra,) = events(stage)["e2e_keeps"]
    stored = stage.xcom(outlets_run, "keeps")
    assert extra["execution_id"] == outlets_run.executions["keeps"].id
    assert [extra[name] for name in ("uri", "bytes", "sha256")] == [
        stored[name] for name in ("uri", "bytes", "sha256")
    ]


def test_an_alias_stands_for_the_stored_log(stage: Stage, outlets_run: Run):
    found = events(stage)
    uri = stage.xcom(outlets_run, "keeps")["uri"]
    assert found[uri] == found["e2e_keeps"]


def test_a_failed_task_emits_nothing(stage: Stage, outlets_run: Run):
    assert outlets_run.states["fails"] == "failed"
    assert "e2e_fails" not in events(stage)
