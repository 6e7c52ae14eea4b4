"""Asset events of sensor and log operator, in every mode, as Airflow's API tells of them."""

from __future__ import annotations

from typing import Any

import pytest
from airflow_api import IS_AIRFLOW_3

from tests.e2e.stage import Run, Stage

pytestmark = pytest.mark.e2e


def events(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    """List the extras of all events of the tests' assets, by the asset's URI."""
    answer = stage.airflow.api.get("assets/events" if IS_AIRFLOW_3 else "datasets/events", limit="100")
    found: dict[str, list[dict[str, Any]]] = {}
    for event in answer["asset_events" if IS_AIRFLOW_3 else "dataset_events"]:
        found.setdefault(event["uri" if IS_AIRFLOW_3 else "dataset_uri"], []).append(event["extra"])
    return found


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferrable"])
def test_the_sensor_tells_of_its_execution(stage: Stage, told: Run, mode: str):
    (extra,) = events(stage)[f"e2e_sees_{mode}"]
    assert extra["execution_id"] == told.executions[f"sees_{mode}"].id
    assert (extra["flow_slug"], extra["status"]) == (f"sees_{mode}", "success")
    seen = stage.xcom(told, f"sees_{mode}")
    assert {name: seen[name] for name in extra} == extra
    assert {"process_count", "success_count", "fail_count"} < set(extra)


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferrable"])
def test_the_sensors_alias_stands_for_the_flow(stage: Stage, told: Run, mode: str):
    found = events(stage)
    assert found[f"integrator://integrator_pages/sees_{mode}"] == found[f"e2e_sees_{mode}"]


def test_the_log_operator_tells_what_it_stored_where(stage: Stage, told: Run):
    (extra,) = events(stage)["e2e_keeps"]
    stored = stage.xcom(told, "keeps")
    assert extra["execution_id"] == told.executions["keeps"].id
    assert [extra[name] for name in ("uri", "bytes", "sha256")] == [
        stored[name] for name in ("uri", "bytes", "sha256")
    ]


def test_an_alias_stands_for_the_stored_log(stage: Stage, told: Run):
    found = events(stage)
    uri = stage.xcom(told, "keeps")["uri"]
    assert found[uri] == found["e2e_keeps"]


def test_a_failed_task_emits_nothing(stage: Stage, told: Run):
    assert told.states["fails"] == "failed"
    assert "e2e_fails" not in events(stage)
