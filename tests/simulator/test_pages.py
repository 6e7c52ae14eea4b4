"""The page of an execution, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.hooks.ui_url import UiUrl

if TYPE_CHECKING:
    from airflow_provider_integrator.simulator import Execution, Flow, IntegratorSimulator


def page(integrator: IntegratorSimulator, execution: Execution) -> requests.Response:
    """Follow the link that a task pushes."""
    url = UiUrl.read(integrator.ui_url).fill(execution_id=execution.id)
    assert url is not None
    return requests.get(url, timeout=20)


def test_a_finished_execution(integrator: IntegratorSimulator, flow: Flow) -> None:
    execution = integrator.add_execution(
        flow, lasts=0, status=Status.FAILED, fail_count=3, process_count=12, log={"errors": ["no such SKU"]}
    )
    answer = page(integrator, execution)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for text in (execution.id, execution.log_id, "Failed", "12 processed, 9 ok, 3 failed", "no such SKU"):
        assert text in answer.text
    assert answer.text.count("<td>Finished</td>") == 1 + len(execution.steps)
    assert "http-equiv" not in answer.text


def test_a_running_one_loads_itself_again_and_shows_no_log(
    integrator: IntegratorSimulator, flow: Flow
) -> None:
    execution = integrator.add_execution(flow, state=State.START, log={"errors": ["later"]})
    answer = page(integrator, execution)
    assert "http-equiv='refresh'" in answer.text
    assert "not yet" in answer.text
    assert "later" not in answer.text


@pytest.mark.parametrize("log", ["<script>x</script>", b"\xff<script>", {"<script>": 1}, ["x" * 100_000]])
def test_any_log_is_text(integrator: IntegratorSimulator, flow: Flow, log: object) -> None:
    execution = integrator.add_execution(flow, lasts=0, log=log, triggered_by="<script>", id="<script>/é")
    text = page(integrator, execution).text
    assert "<script" not in text
    assert len(text) < 70_000


def test_an_unknown_status_is_shown(integrator: IntegratorSimulator, flow: Flow) -> None:
    assert "<td>77</td>" in page(integrator, integrator.add_execution(flow, lasts=0, status=77)).text


def test_an_unknown_execution(integrator: IntegratorSimulator) -> None:
    assert requests.get(f"{integrator.url}/executions/none", timeout=20).status_code == 404
    assert requests.post(f"{integrator.url}/executions/none", timeout=20).status_code == 404
