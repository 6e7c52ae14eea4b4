"""A process that reads a flow's whole history and writes it to a file, with and without look-ahead."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measuring import peak_resident_bytes
from benchmarks.processes.talking import answer_requests

_PAGE_SIZE = 100


def read_history(
    way: str, connection: dict[str, Any], flow: str, path: str, idle: bool, work: float = 0.0
) -> dict[str, Any]:
    """Read a history.

    :param way: ``ahead``: as the hook does it; ``page by page``: the next one is asked for when the last is done.
    :param connection: The Airflow connection.
    :param flow: The flow's id.
    :param path: The file to write.
    :param idle: Whether only to get ready, for the memory that this takes.
    :param work: Seconds to wait after each page, as for a database that takes it.
    :return: Seconds, the peak of memory in bytes, and how many logs there were.
    """
    os.environ["AIRFLOW_CONN_INTEGRATOR_DEFAULT"] = json.dumps(connection)
    from airflow_provider_integrator.hooks.integrator import IntegratorHook

    with IntegratorHook() as hook, Path(path).open("w") as file:
        hook.log_in()
        if idle:
            return {"peak": peak_resident_bytes()}
        began, count = time.perf_counter(), 0
        logs: Iterator[Any] = hook.list_logs(flow) if way == "ahead" else _page_by_page(hook, flow)
        for log in logs:
            file.write(json.dumps(log.as_dict()) + "\n")
            count += 1
            if work and not count % _PAGE_SIZE:
                time.sleep(work)
        return {"seconds": time.perf_counter() - began, "peak": peak_resident_bytes(), "logs": count}


def _page_by_page(hook: Any, flow: str) -> Iterator[Any]:
    page, whole = 1, True
    while whole:
        logs = list(hook.list_logs(flow, page=page))
        yield from logs
        page, whole = page + 1, len(logs) == _PAGE_SIZE


if __name__ == "__main__":
    answer_requests(lambda request: read_history(**request))
