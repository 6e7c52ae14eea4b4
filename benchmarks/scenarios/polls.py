"""What sharing a poll costs and saves against a loop for each wait, at every number of waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.results import Figure, Section, Size, Table, number
from benchmarks.scenarios.waiting import Load, wait
from benchmarks.subjects import LOOP, OURS, named

_FLOWS = 10
_HISTORY = 300
# Flows by the hundred have a shorter one together, as the server would take minutes to make more.
_ALL_HISTORIES = 3000
_QUANTITIES = {
    "list_logs": "List logs requests",
    "bytes": "bytes received",
    "connections": "connections",
    "cpu": "CPU",
}


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    # Few waits poll more often, so that their CPU time can be measured.
    loads: dict[int, tuple[float, float]] = size.pick(
        {1: (1, 20), 10: (1, 10), 100: (1, 10), 1000: (5, 20)},
        {1: (1, 60), 10: (1, 30), 100: (1, 30), 1000: (5, 60)},
        {2: (1, 2)},
    )
    pairs = []
    for waits, (interval, seconds) in loads.items():
        for flows in sorted({min(waits, _FLOWS), waits}):
            say(f"{waits:,} waits on {flows:,} flows, {seconds:g} s: {OURS.label} and {LOOP.label}")
            history = min(_HISTORY, _ALL_HISTORIES // flows)
            load = Load(waits, flows, interval, seconds, history=history, beat=1.0)
            pairs.append({"interval": interval, "runs": [wait(subject, load) for subject in (OURS, LOOP)]})
    return {"pairs": pairs}


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    rows, figures = [], []
    for pair in results["pairs"]:
        ours, loop = pair["runs"]
        what = f"{ours['waits']:,} waits on {ours['flows']:,} flows"
        for run in (ours, loop):
            rows.append(
                [
                    f"{what}, {named(run['subject']).label}",
                    f"{pair['interval']:g}",
                    f"{run['list_logs']:,}",
                    number(run["bytes"] / 1000),
                    f"{run['connections']:,}",
                    number(run["cpu"] * 1000),
                ]
            )
        for name, label in _QUANTITIES.items():
            ratio = ours[name] / loop[name] if loop[name] else float("inf")
            figures.append(Figure(f"{what}: {label}", "≤ x 1.05", f"x {number(ratio)}", ratio <= 1.05))
    return Section(
        "A poll for each wait",
        "The same waits by this provider and by a loop for each of them, as one would write it by hand with aiohttp: over "
        "one session and with one login, a request by the execution's id in each interval. No execution finishes; "
        f"each flow has {_HISTORY} earlier ones, or {_ALL_HISTORIES:,} in all if there are more than {_FLOWS} flows. "
        "Each execution has three steps, and List logs shows the newest first. Bytes are those of the answers' bodies.",
        [Table("Cost", ["", "interval s", "List logs", "KB", "conns", "CPU ms"], rows)],
        figures,
    )
