"""What a downloaded log holds by default: errors, request and response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator.records import Execution, Line, Log, Step


def contents_of(log: Log, formed: Callable[[Any], Any]) -> object:
    """The contents of a log.

    :param log: An execution, a step or a line.
    :param formed: Brings contents that are made up here into the simulator's forms.
    :return: What the test gave, or else a believable log: ``errors``, ``request`` and ``response``.
    """
    given: object = getattr(log, "contents", None)
    return formed(_believable(log)) if given is None else given


def _believable(log: Log) -> dict[str, Any]:
    if isinstance(log, Execution):
        return _default(log, log.counts.fail)
    if isinstance(log, Step):
        status, counts = log.outcome()
        return _default(log, counts.fail if status == Status.FAILED else 0)
    if isinstance(log, Line):
        return _of_line(log)
    raise TypeError(f"there is no log of {log!r}")


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
