"""A waiting operator of a user's own, made from the package's base in a few lines."""

from __future__ import annotations

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.operators.base import WaitingOperator
from tests.tasks import POLL, TIMEOUT, Runner, after_looks


class RowCountOperator(WaitingOperator):
    """Returns how many rows an execution processed."""

    def conclude(self, context, wait, execution):
        return {"execution_id": execution.execution_id, "rows": execution.process_count}


class OwnAttributesOperator(RowCountOperator):
    """Has attributes of its own with the names of what is found out about a wait."""

    flow_id, end_time, outage_began, polled_at, usual_duration = "another-flow", 0.0, 0.0, 0.0, "long"


def run(mode, operator=RowCountOperator, **arguments):
    given = {"task_id": "rows", "flow": "price", "poll_interval": POLL, "timeout": TIMEOUT}
    return Runner(lambda: operator(deferrable=mode == "deferrable", **{**given, **arguments})).run()


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
class TestToyOperator:
    def test_waits(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, status=Status.FAILED, process_count=12)
        after_looks(simulator, 2, lambda: simulator.finish(execution))
        outcome = run(mode)
        assert outcome.state == "success", outcome.error
        assert outcome.value == {"execution_id": execution.id, "rows": 12}
        assert len(outcome.deferrals) == (mode == "deferrable")

    def test_has_attributes_of_its_own(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, lasts=0.2)
        outcome = run(mode, OwnAttributesOperator)
        assert outcome.value["execution_id"] == execution.id

    def test_times_out(self, mode, simulator, flow):
        simulator.add_execution(flow)
        outcome = run(mode, timeout=0.2)
        assert "has not finished (state in_progress) within 0.2 s" in outcome.message

    def test_does_not_wait(self, mode, simulator, flow):
        simulator.add_execution(flow)
        outcome = run(mode, wait=False)
        assert "has not finished" in outcome.message
        assert outcome.deferrals == []

    def test_takes_templates(self, mode, simulator, flow):
        simulator.add_execution(flow, lasts=0, id="the-one")
        assert run(mode, execution_id="{{ 'the-' }}one").value["execution_id"] == "the-one"
