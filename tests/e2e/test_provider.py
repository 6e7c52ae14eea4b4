"""What Airflow's command line and pages show of the provider."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow_api import connection_body

from tests.e2e.stage import PASSWORD, Stage

pytestmark = pytest.mark.e2e

PACKAGE = "airflow-provider-integrator"


def ask(stage: Stage, *arguments: str) -> Any:
    printed = stage.airflow.cli("providers", *arguments, "--output", "json")
    # warnings may stand above it
    return json.loads(printed[printed.index("[") :].strip().splitlines()[-1])


def test_get_shows_the_package(stage: Stage):
    (shown,) = ask(stage, "get", PACKAGE)
    assert PACKAGE in shown.values()


def test_hooks_lists_the_connection_type(stage: Stage):
    (hook,) = [hook for hook in ask(stage, "hooks") if hook["connection_type"] == "integrator"]
    assert PACKAGE in hook.values()


def test_widgets_and_behaviours_list_the_form(stage: Stage):
    widgets = str([widget for widget in ask(stage, "widgets") if "integrator" in str(widget)])
    for field in (
        "token",
        "environment",
        "project_id",
        "project_slug",
        "partner_id",
        "verify",
        "timeout",
    ):
        assert field in widgets
    assert "integrator" in str(ask(stage, "behaviours"))


def test_triggers_lists_the_trigger(stage: Stage):
    assert "airflow_provider_integrator.triggers.execution" in str(ask(stage, "triggers"))


def test_links_lists_the_links(stage: Stage):
    shown = str(ask(stage, "links"))
    assert "airflow_provider_integrator.links.execution.IntegratorExecutionLink" in shown
    assert "airflow_provider_integrator.links.log.StoredLogLink" in shown


def test_the_connection_test_logs_in(stage: Stage):
    body = connection_body("e2e_test", stage.integrator.connection())
    answer = stage.airflow.api.post("connections/test", body)
    assert answer["status"] is True
    assert answer["message"].startswith("Logged in")


def test_the_connection_test_says_what_is_wrong_and_no_password(stage: Stage):
    body = connection_body("e2e_test", stage.integrator.connection(password=f"not-{PASSWORD}"))
    answer = stage.airflow.api.post("connections/test", body)
    assert answer["status"] is False
    assert "Login and Password" in answer["message"]
    assert PASSWORD not in answer["message"]
