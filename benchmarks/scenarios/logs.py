"""Saving and decoding a log: time and peak memory against its size, beside the documented recipe."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.children import Child, ask_once
from benchmarks.measuring import MEBIBYTE, OwnPeak
from benchmarks.results import Figure, Plot, Section, Size, Table, mebibytes, milliseconds, number

WAYS = ("hook", "async hook", "store", "recipe")
DECODING = ("async load", "recipe in a thread")
LABELS = {
    "hook": "save_log",
    "async hook": "asave_log",
    "store": "save_log, store",
    "recipe": "recipe",
    "async load": "aload_log",
    "recipe in a thread": "recipe in a thread",
}
_MOST_MEMORY = 32 * MEBIBYTE
_LARGE = 100_000_000
_LONG = 500_000_000


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    sizes = size.pick((1, 10, 100), (1, 10, 100, 1000), (1,))
    runs, decoded = [], []
    with Child("integrator") as server, tempfile.TemporaryDirectory() as folder:
        for megabytes in sizes:
            count = megabytes * 1_000_000
            log = server.ask(do="log", size=count)
            connection = server.ask(do="connection")["connection"]
            encoded = log.pop("encoded")
            path = Path(folder, "log.json")
            request = {"connection": connection, **log, "path": str(path)}
            idle = {way: ask_once("log", way=way, **request, idle=True) for way in WAYS}
            for turn in range(_turns(count, size)):
                for way in WAYS:
                    say(f"{megabytes:,} MB, turn {turn + 1}: {LABELS[way]}")
                    with Child("log") as child, OwnPeak(child.pid) as own:
                        measured = child.ask(way=way, **request, idle=False)
                    if path.stat().st_size != count:
                        raise RuntimeError(f"{LABELS[way]} wrote {path.stat().st_size} bytes of {count}")
                    path.unlink()
                    kept = {"way": way, "size": count, "encoded": encoded, "idle": idle[way]["peak"]}
                    runs.append({**kept, "own": own.bytes - idle[way]["own"], **measured})
            if count > _LARGE:
                continue  # more than is decoded into memory
            for way in DECODING:
                say(f"{megabytes:,} MB: {LABELS[way]}")
                idle_peak = ask_once("log", way=way, **request, idle=True)["peak"]
                measured = ask_once("log", way=way, **request, idle=False)
                aside = ask_once("log", way=way, **request, idle=False, collector=False)["lag_max"]
                decoded.append({"way": way, "size": count, "idle": idle_peak, "lag_aside": aside, **measured})
    return {"runs": runs, "decoded": decoded}


def _turns(count: int, size: Size) -> int:
    if count > _LONG or size.tiny:
        return 1
    return 3 if count >= _LARGE else 7  # the shorter, the more it is chance


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    runs = results["runs"]
    sizes = sorted({run["size"] for run in runs})
    rows = []
    for size in sizes:
        encoded = next(run["encoded"] for run in runs if run["size"] == size)
        parsing = {run["way"] for run in runs if run["size"] == size and run.get("parses")}
        for way in WAYS:
            rows.append(
                [
                    f"{size // 1_000_000:,} MB, {LABELS[way]}",
                    mebibytes(encoded),
                    number(_seconds(runs, way, size)),
                    number(_median(runs, way, size, "json_seconds")) if way in parsing else "",
                    mebibytes(_own(runs, way, size)),
                    mebibytes(_peak(runs, way, size)),
                    mebibytes(_median(runs, way, size, "peak") - _median(runs, way, size, "idle"))
                    if way in parsing
                    else "",
                    *(
                        milliseconds(_median(runs, way, size, lag)) if way == "async hook" else ""
                        for lag in ("lag_max", "lag_p99")
                    ),
                ]
            )
    return Section(
        "Logs of any size",
        "A log of JSON rows, saved by a fresh process: to a local file by the hook's save_log, by asave_log, and by "
        "the documented recipe (requests.get, .text, base64.b64decode, zipfile, json.loads, write); and by save_log to a "
        "store that isn't a local one for the hook, for which it writes a temporary file and uploads that. The store is "
        "a stand-in, a folder of this machine behind fsspec: no network is part of it. Importing and logging in are "
        "not counted. The server reads the packed log from a file and takes CPU time on the same machine. Memory is "
        "the process's peak above that of one which got ready the same way and did no more: its own, and all that is "
        "resident, which counts the mapped log, whose pages the system takes back when it needs them. asave_log has "
        "logs above 16 MiB checked by a child process. The recipe's json step is timed and weighed apart, and left "
        "out if there isn't enough memory for it. aload_log, and the recipe in a thread, decode the log into memory, "
        "and the loop stands still meanwhile: Python's lock is held by the decoder, and by Python's garbage collector, "
        "which looks through all that is decoded; so the lag is measured once more with the collector off. Medians "
        "if there is more than one turn.",
        [
            Table(
                "Saving a log",
                [
                    "",
                    "body MiB",
                    "s",
                    "json step s",
                    "own MiB",
                    "resident MiB",
                    "with json MiB",
                    "lag max ms",
                    "lag p99 ms",
                ],
                rows,
            ),
            Table(
                "Decoding a log into memory, beside an event loop",
                ["", "s", "peak MiB", "lag max ms", "a MB", "collector off: lag max ms", "a MB"],
                [
                    [
                        f"{run['size'] // 1_000_000:,} MB, {LABELS[run['way']]}",
                        number(run["seconds"]),
                        mebibytes(run["peak"] - run["idle"]),
                        *(
                            milliseconds(lag)
                            for key in ("lag_max", "lag_aside")
                            for lag in (run[key], run[key] / (run["size"] / 1_000_000))
                        ),
                    ]
                    for run in results["decoded"]
                ],
            ),
        ],
        _figures(runs, sizes),
        [
            Plot(
                "logs.png",
                "Time and peak memory against the log's size",
                lambda path: _draw(path, runs, sizes),
            )
        ]
        if len(sizes) > 1
        else [],
    )


def _median(runs: list[dict[str, Any]], way: str, size: int, key: str) -> float:
    return _median_of(runs, way, size, lambda run: run[key])


def _seconds(runs: list[dict[str, Any]], way: str, size: int) -> float:
    return _median_of(runs, way, size, lambda run: run["seconds"] - run.get("json_seconds", 0.0))


def _peak(runs: list[dict[str, Any]], way: str, size: int) -> float:
    return _median_of(runs, way, size, lambda run: run.get("peak_without_json", run["peak"]) - run["idle"])


def _own(runs: list[dict[str, Any]], way: str, size: int) -> float:
    # The recipe maps nothing; its json step comes last, and what was own before it is known by the peak alone.
    return _peak(runs, way, size) if way == "recipe" else _median(runs, way, size, "own")


def _median_of(
    runs: list[dict[str, Any]], way: str, size: int, value: Callable[[dict[str, Any]], float]
) -> float:
    return statistics.median(value(run) for run in runs if run["way"] == way and run["size"] == size)


def _figures(runs: list[dict[str, Any]], sizes: list[int]) -> list[Figure]:
    figures = []
    ours = [way for way in WAYS if way != "recipe"]
    for size in sizes:
        for way in ours:
            own, what = _own(runs, way, size), f"{size // 1_000_000:,} MB by {LABELS[way]}"
            figures.append(
                Figure(f"{what}: own memory", "≤ 32 MiB", f"{mebibytes(own)} MiB", own <= _MOST_MEMORY)
            )
            ratio = _seconds(runs, way, size) / _seconds(runs, "recipe", size)
            against = f"{what}: time against the recipe's without json"
            figures.append(Figure(against, "≤ x 1", f"x {ratio:.2f}", ratio <= 1))
    lag = max(run["lag_max"] for run in runs if run["way"] == "async hook")
    figures.append(Figure("asave_log: loop lag", "≤ 50 ms", f"{milliseconds(lag)} ms", lag <= 0.05))
    return figures


def _draw(path: Path, runs: list[dict[str, Any]], sizes: list[int]) -> None:
    from benchmarks import plots

    plots.against_size(
        path,
        sizes,
        {LABELS[way]: [_seconds(runs, way, size) for size in sizes] for way in WAYS},
        {LABELS[way]: [_own(runs, way, size) / MEBIBYTE for size in sizes] for way in WAYS},
    )
