"""A flow's health, from executions in every order and with odd counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.latest import read_latest
from airflow_provider_integrator.api.values import MAX_COUNT
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions.health import Criteria
from airflow_provider_integrator.executions.thresholds import Figures, Thresholds
from tests.api.scripts import START, main_log, pages_of, play

#: Two minutes after the newest execution began.
NOW = START + timedelta(minutes=2)
SUCCESS, FAILED, EMPTY = 2, 3, 4
RUNNING = {"state": 2, "status": 1, "finished": None}


def a_log(number, status=SUCCESS, **changes):
    """The log of the execution that was created so many minutes before START, and took a second."""
    return main_log(number, -number, **{"status": status, "state": 3, **changes})


def history_of(logs):
    return play(read_latest("p", "f", lambda history: True, first_limit=100), pages_of(logs, 100))[0]


def health_of(*logs, **arguments):
    limits = {name: value for name, value in arguments.items() if hasattr(Thresholds, name)}
    others = {name: value for name, value in arguments.items() if name not in limits}
    criteria = Criteria(thresholds=Thresholds(**limits), **others)
    return criteria.judge("price", "flow-1", history_of(logs), NOW)


def counts(processed, failed):
    return {"process_count": processed, "fail_count": failed, "success_count": None}


class TestFlow:
    def test_that_is_well(self):
        health = health_of(a_log(0, **counts(1000, 1)), a_log(1, FAILED), max_age=600)
        assert health.as_dict() == {
            "flow": "price",
            "flow_id": "flow-1",
            "last_success": "2024-01-01T00:00:01+00:00",
            "age": 119.0,
            "runs": 1,
            "failed": 0,
            "running": 0,
            "rows": 1000,
            "fail_rate": 0.001,
            "duration": 1.0,
            "problems": [],
            "notes": [],
        }

    def test_that_never_ran(self):
        assert health_of().problems == ("It has never run.",)
        assert health_of(since=START, max_age=60).problems == ("It has never run.",)

    def test_that_need_not_have_run(self):
        assert health_of(since=START).problems == ()
        assert health_of(a_log(10), since=START).problems == ()

    def test_that_need_have_had_rows(self):
        health = health_of(a_log(10), since=START, min_rows=1)
        assert health.problems == ("0 rows were processed in 0 executions; min_rows is 1.",)

    def test_that_is_stale(self):
        health = health_of(a_log(0, FAILED), a_log(60), max_age=3600, on_failed="continue")
        assert health.problems == ("It is stale: its last Success ended 1 h 1 min ago; max_age is 1 h.",)
        assert health.age == 3719.0

    @pytest.mark.parametrize(("age", "is_stale"), [(119, False), (118.9, True)])
    def test_that_is_just_not_stale(self, age, is_stale):
        assert bool(health_of(a_log(0), max_age=age).problems) == is_stale

    def test_that_never_had_a_success(self):
        health = health_of(a_log(0, EMPTY), a_log(1, EMPTY), max_age=60)
        assert health.problems == ("It is stale: no Success among its 2 executions; max_age is 1 min 0 s.",)
        assert health.last_success is None

    def test_whose_success_has_no_end(self):
        health = health_of(a_log(0, finished=None), max_age=60)
        assert health.age == 120.0
        assert health.duration is None

    def test_whose_clock_is_ahead(self):
        assert health_of(a_log(-30), max_age=1).age == 0.0


class TestExecutions:
    def test_that_failed(self):
        health = health_of(a_log(0), a_log(1, FAILED), a_log(2, FAILED), a_log(3), executions=3)
        assert health.problems == ("2 of 3 executions Failed, the last: execution-1.",)
        assert (health.runs, health.failed) == (3, 2)

    def test_that_failed_but_do_not_matter(self):
        health = health_of(a_log(0, FAILED), on_failed="continue")
        assert health.problems == ()
        assert health.failed == 1

    @pytest.mark.parametrize(
        ("criteria", "runs"),
        [
            ({}, 1),
            ({"executions": 3}, 3),
            ({"executions": 9}, 4),
            ({"since": START - timedelta(minutes=1)}, 2),
        ],
    )
    @pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
    def test_in_any_order(self, order, criteria, runs):
        assert health_of(*map(a_log, order), **criteria).runs == runs

    def test_that_run_do_not_count_as_finished(self):
        health = health_of(a_log(0, **RUNNING), a_log(1, FAILED))
        assert (health.runs, health.failed, health.running) == (1, 1, 1)

    def test_that_may_not_run(self):
        health = health_of(a_log(0, **RUNNING), a_log(1), allow_running=False)
        assert health.problems == (
            "Execution execution-0 has been running for 2 min 0 s; allow_running is False.",
        )

    def test_that_run_too_long(self):
        health = health_of(a_log(0, **RUNNING), a_log(1), max_duration=60)
        assert health.problems == (
            "Execution execution-0 has been running for 0:02:00; max_duration is 0:01:00.",
        )

    def test_that_are_all_running(self):
        assert health_of(a_log(0, **RUNNING)).problems == ("None of its executions has finished.",)

    def test_that_can_not_be_read_are_no_success(self):
        health = health_of(a_log(0, status=99), a_log(1))
        (problem,) = health.problems
        assert problem.startswith("Execution execution-0 can't be read: ")
        assert health.runs == 0

    def test_that_can_not_be_read_and_are_not_judged_are_noted(self):
        health = health_of(a_log(0), a_log(1, status=99))
        assert health.problems == ()
        assert health.notes[0].startswith("1 other log can't be read: ")

    def test_without_any_id(self):
        health = health_of(a_log(0, filename_uuid=None))
        (problem,) = health.problems
        assert problem.startswith("Its executions can't be read: ")


class TestThresholds:
    @pytest.mark.parametrize(
        ("criteria", "problem"),
        [
            ({"max_fail_count": 4}, "5 rows failed in 2 executions; max_fail_count is 4."),
            ({"max_fail_count": 5}, None),
            ({"max_fail_rate": 0.0499}, "5 of 100 rows failed in 2 executions; max_fail_rate is 0.0499."),
            ({"max_fail_rate": 0.05}, None),
            ({"max_duration": 0.9}, "Execution execution-1 took 1 s; max_duration is 0.9 s."),
            ({"max_duration": 1}, None),
            ({"min_rows": 101}, "100 rows were processed in 2 executions; min_rows is 101."),
            ({"min_rows": 100}, None),
        ],
    )
    def test_of_all_executions_together(self, criteria, problem):
        logs = (a_log(0, **counts(60, 1)), a_log(1, **counts(40, 4)))
        assert health_of(*logs, executions=2, **criteria).problems == ((problem,) if problem else ())

    def test_count_that_is_missing_breaches_nothing_and_is_said(self):
        logs = (a_log(0, **counts(None, None)), a_log(1, **counts(10, 0)))
        health = health_of(*logs, executions=2, min_rows=100, max_fail_count=0, max_fail_rate=0)
        assert health.problems == ()
        assert health.notes == ("Rows aren't counted in 1 execution of 2.",)
        assert health.rows == 10

    def test_duration_that_is_missing_breaches_nothing_and_is_said(self):
        health = health_of(a_log(0, finished=None), max_duration=0)
        assert health.problems == ()
        assert health.notes == ("The duration is unknown of 1 execution of 1.",)

    def test_that_is_not_set_needs_no_count(self):
        assert health_of(a_log(0, **counts(None, None))).notes == ()

    def test_failures_of_no_rows_are_a_rate_of_one(self):
        assert health_of(a_log(0, **counts(0, 3)), max_fail_rate=0.5).fail_rate == 1.0

    def test_no_rows_have_no_rate(self):
        health = health_of(a_log(0, **counts(0, 0)), max_fail_rate=0)
        assert (health.rows, health.fail_rate, health.problems) == (0, None, ())

    @pytest.mark.parametrize(
        "wrong",
        [{"executions": 0}, {"on_failed": "skip"}],
    )
    def test_out_of_range(self, wrong):
        (name,) = wrong
        with pytest.raises(ConfigurationError, match=f"{name} is "):
            Criteria(**wrong)


COUNT = st.none() | st.integers(0, MAX_COUNT)


@given(st.lists(st.tuples(COUNT, COUNT), max_size=8))
def test_figures_of_odd_counts(pairs):
    logs = [a_log(number, **counts(*pair)) for number, pair in enumerate(pairs)]
    figures = Figures.of(history_of(logs).executions)
    assert figures.fail_rate is None or 0 <= figures.fail_rate <= 1
    assert figures.uncounted == sum(None in pair for pair in pairs)
    processed = [rows for rows, _ in pairs if rows is not None]
    assert figures.process_count == (sum(processed) if processed or not pairs else None)
    assert figures.has_all_rows == (len(processed) == len(pairs))


@given(
    st.lists(
        st.tuples(st.sampled_from([SUCCESS, FAILED, EMPTY, 1, 99, None]), COUNT, COUNT, st.booleans()),
        max_size=8,
    ),
    st.none() | st.floats(0, 1e6),
)
def test_what_is_well_has_a_readable_finished_execution(logs, max_age):
    described = [
        a_log(number, status, **counts(rows, failed), **({} if has_end else {"finished": None}))
        for number, (status, rows, failed, has_end) in enumerate(logs)
    ]
    health = health_of(*described, max_age=max_age, max_fail_rate=0.5, min_rows=1)
    newest = logs[0][0] if logs else None
    if newest not in (SUCCESS, EMPTY):
        assert health.problems
    if max_age is not None and health.age is None:
        assert any(problem.startswith("It ") for problem in health.problems)
    assert all("\n" not in text for text in (*health.problems, *health.notes))
