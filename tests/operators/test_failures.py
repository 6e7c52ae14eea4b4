"""What a callback reads of a task's failure, as attributes of its exception and in XCom."""

from __future__ import annotations

import html
import pickle
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseNotifier

from airflow_provider_integrator.exceptions import WaitTimeoutError
from airflow_provider_integrator.executions.failures import (
    ExecutionBreachedError,
    ExecutionFailedError,
    SensorTimeoutError,
    WindowPassedError,
)
from airflow_provider_integrator.operators.check import IntegratorFlowCheckOperator
from airflow_provider_integrator.simulator import Fault
from tests.operators.conftest import WAITS
from tests.tasks import MODES, Runner, run_operator, run_sensor

ROOT = Path(__file__).parents[2]
#: A template in quotes, as the argument of a notifier.
TEMPLATE = re.compile(r'''(?:text|subject|html_content)=(?:"""(.+?)"""|"(.+?)",\n)''', re.DOTALL)
UI_URL = "https://integrator.example/executions/{execution_id}"
SHORT = {"timeout": 0.05}
PASSED = {"created_after": "2026-01-01T00:00:00Z", "created_before": "2026-01-01T01:00:00Z"}


def check(outcome, kind):
    """Check that pickle and XCom have the exception's facts."""
    assert type(outcome.error) is kind, repr(outcome.error)
    facts = outcome.error.facts()
    assert outcome.xcoms["failure"] == facts
    again = pickle.loads(pickle.dumps(outcome.error))  # noqa: S301 - this test's own
    assert again.facts() == facts
    return outcome.error


@pytest.mark.parametrize("mode", WAITS)
class TestLogOperator:
    def test_failed(self, mode, simulator, failed, connect, tmp_path):
        connect(ui_url=UI_URL)
        outcome = run_operator(mode, output_path=f"{tmp_path}/x.json")
        error = check(outcome, ExecutionFailedError)
        assert error.execution == outcome.xcoms["execution"]
        assert error.execution["fail_count"] == 3
        assert len(error.errors) == 3
        assert "SKU-00001" in error.errors[0]
        assert error.log_uri == (tmp_path / "x.json").as_uri()
        assert error.link == UI_URL.format(execution_id=failed.id)

    def test_errors_are_not_shown(self, mode, simulator, failed):
        error = check(run_operator(mode, show_errors=False), ExecutionFailedError)
        assert error.errors == []
        assert (error.log_uri, error.link) == (None, None)

    def test_log_is_refused(self, mode, simulator, failed, tmp_path):
        simulator.inject(Fault.status(400, on="download"))
        error = check(run_operator(mode, output_path=f"{tmp_path}/x.json"), ExecutionFailedError)
        assert (error.errors, error.log_uri) == ([], None)

    def test_breached(self, mode, simulator, execution):
        error = check(run_operator(mode, min_rows=10**7), ExecutionBreachedError)
        assert error.execution["status"] == "success"

    def test_timed_out(self, mode, simulator, flow):
        execution = simulator.add_execution(flow)
        error = check(run_operator(mode, **SHORT), WaitTimeoutError)
        assert error.execution["execution_id"] == execution.id
        assert error.execution["state"] == "in_progress"

    def test_missing(self, mode, simulator, flow):
        assert check(run_operator(mode, **PASSED), WindowPassedError).execution is None


@pytest.mark.parametrize("mode", MODES)
class TestSensor:
    def test_failed(self, mode, simulator, failed, connect):
        connect(ui_url=UI_URL)
        error = check(run_sensor(mode, fail_on_failed=True), ExecutionFailedError)
        assert error.execution["fail_count"] == 3
        assert error.link == UI_URL.format(execution_id=failed.id)

    def test_timed_out(self, mode, simulator, flow, connect):
        connect(ui_url=UI_URL)
        execution = simulator.add_execution(flow)
        error = check(run_sensor(mode, **SHORT), SensorTimeoutError)
        assert error.execution["execution_id"] == execution.id
        assert error.link == UI_URL.format(execution_id=execution.id)

    def test_timed_out_without_an_execution(self, mode, simulator, flow):
        error = check(run_sensor(mode, **SHORT), SensorTimeoutError)
        assert (error.execution, error.link) == (None, None)

    def test_missing(self, mode, simulator, flow):
        assert check(run_sensor(mode, **PASSED), WindowPassedError).execution is None

    @pytest.mark.parametrize("quiet", ["soft_fail", "never_fail"])
    def test_a_skipped_task_has_no_failure(self, quiet, mode, simulator, failed):
        outcome = run_sensor(mode, fail_on_failed=True, **{quiet: True})
        assert (outcome.state, outcome.xcoms) == ("skipped", {})


class Notifier(BaseNotifier):
    """Keeps the text that it would send."""

    template_fields = ("text",)

    def __init__(self, text):
        super().__init__()
        self.text = text

    def notify(self, context):
        """Is called once the fields are rendered."""


def notified(template, error):
    """Render a notifier's template as Airflow does."""
    notifier = Notifier(template)
    ti = SimpleNamespace(task=None, task_id="keep")
    notifier({"exception": error, "dag": DAG("prices", schedule=None), "ti": ti})
    return notifier.text


def templates(page):
    """Find the templates of the notifiers that a page of the documentation shows."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return [quoted[1] or quoted[2] for quoted in TEMPLATE.finditer(text)]


def test_the_documented_notifiers_read_the_facts(simulator, failed, connect):
    connect(ui_url=UI_URL)
    slack, subject, smtp = templates("operator.md")
    error = run_operator().error
    assert notified(slack, error).split("\n") == [
        "price: 3 of 10 rows failed.",
        UI_URL.format(execution_id=failed.id),
    ]
    assert notified(subject, error) == "prices: keep failed"
    mail = notified(smtp, error)
    assert html.unescape(mail) == f"<pre>{error}</pre>"
    assert '"' not in mail  # of the errors' JSON
    assert notified(slack, ValueError("another's")).strip() == "another's"


def test_the_documented_notifier_of_the_check_reads_the_facts(simulator, flow):
    (slack,) = templates("check.md")
    outcome = Runner(lambda: IntegratorFlowCheckOperator(task_id="check", flow="price"), {}).run()
    assert notified(slack, outcome.error).strip() == "*price*: It has never run."
    assert notified(slack, ValueError("another's")).strip() == "another's"
