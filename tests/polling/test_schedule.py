"""The adaptive interval: never more polls than the fixed one makes, and sooner there."""

from __future__ import annotations

import math
import random
import statistics

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.polling.schedule import RAREST, TICKS, adaptive_interval, on_tick

positive = st.floats(0.1, 3600.0)


def polls_until(duration: float, interval: float, usual: float | None, *, adaptive: bool) -> list[float]:
    """Poll an execution that begins with the wait, until it has finished.

    :return: When each poll came, in seconds since.
    """
    now, polls = 0.0, [0.0]
    while now < duration:
        pause = adaptive_interval(interval, now, len(polls), now, usual) if adaptive else interval
        now += pause
        polls.append(now)
    return polls


@given(positive, positive, st.none() | positive)
def test_the_budget_is_the_fixed_intervals(duration: float, interval: float, usual: float | None) -> None:
    duration = min(duration, 200 * interval)
    for number, moment in enumerate(polls_until(duration, interval, usual, adaptive=True), start=1):
        assert number <= 1 + moment / interval + 1e-6


@given(
    positive, st.floats(0, 1e6), st.integers(0, 10_000), st.none() | st.floats(-10, 1e6), st.none() | positive
)
def test_the_pause_is_bounded(
    interval: float, waited: float, polls: int, elapsed: float | None, usual: float | None
) -> None:
    pause = adaptive_interval(interval, waited, polls, elapsed, usual)
    assert interval / 10 <= pause * (1 + 1e-9)
    assert pause <= RAREST * interval


@given(positive, st.floats(0, 1e6), st.integers(0, 10_000))
def test_it_is_the_fixed_interval_where_nothing_is_known(interval: float, waited: float, polls: int) -> None:
    assert adaptive_interval(interval, waited, polls, None, 60.0) == interval
    assert adaptive_interval(interval, waited, polls, 5.0, None) == interval


def test_the_end_is_seen_sooner_with_no_more_polls() -> None:
    chance = random.Random(3)
    late: dict[bool, list[float]] = {True: [], False: []}
    polls: dict[bool, int] = {True: 0, False: 0}
    for _ in range(500):
        duration = chance.gauss(600, 60)
        for adaptive in late:
            moments = polls_until(duration, 30.0, 600.0, adaptive=adaptive)
            late[adaptive].append(moments[-1] - duration)
            polls[adaptive] += len(moments)
    assert polls[True] <= polls[False]
    assert statistics.median(late[True]) < 0.5 * statistics.median(late[False])


@given(st.floats(0.0, 1e7), st.floats(0.01, 3600.0), st.floats(0.0, 0.4))
def test_a_poll_begins_on_the_tick_that_is_nearest_to_its_pauses_end(
    now: float, pause: float, late: float
) -> None:
    tick = pause / TICKS
    due = on_tick(now, pause)
    assert abs(due - (now + pause)) <= 0.51 * tick
    # A poll that begins a little late makes none of the later ones later.
    assert math.isclose(on_tick(due + late * tick, pause), due + pause, abs_tol=1e-6)


def test_without_anyone_no_poll_is_due() -> None:
    assert on_tick(17.0, math.inf) == math.inf
