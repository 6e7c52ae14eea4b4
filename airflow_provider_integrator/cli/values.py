"""Values of arguments: durations, points in time, fields to search for."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta, timezone

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(s|min|m|h|d|w)", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def seconds(text: str) -> float:
    """Read a duration.

    :param text: Such as ``45s``, ``30m``, ``2h30m``, ``1d`` or ``1w``.
    :return: Seconds, above 0.
    :raises ArgumentTypeError: It is something else.
    """
    total = sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text))
    if not _DURATION.fullmatch(text) or not 0 < total < timedelta.max.total_seconds():
        raise ArgumentTypeError(f"{text!r} is no duration such as 45s, 30m, 2h30m, 1d or 1w")
    return total


def moment(text: str) -> datetime:
    """Read a point in time.

    :param text: ISO 8601, in UTC without an offset, or how long ago it was, as :func:`seconds` reads it.
    :return: The time, in UTC.
    :raises ArgumentTypeError: It is something else.
    """
    try:
        if _DURATION.fullmatch(text):
            return datetime.now(timezone.utc) - timedelta(seconds=seconds(text))
        found = datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] in ("Z", "z") else text)
        # Of a time without an offset astimezone would take this machine's.
        return (found.replace(tzinfo=timezone.utc) if found.tzinfo is None else found).astimezone(
            timezone.utc
        )
    except (ValueError, OverflowError):
        raise ArgumentTypeError(
            f"{text!r} is neither a duration such as 30m or 1d nor ISO 8601 such as 2026-01-31T06:00"
        ) from None


def search(text: str) -> tuple[str, str]:
    """Read a field to search lines for.

    :param text: ``field=value``.
    :return: Both.
    :raises ArgumentTypeError: It is something else.
    """
    field, sign, value = text.partition("=")
    if not field or not sign or not value:
        raise ArgumentTypeError(f"{text!r} is no field and its value, such as sku=ABC")
    return field, value


def positive(text: str) -> int:
    """Read a count.

    :param text: Digits.
    :return: The number, 1 or more.
    :raises ArgumentTypeError: It is something else.
    """
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not int(text):
        raise ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)
