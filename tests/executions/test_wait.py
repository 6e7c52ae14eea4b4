"""Which execution a task waits for, and one look at it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.arguments import read_created_after, read_moment, rendered
from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    RequestError,
    ResponseError,
    UnavailableError,
    WaitTimeoutError,
)
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.executions.wait import ExecutionWait
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault
from tests.tasks import after_looks

NOW = datetime.now(timezone.utc)


@pytest.fixture
def seen():
    """The executions that a wait has reported."""
    return []


@pytest.fixture
def wait(simulator, flow, seen):
    return make_wait(seen)


def make_wait(seen, **changes):
    spec = {
        "integrator_conn_id": "integrator_default",
        "project_id": None,
        "flow": "price",
        "flow_id": None,
        "execution_id": None,
        "created_after": (NOW - timedelta(hours=1)).isoformat(),
        "poll_interval": 0.01,
        "end_time": time.time() + 60,
        "outage_tolerance": 60.0,
    }
    return ExecutionWait(IntegratorHook(), WaitSpec(**{**spec, **changes}), 60.0, seen.append)


class TestLook:
    def test_nothing_there(self, wait):
        assert wait.look() is None
        assert wait.spec.execution_id is None
        assert "has no execution that was created at or after" in wait.not_finished(None)

    def test_keeps_the_one_it_found(self, wait, simulator, flow):
        first = simulator.add_execution(flow, created=NOW - timedelta(minutes=5))
        assert wait.look().execution_id == first.id
        simulator.add_execution(flow, created=NOW - timedelta(minutes=50))
        assert wait.look().execution_id == first.id

    def test_asks_for_the_flow_once(self, wait, simulator, flow):
        for _ in range(3):
            wait.look()
        assert simulator.count("flows") == 1
        assert (wait.spec.flow, wait.spec.flow_id) == ("price", flow.id)

    def test_by_id(self, seen, simulator, flow):
        wait = make_wait(seen, execution_id="the-one")
        assert wait.look() is None
        assert "doesn't know an execution the-one" in wait.not_finished(None)
        simulator.add_execution(flow, id="the-one")
        assert "has not finished (state in_progress)" in wait.not_finished(wait.look())

    def test_without_either(self, seen, simulator, flow):
        with pytest.raises(ConfigurationError, match="Neither"):
            make_wait(seen, created_after=None).look()

    def test_another_execution_than_asked_for_is_an_error(self, seen, simulator, flow):
        simulator.add_execution(flow, lasts=0, id="mine")

        def another(page):
            page["results"][0].update(filename_uuid="another", original_filename_uuid="another")

        simulator.inject(Fault.mutate(another, on="logs"))
        with pytest.raises(ResponseError, match="filter was not applied"):
            make_wait(seen, execution_id="mine").look()

    def test_reports_what_differs_from_the_last_look(self, wait, seen, simulator, flow):
        execution = simulator.add_execution(flow)
        wait.look(), wait.look()
        simulator.finish(execution)
        wait.look(), wait.look()
        assert [each.is_finished for each in seen] == [False, True]


class TestPoll:
    def test_finished_or_not(self, wait, simulator, flow, logged):
        execution = simulator.add_execution(flow)
        assert wait.poll() is None
        assert wait.poll() is None
        assert logged.text.count("Waiting for the first execution of flow price") == 1
        assert logged.text.count(f"Found execution {execution.id}: created ") == 1
        simulator.finish(execution)
        assert wait.poll().execution_id == execution.id

    def test_tolerates_an_outage_until_a_poll_succeeds(self, seen, simulator, flow):
        wait = make_wait(seen, outage_tolerance=60)
        simulator.inject(*(Fault.status(503, on="logs", times=6, after=after) for after in (0, 7)))
        for _ in range(2):
            assert [wait.poll(), wait.is_failing] == [None, True]
            assert [wait.poll(), wait.is_failing] == [None, True]
            assert [wait.poll(), wait.is_failing] == [None, False]

    def test_gives_up_once_all_polls_have_failed_for_too_long(self, seen, simulator, flow, logged):
        wait = make_wait(seen, outage_tolerance=60)
        simulator.inject(Fault.status(503, on="logs"))
        assert wait.poll() is None
        began = wait.suspend()["spec"]["outage_began"]
        assert make_wait(seen, outage_tolerance=60, outage_began=began - 50).poll() is None
        with pytest.raises(UnavailableError):
            make_wait(seen, outage_tolerance=60, outage_began=began - 60).poll()
        assert "outage_tolerance is 60 s" in logged.text

    def test_the_first_look_ups_are_part_of_the_first_poll(self, wait, simulator, flow):
        execution = simulator.add_execution(flow, lasts=0)
        simulator.inject(Fault.status(503, on="login", times=5), Fault.status(503, on="flows", times=3))
        assert [wait.poll(), wait.poll()] == [None, None]
        assert wait.poll().execution_id == execution.id

    def test_comes_no_sooner_than_the_server_asks_for(self, wait, simulator, flow, mocker):
        mocker.patch.object(Retry, "delay", return_value=0.001)  # of the attempts within a poll
        simulator.inject(Fault.status(429, on="logs", times=3, headers={"Retry-After": "1"}))
        assert wait.poll() is None
        began = time.monotonic()
        assert wait.poll() is None
        assert time.monotonic() - began > 0.8
        assert not wait.is_failing

    def test_sleeps_no_longer_than_its_deadline(self, seen, simulator, flow):
        simulator.inject(Fault.status(429, on="logs", times=3, headers={"Retry-After": "100"}))
        wait = make_wait(seen, end_time=time.time() + 0.5, outage_tolerance=60)
        began = time.monotonic()
        wait.poll(), wait.poll()
        assert time.monotonic() - began < 30

    def test_none_is_tolerated(self, seen, simulator, flow):
        simulator.inject(Fault.status(503, on="logs"))
        with pytest.raises(UnavailableError):
            make_wait(seen, outage_tolerance=0).poll()

    def test_what_is_for_good_is_raised_at_once(self, wait, simulator, flow):
        simulator.inject(Fault.status(400, on="logs"))
        with pytest.raises(RequestError):
            wait.poll()


@pytest.mark.parametrize("method", ["until_finished", "confirm"])
def test_looks_until_the_execution_has_finished(method, wait, simulator, flow):
    execution = simulator.add_execution(flow)
    after_looks(simulator, 3, lambda: simulator.finish(execution))
    assert getattr(wait, method)().is_finished


class TestUntilFinished:
    def test_gives_up_in_time(self, seen, simulator, flow):
        simulator.add_execution(flow)
        with pytest.raises(WaitTimeoutError, match=r"has not finished \(state in_progress\) within 60 s"):
            make_wait(seen, end_time=time.time() + 0.05).until_finished()

    def test_defers_instead(self, wait, simulator, flow):
        class DeferredError(Exception):
            pass

        def defer():
            raise DeferredError

        with pytest.raises(DeferredError):
            wait.until_finished(defer)
        assert simulator.count("logs") <= 2


def test_confirms_within_bounds(seen, simulator, flow):
    simulator.add_execution(flow)
    wait = make_wait(seen, outage_tolerance=0.1)
    with pytest.raises(ResponseError, match="though it was reported as finished"):
        wait.confirm()


class TestResume:
    def test_finished(self, wait, simulator, flow):
        execution = simulator.add_execution(flow, lasts=0)
        event = {"status": "finished", "execution_id": execution.id}
        assert wait.resume(event).execution_id == execution.id

    def test_finished_just_in_time(self, wait, simulator, flow):
        simulator.add_execution(flow, lasts=0)
        assert wait.resume({"status": "timeout"}).is_finished

    def test_timeout(self, wait, simulator, flow):
        with pytest.raises(WaitTimeoutError, match="has no execution that was created at or after"):
            wait.resume({"status": "timeout"})

    def test_a_last_look_that_fails(self, wait, simulator, flow):
        simulator.inject(Fault.status(503, on="logs"))
        with pytest.raises(WaitTimeoutError, match="its last poll failed"):
            wait.resume({"status": "timeout"})


class TestArguments:
    @pytest.mark.parametrize("text", ["", " ", "None", "\n"])
    def test_empty(self, text):
        with pytest.raises(ConfigurationError, match="flow is empty"):
            rendered("flow", text)

    @pytest.mark.parametrize(("value", "text"), [(None, None), ("a", "a"), (" a\n", "a"), (5, "5")])
    def test_rendered(self, value, text):
        assert rendered("flow", value) == text

    @given(
        st.datetimes(
            min_value=datetime(1980, 1, 1),
            max_value=datetime(2100, 1, 1),
            timezones=st.timezones() | st.none(),
        )
    )
    def test_moments_are_read_alike_in_all_forms(self, moment):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        in_utc = aware.astimezone(timezone.utc)  # a moment that clocks show twice equals none of another zone
        assert read_moment(moment) == in_utc
        assert read_moment(moment).utcoffset() == timedelta(0)
        if aware.utcoffset() % timedelta(minutes=1) == timedelta(0):  # a year long ago may have seconds, too
            assert read_moment(moment.isoformat()) == in_utc

    @pytest.mark.parametrize("value", [0, 1700000000, object(), "17:00", "20260131"])
    def test_what_is_no_moment(self, value):
        with pytest.raises(ConfigurationError, match="created_after"):
            read_moment(value)

    def test_run_after_goes_before_the_logical_date(self):
        context = {"dag_run": SimpleNamespace(run_after=NOW), "logical_date": NOW - timedelta(days=1)}
        assert read_created_after(None, context) == NOW
        assert read_created_after("2026-01-31", context) == datetime(2026, 1, 31, tzinfo=timezone.utc)
