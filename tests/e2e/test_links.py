"""The links on a task's page: what Airflow's API says, and what a browser shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from airflow_api import IS_AIRFLOW_3

from tests.e2e.chromium import Page
from tests.e2e.conftest import UI_URL
from tests.e2e.stage import Run, Stage

pytestmark = pytest.mark.e2e

TASKS = ("sees_poke", "sees_reschedule", "sees_deferrable", "keeps", "stores", "fails")
#: Where the picture goes that a person may want to look at; with the test's other files where not set.
PICTURES = os.environ.get("TEST_PICTURES")


def links(stage: Stage, run: Run, task_id: str) -> dict[str, str | None]:
    answer = stage.airflow.api.get(f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/links")
    return answer["extra_links"] if IS_AIRFLOW_3 else answer


def page_of(stage: Stage, run: Run, task_id: str) -> str:
    execution = run.executions[task_id]
    return UI_URL.format(
        project_id=stage.demo.project.id,
        flow_id=stage.flows[task_id].id,
        execution_id=execution.id,
        log_id=execution.log_id,
    )


def stored_page(stage: Stage, run: Run) -> str:
    uri = stage.xcom(run, "stores")["uri"]
    assert uri.startswith("gs://bucket/daily logs/stores/")
    return uri.replace("gs://", "https://storage.cloud.google.com/").replace(" ", "%20")


@pytest.mark.parametrize("task_id", TASKS)
def test_the_link_leads_to_the_execution(stage: Stage, outlets_run: Run, task_id: str):
    assert links(stage, outlets_run, task_id)["Integrator execution"] == page_of(stage, outlets_run, task_id)


def test_a_local_file_has_no_link(stage: Stage, outlets_run: Run):
    assert links(stage, outlets_run, "keeps")["Stored log"] is None


def test_a_stored_file_has_a_link_to_its_page(stage: Stage, outlets_run: Run):
    assert links(stage, outlets_run, "stores")["Stored log"] == stored_page(stage, outlets_run)


def test_without_ui_url_there_is_no_link(stage: Stage, runs: dict[str, Run]):
    assert set(links(stage, runs["e2e_log"], "fetches_deferred").values()) == {None}
    assert set(links(stage, runs["e2e_wait_poke"], "succeeds").values()) == {None}


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="The pages of 2.11 are others")
@pytest.mark.parametrize("task_id", ["keeps", "stores"])
def test_a_browser_shows_the_buttons(
    signed_in: Page, stage: Stage, outlets_run: Run, tmp_path: Path, task_id: str
):
    signed_in.open(
        f"{stage.airflow.url}/dags/{outlets_run.dag_id}/runs/{outlets_run.run_id}/tasks/{task_id}/details"
    )

    signed_in.shows("Integrator execution")
    signed_in.picture(Path(PICTURES or tmp_path) / f"links-{task_id}.png")
    leads_to = signed_in.ask("[...document.querySelectorAll('a')].map((each) => each.getAttribute('href'))")
    assert page_of(stage, outlets_run, task_id) in leads_to
    assert signed_in.ask("document.body.innerText.includes('Stored log')") == (task_id == "stores")
    assert (stored_page(stage, outlets_run) in leads_to) == (task_id == "stores")
