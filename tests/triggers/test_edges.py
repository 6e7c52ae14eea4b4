"""What a trigger takes for the end of a wait, and what not."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault
from tests.tasks import MODES, run_sensor
from tests.triggers.test_execution import a_trigger, event_of


@pytest.mark.parametrize("kind", [TimeoutError, asyncio.TimeoutError, ConnectionError])
class TestConnectionLookUp:
    """A secrets backend that doesn't answer."""

    def test_is_a_failed_poll(self, kind, simulator, flow, mocker):
        execution = simulator.add_execution(flow, lasts=0)
        found = IntegratorHook.get_connection("integrator_default")
        mocker.patch.object(IntegratorHook, "get_connection", side_effect=[kind("slow"), kind("slow"), found])
        assert event_of(a_trigger()) == {"status": "finished", "execution_id": execution.id}

    def test_is_no_end_of_the_wait(self, kind, simulator, flow, mocker):
        mocker.patch.object(IntegratorHook, "get_connection", side_effect=kind("slow"))
        event = event_of(a_trigger(outage_tolerance=0.05))
        assert event["status"] == "error"
        assert "Airflow can't look up connection integrator_default" in event["message"]

    def test_skips_no_task(self, kind, simulator, flow, mocker):
        mocker.patch.object(IntegratorHook, "get_connection", side_effect=kind("slow"))
        for mode in MODES:
            assert run_sensor(mode, soft_fail=True, outage_tolerance=0.05).state == "failed"


def test_a_mistake_of_ours_is_no_end_of_the_wait(simulator, flow, mocker):
    mocker.patch.object(IntegratorHook, "get_connection", side_effect=KeyError("ours"))
    with pytest.raises(KeyError):
        event_of(a_trigger())


def test_waits_that_begin_in_an_outage_share_its_look_ups(simulator, flow):
    execution = simulator.add_execution(flow, lasts=0)
    simulator.inject(Fault.status(503, on="flows", times=12))
    triggers = [a_trigger(flow_id=None, outage_tolerance=60) for _ in range(50)]

    async def all_events():
        return [event.payload for event in await asyncio.gather(*(anext(each.run()) for each in triggers))]

    assert asyncio.run(all_events()) == [{"status": "finished", "execution_id": execution.id}] * 50
    assert simulator.count("flows") == 13


def test_an_outage_that_is_long_over_does_not_count_after_a_restart(simulator, flow):
    execution = simulator.add_execution(flow, lasts=0)
    simulator.inject(Fault.status(503, on="logs", times=4))
    trigger = a_trigger(outage_tolerance=600, outage_began=time.time() - 3600)
    assert event_of(trigger) == {"status": "finished", "execution_id": execution.id}
