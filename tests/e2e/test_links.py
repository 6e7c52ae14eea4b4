"""The links on a task's page: what Airflow's API says, and what a browser shows."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from airflow_api import IS_AIRFLOW_3

from tests.e2e.stage import Run, Stage
from tests.e2e.told import UI_URL

pytestmark = pytest.mark.e2e

TASKS = ("sees_poke", "sees_reschedule", "sees_deferrable", "keeps", "fails")
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


@pytest.fixture
def browser() -> str:
    """A browser that runs; some distributions' command only says how to get one."""
    for found in filter(None, map(shutil.which, ("chromium", "google-chrome"))):
        if subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return found
    pytest.skip("There is no Chromium: apt-get install chromium")


@pytest.mark.parametrize("task_id", TASKS)
def test_the_link_leads_to_the_execution(stage: Stage, told: Run, task_id: str):
    assert links(stage, told, task_id)["Integrator execution"] == page_of(stage, told, task_id)


def test_a_local_file_has_no_link(stage: Stage, told: Run):
    assert links(stage, told, "keeps")["Stored log"] is None


def test_without_ui_url_there_is_no_link(stage: Stage, runs: dict[str, Run]):
    assert set(links(stage, runs["e2e_log"], "fetches_deferred").values()) == {None}
    assert set(links(stage, runs["e2e_wait_poke"], "succeeds").values()) == {None}


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="2.11 asks browsers for a login")
def test_a_browser_shows_the_button(browser: str, stage: Stage, told: Run, tmp_path: Path):
    page = f"{stage.airflow.url}/dags/{told.dag_id}/runs/{told.run_id}/tasks/keeps/details"
    picture = Path(PICTURES or tmp_path) / "links.png"
    browse(browser, page, tmp_path, f"--screenshot={picture}")
    assert picture.stat().st_size > 10_000
    shown = html.unescape(browse(browser, page, tmp_path, "--dump-dom"))
    assert f'href="{page_of(stage, told, "keeps")}"' in shown
    assert "Integrator execution" in shown
    assert "Stored log" not in shown


def browse(browser: str, url: str, folder: Path, what: str) -> str:
    """Open a page and wait until it has come to rest.

    :return: What the browser printed.
    """
    return subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",  # root, as in CI's containers, has none
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            f"--user-data-dir={folder / 'browser'}",
            "--window-size=1400,800",
            "--virtual-time-budget=20000",
            what,
            url,
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=180,
    ).stdout
