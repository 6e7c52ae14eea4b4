"""What Airflow's pages show of the connection type."""

from __future__ import annotations

import pytest
from airflow_api import AIRFLOW_VERSION, connection_body

from airflow_provider_integrator.provider_info import CONN_FIELDS
from tests.e2e.stage import PASSWORD, Stage

pytestmark = pytest.mark.e2e

MINOR = tuple(map(int, AIRFLOW_VERSION.split(".")[:2]))


@pytest.mark.skipif(MINOR < (3, 0), reason="its form is made of the widgets alone")
def test_the_pages_form_has_all_fields(stage: Stage):
    (form,) = [form for form in stage.airflow.api.forms() if form["connection_type"] == "integrator"]
    if MINOR == (3, 0):  # nobody's form has more than the plain fields: Extra is written as JSON
        assert (form["standard_fields"], form["extra_fields"]) == (None, None)
        return
    assert form["standard_fields"]["login"]["title"] == "Login (e-mail)"
    assert form["standard_fields"]["port"]["hidden"] is True
    assert set(form["extra_fields"]) == set(CONN_FIELDS)


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
