"""When a wait polls next."""

from __future__ import annotations

import math

#: Ticks of an interval, on which polls begin: those of several flows that fall on one share a turn of the event loop,
#: which is a large part of a poll's CPU time.
TICKS = 10

#: Parts of the usual duration: before the first an execution is hardly expected to finish, after the second it is late.
EARLY, LATE = 0.8, 1.2
#: How many times as rare polls are before that, and how many times as close they may be in between.
RAREST, CLOSEST = 6.0, 10.0


def adaptive_interval(
    interval: float, waited: float, polls: int, elapsed: float | None, usual: float | None
) -> float:
    """Choose the pause before the next poll so that polls are close where the end is expected.

    The budget is that of a fixed interval: at any time at most ``1 + waited / interval`` polls. What is saved
    while the end is far is spread evenly over the time in which it is near.

    :param interval: The fixed interval, in seconds.
    :param waited: Seconds since the wait began.
    :param polls: Polls since then.
    :param elapsed: Seconds since the execution was created; None if that isn't known yet.
    :param usual: The flow's usual duration in seconds; None if it isn't known.
    :return: Seconds.
    """
    if usual is None or elapsed is None:
        return interval
    if elapsed < EARLY * usual:
        return min(max(EARLY * usual - elapsed, interval), RAREST * interval)
    saved = waited / interval - polls
    if saved <= 0:
        return interval
    near = max((LATE * usual - elapsed) / interval, 1.0)
    return interval / min(1.0 + saved / near, CLOSEST)


def on_tick(started: float, pause: float) -> float:
    """Choose the tick on which the next poll begins.

    :param started: When the last one began, in the loop's time.
    :param pause: The pause between the two, in seconds; it may be infinite.
    :return: The tick that is nearest to the pause's end, in the loop's time; all pollers with that pause have the same.
    """
    tick = pause / TICKS
    return round((started + pause) / tick) * tick if math.isfinite(pause) else math.inf
