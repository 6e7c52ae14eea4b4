"""The lines operator: many lines into a file, their logs at once, and after a kill."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.children import Child, ChildError, ask_once
from benchmarks.measuring import MEBIBYTE, OwnPeak
from benchmarks.processes.store import STORE
from benchmarks.results import Figure, Section, Size, Table, mebibytes, number

_DELAY = 0.05
_STORE_DELAY = 0.05
_CONCURRENCY = 8
_PARTS = 10
_PAGE = 100
_MOST_MEMORY = 64 * MEBIBYTE
_LEAST_GAIN = 5


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    logs, lines = size.pick((1_000, 10_000), (10_000, 100_000), (20, 200))
    with Child("integrator") as server, tempfile.TemporaryDirectory() as folder:
        connection = server.ask(do="connection")["connection"]

        def request(count: int, **arguments: Any) -> dict[str, Any]:
            """Make a request for the lines of an execution of its own."""
            path = str(Path(folder, f"{count}.jsonl"))
            made = server.ask(do="lines", count=count, parts=_PARTS)
            return {"connection": connection, **made, "path": path, "idle": False, **arguments}

        few = request(logs, with_logs=True)
        idle = ask_once("lines", **{**few, "idle": True})["own"]
        server.ask(do="delay", seconds=_DELAY, on="download")
        say(f"{logs // _PARTS:,} logs, one after another")
        alone = ask_once("lines", **few, search={"part": 0}, concurrency=1)
        say(f"{logs:,} logs, {_CONCURRENCY} at once")
        together = _weighed(few, idle)
        say(f"{logs:,} logs, killed half way")
        killed = _killed(server, few, logs)
        store = {**few, "path": f"{STORE}://{few['path']}.store", "store_delay": _STORE_DELAY}
        say(f"{logs:,} logs to a store, {_CONCURRENCY} at once")
        stored = _weighed(store, idle)
        say(f"{logs:,} logs to a store, killed half way")
        killed_stored = _killed(server, store, logs)
        server.ask(do="delay", seconds=0)
        say(f"{lines:,} lines")
        many = request(lines)
        before = server.ask(do="counts")["list_logs"]
        listed = _weighed(many, idle)
        pages = server.ask(do="counts")["list_logs"] - before - 1  # one for the execution
    for run, count in ((alone, logs // _PARTS), (together, logs), (stored, logs), (listed, lines)):
        if run["lines"] != count or run["missing"]:
            raise RuntimeError(f"{run['lines']} lines of {count} were fetched, {run['missing']} without logs")
    return {
        "alone": alone,
        "together": together,
        "killed": killed,
        "stored": stored,
        "killed_stored": killed_stored,
        "listed": {**listed, "requests": pages},
    }


def _weighed(request: dict[str, Any], idle: int) -> dict[str, Any]:
    with Child("lines") as child, OwnPeak(child.pid) as own:
        measured = child.ask(**request)
    return {**measured, "own": own.bytes - idle}


def _killed(server: Child, request: dict[str, Any], count: int) -> dict[str, Any]:
    """Kill the process half way, and let another one go on.

    :return: The downloads until the kill, and all of them.
    """
    before = server.ask(do="counts")["downloads"]
    with Child("lines") as child:

        def ask() -> None:
            with suppress(ChildError):
                child.ask(**request)

        asking = threading.Thread(target=ask)
        asking.start()
        while server.ask(do="counts")["downloads"] - before < count // 2:
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        asking.join()
        until = server.ask(do="counts")["downloads"] - before
    ask_once("lines", **request)
    return {"until": until, "downloads": server.ask(do="counts")["downloads"] - before}


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    alone, together, stored, listed = (results[name] for name in ("alone", "together", "stored", "listed"))
    each = {id(run): run["seconds"] / run["lines"] for run in (alone, together, stored, listed)}
    most = -(-listed["lines"] // _PAGE) + 1
    rows = [
        [
            f"{run['lines']:,} {what}",
            number(run["seconds"]),
            number(each[id(run)] * 1000),
            mebibytes(run["own"]) if "own" in run else "",
        ]
        for run, what in (
            (alone, "lines with logs, one after another"),
            (together, f"lines with logs, {_CONCURRENCY} at once"),
            (stored, f"lines with logs, {_CONCURRENCY} at once, to a store"),
            (listed, "lines without logs"),
        )
    ]
    return Section(
        "Lines",
        "Failed lines of an execution, written as JSON Lines by the lines operator, to a local file if nothing else is "
        f"said: with the log of each, which the server answers {_DELAY * 1000:g} ms later than it could, and without. "
        "Lines and logs are small, as the embedded Integrator makes them. What is kept for a next try is beside the file. "
        f"The store takes {_STORE_DELAY * 1000:g} ms for each object. Then the process is killed with SIGKILL when half "
        "of the logs were requested, and another one goes on. Server and operator share the machine. Memory is the "
        "process's own, at its peak, above that of one which got ready and did no more.",
        [Table("Fetching lines", ["", "s", "ms a line", "own MiB"], rows)],
        [
            *_figures(each[id(alone)] / each[id(together)], together["lines"], results["killed"], "", 1),
            # Those whose logs are just being put into the store are under way, too.
            *_figures(
                each[id(alone)] / each[id(stored)],
                stored["lines"],
                results["killed_stored"],
                " to a store",
                2,
            ),
            *(
                Figure(
                    f"{run['lines']:,} {what}: own memory",
                    "≤ 64 MiB",
                    f"{mebibytes(run['own'])} MiB",
                    run["own"] <= _MOST_MEMORY,
                )
                for run, what in (
                    (together, "lines with logs"),
                    (stored, "lines with logs to a store"),
                    (listed, "lines"),
                )
            ),
            Figure(
                f"{listed['lines']:,} lines: requests",
                f"≤ {most:,}",
                f"{listed['requests']:,}",
                listed["requests"] <= most,
            ),
        ],
    )


def _figures(gain: float, lines: int, killed: dict[str, Any], where: str, times: int) -> list[Figure]:
    again, most = killed["downloads"] - lines, times * _CONCURRENCY
    return [
        Figure(
            f"{lines:,} logs{where} at {_DELAY * 1000:g} ms: against one after another",
            f"≥ x {_LEAST_GAIN}",
            f"x {gain:.1f}",
            gain >= _LEAST_GAIN,
        ),
        Figure(
            f"a SIGKILL after {killed['until']:,} of them: downloads made again",
            f"≤ {most}",
            str(again),
            again <= most,
        ),
    ]
