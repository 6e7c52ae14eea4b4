"""Numbers, durations, times and outcomes as the pages write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from itertools import islice
from typing import Any, NamedTuple

from airflow_provider_integrator.api.lines import row_fields
from airflow_provider_integrator.api.texts import fit, fit_body
from airflow_provider_integrator.executions.policy import MAX_ERROR_CHARACTERS, shown_errors
from airflow_provider_integrator.executions.progress import in_words
from airflow_provider_integrator.executions.report import ExecutionSummary

UNKNOWN = "—"
#: The fields of an error, or of a line's row, that are shown one by one.
_MAX_PAIRS = 6
OUTCOMES = {
    "success": "Success",
    "failed": "Failed",
    "empty": "Empty",
    "running": "Running",
    "unreadable": "Can't be read",
}


def count(number: int | None) -> str:
    """Write a number of rows, a dash if it is unknown."""
    return UNKNOWN if number is None else f"{number:,}"


def duration(seconds: float | None) -> str:
    """Write a duration, a dash if it is unknown."""
    if seconds is None:
        return UNKNOWN
    if 0 < seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    return in_words(seconds).replace(" 0 s", "") if seconds >= 1 else in_words(seconds)


def age(seconds: float | None) -> str:
    """Write how long ago something was, in one unit, a dash if it is unknown."""
    if seconds is None:
        return UNKNOWN
    number, unit = in_words(seconds).split(" ")[:2]
    return f"{number} {unit} ago"


def rate(share: float | None) -> str:
    """Write a fail rate, a dash if it is unknown."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{share:.1%}" if share else "0%"


def moment(time: datetime | None) -> str:
    """Write a time in UTC, a dash if it is unknown."""
    return UNKNOWN if time is None else f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def described(execution: ExecutionSummary) -> str:
    """Describe an execution in a line."""
    parts = [OUTCOMES[execution.outcome], moment(execution.created)]
    if execution.process_count is not None:
        parts.append(f"{count(execution.process_count)} rows")
    if execution.fail_count:
        parts.append(f"{count(execution.fail_count)} failed")
    if (took := execution.duration) is not None:
        parts.append(duration(took))
    return " · ".join(parts)


class LogError(NamedTuple):
    """An entry of a log's ``errors``.

    :param text: The entry in a line.
    :param pairs: Its fields, if it is a small object of texts and numbers.
    """

    text: str
    pairs: list[tuple[str, str]]

    @classmethod
    def of(cls, error: Any) -> LogError:
        """Make a decoded entry fit to be shown."""
        (text,) = shown_errors([error])
        is_small = isinstance(error, Mapping) and len(error) <= _MAX_PAIRS
        if not is_small or not all(isinstance(value, (str, int, float)) for value in error.values()):
            return cls(text, [])
        return cls(text, _pairs(error))


def row(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Choose what is shown of a line's row: its first fields, fit for a page, of everything that came with the line."""
    return _pairs(dict(islice(row_fields(fields).items(), _MAX_PAIRS)))


def _pairs(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (fit(str(name), limit=60), fit_body(str(value), limit=MAX_ERROR_CHARACTERS))
        for name, value in fields.items()
    ]
