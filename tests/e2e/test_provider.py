"""What Airflow's command line and pages show of the provider."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow_api import AIRFLOW_VERSION, connection_body

from airflow_provider_integrator.provider_info import CONN_FIELDS
from tests.e2e.stage import PASSWORD, Stage

pytestmark = pytest.mark.e2e

PACKAGE = "airflow-provider-integrator"
MINOR = tuple(map(int, AIRFLOW_VERSION.split(".")[:2]))
#: They look at a hook's form only where WTForms is installed, which Airflow 3 comes without.
HAS_NO_WIDGETS = MINOR in ((3, 0), (3, 1))


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


def test_behaviours_lists_the_connection_type(stage: Stage):
    shown = [behaviour for behaviour in ask(stage, "behaviours") if "integrator" in str(behaviour)]
    assert len(shown) == (0 if HAS_NO_WIDGETS else 1)


def test_widgets_lists_the_form_s_fields(stage: Stage):
    shown = str([widget for widget in ask(stage, "widgets") if PACKAGE in str(widget)])
    if HAS_NO_WIDGETS:
        assert shown == "[]"
    else:
        assert [name for name in CONN_FIELDS if f"integrator__{name}" not in shown] == []


@pytest.mark.skipif(MINOR < (3, 0), reason="its form is made of the widgets alone")
def test_the_pages_form_has_all_fields(stage: Stage):
    (form,) = [form for form in stage.airflow.api.forms() if form["connection_type"] == "integrator"]
    if MINOR == (3, 0):  # nobody's form has more than the plain fields: Extra is written as JSON
        assert (form["standard_fields"], form["extra_fields"]) == (None, None)
        return
    assert form["standard_fields"]["login"]["title"] == "Login (e-mail)"
    assert form["standard_fields"]["port"]["hidden"] is True
    assert set(form["extra_fields"]) == set(CONN_FIELDS)


def test_triggers_lists_the_trigger(stage: Stage):
    assert "airflow_provider_integrator.triggers.execution" in str(ask(stage, "triggers"))


def test_links_lists_the_links(stage: Stage):
    shown = str(ask(stage, "links"))
    assert "airflow_provider_integrator.links.IntegratorExecutionLink" in shown
    assert "airflow_provider_integrator.links.StoredLogLink" in shown


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
