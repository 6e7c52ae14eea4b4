"""The thresholds of a Success: what breaches them, what can't be checked, what is refused."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions.policy import Policy
from airflow_provider_integrator.executions.thresholds import Figures, Thresholds
from tests.executions.test_policy import execution

#: An hour, 1,000 rows, 29 of them failed.
DONE = {
    "status": 2,
    "created": 1_700_000_000_000,
    "finished": 1_700_003_600_000,
    "process_count": 1000,
    "success_count": 971,
    "fail_count": 29,
    "sub_flows": [],
}
NAMES = ("max_fail_count", "max_fail_rate", "max_duration", "min_rows")


def breaches(limits, **changes):
    return Thresholds(**limits).compare(Figures.of([execution(**{**DONE, **changes})])).breaches


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"max_fail_count": 28}, "29 rows failed; max_fail_count is 28."),
        ({"max_fail_count": 0}, "29 rows failed; max_fail_count is 0."),
        ({"max_fail_rate": 0.0289}, "29 of 1000 rows failed; max_fail_rate is 0.0289."),
        ({"max_fail_rate": 0}, "29 of 1000 rows failed; max_fail_rate is 0."),
        ({"max_duration": 3599.5}, "Execution execution-1 took 1:00:00; max_duration is 0:59:59.500000."),
        (
            {"max_duration": timedelta(minutes=59)},
            "Execution execution-1 took 1:00:00; max_duration is 0:59:00.",
        ),
        ({"min_rows": 1001}, "1000 rows were processed; min_rows is 1001."),
    ],
)
def test_breached(limits, says):
    assert breaches(limits) == (says,)


def test_a_short_duration_is_shown_exactly():
    (breach,) = breaches({"max_duration": 0.2}, finished=1_700_000_000_400)
    assert breach == "Execution execution-1 took 0.4 s; max_duration is 0.2 s."


def test_one_row_was_processed():
    assert breaches({"min_rows": 2}, process_count=1) == ("1 row was processed; min_rows is 2.",)


def test_a_contradiction_is_shown_as_the_answer_has_it():
    (breach,) = breaches({"max_fail_rate": 0.5}, process_count=1, fail_count=12)
    assert breach == "12 of 1 row failed; max_fail_rate is 0.5."


def test_a_duration_is_shown_above_its_limit():
    (breach,) = breaches({"max_duration": timedelta(hours=1)}, finished=1_700_003_600_001)
    assert breach == "Execution execution-1 took 1:00:01; max_duration is 1:00:00."


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_fail_count": 29},
        {"max_fail_rate": 0.029},
        {"max_fail_rate": 1},
        {"max_duration": 3600},
        {"max_duration": timedelta(hours=1)},
        {"max_duration": float("inf")},
        {"min_rows": 1000},
        {"min_rows": 0},
    ],
)
def test_a_figure_that_equals_its_limit_is_no_breach(limits):
    assert breaches(limits) == ()


@given(st.integers(1, 10_000), st.data())
def test_a_rate_as_it_is_written_is_not_breached_by_rounding(rows, data):
    failed = data.draw(st.integers(0, rows))
    rate = failed / rows
    assert breaches({"max_fail_rate": rate}, process_count=rows, fail_count=failed) == ()
    assert failed == 0 or breaches(
        {"max_fail_rate": (failed - 1) / rows}, process_count=rows, fail_count=failed
    )


def test_no_rows_have_no_rate_unless_some_failed():
    assert breaches({"max_fail_rate": 0.0}, process_count=0, fail_count=0) == ()
    assert breaches({"max_fail_rate": 0.5}, process_count=0, fail_count=1)


def test_every_breach_is_named():
    limits = {"max_fail_count": 1, "max_fail_rate": 0.01, "max_duration": 1, "min_rows": 2000}
    assert len(breaches(limits)) == 4


@pytest.mark.parametrize(
    ("missing", "unknown"),
    [
        ("fail_count", ("max_fail_count", "max_fail_rate")),
        ("process_count", ("max_fail_rate", "min_rows")),
        ("finished", ("max_duration",)),
    ],
)
def test_an_unknown_figure_breaches_nothing_and_is_logged(missing, unknown, caplog):
    strict = Thresholds(0, 0, 0, 10**9)
    verdict = Policy(thresholds=strict).judge(execution(**{**DONE, missing: None}))
    assert verdict.comparison.unknown == unknown
    assert len(verdict.comparison.breaches) == 4 - len(unknown)
    with caplog.at_level(logging.INFO):
        verdict.log_to(logging.getLogger("task"))
    assert caplog.messages[-1] == f"Not checked, as List logs doesn't have the figures: {', '.join(unknown)}."


def test_nothing_is_said_of_a_threshold_that_is_not_set(caplog):
    Policy().judge(execution(**{**DONE, "fail_count": None})).log_to(logging.getLogger("task"))
    assert not any(message.startswith("Not checked") for message in caplog.messages)


@pytest.mark.parametrize(("on_breach", "action"), [("fail", "fail"), ("warn", "succeed")])
def test_the_verdict_of_a_breach(on_breach, action, caplog):
    verdict = Policy(thresholds=Thresholds(max_fail_count=0, on_breach=on_breach)).judge(execution(**DONE))
    assert verdict.action == action
    verdict.log_to(logging.getLogger("task"))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().endswith("29 failed.\n29 rows failed; max_fail_count is 0.")


@pytest.mark.parametrize("status", [Status.FAILED, Status.EMPTY])
def test_only_a_success_is_compared(status):
    policy = Policy("continue", thresholds=Thresholds(0, 0, 0, 10**9))
    verdict = policy.judge(execution(**{**DONE, "status": status.value}))
    assert (verdict.action, verdict.comparison.breaches) == ("succeed", ())


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: value} for name in NAMES for value in (-1, "1", "5%", True, float("nan"), [1])),
        {"max_fail_count": 1.5},
        {"min_rows": 1.5},
        {"max_fail_rate": 1.01},
        {"max_fail_rate": 5},
        {"max_duration": timedelta(seconds=-1)},
        {"on_breach": "ignore"},
        {"on_breach": None},
    ],
    ids=str,
)
def test_a_bad_value_is_refused(wrong):
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=f"^{name} is .*; set it to "):
        Thresholds(**wrong)
