"""A process that fetches an execution's lines by the lines operator, as a worker runs it."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

from benchmarks.measuring import own_bytes
from benchmarks.processes.store import attach_store
from benchmarks.processes.talking import answer_requests


class _TaskInstance:
    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "lines", "run", -1, 1, 1

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps(value)


def fetch_lines(
    connection: dict[str, Any],
    flow: str,
    execution: str,
    path: str,
    idle: bool,
    store_delay: float = 0.0,
    **arguments: Any,
) -> dict[str, Any]:
    """Fetch lines into a file.

    :param connection: The Airflow connection.
    :param flow: The flow's id.
    :param execution: The execution.
    :param path: The file.
    :param idle: Whether only to get ready, for the memory that this takes.
    :param store_delay: How many seconds it takes to put an object into the store.
    :param arguments: The operator's arguments.
    :return: Seconds, and what the operator returns.
    """
    os.environ["AIRFLOW_CONN_INTEGRATOR_DEFAULT"] = json.dumps(connection)
    from airflow_provider_integrator.api import client
    from airflow_provider_integrator.executions import line_logs
    from airflow_provider_integrator.logs import archive, journal, receiver
    from airflow_provider_integrator.operators.lines import IntegratorLinesOperator

    # Imported and made before the clock starts.
    assert all((archive, client, journal, line_logs, receiver))  # noqa: S101
    attach_store(store_delay)
    task = IntegratorLinesOperator(
        task_id="lines", flow=flow, execution_id=execution, output_path=path, log_timeout=0, **arguments
    )
    task.hook.log_in()
    if idle:
        return {"own": own_bytes(os.getpid())}
    run = SimpleNamespace(run_after=datetime.now(timezone.utc), run_id="run")
    context: Any = {"ti": _TaskInstance(), "dag_run": run}
    began = time.perf_counter()
    value = task.run_wait(context)
    return {
        "seconds": time.perf_counter() - began,
        "lines": value["lines"],
        "missing": value.get("logs_missing"),
    }


if __name__ == "__main__":
    answer_requests(lambda request: fetch_lines(**request))
