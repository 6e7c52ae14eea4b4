"""A flow's schedule in words."""

from __future__ import annotations

import re

from airflow_provider_integrator.api.models import Flow

_DAYS = {"SUN": "Sunday", "MON": "Monday", "TUE": "Tuesday", "WED": "Wednesday", "THU": "Thursday"}
_DAYS |= {"FRI": "Friday", "SAT": "Saturday"}
#: Quartz counts the days of a week from Sunday, 1.
_DAYS |= {str(number): name for number, name in enumerate(list(_DAYS.values()), start=1)}
_STEP = re.compile(r"(?:\*|0)/(\d+)")
_TIMER = re.compile(r"(\d+)\s*(sec|second|min|minute|hour|hr|day)s?", re.IGNORECASE)
_UNITS = {"sec": "second", "min": "minute", "hr": "hour"}


def schedule(flow: Flow) -> str:
    """Describe when a flow runs. The time zone of its Quartz cron isn't documented.

    :param flow: The flow.
    :return: A few words; the period as it is, if it isn't one of the usual forms; empty if there is none.
    """
    if flow.inbound is False:
        return "when rows are posted"
    text = " ".join((flow.scheduling_period or "").split())
    if not text:
        return ""
    if (flow.scheduling_strategy or "").upper() == "TIMER_DRIVEN":
        found = _TIMER.fullmatch(text)
        return _every(int(found[1]), _UNITS.get(found[2].lower(), found[2].lower())) if found else text
    fields = text.upper().split(" ")
    if len(fields) not in (6, 7) or (len(fields) == 7 and fields[6] != "*"):
        return text
    return _cron(*fields[:6]) or text


def _cron(second: str, minute: str, hour: str, day: str, month: str, weekday: str) -> str | None:
    if month != "*" or not second.isdecimal():
        return None
    every_day = day in ("*", "?") and weekday in ("*", "?")
    if hour == "*" and every_day:
        if minute == "*":
            return _every(1, "minute")
        if step := _STEP.fullmatch(minute):
            return _every(int(step[1]), "minute")
        if _is_list(minute):
            return f"hourly at {', '.join(f':{int(each):02}' for each in minute.split(','))}"
        return None
    if (step := _STEP.fullmatch(hour)) and every_day and minute.isdecimal():
        return f"{_every(int(step[1]), 'hour')} at :{int(minute):02}"
    if not (minute.isdecimal() and _is_list(hour)):
        return None
    times = ", ".join(f"{int(each):02}:{int(minute):02}" for each in hour.split(","))
    if every_day:
        return f"daily at {times}"
    if day in ("*", "?"):
        return f"{weekdays} at {times}" if (weekdays := _weekdays(weekday)) else None
    return f"monthly on day {int(day)} at {times}" if day.isdecimal() and weekday in ("*", "?") else None


def _weekdays(field: str) -> str | None:
    first, dash, last = field.partition("-")
    if dash and first in _DAYS and last in _DAYS:
        return f"{_DAYS[first]} to {_DAYS[last]}"
    names = [_DAYS.get(each) for each in field.split(",")]
    return None if None in names else f"{', '.join(filter(None, names))}"


def _is_list(field: str) -> bool:
    return all(each.isdecimal() for each in field.split(","))


def _every(count: int, unit: str) -> str:
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"
