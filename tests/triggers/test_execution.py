"""The trigger by itself: its arguments, its one event, and what a triggerer does to it."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.simulator import Fault
from airflow_provider_integrator.triggers.execution import DEFERRAL_GRACE, IntegratorExecutionTrigger
from tests.tasks import after_looks, again

PATH = "airflow_provider_integrator.triggers.execution.IntegratorExecutionTrigger"


def a_trigger(**arguments):
    given = {
        "integrator_conn_id": "integrator_default",
        "project_id": None,
        "flow": "price",
        "flow_id": None,
        "execution_id": None,
        "created_after": (datetime.now(timezone.utc) - timedelta(hours=1)).isoformat(),
        "poll_interval": 0.05,
        "end_time": time.time() + 60,
        "outage_tolerance": 0.1,
    }
    return IntegratorExecutionTrigger(**{**given, **arguments})


def event_of(trigger):
    async def first():
        events = [event async for event in again(trigger).run()]
        assert len(events) == 1
        return json.loads(json.dumps(events[0].payload))

    return asyncio.run(first())


class TestArguments:
    def test_are_json_and_make_the_same_trigger(self):
        trigger = a_trigger(execution_id="e", outage_tolerance=7.0)
        path, arguments = trigger.serialize()
        assert path == PATH
        assert json.loads(json.dumps(arguments)) == arguments
        assert again(trigger).serialize() == trigger.serialize()

    def test_are_the_fields_of_a_wait_and_attributes_of_the_trigger(self):
        trigger = a_trigger(execution_id="{{ ds }}")
        trigger.execution_id = "rendered"  # as Airflow 3.3 does
        assert trigger.spec == WaitSpec(**trigger.serialize()[1])
        assert trigger.spec.execution_id == "rendered"
        attributes = {name: getattr(trigger, name) for name in trigger.spec.as_arguments()}
        assert attributes == trigger.serialize()[1]

    def test_are_no_others(self):
        with pytest.raises(TypeError, match="unknown"):
            a_trigger(unknown=1)

    def test_deadline_is_absolute(self):
        assert a_trigger(end_time=5.0).serialize()[1]["end_time"] == 5.0


class TestEvent:
    @pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILED, Status.EMPTY])
    def test_finished_whatever_the_status(self, status, simulator, flow):
        execution = simulator.add_execution(flow)
        after_looks(simulator, 2, lambda: simulator.finish(execution, status=status))
        assert event_of(a_trigger()) == {"status": "finished", "execution_id": execution.id}

    def test_timeout_names_what_was_found(self, simulator, flow):
        execution = simulator.add_execution(flow)
        # On a busy machine the first look may take longer than a short deadline.
        for seconds in (0.5, 2, 8, 32):
            event = event_of(a_trigger(end_time=time.time() + seconds))
            assert event["status"] == "timeout"
            if event["execution_id"] is not None:
                break
        assert event["execution_id"] == execution.id

    @pytest.mark.parametrize(("ago", "interval", "pause"), [(0, 0.2, 0.2), (-1000, 0.2, 0.2), (1000, 300, 0)])
    def test_the_first_poll_is_an_interval_after_a_workers(self, ago, interval, pause, simulator, flow):
        simulator.add_execution(flow, lasts=0)
        began = time.time()
        trigger = a_trigger(polled_at=began - ago, poll_interval=interval)
        assert event_of(trigger)["status"] == "finished"
        first = next(request.time for request in simulator.requests if request.path == "/logs")
        assert first - began >= pause

    def test_a_deadline_before_the_first_poll(self, simulator, flow):
        now = time.time()
        event = event_of(a_trigger(polled_at=now, poll_interval=300.0, end_time=now + 0.2))
        assert event["status"] == "timeout"

    def test_deadline_that_has_passed(self, simulator, flow):
        event = event_of(a_trigger(end_time=time.time() - 100))
        assert (event["status"], event["execution_id"]) == ("timeout", None)

    def test_deadline_from_airflows_own(self, simulator, flow):
        simulator.add_execution(flow)
        trigger = a_trigger(end_time=None)
        trigger.timeout_after = datetime.now(timezone.utc) + DEFERRAL_GRACE + timedelta(seconds=0.1)

        async def first():
            return (await anext(trigger.run())).payload

        assert asyncio.run(first())["status"] == "timeout"

    @pytest.mark.parametrize(
        ("arrange", "says"),
        [
            (
                lambda simulator: simulator.inject(Fault.status(400, on="logs", body="flowId is odd")),
                "flowId is odd",
            ),
            (lambda simulator: simulator.inject(Fault.status(503, on="logs")), "503"),
            (lambda simulator: simulator.inject(Fault.status(401, on="logs")), "401"),
            (lambda simulator: setattr(simulator, "password", "another"), "not valid"),
        ],
        ids=["400", "503", "401", "login"],
    )
    def test_error_says_what_is_wrong(self, arrange, says, simulator, flow):
        simulator.add_execution(flow)
        arrange(simulator)
        event = event_of(a_trigger())
        assert event["status"] == "error"
        assert says in event["message"]
        assert simulator.logins <= 2

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"flow": "prize"}, "price"),
            ({"created_after": None}, "Neither execution_id nor created_after"),
            ({"created_after": ""}, "created_after is empty"),
            ({"created_after": "None"}, "created_after is empty"),
            ({"created_after": "soon"}, "created_after is 'soon'"),
            ({"execution_id": ""}, "execution_id is empty"),
            ({"project_id": "nobody"}, "no such project"),
        ],
    )
    def test_wrong_argument(self, arguments, says, simulator, flow):
        event = event_of(a_trigger(**arguments))
        assert event["status"] == "error"
        assert says in event["message"]

    def test_is_small_and_holds_no_secret(self, simulator, flow):
        simulator.add_execution(flow, lasts=0)
        text = json.dumps(event_of(a_trigger()))
        assert len(text) < 200
        assert all(secret not in text for secret in (simulator.password, *simulator.tokens))


class TestTriggerer:
    def test_restart_goes_on(self, simulator, flow):
        execution = simulator.add_execution(flow)
        trigger = a_trigger()

        async def cut_off():
            running = asyncio.create_task(anext(again(trigger).run()))
            while not simulator.count("logs"):  # noqa: ASYNC110 - counted in the simulator's thread
                await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            return asyncio.all_tasks() - {asyncio.current_task()}

        assert asyncio.run(cut_off()) == set()
        simulator.finish(execution)
        assert event_of(trigger)["status"] == "finished"

    def test_kill_says_that_the_execution_goes_on(self, simulator, flow, logged):
        asyncio.run(a_trigger(execution_id="the-one").on_kill())
        assert "the execution goes on" in logged.text
        assert simulator.count() == 0
