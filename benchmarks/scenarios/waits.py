"""What waiting costs: requests, connections, CPU, loop lag and memory against the number of waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.results import Figure, Plot, Section, Size, Table, mebibytes, milliseconds, number
from benchmarks.scenarios.waiting import Load, wait
from benchmarks.subjects import OURS, SLEEPER, installed, named

_INTERVAL = 5
_FLOWS = 10
_MANY_FLOWS = 100
# With fewer waits, what they share is most of the memory.
_ENOUGH_TO_DIVIDE = 1000


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    loads: dict[int, float] = size.pick({100: 5, 1000: 30}, {10: 20, 100: 20, 1000: 60}, {10: 2})
    runs = []
    for waits, seconds in loads.items():
        for subject in [OURS] if size.tiny else installed():
            say(f"{waits:,} waits, {seconds:g} s: {subject.label}")
            runs.append(wait(subject, Load(waits, _FLOWS, _INTERVAL, seconds)))
    many = []
    for subject, waits in size.pick((), ((OURS, 1000), (OURS, 10_000), (SLEEPER, 10_000)), ()):
        say(f"{waits:,} waits on {_MANY_FLOWS} flows, 60 s: {subject.label}")
        many.append(wait(subject, Load(waits, _MANY_FLOWS, _INTERVAL, 60)))
    return {"interval": _INTERVAL, "runs": runs, "many": many}


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    runs, many = results["runs"], results["many"]
    counts = sorted({run["waits"] for run in runs})
    tables = [
        _table(f"{count:,} waits on {_FLOWS} flows", [run for run in runs if run["waits"] == count])
        for count in counts
    ]
    if many:
        tables.append(_table(f"Waits on {_MANY_FLOWS} flows", many, by_waits=True))
    return Section(
        "Waiting",
        f"N waits at an interval of {results['interval']} s for things that don't finish: one process with one "
        "event loop and a task for each trigger's run(), as in a triggerer; the server runs in another process. "
        "All triggers start at once. CPU is user and system time of the waiting process, without that of the "
        "heartbeat that measures the loop's lag every 10 ms; 'later' leaves out the first half interval, in "
        "which all begin. GC is the longest stop for Python's garbage collection, a part of the lag. Memory is the "
        "most that the process grew by after the trigger objects were made. "
        "Libraries are imported and a first wait is over before anything is counted."
        + (
            " The sleeping trigger asks nobody anything: what any trigger costs at the least." if many else ""
        ),
        tables,
        [*_figures(results), *_many_figures(many)],
        [
            Plot(
                "waits.png",
                "Requests, connections, CPU, loop lag and memory against the number of waits",
                lambda path: _draw(path, runs),
            )
        ]
        if len(counts) > 1
        else [],
    )


def _table(title: str, runs: list[dict[str, Any]], *, by_waits: bool = False) -> Table:
    seconds = runs[0]["seconds"]
    header = [
        "",
        "requests",
        "conns",
        "CPU s",
        "later s",
        "lag max ms",
        "lag p99 ms",
        "GC max ms",
        "memory MiB",
        "KB/wait",
    ]
    return Table(
        f"{title}, {seconds:.0f} s",
        header,
        [
            [
                f"{run['waits']:,}, {named(run['subject']).label}"
                if by_waits
                else named(run["subject"]).label,
                f"{run['requests']:,}",
                f"{run['connections']:,}",
                number(run["cpu"]),
                number(run["cpu_after_start"]),
                milliseconds(run["lag_max"]),
                milliseconds(run["lag_p99"]),
                milliseconds(run["longest_collection"]),
                mebibytes(run["memory"]),
                number(run["memory"] / run["waits"] / 1000) if run["waits"] >= _ENOUGH_TO_DIVIDE else "",
            ]
            for run in runs
        ],
    )


def _figures(results: dict[str, Any]) -> list[Figure]:
    most = max(run["waits"] for run in results["runs"])
    ours, *peers = [run for run in results["runs"] if run["waits"] == most]
    what = f"{most:,} waits on {_FLOWS} flows: "
    figures = [
        _list_logs(what, ours, results["interval"]),
        Figure(f"{what}connections", "≤ 10", str(ours["connections"]), ours["connections"] <= 10),
        _lag(what, ours),
    ]
    if peers:
        best = min(peers, key=lambda run: run["cpu"])
        label = named(best["subject"]).label
        figures += [
            _cpu(f"{what}CPU against {label}", ours["cpu"], best["cpu"]),
            _cpu(f"{what}CPU later against {label}", ours["cpu_after_start"], best["cpu_after_start"]),
        ]
    return figures


def _many_figures(many: list[dict[str, Any]]) -> list[Figure]:
    if not many:
        return []
    few, most, *rest = many
    sleeping = next((run for run in rest if run["subject"] == SLEEPER.name), None)
    what = f"{most['waits']:,} waits on {_MANY_FLOWS} flows: "
    requests = most["list_logs"] / few["list_logs"]
    cpu = most["cpu_after_start"] / few["cpu_after_start"]
    a_wait = most["memory"] / most["waits"] / 1000
    return [
        Figure(
            f"{what}List logs against {few['waits']:,} waits'", "x 1", f"x {requests:.2f}", requests <= 1.1
        ),
        Figure(
            f"{what}CPU later against {few['waits']:,} waits'", "less than x 10", f"x {cpu:.2f}", cpu < 10
        ),
        Figure(f"{what}memory of a wait", "≤ 5 KB", f"{a_wait:.1f} KB", a_wait <= 5),
        _lag(what, most, sleeping["lag_max"] + 0.05 if sleeping else 0.2),
    ]


def _list_logs(what: str, run: dict[str, Any], interval: float) -> Figure:
    intervals = run["seconds"] / interval
    most = 1.2 * run["flows"] * intervals
    return Figure(
        f"{what}List logs requests",
        f"≤ 1.2 x {run['flows']} x {intervals:.0f} = {most:.0f}",
        str(run["list_logs"]),
        run["list_logs"] <= most,
    )


def _cpu(what: str, ours: float, theirs: float) -> Figure:
    share = ours / theirs if theirs else float("inf")
    return Figure(what, "≤ 1/20", f"1/{1 / share:.1f}" if share else "0", share <= 0.05)


def _lag(what: str, run: dict[str, Any], most: float = 0.2) -> Figure:
    got = f"{milliseconds(run['lag_max'])} ms (GC {milliseconds(run['longest_collection'])} ms)"
    return Figure(f"{what}loop lag", f"≤ {milliseconds(most)} ms", got, run["lag_max"] <= most)


def _draw(path: Path, runs: list[dict[str, Any]]) -> None:
    from benchmarks import plots

    panels = (
        ("Requests per s", lambda run: run["requests"] / run["seconds"]),
        ("New connections per s", lambda run: run["connections"] / run["seconds"]),
        ("CPU, ms per s (0.1 or less: 0.1)", lambda run: run["cpu"] / run["seconds"] * 1000),
        ("Loop lag, max, ms", lambda run: run["lag_max"] * 1000),
        ("Memory, MiB", lambda run: run["memory"] / 1024**2),
    )
    plots.against_waits(path, runs, panels)
