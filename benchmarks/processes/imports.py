"""A process that has imported Airflow's own part, and forks another for each DAG file, as the DAG processor does."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, BaseSensorOperator

from benchmarks.processes.talking import answer_requests

#: Imported before the clock starts: Airflow gets them from elsewhere when they are first asked for.
IMPORTED = (DAG, BaseOperator, BaseSensorOperator)


def measure_in_fork(**request: str) -> dict[str, Any]:
    """Measure in a process of its own.

    :param request: What :func:`measure` takes.
    :return: What it returns.
    :raises RuntimeError: It failed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        # _exit: what the parent has in its buffers and exit handlers is the parent's.
        try:
            os.write(writing, json.dumps(measure(**request)).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"{request} failed")
    measured: dict[str, Any] = json.loads(text)
    return measured


def measure(module: str | None = None, dag_file: str | None = None) -> dict[str, Any]:
    """Measure.

    :param module: The module to import.
    :param dag_file: The file to execute.
    :return: Seconds, and how many modules were imported.
    """
    known = len(sys.modules)
    began = time.perf_counter()
    if module is not None:
        importlib.import_module(module)
    if dag_file is not None:
        code = compile(Path(dag_file).read_text(), dag_file, "exec")
        exec(code, {"__name__": "benchmark_dag"})  # noqa: S102 - a file of the benchmark's own
    return {"seconds": time.perf_counter() - began, "modules": len(sys.modules) - known}


if __name__ == "__main__":
    answer_requests(lambda request: measure_in_fork(**request))
