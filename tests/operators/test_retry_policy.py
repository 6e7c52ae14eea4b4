"""The retry policy: what it retries when, and what it doesn't."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    LogArchiveError,
    LogTooLargeError,
    RequestError,
    ResponseError,
    StorageError,
    UnavailableError,
    WaitTimeoutError,
)

try:
    import airflow.sdk.definitions.retry_policy as airflow_policies
except ImportError:
    airflow_policies = None

needs_policies = pytest.mark.skipif(airflow_policies is None, reason="needs Airflow 3.3")


def evaluate(error):
    from airflow_provider_integrator.operators.retry_policy import IntegratorRetryPolicy

    return IntegratorRetryPolicy().evaluate(error, 1, 3)


def caused(cause):
    error = RuntimeError("a task's own")
    error.__cause__ = cause
    return error


@needs_policies
class TestPolicy:
    @pytest.mark.parametrize("wrap", [lambda error: error, caused], ids=["itself", "cause"])
    def test_retries_once_the_servers_retry_after_is_over(self, wrap):
        decision = evaluate(wrap(UnavailableError("429", 42.0)))
        assert decision.action.value == "retry"
        assert decision.retry_delay == timedelta(seconds=42)
        assert "42 s" in decision.reason

    @pytest.mark.parametrize("wrap", [lambda error: error, caused], ids=["itself", "cause"])
    @pytest.mark.parametrize(
        "error",
        [
            AuthenticationError("no"),
            ConfigurationError("no"),
            LogTooLargeError("no"),
            RequestError("no", 403),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_does_not_retry_what_can_not_succeed(self, error, wrap):
        decision = evaluate(wrap(error))
        assert decision.action.value == "fail"
        assert decision.reason == "A retry can't succeed: no"

    @pytest.mark.parametrize(
        "error",
        [
            UnavailableError("503"),
            ResponseError("odd"),
            LogArchiveError("cut"),
            StorageError("full"),
            WaitTimeoutError("late"),
            ValueError("another's"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_leaves_the_rest_to_the_task(self, error):
        decision = evaluate(error)
        assert (decision.action.value, decision.retry_delay) == ("default", None)

    def test_errors_that_cause_each_other_end(self):
        one, other = RuntimeError(), RuntimeError()
        one.__cause__, other.__cause__ = other, one
        assert evaluate(one).action.value == "default"

    def test_of_a_real_fault(self, simulator, flow, mocker):
        from airflow_provider_integrator.api.exchange import Retry
        from airflow_provider_integrator.simulator import Fault
        from tests.tasks import run_operator

        mocker.patch.object(Retry, "delay", return_value=0.001)
        simulator.inject(Fault.status(429, on="logs", headers={"Retry-After": "1"}))
        outcome = run_operator(wait=False)
        assert evaluate(outcome.error).retry_delay == timedelta(seconds=1)

    def test_is_serialized_with_its_dag(self):
        from airflow.sdk import DAG
        from airflow.serialization.serialized_objects import DagSerialization

        from airflow_provider_integrator.operators.retry_policy import IntegratorRetryPolicy
        from tests.tasks import an_operator

        with DAG("patient", schedule=None):
            task = an_operator(retry_policy=IntegratorRetryPolicy())
        DagSerialization.to_dict(task.dag)
        again = IntegratorRetryPolicy.deserialize(task.retry_policy.serialize())
        assert isinstance(again, IntegratorRetryPolicy)


@pytest.mark.skipif(airflow_policies is not None, reason="Airflow has retry policies")
def test_an_older_airflow_says_what_is_needed():
    with pytest.raises(Exception, match=r"IntegratorRetryPolicy needs Airflow 3\.3"):
        import airflow_provider_integrator.operators.retry_policy  # noqa: F401
