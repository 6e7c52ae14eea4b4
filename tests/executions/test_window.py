"""A wait for the next execution has an end: alike in every mode."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_integrator.arguments import check_window, read_window
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.simulator import Fault
from tests.tasks import MODES, a_sensor, after_looks, an_operator, run_operator, run_sensor

NOW = datetime.now(timezone.utc).replace(microsecond=500_000)
#: Last night, of which another execution was created since.
SINCE, BEFORE = NOW - timedelta(hours=10), NOW - timedelta(hours=2)
WINDOW = {"created_after": SINCE, "created_before": BEFORE}
TASKS = [(run_sensor, mode) for mode in MODES] + [(run_operator, mode) for mode in ("poke", "deferrable")]


@pytest.fixture(params=TASKS, ids=lambda task: f"{task[0].__name__}-{task[1]}")
def run(request):
    call, mode = request.param
    return lambda **arguments: call(mode, **arguments)


@pytest.fixture
def others(simulator, flow):
    """Executions before, at and after the end of the window, all but in it."""
    for created in (SINCE - timedelta(milliseconds=1), BEFORE, BEFORE + timedelta(hours=1)):
        simulator.add_execution(flow, lasts=0, created=created, log=[])


class TestPassed:
    def test_it_fails_at_once_without_retries(self, run, simulator, others):
        outcome = run(**WINDOW)
        assert isinstance(outcome.error, AirflowFailException)
        assert "Flow price has no execution that was created at or after" in outcome.message
        assert f"and before {BEFORE.isoformat()}, and that time has passed" in outcome.message
        assert "on_missing is fail" in outcome.message
        assert outcome.deferrals == []

    def test_it_skips(self, run, simulator, others):
        outcome = run(on_missing="skip", **WINDOW)
        assert isinstance(outcome.error, AirflowSkipException)
        assert "on_missing is skip" in outcome.message

    def test_an_execution_of_the_window_is_taken(self, run, simulator, flow, others):
        wanted = simulator.add_execution(flow, lasts=0, created=SINCE, log=[])
        outcome = run(**WINDOW)
        assert outcome.state == "success"
        assert wanted.id in str(outcome.xcoms)

    def test_all_pages_are_read_first(self, run, simulator, flow):
        simulator.order = "oldest"
        wanted = simulator.add_execution(flow, lasts=0, created=SINCE + timedelta(hours=1), log=[])
        for minutes in range(250):
            simulator.add_execution(flow, lasts=0, created=SINCE - timedelta(minutes=minutes + 1))
        outcome = run(**WINDOW)
        assert outcome.state == "success", outcome.message
        assert wanted.id in str(outcome.xcoms)

    def test_a_failed_reading_says_nothing_of_the_window(self, run, simulator, flow, others):
        simulator.inject(Fault.status(503, on="logs", times=7))
        outcome = run(on_missing="skip", **WINDOW)
        assert isinstance(outcome.error, AirflowSkipException)

    def test_neither_does_a_log_that_cannot_be_read(self, run, simulator, flow, others):
        def undated(page):
            page["results"][0].update(created=None, filename_uuid=None)

        simulator.inject(Fault.mutate(undated, on="logs"))
        simulator.add_execution(flow, lasts=0, created=SINCE)
        outcome = run(outage_tolerance=0.1, created_after=SINCE + timedelta(hours=1), created_before=BEFORE)
        assert outcome.state == "failed"
        assert "on_missing" not in outcome.message


class TestPassesDuringTheWait:
    def test_it_ends_the_wait(self, run, simulator, flow, others):
        began = time.monotonic()
        outcome = run(
            on_missing="skip", created_after=datetime.now(timezone.utc), created_before=timedelta(seconds=0.3)
        )
        assert isinstance(outcome.error, AirflowSkipException), repr(outcome.error)
        assert time.monotonic() - began < 30

    def test_what_comes_in_time_is_taken(self, run, simulator, flow):
        made = []
        after_looks(simulator, 3, lambda: made.append(simulator.add_execution(flow, lasts=0, log=[])))
        outcome = run(created_before=timedelta(hours=3))
        assert outcome.state == "success"
        assert made[0].id in str(outcome.xcoms)

    def test_an_execution_of_the_window_may_finish_later(self, run, simulator, flow):
        execution = simulator.add_execution(flow, created=SINCE)
        after_looks(simulator, 4, lambda: simulator.finish(execution))
        assert run(**WINDOW).state == "success"


class TestSoftFail:
    @pytest.mark.parametrize("mode", MODES)
    def test_it_skips(self, mode, simulator, others):
        assert run_sensor(mode, soft_fail=True, **WINDOW).state == "skipped"

    @pytest.mark.parametrize("mode", MODES)
    def test_silent_fail_does_not_wait_for_what_cannot_come(self, mode, simulator, others):
        assert run_sensor(mode, silent_fail=True, **WINDOW).state == "failed"


class TestArguments:
    @pytest.mark.parametrize(
        "before",
        [BEFORE, BEFORE.isoformat(), BEFORE - SINCE, (BEFORE - SINCE).total_seconds()],
        ids=lambda value: type(value).__name__,
    )
    def test_forms(self, before):
        assert read_window(SINCE, before) == (SINCE, BEFORE)

    def test_templates(self, simulator, others):
        outcome = run_sensor(
            "poke",
            created_after="{{ params.night[0] }}",
            created_before="{{ params.night[1] }}",
            context={"params": {"night": [SINCE.isoformat(), BEFORE.isoformat()]}},
        )
        assert "that time has passed" in outcome.message

    @pytest.mark.parametrize(
        ("before", "says"),
        [
            ("soon", "created_before is 'soon'"),
            (5, "created_before is 5"),
            (True, "created_before is True"),
            (SINCE, "isn't after created_after"),
            (SINCE - timedelta(days=1), "isn't after created_after"),
            (timedelta(0), "isn't after created_after"),
            (timedelta(hours=-1), "isn't after created_after"),
        ],
    )
    @pytest.mark.parametrize("make", [a_sensor, an_operator])
    def test_what_is_none_is_an_error_when_the_dag_is_parsed(self, make, before, says):
        with pytest.raises(ConfigurationError, match=says):
            make(created_after=SINCE, created_before=before)

    @pytest.mark.parametrize("before", ["soon", timedelta(0)])
    def test_also_without_a_beginning(self, before):
        with pytest.raises(ConfigurationError, match="created_before"):
            check_window(None, before)

    def test_a_template_is_checked_at_the_first_look(self, run, simulator, flow):
        outcome = run(created_after=SINCE, created_before="{{ '2020-01-01' }}")
        assert isinstance(outcome.error, AirflowFailException)
        assert "isn't after created_after" in outcome.message

    def test_what_happens_if_it_passes_is_one_of_two(self):
        with pytest.raises(ConfigurationError, match="on_missing is 'wait'; set it to fail or skip"):
            a_sensor(on_missing="wait")

    def test_an_execution_that_is_named_needs_no_window(self, run, simulator, flow):
        execution = simulator.add_execution(flow, lasts=0, log=[])
        assert run(execution_id=execution.id, **WINDOW).state == "success"
