"""Thresholds on the sensor and the log operator: a breach ends both alike, in every mode."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.simulator import Fault
from tests.operators.conftest import WAITS
from tests.tasks import MODES, a_sensor, after_looks, an_operator, run_operator, run_sensor

TIGHT = {"max_fail_count": 2, "max_fail_rate": 0.1}
LINES = ["3 of 10 rows failed; max_fail_rate is 0.1.", "3 rows failed; max_fail_count is 2."]


@pytest.fixture
def bad_success(simulator, flow):
    return simulator.add_execution(flow, process_count=10, fail_count=3, lasts=0, log={"errors": ["SKU-7"]})


@pytest.mark.parametrize("mode", MODES)
class TestSensor:
    def test_fails_with_the_figures(self, mode, simulator, bad_success):
        outcome = run_sensor(mode, **TIGHT)
        assert isinstance(outcome.error, AirflowFailException)
        assert set(LINES) <= set(outcome.message.splitlines())

    def test_after_a_wait(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, process_count=10, fail_count=3)
        after_looks(simulator, 3, lambda: simulator.finish(execution))
        outcome = run_sensor(mode, **TIGHT)
        assert isinstance(outcome.error, AirflowFailException)

    @pytest.mark.parametrize("quiet", ["soft_fail", "never_fail"])
    def test_is_skipped_instead(self, quiet, mode, simulator, bad_success):
        outcome = run_sensor(mode, **TIGHT, **{quiet: True})
        assert isinstance(outcome.error, AirflowSkipException)

    def test_warns(self, mode, simulator, bad_success, logged):
        outcome = run_sensor(mode, **TIGHT, on_breach="warn")
        assert outcome.state == "success"
        assert all(line in logged.text for line in LINES)

    def test_a_failed_execution_is_not_its_business(self, mode, simulator, flow):
        simulator.add_execution(flow, status=Status.FAILED, process_count=10, fail_count=3, lasts=0)
        assert run_sensor(mode, **TIGHT).state == "success"


@pytest.mark.parametrize("mode", WAITS)
class TestLogOperator:
    def test_fails_once_the_log_is_delivered(self, mode, simulator, bad_success, tmp_path):
        outcome = run_operator(mode, output_path=f"{tmp_path}/x.json", **TIGHT)
        assert isinstance(outcome.error, AirflowFailException)
        assert set(LINES) <= set(outcome.message.splitlines())
        assert "- SKU-7" in outcome.message
        assert json.loads((tmp_path / "x.json").read_bytes()) == {"errors": ["SKU-7"]}
        assert outcome.xcoms["return_value"]["uri"] in outcome.message

    def test_warns(self, mode, simulator, bad_success, logged):
        outcome = run_operator(mode, **TIGHT, on_breach="warn")
        assert outcome.value == {"errors": ["SKU-7"]}
        assert all(line in logged.text for line in LINES)

    def test_a_refused_log_does_not_hide_the_breach(self, mode, simulator, bad_success):
        simulator.inject(Fault.status(400, on="download", body="no such log"))
        outcome = run_operator(mode, **TIGHT)
        assert isinstance(outcome.error, AirflowFailException)
        assert set(LINES) <= set(outcome.message.splitlines())
        assert "no such log" in outcome.message

    def test_counts_that_are_not_there(self, mode, simulator, bad_success, logged):
        def without_counts(page):
            for log in page["results"]:
                log.update(process_count=None, fail_count=None)
            return page

        simulator.inject(Fault.mutate(without_counts, on="logs"))
        assert run_operator(mode, **TIGHT).state == "success"
        assert "doesn't have the figures: max_fail_count, max_fail_rate." in logged.text


@pytest.mark.parametrize("make", [a_sensor, an_operator])
@pytest.mark.parametrize("wrong", [{"max_fail_rate": 5}, {"min_rows": -1}, {"on_breach": "ignore"}], ids=str)
def test_a_bad_value_fails_the_dags_parsing(wrong, make):
    with pytest.raises(ConfigurationError, match="; set it to "):
        make(**wrong)
