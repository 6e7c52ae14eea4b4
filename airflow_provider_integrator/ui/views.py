"""What the templates show, made of what was read. No I/O."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timezone
from itertools import groupby
from typing import NamedTuple

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.models import Execution, Flow, Step
from airflow_provider_integrator.executions.report import ExecutionSummary, FlowReport
from airflow_provider_integrator.ui.texts import OUTCOMES, count, described, duration, moment

#: Charts are by day if there are more executions than this, over more days than that.
_MANY_EXECUTIONS, _MANY_DAYS = 60, 3
#: What needs attention comes first in an overview.
_WORST_FIRST = ("unread", "failing", "stale")
#: The ends of an axis, of which a quarter is a whole number: for few rows, for more, as multiples of a power of ten,
#: and for times, as multiples of a second, a minute, an hour and a day.
_SMALL = (4, 8, 12)
_ENDS = (1.2, 1.6, 2.0, 2.4, 2.8, 3.2, 4.0, 4.8, 6.0, 8.0, 10.0)
_TIME_ENDS = {1: (4, 8, 20, 40), 60: (1, 2, 4, 8, 20, 40), 3600: (1, 2, 4, 8, 16), 86_400: (2, 4)}


class Row:
    """A flow's row in the overview.

    :param report: The flow's report.
    :ivar flags: ``unread``, ``failing``, ``stale``, ``running``: what the overview can be filtered by.
    :ivar rank: What needs attention comes first: 0 for the worst.
    :ivar stale: Why the flow is stale; None: it isn't.
    :ivar summary: Its latest executions in words.
    :ivar last: Its last finished execution.
    :ivar durations: Those of its finished executions.
    """

    def __init__(self, report: FlowReport) -> None:
        flags = {
            "unread": report.error is not None,
            "failing": report.is_failing,
            "stale": report.is_stale,
            "running": report.is_running,
        }
        ended = [each for each in report.executions if each.outcome not in ("running", "unreadable")]
        self.report = report
        self.flags = [name for name, is_set in flags.items() if is_set]
        self.rank = next((place for place, flag in enumerate(_WORST_FIRST) if flags[flag]), len(_WORST_FIRST))
        self.stale = _stale(report)
        self.summary = _summary(report.executions)
        self.last = ended[-1] if ended else None
        self.durations = [each.duration for each in ended if each.duration is not None]


def _stale(report: FlowReport) -> str | None:
    if not report.is_stale or report.max_age is None:
        return None
    age = report.health.age
    last = "no Success among these" if age is None else f"the last Success ended {duration(age)} ago"
    return f"Stale: {last}; a Success or Empty is expected within {duration(report.max_age)}"


def _summary(executions: Sequence[ExecutionSummary]) -> str:
    if not executions:
        return "No executions"
    counts = Counter(each.outcome for each in executions)
    parts = [f"{counts[name]} {label}" for name, label in OUTCOMES.items() if counts[name]]
    return f"Last {len(executions)} executions: {', '.join(parts)}"


class Bar(NamedTuple):
    """One bar of a chart, of one part or two.

    :param label: What it is for, on the axis.
    :param title: What it says when pointed at.
    :param parts: The height of each part and its class.
    """

    label: str
    title: str
    parts: tuple[tuple[float, str], ...]


def bars_of_rows(executions: Sequence[ExecutionSummary]) -> list[Bar]:
    """Chart the rows that succeeded and failed, by execution or by day.

    :param executions: The executions, oldest first.
    :return: The bars.
    """
    bars = []
    for label, title, group in _grouped(executions):
        failed = sum(each.fail_count or 0 for each in group)
        passed = sum(_passed(each) for each in group)
        text = f"{title}: {count(passed)} rows ok, {count(failed)} failed"
        bars.append(Bar(label, text, ((passed, "success"), (failed, "failed"))))
    return bars


def bars_of_durations(executions: Sequence[ExecutionSummary]) -> list[Bar]:
    """Chart the durations, by execution, or their median by day.

    :param executions: The executions, oldest first.
    :return: The bars, in seconds.
    """
    bars = []
    for label, title, group in _grouped(executions):
        known = [each.duration for each in group if each.duration is not None]
        value = statistics.median(known) if known else 0.0
        kind = "failed" if any(each.outcome == "failed" for each in group) else "time"
        bars.append(Bar(label, f"{title}: {duration(value) if known else 'unknown'}", ((value, kind),)))
    return bars


def axis_end(bars: Sequence[Bar], is_time: bool) -> float:
    """Choose the end of a chart's axis: a little above the largest value, and a quarter of it is a round number.

    :param bars: The bars.
    :param is_time: Whether the values are seconds.
    :return: The end.
    """
    value = max(sum(height for height, _ in bar.parts) for bar in bars)
    if is_time:
        ends = (unit * end for unit, ends in _TIME_ENDS.items() for end in ends)
        return next((end for end in ends if end >= value), value)
    if value <= _SMALL[-1]:
        return next(end for end in _SMALL if end >= value)
    magnitude = 10.0 ** max(0, len(str(int(value))) - 1)
    return next(magnitude * end for end in _ENDS if magnitude * end >= value)


def is_by_day(executions: Sequence[ExecutionSummary]) -> bool:
    """Return whether charts of these executions have a bar for each day.

    :param executions: The executions.
    """
    days = {_day(each) for each in executions}
    return len(executions) > _MANY_EXECUTIONS and len(days) > _MANY_DAYS


def _grouped(
    executions: Sequence[ExecutionSummary],
) -> list[tuple[str, str, list[ExecutionSummary]]]:
    dated = [each for each in executions if each.created is not None]
    if is_by_day(dated):
        days = [(day, list(group)) for day, group in groupby(dated, _day) if day is not None]
        return [(f"{day:%d %b}", f"{day:%d %b}, {len(group)} executions", group) for day, group in days]
    return [(f"{each.created:%d %b %H:%M}", described(each), [each]) for each in dated]


def _day(execution: ExecutionSummary) -> date | None:
    return None if execution.created is None else execution.created.astimezone(timezone.utc).date()


def _passed(execution: ExecutionSummary) -> int:
    if execution.success_count is not None:
        return execution.success_count
    return max(0, (execution.process_count or 0) - (execution.fail_count or 0))


class StepRow(NamedTuple):
    """A step in the timeline.

    :param step: The step.
    :param outcome: success, failed, empty, running or unreadable.
    :param seconds: How long it took; None if unknown.
    :param bar: Where its bar begins and ends, 0 to 1, and what it says when pointed at; None if its times are unknown.
    """

    step: Step
    outcome: str
    seconds: float | None = None
    bar: tuple[float, float, str] | None = None


def timeline(execution: Execution, now: datetime) -> list[StepRow]:
    """Make the timeline of an execution's steps.

    :param execution: The execution.
    :param now: The current time, at which unfinished steps end.
    :return: The steps, by their beginning.
    """
    steps = sorted(execution.steps, key=lambda step: (step.created is None, step.created))
    times = [execution.created, execution.finished]
    times += [time for each in steps for time in (each.created, each.finished)]
    known: list[datetime] = [each for each in times if each is not None] or [now]
    begin, end = min(known), max(known) if execution.is_finished else max(*known, now)
    whole = (end - begin).total_seconds() or 1.0
    rows = []
    for each in steps:
        row = StepRow(each, _outcome(each))
        if each.created is not None:
            until = each.finished or (each.created if execution.is_finished else end)
            start, stop = ((time - begin).total_seconds() / whole for time in (each.created, until))
            seconds = None if each.finished is None else (each.finished - each.created).total_seconds()
            title = f"{OUTCOMES[row.outcome]}, from {moment(each.created)}, {duration(seconds)}"
            row = row._replace(seconds=seconds, bar=(start, stop, title))
        rows.append(row)
    return rows


def _outcome(step: Step) -> str:
    if step.state is None or step.status is None:
        return "unreadable"
    if step.state is not State.FINISHED or step.status is Status.IN_PROGRESS:
        return "running"
    return step.status.name.lower()


def snippet(connection_id: str, project: str | None, flow: Flow) -> str | None:
    """Write a DAG that waits for a flow.

    :param connection_id: The Airflow connection.
    :param project: The project; None: the connection's own.
    :param flow: The flow.
    :return: The DAG file's text; None if a name could be taken for a template.
    """
    arguments = {"flow": flow.label}
    if connection_id != "integrator_default":
        arguments["integrator_conn_id"] = connection_id
    if project is not None:
        arguments["project_id"] = project
    if any("{" in value for value in arguments.values()):
        return None
    name = "".join(each if each.isascii() and each.isalnum() else "_" for each in flow.label)[:100]
    lines = "".join(f"        {key}={_literal(value)},\n" for key, value in arguments.items())
    return (
        "from datetime import datetime\n\n"
        "from airflow.sdk import DAG\n\n"
        "from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor\n\n"
        f'with DAG("after_{name}", schedule="@hourly", start_date=datetime(2026, 1, 1), catchup=False):\n'
        "    IntegratorExecutionSensor(\n"
        f'        task_id="wait_for_{name}",\n{lines}'
        "        fail_on_failed=True,\n"
        "        deferrable=True,\n"
        "    )\n"
    )


def _literal(text: str) -> str:
    """Write a Python string, in double quotes if it needs no escapes of quotes."""
    shown = repr(text)
    return shown if "'" in text or '"' in text else f'"{shown[1:-1]}"'
