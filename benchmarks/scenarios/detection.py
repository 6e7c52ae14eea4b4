"""How late a wait ends after what it waits for has finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import quantile
from benchmarks.results import Figure, Plot, Section, Size, Table, number
from benchmarks.scenarios.waiting import Load, evenly, wait
from benchmarks.subjects import OURS, installed, named

_FLOWS = 10


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    interval = size.pick(2, 5, 1)
    waits = size.pick(200, 500, 10)
    runs = []
    for subject in [OURS] if size.tiny else installed():
        say(f"{waits} waits that finish, interval {interval} s: {subject.label}")
        last = interval * size.pick(4, 6, 1)
        runs.append(wait(subject, Load(waits, _FLOWS, interval, last + 4 * interval + 5, evenly(last))))
    return {"interval": interval, "runs": runs}


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    interval, runs = results["interval"], results["runs"]
    rows = []
    for run in runs:
        found = run["found"]
        rows.append(
            [
                named(run["subject"]).label,
                f"{len(found)} of {run['waits']}",
                *(number(quantile(found, share)) for share in (0.5, 0.9, 0.99)),
                number(max(found)),
                f"{run['requests']:,}",
            ]
        )
    ours = next(run for run in runs if run["subject"] == OURS.name)
    late = quantile(ours["found"], 0.99)
    return Section(
        "Detection",
        f"{ours['waits']} waits on {_FLOWS} flows at an interval of {interval} s, for things that finish at random "
        "moments: seconds from the moment when the server knows a thing as finished to the trigger's event.",
        [
            Table(
                "Seconds from finishing to the event",
                ["", "found", "p50", "p90", "p99", "max", "requests"],
                rows,
            )
        ],
        [
            Figure(
                "detection after finishing, p99",
                f"≤ {interval} s + 0.5 s",
                f"{late:.2f} s",
                late <= interval + 0.5 and len(ours["found"]) == ours["waits"],
            )
        ],
        [
            Plot(
                "detection.png",
                "Share of the waits that have ended, against the seconds since their things finished",
                lambda path: _draw(path, runs, interval),
            )
        ],
    )


def _draw(path: Path, runs: list[dict[str, Any]], interval: float) -> None:
    from benchmarks import plots

    plots.distributions(path, {run["subject"]: run["found"] for run in runs}, interval)
