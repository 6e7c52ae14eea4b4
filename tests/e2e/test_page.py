"""The page in a real Airflow: registered, and shown by a browser. Everybody is an admin there."""

from __future__ import annotations

import html
from pathlib import Path

import airflow
import pytest
import requests

from airflow_provider_integrator.ui.plugin import is_supported
from tests.e2e.stage import Run, Stage
from tests.e2e.test_links import browse, browser, door_to

__all__ = ["browser"]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_supported(airflow.__version__), reason="The page needs Airflow 3.1.1"),
]


def test_the_page_and_the_tab_are_registered(stage: Stage):
    (plugin,) = (each for each in stage.airflow.api.get("plugins")["plugins"] if each["name"] == "integrator")

    assert [app["url_prefix"] for app in plugin["fastapi_apps"]] == ["/integrator"]
    assert [view["destination"] for view in plugin["external_views"]] == ["nav", "task_instance"]
    assert stage.airflow.api.get("plugins/importErrors")["import_errors"] == []


def get(stage: Stage, path: str, **query: str) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    session.cookies["_token"] = stage.airflow.api.token
    return session.get(f"{stage.airflow.url}/integrator/{path}", params=query, timeout=60)


def test_the_tab_of_a_task_leads_to_its_execution(stage: Stage, outlets_run: Run):
    execution = outlets_run.executions["fails"]

    answer = get(
        stage,
        "task",
        dag_id=outlets_run.dag_id,
        run_id=outlets_run.run_id,
        task_id="fails",
        map_index="{MAP_INDEX}",
    )

    assert answer.status_code == 200
    assert "/integrator/execution/" in answer.url
    assert f"<code>{execution.id}</code>" in answer.text


def test_an_execution_names_the_task_that_waited(stage: Stage, outlets_run: Run):
    execution = outlets_run.executions["sees_poke"]

    text = get(
        stage, "execution/integrator_pages", flow=stage.flows["sees_poke"].id, execution=execution.id
    ).text

    assert f"/dags/{outlets_run.dag_id}/runs/" in text.partition("waited for it")[2]


def test_a_browser_shows_the_overview(browser: str, stage: Stage, tmp_path: Path):
    page = f"{stage.airflow.url}/integrator/overview/integrator_default"
    with door_to(page, stage.airflow.api.token) as door:
        shown = html.unescape(browse(browser, door, tmp_path, "--dump-dom"))

    assert "Updated " in shown  # the script has run, which the policy allows
    assert "Order Status" in shown
    assert 'class="cells"' in shown
