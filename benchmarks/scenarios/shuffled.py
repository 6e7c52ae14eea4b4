"""Many waits on one flow with a long history, whose executions List logs shows in no order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.measuring import quantile
from benchmarks.results import Figure, Section, Size, Table, milliseconds, number
from benchmarks.scenarios.waiting import Load, evenly, wait
from benchmarks.subjects import OURS

_INTERVAL = 5
# What it took before a poll's window was chosen by its cost.
_REQUESTS_BEFORE = 293


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    waits, executions = size.pick((1000, 20_000), (1000, 20_000), (20, 300))
    interval = size.pick(_INTERVAL, _INTERVAL, 1)
    last = size.pick(20, 45, 1)
    say(f"{waits:,} waits on one flow of {executions:,} executions")
    load = Load(
        waits,
        1,
        interval,
        last + 4 * interval + 5,
        evenly(last),
        executions - waits,
        order="shuffled",
        steps=False,
    )
    return {"interval": interval, "executions": executions, **wait(OURS, load)}


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    found, interval, waits = results["found"], results["interval"], results["waits"]
    latest = max(found, default=float("inf")) / interval
    what = f"{waits:,} waits on one flow of {results['executions']:,} executions"
    short = f"{waits:,} waits on one shuffled flow"
    a_round = results["list_logs"] / (results["seconds"] / interval)
    in_time = sum(late <= 2 * interval for late in found)
    return Section(
        "One flow with a long history, in no order",
        f"{what}, which List logs shows shuffled; they finish at random. This provider alone, at an interval of "
        f"{interval} s.",
        [
            Table(
                "Found after finishing",
                ["found", "p50 s", "p99 s", "max s", "List logs", "a round", "CPU s", "lag max ms"],
                [
                    [
                        f"{len(found):,} of {waits:,}",
                        number(quantile(found, 0.5)),
                        number(quantile(found, 0.99)),
                        number(max(found)),
                        f"{results['list_logs']:,}",
                        number(a_round),
                        number(results["cpu"]),
                        milliseconds(results["lag_max"]),
                    ]
                ]
                if found
                else [],
            )
        ],
        [
            Figure(
                f"{short}: detection",
                f"all {waits:,} in 2 intervals",
                f"{in_time:,}; the last after {latest:.2f}",
                in_time == waits,
            ),
            Figure(
                f"{short}: List logs a round",
                f"< {_REQUESTS_BEFORE}",
                number(a_round),
                a_round < _REQUESTS_BEFORE,
            ),
            Figure(
                f"{short}: loop lag",
                "≤ 200 ms",
                f"{milliseconds(results['lag_max'])} ms",
                results["lag_max"] <= 0.2,
            ),
        ],
    )
