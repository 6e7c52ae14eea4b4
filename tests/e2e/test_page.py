"""The page in a real Airflow: registered, and what it knows of tasks. What a browser shows: test_page_views.py."""

from __future__ import annotations

import json

import airflow
import pytest
import requests
from local_airflow import PASSWORDS

from airflow_provider_integrator.ui.plugin import is_supported
from tests.e2e.stage import Run, Stage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_supported(airflow.__version__), reason="The page needs Airflow 3.1.1"),
]


def test_the_page_and_the_tab_are_registered(stage: Stage):
    (plugin,) = (each for each in stage.airflow.api.get("plugins")["plugins"] if each["name"] == "integrator")

    assert [app["url_prefix"] for app in plugin["fastapi_apps"]] == ["/integrator"]
    assert [view["destination"] for view in plugin["external_views"]] == ["nav", "task_instance"]
    assert stage.airflow.api.get("plugins/importErrors")["import_errors"] == []


def get(stage: Stage, path: str, user: str | None = "admin", **query: str) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    if user is not None:
        password = json.loads((stage.airflow.home / PASSWORDS).read_text("utf-8"))[user]
        login = {"username": user, "password": password}
        answer = session.post(f"{stage.airflow.url}/auth/token", json=login, timeout=60)
        session.cookies["_token"] = answer.json()["access_token"]
    return session.get(f"{stage.airflow.url}/integrator/{path}", params=query, timeout=60)


@pytest.mark.parametrize(
    ("user", "status", "text"),
    [(None, 401, "Signed out"), ("viewer", 403, "No access"), ("op", 200, "Order Status")],
)
def test_only_those_who_may_read_the_connection_see_it(
    stage: Stage, user: str | None, status: int, text: str
):
    answer = get(stage, "overview/integrator_default", user)

    assert (answer.status_code, text in answer.text) == (status, True)


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
