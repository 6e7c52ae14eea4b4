"""An outage's beginning as an XCom of the waiting task, and a trigger that a restarted triggerer begins again."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_integrator.exceptions import UnavailableError
from airflow_provider_integrator.polling import kept_outage
from airflow_provider_integrator.simulator import Fault
from airflow_provider_integrator.triggers import outage_xcom as module
from airflow_provider_integrator.triggers.outage_xcom import outage_store, push_outage
from tests.tasks import IS_AIRFLOW_3, again
from tests.triggers.airflow_xcoms import make_xcoms, task_instance
from tests.triggers.test_execution import a_trigger

BEGAN = datetime(2026, 11, 27, 12, 0, 0, 250000, tzinfo=timezone.utc)


@pytest.fixture
def xcoms(monkeypatch, tmp_path):
    return make_xcoms(monkeypatch, tmp_path)


def started(trigger, map_index=-1, **attributes):
    """Make the trigger again as a triggerer does."""
    trigger = again(trigger)
    trigger.task_instance = task_instance(map_index)
    for name, value in attributes.items():
        setattr(trigger, name, value)
    return trigger


async def until_kept(xcoms):
    while xcoms.get() is None:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.005)


async def event_of(trigger):
    return (await anext(trigger.run())).payload


async def cancelled(trigger, until):
    """Run a trigger until something is so; then its triggerer dies."""
    task, seen = asyncio.create_task(event_of(trigger)), asyncio.create_task(until)
    await asyncio.wait({task, seen}, return_when=asyncio.FIRST_COMPLETED)
    assert not task.done(), task.exception() or task.result()
    task.cancel()
    await asyncio.wait({task})


class TestStore:
    @pytest.mark.parametrize("map_index", [-1, 3])
    def test_is_an_xcom_with_a_moment(self, map_index, xcoms):
        async def scenario():
            store = outage_store(task_instance(map_index))
            assert await store.read() is None
            await store.delete()
            await store.write(1.0)
            await store.write(BEGAN.timestamp())
            assert xcoms.get(map_index) == "2026-11-27T12:00:00.250000+00:00"
            assert xcoms.get(2 - map_index) is None
            assert await store.read() == BEGAN.timestamp()
            await store.delete()
            assert xcoms.get(map_index) is None

        asyncio.run(scenario())

    @pytest.mark.parametrize("value", ["no moment", 5, {"since": 1}])
    def test_reads_no_other_values(self, value, xcoms):
        xcoms.set(value)
        assert asyncio.run(outage_store(task_instance()).read()) is None

    @pytest.mark.parametrize(
        ("state", "is_active"),
        [("deferred", True), ("running", True), ("failed", False), ("success", False), (None, False)],
    )
    def test_knows_whether_the_task_still_waits(self, state, is_active, xcoms):
        xcoms.set_state(state)
        assert asyncio.run(outage_store(task_instance()).is_active()) is is_active

    def test_is_none_without_a_task_or_a_triggerer(self, monkeypatch):
        assert outage_store(None) is None
        if IS_AIRFLOW_3:
            from airflow.sdk.execution_time import task_runner

            monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=None), raising=False)
            assert outage_store(task_instance()) is None

    def test_a_worker_writes_it_without_a_custom_backend(self, mocker):
        base = mocker.patch.object(module, "base_xcom")
        push_outage(task_instance(), BEGAN.timestamp())
        base().set.assert_called_once_with(
            key="integrator_outage_since",
            value="2026-11-27T12:00:00.250000+00:00",
            dag_id="dag",
            run_id="manual__2026-11-27T12:00:00+00:00",
            task_id="task",
            map_index=-1,
        )

    def test_a_worker_that_cannot_write_it_goes_on(self, mocker, logged):
        mocker.patch.object(module, "base_xcom").return_value.set.side_effect = OSError("down")
        push_outage(task_instance(), 1.0)
        assert "could not be kept in Airflow" in logged.text


class TestRestart:
    def test_in_an_outage_counts_from_its_beginning(self, simulator, flow, xcoms, logged):
        simulator.add_execution(flow)
        simulator.inject(Fault.status(503, on="logs"))
        trigger = a_trigger(poll_interval=0.05, outage_tolerance=3600)
        asyncio.run(cancelled(started(trigger), until_kept(xcoms)))
        since = xcoms.get()

        # as if the triggerer had been down for as long as is tolerated
        earlier = datetime.fromisoformat(since) - timedelta(hours=1)
        xcoms.set(earlier.isoformat())
        polls = simulator.count("/logs")
        event = asyncio.run(event_of(started(trigger)))
        assert event["error"] == UnavailableError.__name__
        assert f"All polls have failed since {earlier.isoformat(timespec='seconds')}" in event["message"]
        assert simulator.count("/logs") - polls == 3  # one poll with its retries
        assert xcoms.get() is None

    def test_at_a_look_up_counts_from_its_beginning(self, simulator, flow, xcoms):
        simulator.inject(Fault.status(503, on="flows"))
        xcoms.set((datetime.now(timezone.utc) - timedelta(hours=1)).isoformat())
        event = asyncio.run(event_of(started(a_trigger(outage_tolerance=600))))
        assert event["error"] == UnavailableError.__name__
        assert xcoms.get() is None

    def test_after_an_outage_deletes_what_was_left(self, simulator, flow, xcoms):
        execution = simulator.add_execution(flow, lasts=0)
        xcoms.set((datetime.now(timezone.utc) - timedelta(hours=1)).isoformat())
        event = asyncio.run(event_of(started(a_trigger())))
        assert event == {"status": "finished", "execution_id": execution.id}
        assert xcoms.get() is None

    def test_never_counts_what_another_try_has_left(self, simulator, flow, xcoms):
        execution = simulator.add_execution(flow, lasts=0)
        simulator.inject(Fault.status(503, on="logs", times=4))
        xcoms.set((datetime.now(timezone.utc) - timedelta(hours=1)).isoformat())
        trigger = a_trigger(outage_tolerance=600, polled_at=time.time() - 60)
        event = asyncio.run(event_of(started(trigger)))
        assert event == {"status": "finished", "execution_id": execution.id}

    def test_in_an_outage_that_a_worker_met_counts_from_there(self, simulator, flow, xcoms):
        simulator.inject(Fault.status(503, on="logs"))
        began = time.time() - 3600
        xcoms.set(datetime.fromtimestamp(began, timezone.utc).isoformat())  # by the worker
        trigger = a_trigger(outage_tolerance=600, outage_began=began, polled_at=began)
        assert asyncio.run(event_of(started(trigger)))["status"] == "error"

    def test_after_a_success_does_not_count_a_workers_outage(self, simulator, flow, xcoms):
        execution = simulator.add_execution(flow, lasts=0)
        simulator.inject(Fault.status(503, on="logs", times=4))
        began = time.time() - 599
        trigger = a_trigger(outage_tolerance=600, outage_began=began, polled_at=began, poll_interval=0.2)
        event = asyncio.run(event_of(started(trigger)))
        assert event == {"status": "finished", "execution_id": execution.id}


class TestFirstStart:
    @pytest.mark.parametrize("from_trigger", [False, True])
    @pytest.mark.skipif(not IS_AIRFLOW_3, reason="Airflow 2 has no supervisor that counts requests")
    def test_asks_for_nothing_while_polls_succeed(self, from_trigger, simulator, flow, xcoms):
        simulator.add_execution(flow, lasts=0)
        attributes = {}
        trigger = a_trigger(polled_at=time.time(), poll_interval=0.1)
        if from_trigger:
            trigger = a_trigger(end_time=None)
            task = SimpleNamespace(start_trigger_args=SimpleNamespace(timeout=timedelta(hours=1)))
            attributes["timeout_after"] = datetime.now(timezone.utc) + timedelta(hours=1)
            given = task_instance()
            given.task, task.template_fields, task.template_ext = task, (), ()
            task.start_trigger_args.trigger_kwargs = {}
            attributes["task_instance"] = given
            if not hasattr(type(trigger), "task"):
                pytest.skip("Airflow below 3.3 starts no task in the triggerer")
        assert asyncio.run(event_of(started(trigger, **attributes)))["status"] == "finished"
        assert xcoms.supervisor.requests == []

    def test_deletes_what_it_kept_once_a_poll_succeeds(self, simulator, flow, xcoms):
        simulator.add_execution(flow)
        simulator.inject(Fault.status(503, on="logs"))

        async def scenario():
            trigger = a_trigger(outage_tolerance=60, polled_at=time.time(), poll_interval=0.1)
            task = asyncio.create_task(event_of(started(trigger)))
            await until_kept(xcoms)
            simulator.clear_faults()
            while xcoms.get() is not None:  # noqa: ASYNC110 - its deletion has no event
                await asyncio.sleep(0.005)
            assert not task.done()
            task.cancel()

        asyncio.run(scenario())

    def test_goes_on_while_airflow_keeps_nothing(self, simulator, flow, xcoms):
        execution = simulator.add_execution(flow, lasts=0)
        simulator.inject(Fault.status(503, on="logs", times=7))
        xcoms.break_down()
        event = asyncio.run(event_of(started(a_trigger(outage_tolerance=60))))
        assert event == {"status": "finished", "execution_id": execution.id}


def test_a_user_s_end_of_the_task_deletes_it(simulator, flow, xcoms, mocker):
    mocker.patch.object(kept_outage, "CANCEL_DELAY", 0)
    simulator.inject(Fault.status(503, on="logs"))

    async def scenario():
        await cancelled(started(a_trigger(outage_tolerance=60)), until_kept(xcoms))
        await asyncio.sleep(0.1)
        assert xcoms.get() is not None  # the task is still deferred: another triggerer goes on
        xcoms.set_state("failed")
        task = asyncio.create_task(event_of(started(a_trigger(outage_tolerance=60))))
        await asyncio.sleep(0.1)
        task.cancel()
        while xcoms.get() is not None:  # noqa: ASYNC110 - its deletion has no event
            await asyncio.sleep(0.005)

    asyncio.run(scenario())
