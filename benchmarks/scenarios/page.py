"""The page's overview of a large project: the first look, the next one, and ten viewers at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.children import Child, ask_once
from benchmarks.measuring import MEBIBYTE
from benchmarks.results import Figure, Section, Size, Table, mebibytes, number

_LATENCY = 0.05
_EXECUTIONS = 30
_VIEWERS = (1, 10)
_MAX_COLD, _MAX_WARM, _MAX_MEBIBYTES = 3.0, 0.3, 64


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    flows = size.pick(200, 200, 5)
    runs = []
    with Child("integrator") as server:
        server.ask(do="flows", count=flows, history=[30] * _EXECUTIONS, order="newest", steps=True)
        server.ask(do="delay", seconds=_LATENCY)
        connection = server.ask(do="connection")["connection"]
        idle = ask_once("page", connection=connection, viewers=1, idle=True)["peak"]
        for viewers in _VIEWERS:
            say(f"an overview of {flows} flows, {viewers} at once")
            before = server.ask(do="counts")
            measured = ask_once("page", connection=connection, viewers=viewers, idle=False)
            after = server.ask(do="counts")
            if measured["rows"] != flows:
                raise RuntimeError(f"{measured['rows']} flows of {flows} were shown")
            counted = {name: after[name] - before[name] for name in ("requests", "list_logs")}
            runs.append({"viewers": viewers, **measured, **counted})
    return {"flows": flows, "idle": idle, "runs": runs}


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    flows, runs = results["flows"], results["runs"]
    one, many = runs
    rows = [
        [
            f"{run['viewers']} at once",
            number(run["cold"]),
            number(run["warm"]),
            str(run["list_logs"]),
            str(run["requests"]),
            mebibytes(run["peak"] - results["idle"]),
        ]
        for run in runs
    ]
    more = (one["peak"] - results["idle"]) / MEBIBYTE
    return Section(
        "The page",
        f"The overview of {flows} flows with {_EXECUTIONS} executions each, of an Integrator that answers List logs "
        f"{_LATENCY * 1000:.0f} ms late, in a process that has the app and Airflow's guards, as its API server does. "
        "The first look finds nothing cached, the second one comes at once. Memory is the process's peak above one "
        f"that got ready and did no more. The page has {number(one['bytes'] / MEBIBYTE)} MiB of HTML.",
        [
            Table(
                f"An overview of {flows} flows",
                ["viewers", "first look s", "second s", "List logs", "requests", "peak MiB"],
                rows,
            )
        ],
        [
            Figure("first look", f"{_MAX_COLD:g} s", f"{number(one['cold'])} s", one["cold"] <= _MAX_COLD),
            Figure("second look", f"{_MAX_WARM:g} s", f"{number(one['warm'])} s", one["warm"] <= _MAX_WARM),
            Figure("List logs a flow", "1", number(one["list_logs"] / flows), one["list_logs"] <= flows),
            Figure("more memory", f"{_MAX_MEBIBYTES} MiB", f"{number(more)} MiB", more <= _MAX_MEBIBYTES),
            Figure(
                "requests of ten viewers",
                "as one's",
                f"{many['requests']}, one's {one['requests']}",
                many["requests"] == one["requests"],
            ),
        ],
    )
