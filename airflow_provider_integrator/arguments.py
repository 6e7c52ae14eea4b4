"""Validation of task arguments, after their templates were rendered.

Each reader takes the argument's name for its message, and raises a ``ConfigurationError`` if a value can't be used.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pendulum import DateTime

#: The minimum time between two polls, in seconds.
MIN_POLL_INTERVAL = 0.01


def rendered(name: str, value: str | None) -> str | None:
    """Return a rendered argument without the spaces around it; None if none was given.

    :raises ConfigurationError: The template rendered to nothing, for example because its XCom is missing.
    """
    if value is None:
        return None
    text = str(value).strip()
    if text in ("", "None"):
        raise ConfigurationError(
            f"{name} is empty: its template rendered to nothing; check it, or the task whose XCom it reads."
        )
    return text


def is_template(value: Any) -> bool:
    """Return whether an argument's value is known only once the task runs: a template or a task's output."""
    return "{{" in value or "{%" in value if isinstance(value, str) else hasattr(value, "resolve")


def read_seconds(name: str, value: float | timedelta, least: float = 0.0) -> float:
    """Read a duration, given in seconds or as a timedelta, in seconds.

    :raises ConfigurationError: The value is no duration, or is below the least.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= least:
        raise ConfigurationError(
            f"{name} is {value!r}; set it to a timedelta, or to seconds: at least {least:g}."
        )
    return float(seconds)


def read_count(name: str, value: int) -> int:
    """Read a whole number, 0 or more.

    :raises ConfigurationError: The value isn't one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"{name} is {value!r}; set it to a whole number, 0 or more.")
    return value


def read_mode(name: str, value: int) -> int:
    """Read a file's permissions.

    :raises ConfigurationError: The value isn't such, or locks the owner out.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value & ~0o177 != 0o600:
        raise ConfigurationError(
            f"{name} is {value!r}; set it to octal permissions that let the owner read and write: 0o600, 0o640, "
            "0o660 or 0o644."
        )
    return value


def check_scheme(name: str, path: object) -> None:
    """Check that a file system is known for a path or URI, which may be a template; none is opened.

    :raises ConfigurationError: No installed package has the URI's scheme.
    """
    scheme, separator, _ = str(path).partition("://")
    if not separator or "{" in scheme:
        return
    from fsspec.registry import known_implementations, registry  # type: ignore[import-untyped]

    if scheme not in known_implementations and scheme not in registry and not _has_provider(scheme):
        raise ConfigurationError(
            f"{name} begins with {scheme}://, which no installed package knows; correct it, or install the provider "
            "of that storage."
        )


def _has_provider(scheme: str) -> bool:
    try:
        from airflow.sdk.io import has_fs
    except ImportError:
        from airflow.io import has_fs  # type: ignore[attr-defined,no-redef]  # Airflow 2's
    return bool(has_fs(scheme))


def read_rate(name: str, value: float) -> float:
    """Read a share, a number from 0 to 1.

    :raises ConfigurationError: The value isn't one.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigurationError(f"{name} is {value!r}; set it to a number from 0 to 1: 0.05 is 5 %.")
    return value


def read_moment(value: datetime | str, name: str = "created_after") -> DateTime:
    """Read a point in time, as UTC: a datetime, or ISO 8601; it is in UTC if it has no offset.

    :raises ConfigurationError: The value can't be read.
    """
    import pendulum

    moment: object = _parsed(rendered(name, value) or "") if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise ConfigurationError(
            f"{name} is {value!r}; set it to a datetime or to ISO 8601, such as 2026-01-31T06:00:00+00:00."
        )
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    # Via the timestamp, as the value may be of any datetime class, with any time zone class.
    return pendulum.instance(datetime.fromtimestamp(moment.timestamp(), timezone.utc))


def read_created_after(value: datetime | str | None, context: Context) -> DateTime:
    """Choose the earliest creation time of the executions to wait for.

    :param value: A datetime, or ISO 8601; UTC if it has no offset. None: the DAG run's ``run_after``, or its
        logical date if it has none.
    :param context: The task's context.
    :return: The time, in UTC.
    :raises ConfigurationError: The value can't be read, or the DAG run has neither date.
    """
    moment = value
    if moment is None:
        moment = getattr(context["dag_run"], "run_after", None) or context.get("logical_date")
    if moment is None:
        raise ConfigurationError("The DAG run has no date to start from; set created_after or execution_id.")
    return read_moment(moment)


def read_window(
    created_after: datetime | str, created_before: datetime | timedelta | str | float | None
) -> tuple[DateTime, DateTime | None]:
    """Read the window in which an execution is created.

    :param created_after: The beginning: a datetime, or ISO 8601.
    :param created_before: The end, which doesn't belong to the window: a datetime, ISO 8601, or the time after
        the beginning as a timedelta or in seconds; None: the window has no end.
    :return: The beginning and the end, in UTC.
    :raises ConfigurationError: One can't be read, or the end isn't after the beginning.
    """
    since = read_moment(created_after)
    if created_before is None:
        return since, None
    if isinstance(created_before, (int, float)):
        created_before = timedelta(seconds=created_before)
    if isinstance(created_before, timedelta):
        before = since + created_before
    else:
        before = read_moment(created_before, "created_before")
    if before <= since:
        raise ConfigurationError(
            f"created_before ({before.isoformat()}) isn't after created_after ({since.isoformat()})."
        )
    return since, before


def check_window(created_after: Any, created_before: Any) -> None:
    """Check the window's arguments when a DAG is parsed, as far as they are given and aren't templates.

    :raises ConfigurationError: One can't be read, or the end isn't after the beginning.
    """
    after = None if is_template(created_after) else created_after
    before = None if is_template(created_before) else created_before
    if before is not None and not isinstance(before, (datetime, timedelta, str)):
        raise ConfigurationError(
            f"created_before is {before!r}; set it to a datetime, to ISO 8601, or to a timedelta after created_after."
        )
    if after is not None or before is not None:
        read_window("0001-01-01" if after is None else after, before)


def _parsed(text: str) -> object:
    import pendulum

    # pendulum also accepts bare years, times of day and numbers, which are ambiguous.
    if text[4:5] != "-" or len(text) < len("2026-01-31"):
        return None
    try:
        return pendulum.parse(text)
    except (ValueError, OverflowError):
        return None
