"""The tolerance of failed polls, by time."""

from __future__ import annotations

import math

import pytest

from airflow_provider_integrator.exceptions import RequestError, ResponseError, UnavailableError
from airflow_provider_integrator.executions import outage as module
from airflow_provider_integrator.executions.outage import Outage

ERROR = UnavailableError("no answer")


@pytest.fixture
def at(mocker):
    """Set the time, in seconds."""
    clock = mocker.patch.object(module, "time")

    def change(seconds: float) -> None:
        clock.time.return_value = seconds

    return change


def test_it_lasts_from_its_first_failed_poll(at, logged):
    outage = Outage(60.0)
    for seconds in (1000, 1030, 1059.9):
        at(seconds)
        outage.add(ERROR)
    at(1060)
    with pytest.raises(UnavailableError, match="no answer"):
        outage.add(ERROR)
    assert "30 s from now" in logged.text
    assert (
        "All polls have failed since 1970-01-01T00:16:40+00:00, for 60 s;\noutage_tolerance is 60 s."
        in logged.text
    )


def test_a_good_poll_ends_it(at):
    outage = Outage(60.0)
    for seconds in (1000, 1050, 1100, 1150):
        at(seconds)
        outage.add(ERROR)
        outage.end()
    assert outage.began is None


def test_another_process_goes_on_with_it(at):
    at(1000)
    first = Outage(60.0)
    first.add(ERROR)
    at(1060)
    with pytest.raises(UnavailableError):
        Outage(60.0, first.began).add(ERROR)


def test_a_clock_that_is_behind_does_not_end_it(at):
    at(1000)
    outage = Outage(60.0, began=2000)
    outage.add(ERROR)


def test_zero_tolerates_none():
    with pytest.raises(UnavailableError):
        Outage(0.0).add(ERROR)


@pytest.mark.parametrize("error", [RequestError("no", 400), ValueError("a mistake of ours")])
def test_what_is_permanent_is_never_tolerated(error):
    with pytest.raises(type(error)):
        Outage(math.inf).add(error)


def test_an_answer_that_cannot_be_read_is_tolerated():
    Outage(60.0).add(ResponseError("List logs: an unknown state"))
