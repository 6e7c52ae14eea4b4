"""The errors that carry an execution's facts: their bases, their facts, and their way through pickle."""

from __future__ import annotations

import json
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_integrator.exceptions import ExecutionMissingError, IntegratorError, WaitTimeoutError
from airflow_provider_integrator.executions.failures import (
    ExecutionBreachedError,
    ExecutionFailedError,
    SensorTimeoutError,
    WindowPassedError,
    failure,
)
from airflow_provider_integrator.executions.policy import Policy, Verdict
from airflow_provider_integrator.executions.thresholds import Thresholds
from tests.executions.test_policy import execution

BASES = {
    ExecutionFailedError: AirflowFailException,
    ExecutionBreachedError: AirflowFailException,
    WindowPassedError: AirflowFailException,
    SensorTimeoutError: AirflowSensorTimeout,
}


@pytest.mark.parametrize(("kind", "base"), BASES.items(), ids=lambda kind: kind.__name__)
def test_airflow_ends_the_task_without_retries(kind, base):
    assert issubclass(kind, base)
    assert issubclass(kind, IntegratorError)


@pytest.mark.parametrize("kind", [*BASES, WaitTimeoutError, ExecutionMissingError])
class TestFacts:
    def test_are_attributes(self, kind):
        error = kind("It failed.", {"fail_count": 2}, ["one"], "s3://logs/1.json", "https://page")
        assert str(error) == "It failed."
        assert error.execution["fail_count"] == 2
        assert error.facts() == {
            "error": kind.__name__,
            "message": "It failed.",
            "execution": {"fail_count": 2},
            "errors": ["one"],
            "log_uri": "s3://logs/1.json",
            "link": "https://page",
        }

    def test_are_there_without_any(self, kind):
        error = kind("It failed.")
        assert (error.execution, error.errors, error.log_uri, error.link) == (None, [], None, None)

    def test_survive_pickle(self, kind):
        error = kind("It failed.", {"fail_count": 2}, ["one"], "s3://logs/1.json")
        error.link = "https://page"
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - this test's own
        assert type(again) is kind
        assert again.facts() == error.facts()


def test_a_failed_execution():
    error = failure(Policy().judge(execution()), ["one", {"row": 2}], "It is there.", "s3://logs/1.json")
    assert type(error) is ExecutionFailedError
    assert str(error).split("\n") == [
        "Execution execution-1 of flow price is Finished, status Failed: 12 rows processed, 10 ok, 2 failed.",
        "Failed step: Write data (log id 19).",
        "Errors in its log (at most 10 are shown):",
        "- one",
        '- {"row": 2}',
        "It is there.",
    ]
    assert error.execution == execution().as_dict()
    assert error.errors == ["one", '{"row": 2}']
    assert error.log_uri == "s3://logs/1.json"


def test_an_empty_execution():
    error = failure(Policy(on_empty="fail").judge(execution(status=4, sub_flows=[])))
    assert type(error) is ExecutionFailedError
    assert str(error).split("\n")[1:] == ["on_empty is fail."]


def test_a_breached_threshold():
    error = failure(Policy(thresholds=Thresholds(max_fail_count=1)).judge(execution(status=2, sub_flows=[])))
    assert type(error) is ExecutionBreachedError
    assert str(error).split("\n")[1:] == ["2 rows failed; max_fail_count is 1."]


def test_facts_are_small_whatever_the_errors():
    error = failure(Verdict(execution(), "fail"), [{"row": "x" * 60_000}] * 10)
    assert len(json.dumps(error.facts())) < 10_000
