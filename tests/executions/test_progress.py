"""What a waiting task logs of its progress."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_integrator.api.enums import State
from airflow_provider_integrator.executions import progress as module
from airflow_provider_integrator.executions.progress import Progress, Rate, in_words
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from tests.tasks import MODES, after_looks, run_operator, run_sensor


@pytest.fixture
def execution(simulator, flow):
    made = simulator.add_execution(flow, triggered_by="someone@example.com")
    found = IntegratorHook().get_execution(flow.id, made.id)
    return replace(found, created=datetime.now(timezone.utc) - timedelta(minutes=4))


@pytest.fixture
def clock(mocker):
    """The time in seconds, which a test may change."""
    patched = mocker.patch.object(module, "time")
    patched.time.return_value = 6000.0
    return patched.time


def lines(logged):
    return [line for line in logged.text.splitlines() if "executions.progress" in line]


def test_found_and_each_change_are_logged_at_once(execution, clock, logged):
    progress = Progress(5.0)
    for state in (State.START, State.START, State.IN_PROGRESS, State.FINISHED):
        progress.see(replace(execution, state=state), 1)
    text = logged.text
    assert f"Found execution {execution.execution_id}: created {execution.created.isoformat()}" in text
    assert ", by someone@example.com." in text
    assert text.count(f"The state of execution {execution.execution_id} is in progress.") == 1
    assert text.count(f"The state of execution {execution.execution_id} is finished.") == 1


def test_no_change_gives_a_line_a_minute_at_most(execution, clock, logged):
    progress = Progress(5.0)
    for polls in range(1, 61):
        progress.see(execution, polls, 230.0)
        clock.return_value += 5.0
    said = [line for line in logged.text.splitlines() if "Poll " in line]
    assert len(said) == 4
    assert f"Poll 13: the state of execution {execution.execution_id} is " in said[0]
    assert "the flow usually takes 3 min 50 s." in logged.text


def test_nothing_there_is_logged_too(clock, logged):
    progress = Progress(5.0)
    progress.begin("Waiting for it")
    for polls in range(1, 26):
        progress.see(None, polls)
        clock.return_value += 5.0
    assert logged.text.count("no such execution yet") == 2


@pytest.mark.parametrize("interval", [5.0, 30.0, 60.0, 300.0])
def test_a_rescheduled_task_logs_a_line_a_minute_at_most(interval, execution, clock, logged):
    polls = 60
    for number in range(polls):
        progress = Progress(interval, is_continued=number > 0)
        progress.begin("Waiting for it")
        progress.see(execution, number + 1)
        clock.return_value += interval
    text = (
        f"xecution {execution.execution_id}, created {execution.created.isoformat()}, by someone@example.com."
    )
    said = [line for line in logged.text.splitlines() if text in line]
    assert len(said) in range(int(polls * interval / max(60.0, interval)) - 1, polls + 1)
    assert len(said) <= polls * interval / 60 + 1
    assert logged.text.count("Waiting for it") == 1
    assert logged.text.count("Found execution") == 1


@pytest.mark.parametrize("run", [run_sensor, run_operator])
@pytest.mark.parametrize("mode", MODES)
def test_tasks_log_what_they_wait_for_once(mode, run, simulator, flow, logged):
    if (mode, run) == ("reschedule", run_operator):
        pytest.skip("operators aren't rescheduled")
    execution = simulator.add_execution(flow, log=[])
    after_looks(simulator, 4, lambda: simulator.finish(execution))
    assert run(mode).state == "success"
    assert logged.text.count("Waiting for the first execution of flow price") == 1
    assert logged.text.count(f"Found execution {execution.id}") == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (86400, "1 d"),
        (90000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_durations_are_written_for_people(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize("mode", MODES)
def test_the_usual_duration_is_logged_where_a_page_shows_it(mode, simulator, flow, mocker, logged):
    mocker.patch.object(module, "QUIET", 0.001)
    for number in range(1, 31):
        simulator.add_execution(flow, lasts=90, created=datetime.now(timezone.utc) - timedelta(days=number))
    execution = simulator.add_execution(flow)
    after_looks(simulator, 8, lambda: simulator.finish(execution))
    assert run_sensor(mode).state == "success"
    if mode != "reschedule":  # each of its processes polls once by the id, or reads a page again
        assert "the flow usually takes 1 min 30 s" in logged.text


class TestRate:
    @pytest.fixture
    def clock(self, mocker):
        """A clock that stands still until it is moved."""
        patched = mocker.patch.object(module, "time")
        patched.monotonic.return_value = 100.0
        return patched.monotonic

    def test_says_how_many_how_fast_and_the_time_left(self, clock, caplog):
        caplog.set_level(logging.INFO)
        rate = Rate("logs fetched", 10_000, done=1000)
        rate.add(600)
        assert caplog.messages == []
        clock.return_value = 160.0
        rate.add(600)
        rate.add(600)
        assert caplog.messages == ["logs fetched: 2200 of 10000, 20.0 a second, about 6 min 30 s left."]

    @pytest.mark.parametrize("total", [None, 5999], ids=["unknown", "wrong"])
    def test_without_a_total(self, total, clock, caplog):
        caplog.set_level(logging.INFO)
        rate = Rate("lines read", total)
        clock.return_value = 160.0
        rate.add(6000)
        assert caplog.messages == ["lines read: 6000, 100.0 a second."]
