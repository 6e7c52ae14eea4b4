"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from types import ModuleType
from typing import Any

from benchmarks import machine
from benchmarks.children import ROOT, ChildError, ask_once
from benchmarks.results import Size
from benchmarks.scenarios import (
    adaptive,
    detection,
    imports,
    lines,
    logs,
    page,
    paging,
    polls,
    shuffled,
    waits,
)

_SCENARIOS: dict[str, ModuleType] = {
    "waits": waits,
    "polls": polls,
    "shuffled": shuffled,
    "detection": detection,
    "adaptive": adaptive,
    "logs": logs,
    "lines": lines,
    "imports": imports,
    "paging": paging,
    "page": page,
}
_STORE = ROOT / ".bench"
_RESULTS = _STORE / "results.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write.

    :param arguments: The command line, that of the process by default.
    :return: The exit code: 0, whether the figures to reach are met or not.
    """
    options = _parser().parse_args(arguments)
    if options.again:
        if not _RESULTS.exists():
            print("There is no whole run yet whose document could be written again.", file=sys.stderr)
            return 1
        _write(json.loads(_RESULTS.read_text()))
        return 0
    _prepare()
    # Where all processes put their logs, some gigabytes: removed even where one of them is killed, and on a disk.
    with tempfile.TemporaryDirectory(dir=_STORE, prefix="tmp-", ignore_cleanup_errors=True) as temporary:
        os.environ["TMPDIR"] = tempfile.tempdir = temporary
        run = _measure(options.only or list(_SCENARIOS), Size(full=options.full))
    print(f"{run['seconds'] / 60:.1f} minutes.")
    if options.only:
        print("docs/benchmarks.md stays as it is: only a run of all benchmarks writes it.")
    else:
        _RESULTS.write_text(json.dumps(run))
        _write(run)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure this provider and its peers."
    )
    parser.add_argument(
        "--full", action="store_true", help="the long sizes: 1 GB, 10,000 waits; about half an hour"
    )
    parser.add_argument(
        "--only", action="append", choices=_SCENARIOS, help="only this benchmark; may be repeated"
    )
    parser.add_argument(
        "--again", action="store_true", help="measure nothing; write the document of the last whole run again"
    )
    return parser


def _prepare() -> None:
    _STORE.mkdir(exist_ok=True)
    (_STORE / ".gitignore").write_text("*\n")
    # Nothing that is configured on this machine is to be measured.
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ["AIRFLOW_HOME"] = str(_STORE / "airflow")
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "false"
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    # The first import writes byte code and Airflow's configuration.
    ask_once("imports", module="airflow.triggers.base")


def _measure(names: Sequence[str], size: Size) -> dict[str, Any]:
    began, described = time.monotonic(), machine.describe()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {what}", file=sys.stderr, flush=True)

    scenarios = {}
    for name in names:
        try:
            scenarios[name] = _SCENARIOS[name].measure(size, say)
        except (ChildError, RuntimeError) as error:
            # Half an hour isn't to be lost to one bad moment of a busy machine; a second one ends the run.
            say(f"{name} failed and is measured once more: {error}")
            scenarios[name] = _SCENARIOS[name].measure(size, say)
        print(f"\n{_SCENARIOS[name].show(scenarios[name]).text()}", flush=True)
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "full": size.full,
        "seconds": time.monotonic() - began,
        "machine": described,
        "scenarios": scenarios,
    }


def _write(run: dict[str, Any]) -> None:
    from benchmarks import report

    sections = [_SCENARIOS[name].show(results) for name, results in run["scenarios"].items()]
    document = report.write(ROOT / "docs", run, sections)
    print(f"Written: {document.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
