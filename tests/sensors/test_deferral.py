"""What a deferred wait hands to the triggerer, and what the worker makes of what comes back."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import IntegratorError
from airflow_provider_integrator.simulator import Fault
from tests.tasks import MODES, a_context, a_sensor, after_looks, again, run_sensor


def carried(seconds=60.0):
    """What a deferral carries for a wait that ends in so many seconds."""
    spec = deferred(timeout=seconds).kwargs["carried"]["spec"]
    return {"spec": {**spec, "end_time": time.time() + seconds}}


def deferred(**arguments):
    with pytest.raises(TaskDeferred) as caught:
        a_sensor("deferrable", **arguments).execute(a_context())
    return caught.value


class TestBeforeTheWait:
    def test_no_deferral_where_it_has_finished(self, simulator, flow):
        simulator.add_execution(flow, lasts=0)
        outcome = run_sensor("deferrable")
        assert outcome.state == "success"
        assert outcome.deferrals == []

    def test_one_where_it_has_not(self, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_sensor("deferrable", between=lambda _: simulator.finish(execution))
        assert outcome.state == "success"
        assert len(outcome.deferrals) == 1
        assert outcome.events == [{"status": "finished", "execution_id": execution.id}]

    def test_one_where_the_first_look_failed_in_passing(self, simulator, flow, logged):
        simulator.add_execution(flow, lasts=0)
        simulator.inject(Fault.status(503, on="logs", times=5))
        outcome = run_sensor("deferrable")
        assert outcome.state == "success"
        assert len(outcome.deferrals) == 1
        assert "A poll failed; the wait goes on" in logged.text


class TestTrigger:
    def test_arguments_are_small_and_hold_no_secret(self, simulator, flow):
        execution = simulator.add_execution(flow)
        trigger = deferred().trigger
        path, arguments = trigger.serialize()
        text = json.dumps(arguments)
        assert path == "airflow_provider_integrator.triggers.execution.IntegratorExecutionTrigger"
        assert arguments["flow"] == "price"
        assert arguments["flow_id"] == flow.id
        assert arguments["execution_id"] == execution.id
        assert len(text) < 1000
        for secret in (simulator.password, *simulator.tokens):
            assert secret not in text

    def test_deadline_does_not_change_with_a_restart(self, simulator, flow):
        began = time.time()
        trigger = deferred(timeout=100).trigger
        (_, first), (_, second) = trigger.serialize(), again(again(trigger)).serialize()
        assert first == second
        assert began + 100 <= first["end_time"] <= time.time() + 100

    def test_airflow_waits_longer_than_the_trigger(self, simulator, flow):
        assert timedelta(seconds=100) < deferred(timeout=100).timeout <= timedelta(seconds=500)

    def test_deadline_comes_back_to_the_worker(self, simulator, flow):
        wait = deferred(timeout=100)
        assert wait.kwargs["carried"]["spec"] == wait.trigger.serialize()[1]

    def test_created_after_is_handed_on_with_its_offset(self, simulator, flow):
        arguments = deferred(created_after="2030-01-01T06:00:00").trigger.serialize()[1]
        assert arguments["created_after"] == "2030-01-01T06:00:00+00:00"
        assert arguments["execution_id"] is None


def test_unknown_event_fails(simulator, flow):
    simulator.add_execution(flow)
    with pytest.raises(IntegratorError, match="unknown event"):
        a_sensor("deferrable").execute_complete(a_context(), event={"status": "success"}, carried=carried())


class TestAfterTheWait:
    def test_a_look_that_fails_in_passing_is_repeated(self, simulator, flow, logged):
        execution = simulator.add_execution(flow)

        def meanwhile(moment):
            if moment == "deferred":
                simulator.finish(execution)
            else:
                simulator.inject(Fault.status(503, on="logs", times=7))

        assert run_sensor("deferrable", between=meanwhile).state == "success"
        assert "A poll failed; the wait goes on" in logged.text

    def test_but_not_for_ever(self, simulator, flow):
        execution = simulator.add_execution(flow)

        def meanwhile(moment):
            if moment == "deferred":
                simulator.finish(execution)
            else:
                simulator.inject(Fault.status(503, on="logs"))

        outcome = run_sensor("deferrable", between=meanwhile, outage_tolerance=0.1)
        assert outcome.state == "failed"
        assert "503" in outcome.message

    def test_an_answer_that_takes_the_finish_back_is_no_timeout(self, simulator, flow):
        execution = simulator.add_execution(flow)
        event = {"status": "finished", "execution_id": execution.id}
        resumed = carried()
        after_looks(simulator, 2, lambda: simulator.finish(execution))
        value = a_sensor("deferrable").execute_complete(a_context(), event=event, carried=resumed)
        assert value["state"] == "finished"

    def test_finished_between_the_timeout_and_the_look(self, simulator, flow):
        execution = simulator.add_execution(flow)

        def meanwhile(moment):
            if moment == "resumed":
                simulator.finish(execution, status=Status.FAILED)

        outcome = run_sensor("deferrable", between=meanwhile, timeout=0.2)
        assert outcome.events[0]["status"] == "timeout"
        assert outcome.value["status"] == "failed"

    def test_a_last_look_that_fails_leaves_it_a_timeout(self, simulator, flow):
        simulator.add_execution(flow)

        def meanwhile(moment):
            if moment == "resumed":
                simulator.inject(Fault.status(503, on="logs"))

        outcome = run_sensor("deferrable", between=meanwhile, timeout=0.2)
        assert isinstance(outcome.error, AirflowSensorTimeout)

    def test_timeout_event_without_an_id(self, simulator, flow):
        resumed = carried()
        with pytest.raises(AirflowSensorTimeout):
            a_sensor("deferrable").execute_complete(a_context(), event={"status": "timeout"}, carried=resumed)

    def test_silent_fail_pauses_before_it_goes_on(self, simulator, flow, mocker):
        simulator.add_execution(flow)
        resumed = carried()
        sleep = mocker.patch("time.sleep")
        sensor = a_sensor("deferrable", silent_fail=True, poke_interval=30)
        event = {"status": "error", "execution_id": None, "message": "List logs: 400"}
        with pytest.raises(TaskDeferred):
            sensor.execute_complete(a_context(), event=event, carried=resumed)
        sleep.assert_any_call(30)

    def test_error_event_with_soft_fail_fails(self, simulator, flow):
        sensor = a_sensor("deferrable", soft_fail=True)
        event = {"status": "error", "execution_id": None, "message": "List logs: 400"}
        with pytest.raises(IntegratorError, match="List logs: 400"):
            sensor.resume_execution("execute_complete", {"event": event, "carried": carried()}, a_context())


@pytest.mark.parametrize("mode", MODES)
def test_a_wait_follows_the_execution_it_found(mode, simulator, flow):
    first = simulator.add_execution(flow)
    after_looks(simulator, 2, lambda: simulator.add_execution(flow, lasts=0))
    after_looks(simulator, 5, lambda: simulator.finish(first))
    outcome = run_sensor(mode)
    assert outcome.value["execution_id"] == first.id


def test_first_one_created_since(simulator, flow):
    now = datetime.now(timezone.utc)
    simulator.add_execution(flow, lasts=0, created=now - timedelta(hours=3))
    wanted = simulator.add_execution(flow, created=now - timedelta(minutes=20))
    simulator.add_execution(flow, lasts=0, created=now - timedelta(minutes=10))
    arguments = deferred().trigger.serialize()[1]  # the DAG run is an hour old
    assert arguments["execution_id"] == wanted.id


def test_many_waits_share_one_login(simulator, flow):
    executions = [simulator.add_execution(flow) for _ in range(20)]
    triggers = [again(deferred(execution_id=execution.id).trigger) for execution in executions]
    for execution in executions:
        simulator.finish(execution)

    async def wait(trigger):
        return (await anext(trigger.run())).payload

    async def all_of_them():
        return await asyncio.gather(*(wait(trigger) for trigger in triggers))

    payloads = asyncio.run(all_of_them())
    assert [payload["execution_id"] for payload in payloads] == [execution.id for execution in executions]
    assert simulator.logins == 1
