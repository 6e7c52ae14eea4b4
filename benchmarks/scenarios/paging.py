"""Reading a long history: with one page of look-ahead, and page by page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.children import Child, ask_once
from benchmarks.results import Section, Size, Table, mebibytes, number

_WAYS = ("ahead", "page by page")
# By how much the server is slower than it is, and how long the reader works on a page, in seconds.
_CASES = ((0.0, 0.0), (0.02, 0.0), (0.02, 0.02))
_LABELS = {"ahead": "list_logs", "page by page": "page by page"}


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    count = size.pick(10_000, 100_000, 200)
    runs = []
    with Child("integrator") as server, tempfile.TemporaryDirectory() as folder:
        flow = server.ask(do="flows", count=1, history=[30] * count, order="newest", steps=True)["flows"][0]
        connection = server.ask(do="connection")["connection"]
        request = {"connection": connection, "flow": flow, "path": str(Path(folder, "history.jsonl"))}
        idle = ask_once("paging", way="ahead", **request, idle=True)["peak"]
        for delay, work in _CASES:
            server.ask(do="delay", seconds=delay)
            for way in _WAYS:
                say(f"{count:,} logs, {_named(delay, work)}: {_LABELS[way]}")
                measured = ask_once("paging", way=way, **request, work=work, idle=False)
                if measured["logs"] != count:
                    raise RuntimeError(f"{measured['logs']} logs of {count} were read")
                runs.append({"way": way, "delay": delay, "work": work, "idle": idle, **measured})
    return {"runs": runs, "logs": count}


def _named(delay: float, work: float) -> str:
    return f"server +{delay * 1000:g} ms, work {work * 1000:g} ms"


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    rows = []
    for case in sorted({(run["delay"], run["work"]) for run in results["runs"]}):
        seconds = {}
        for way in _WAYS:
            [run] = [
                run for run in results["runs"] if (run["way"], run["delay"], run["work"]) == (way, *case)
            ]
            seconds[way] = run["seconds"]
            rows.append(
                [
                    f"{_named(*case)}: {_LABELS[way]}",
                    number(seconds[way]),
                    f"x {number(seconds[way] / seconds['ahead'])}",
                    mebibytes(run["peak"] - run["idle"]),
                ]
            )
    return Section(
        "A long history",
        f"A flow's {results['logs']:,} executions, read with the hook's list_logs and written to a file line by line: "
        "as it is, with the next page fetched while the last is worked on, and page by page. On this machine the "
        "server answers at once and a page is soon written, so the server is also made to answer later, and the "
        "reader to wait after each page, as for a database. Memory is the process's peak above one that "
        "got ready and did no more.",
        [Table(f"Reading {results['logs']:,} logs", ["", "s", "against list_logs", "peak MiB"], rows)],
    )
