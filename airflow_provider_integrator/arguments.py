"""Reads what a DAG author passed, after its templates were rendered."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_integrator.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pendulum import DateTime


def rendered(name: str, value: str | None) -> str | None:
    """Check an argument that a template made.

    :param name: The argument.
    :param value: What the template made of it.
    :return: The value, None if none was given.
    :raises ConfigurationError: The template made nothing, as one does whose XCom isn't there.
    """
    if value is None:
        return None
    text = str(value).strip()
    if text in ("", "None"):
        raise ConfigurationError(
            f"{name} is empty: its template rendered to nothing; check it, or the task whose XCom it reads."
        )
    return text


def read_seconds(name: str, value: float | timedelta, least: float = 0.0) -> float:
    """Read a duration.

    :param name: The argument.
    :param value: Seconds, or a timedelta.
    :param least: The shortest that makes sense.
    :return: Seconds.
    :raises ConfigurationError: It is no duration, or a shorter one.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= least:
        raise ConfigurationError(
            f"{name} is {value!r}; set it to a timedelta, or to seconds from {least:g} on."
        )
    return float(seconds)


def read_count(name: str, value: int) -> int:
    """Read a whole number from 0.

    :param name: The argument.
    :param value: The number.
    :return: The number.
    :raises ConfigurationError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"{name} is {value!r}; set it to a whole number from 0 on.")
    return value


def read_moment(value: datetime | str, name: str = "created_after") -> DateTime:
    """Read a moment that a DAG author passed.

    :param value: A moment, or ISO 8601; UTC if it has no offset.
    :param name: The argument, for messages.
    :return: The moment, in UTC.
    :raises ConfigurationError: It can't be read.
    """
    import pendulum

    moment: object = _parsed(rendered(name, value) or "") if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise ConfigurationError(
            f"{name} is {value!r}; set it to a datetime or to ISO 8601, such as 2026-01-31T06:00:00+00:00."
        )
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    # By way of its timestamp, as the moment's class and time zone may be anybody's.
    return pendulum.instance(datetime.fromtimestamp(moment.timestamp(), timezone.utc))


def read_created_after(value: datetime | str | None, context: Context) -> DateTime:
    """Choose the moment from which on a flow's executions count.

    :param value: A moment, or ISO 8601; UTC if it has no offset. None: the DAG run's ``run_after``, or its logical
        date if it has none.
    :param context: The task's context.
    :return: The moment, in UTC.
    :raises ConfigurationError: It can't be read, or the DAG run has neither date.
    """
    moment = value
    if moment is None:
        moment = getattr(context["dag_run"], "run_after", None) or context.get("logical_date")
    if moment is None:
        raise ConfigurationError("The DAG run has no date to start from; set created_after or execution_id.")
    return read_moment(moment)


def _parsed(text: str) -> object:
    import pendulum

    # pendulum also reads years, times of today and numbers, at which isn't guessed here.
    if text[4:5] != "-" or len(text) < len("2026-01-31"):
        return None
    try:
        return pendulum.parse(text)
    except (ValueError, OverflowError):
        return None
