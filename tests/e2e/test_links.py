"""The links on a task's page: what Airflow's API says, and what a browser shows."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from airflow_api import IS_AIRFLOW_3

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


@pytest.fixture
def browser() -> str:
    """A browser that runs; some distributions' command only says how to get one."""
    for found in filter(None, map(shutil.which, ("chromium", "google-chrome"))):
        if subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return found
    pytest.skip("There is no Chromium: apt-get install chromium")


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


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="2.11 asks browsers for a login")
@pytest.mark.parametrize("task_id", ["keeps", "stores"])
def test_a_browser_shows_the_buttons(
    browser: str, stage: Stage, outlets_run: Run, tmp_path: Path, task_id: str
):
    page = f"{stage.airflow.url}/dags/{outlets_run.dag_id}/runs/{outlets_run.run_id}/tasks/{task_id}/details"
    picture = Path(PICTURES or tmp_path) / f"links-{task_id}.png"
    with door_to(page, stage.airflow.api.token) as door:
        browse(browser, door, tmp_path, f"--screenshot={picture}")
        shown = html.unescape(browse(browser, door, tmp_path, "--dump-dom"))
    assert picture.stat().st_size > 10_000
    assert "Integrator execution" in shown
    assert f'href="{page_of(stage, outlets_run, task_id)}"' in shown
    assert ("Stored log" in shown) == (task_id == "stores")
    assert (f'href="{stored_page(stage, outlets_run)}"' in shown) == (task_id == "stores")


@contextmanager
def door_to(page: str, token: str) -> Iterator[str]:
    """Serve a page that leads a browser to another one logged in, which Airflow 3.1's own log-in forgets to do.

    A cookie counts for a host, whatever the port.

    :return: The page's URL.
    """

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Set-Cookie", f"_token={token}; Path=/")
            self.send_header("Location", page)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    host = urlsplit(page).hostname or ""
    with ThreadingHTTPServer((host, 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}/"
        server.shutdown()


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
