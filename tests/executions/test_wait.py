"""Which execution a task waits for, and one look at it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.arguments import read_created_after, read_moment, rendered
from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    IntegratorError,
    ResponseError,
    UnavailableError,
)
from airflow_provider_integrator.executions.wait import AwaitedExecution, FailedPolls, read_event
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault
from tests.tasks import after_looks

NOW = datetime.now(timezone.utc)


@pytest.fixture
def target(simulator, flow):
    return AwaitedExecution(
        hook=IntegratorHook(),
        project_id=simulator.projects[0].id,
        flow="price",
        execution_id=None,
        created_after=NOW - timedelta(hours=1),
    )


class TestLook:
    def test_nothing_there(self, target):
        assert target.look() is None
        assert target.execution_id is None
        assert "has no execution that was created at or after" in target.not_finished(None)

    def test_keeps_the_one_it_found(self, target, simulator, flow):
        first = simulator.add_execution(flow, created=NOW - timedelta(minutes=5))
        assert target.look().execution_id == first.id
        simulator.add_execution(flow, created=NOW - timedelta(minutes=50))
        assert target.look().execution_id == first.id

    def test_asks_for_the_flow_once(self, target, simulator):
        for _ in range(3):
            target.look()
        assert simulator.count("flows") == 1

    def test_by_id(self, target, simulator, flow):
        target.execution_id = "the-one"
        assert target.look() is None
        assert "doesn't know an execution the-one" in target.not_finished(None)
        simulator.add_execution(flow, id="the-one")
        assert "has not finished (state in_progress)" in target.not_finished(target.look())

    def test_without_either(self, target):
        target.created_after = None
        with pytest.raises(ConfigurationError, match="Neither"):
            target.look()

    def test_another_execution_than_asked_for_is_an_error(self, target, simulator, flow):
        simulator.add_execution(flow, lasts=0, id="mine")
        target.execution_id = "mine"

        def another(page):
            page["results"][0].update(filename_uuid="another", original_filename_uuid="another")

        simulator.inject(Fault.mutate(another, on="logs"))
        with pytest.raises(ResponseError, match="filter was not applied"):
            target.look()


class TestLookAtFinished:
    def test_repeats(self, target, simulator, flow):
        execution = simulator.add_execution(flow)
        after_looks(simulator, 3, lambda: simulator.finish(execution))
        assert target.look_at_finished(FailedPolls(5), 0.01).is_finished

    def test_within_bounds(self, target, simulator, flow):
        simulator.add_execution(flow)
        with pytest.raises(ResponseError, match="though the triggerer saw it finished"):
            target.look_at_finished(FailedPolls(2), 0.01)
        assert simulator.count("logs") == 3


class TestFailedPolls:
    def test_counts_those_in_a_row(self):
        polls = FailedPolls(2)
        for _ in range(3):
            polls.failed(UnavailableError("no"))
            polls.failed(UnavailableError("no"))
            polls.succeeded()

    def test_raises_the_one_too_many(self):
        polls = FailedPolls(1)
        polls.failed(UnavailableError("first"))
        with pytest.raises(UnavailableError, match="second"):
            polls.failed(UnavailableError("second"))

    def test_none_is_put_up_with(self):
        with pytest.raises(UnavailableError):
            FailedPolls(0).failed(UnavailableError("first"))


class TestEvent:
    @pytest.mark.parametrize("event", [{"status": "finished", "execution_id": "e"}, {"status": "timeout"}])
    def test_known(self, event):
        assert read_event(event) == event

    def test_error(self):
        with pytest.raises(IntegratorError, match="what happened"):
            read_event({"status": "error", "execution_id": None, "message": "what happened"})

    @given(
        st.none()
        | st.text()
        | st.integers()
        | st.lists(st.text())
        | st.dictionaries(
            st.sampled_from(["status", "execution_id", "message"]),
            st.none() | st.integers() | st.sampled_from(["success", "Finished", "done", ""]),
        )
    )
    def test_anything_else_is_never_a_success(self, event):
        with pytest.raises(IntegratorError):
            read_event(event)


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
        assert read_moment(moment).tzinfo is timezone.utc
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
