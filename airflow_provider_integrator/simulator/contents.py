"""What a downloaded log holds by default: errors, request and response."""

from __future__ import annotations

from typing import Any

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator.records import Execution, Line, Log, Step


def contents_of(log: Log) -> object:
    """The contents of a log.

    :param log: An execution, a step or a line.
    :return: What the test gave, or else a believable log: ``errors``, ``request`` and ``response``.
    """
    if isinstance(log, Execution):
        return _default(log, log.counts.fail) if log.contents is None else log.contents
    if isinstance(log, Step):
        status, counts = log.outcome()
        failed = counts.fail if status == Status.FAILED else 0
        return _default(log, failed) if log.contents is None else log.contents
    if isinstance(log, Line) and log.contents is None:
        return _of_line(log)
    return getattr(log, "contents", None)


def _default(log: Log, failed: int) -> dict[str, Any]:
    return {
        "errors": [
            {"row": row, "sku": f"SKU-{row:05d}", "message": f"The product SKU-{row:05d} doesn't exist."}
            for row in range(1, failed + 1)
        ],
        "request": {"flow": log.flow.slug, "body": {"page": 1}},
        "response": {"status_code": 400 if failed else 200, "body": {"failed": failed}},
    }


def _of_line(line: Line) -> dict[str, Any]:
    failed = line.status == Status.FAILED
    return {
        "errors": [{"row": line.row_num, "message": f"Row {line.row_num} was refused."}] if failed else [],
        "request": {"flow": line.flow.slug, "body": dict(line.fields)},
        "response": {"status_code": 400 if failed else 202, "body": {}},
    }
