"""What ``adaptive=True`` gains: how late waits end, and how many requests they take, beside the fixed interval."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.measuring import quantile
from benchmarks.results import Figure, Plot, Section, Size, Table, number
from benchmarks.scenarios.waiting import Load, wait
from benchmarks.subjects import OURS, OURS_ADAPTIVE

# The standard deviation of the durations, as a part of the usual one. The figures are those of the first.
_SPREADS = (0.1, 0.3)


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    flows, interval, usual = size.pick((40, 4, 24), (100, 5, 60), (4, 0.5, 3))
    say(f"{flows} waits that last some {usual} s, interval {interval} s: fixed and adaptive at once")
    pairs = [
        (subject, spread, _load(flows, interval, usual, spread))
        for spread in _SPREADS
        for subject in (OURS, OURS_ADAPTIVE)
    ]
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda pair: {"spread": pair[1], **wait(pair[0], pair[2])}, pairs))
    return {"interval": interval, "usual": usual, "runs": runs}


def _load(flows: int, interval: float, usual: float, spread: float) -> Load:
    def lasts(chance: Any) -> float:
        # Without the few that would be over before their wait has begun.
        return float(max(0.1 * usual, chance.gauss(usual, spread * usual)))

    most = usual * (1 + 4 * spread) + 2 * interval + 5
    return Load(flows, flows, interval, most, lasts, history_lasts=lasts)


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    runs, interval, usual = results["runs"], results["interval"], results["usual"]
    fixed, adaptive = runs[:2]
    spreads = " or ".join(f"{run['spread']:.0%}" for run in runs[::2])
    what = f"durations of {usual} s ± {fixed['spread']:.0%}: adaptive against fixed, "
    requests = adaptive["list_logs"] / fixed["list_logs"]
    late = fmean(adaptive["found"]) / fmean(fixed["found"])
    return Section(
        "Adaptive interval",
        f"{fixed['waits']} waits, each alone on its flow, once with the fixed interval of {interval} s and once with "
        "adaptive=True, all at the same time against an Integrator each. How long an execution lasts is drawn from a "
        f"normal distribution around {usual} s, with a standard deviation of "
        f"{spreads} of that: the same draws for both, and draws of "
        "the same kind for the flow's 100 earlier executions, from which the usual duration is learnt.",
        [
            Table(
                "Seconds from finishing to the event",
                ["", "found", "p50", "p90", "max", "mean", "List logs per wait"],
                [_row(run) for run in runs],
            )
        ],
        [
            Figure(f"{what}List logs", "≤ x 1", f"x {requests:.2f}", requests <= 1),
            Figure(f"{what}mean latency", "less than x 1", f"x {late:.2f}", late < 1),
        ],
        [
            Plot(
                "adaptive.png",
                f"Share of the waits that have ended, against the seconds since they finished, ± {fixed['spread']:.0%}",
                lambda path: _draw(path, runs[:2], interval),
            )
        ],
    )


def _row(run: dict[str, Any]) -> list[str]:
    found = run["found"]
    kind = "fixed" if run["subject"] == OURS.name else "adaptive"
    return [
        f"± {run['spread']:.0%}, {kind}",
        f"{len(found)} of {run['waits']}",
        *(number(quantile(found, share)) for share in (0.5, 0.9)),
        number(max(found)),
        number(fmean(found)),
        number(run["list_logs"] / run["waits"]),
    ]


def _draw(path: Path, runs: list[dict[str, Any]], interval: float) -> None:
    from benchmarks import plots

    plots.distributions(path, {run["subject"]: run["found"] for run in runs}, interval)
