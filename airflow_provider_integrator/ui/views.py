"""What the templates show, made of what was read. No I/O."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from itertools import groupby

from markupsafe import Markup

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.models import Execution, Flow, Step
from airflow_provider_integrator.executions.report import ExecutionSummary, FlowReport
from airflow_provider_integrator.ui import svg
from airflow_provider_integrator.ui.schedules import in_words as schedule_in_words
from airflow_provider_integrator.ui.svg import Bar
from airflow_provider_integrator.ui.texts import OUTCOMES, count, described, duration, moment

#: Charts are by day if there are more executions than this, over more days than that.
_MANY_EXECUTIONS, _MANY_DAYS = 60, 3


@dataclass(frozen=True)
class Row:
    """A flow's row in the overview.

    :param report: The flow's report.
    :param schedule: When it runs.
    :param cells: Its latest executions.
    :param summary: The same in words.
    :param last: Its last finished execution.
    :param spark: The durations.
    :param flags: ``failing``, ``stale``, ``running``, ``unread``: what the overview can be filtered by.
    """

    report: FlowReport
    schedule: str
    cells: Markup
    summary: str
    last: ExecutionSummary | None
    spark: Markup
    flags: tuple[str, ...]

    @classmethod
    def of(cls, report: FlowReport, slots: int) -> Row:
        """Make a flow's row.

        :param report: The flow's report.
        :param slots: The number of executions that there is room for.
        :return: The row.
        """
        flow, executions = report.flow, report.executions
        flags = {
            "unread": report.error is not None,
            "failing": report.is_failing,
            "stale": report.is_stale,
            "running": report.is_running,
        }
        ended = [each for each in executions if each.outcome not in ("running", "unreadable")]
        return cls(
            report=report,
            schedule=schedule_in_words(
                flow.scheduling_strategy, flow.scheduling_period, inbound=flow.inbound
            ),
            cells=svg.cells(executions, slots, _stale(report)),
            summary=_summary(executions),
            last=ended[-1] if ended else None,
            spark=svg.sparkline([each.duration for each in ended if each.duration is not None]),
            flags=tuple(name for name, is_set in flags.items() if is_set),
        )

    @property
    def rank(self) -> int:
        """What needs attention comes first: 0 for the worst."""
        order = ("unread", "failing", "stale")
        return next((place for place, flag in enumerate(order) if flag in self.flags), len(order))


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


def rows_chart(executions: Sequence[ExecutionSummary]) -> Markup:
    """Draw the rows that succeeded and failed, by execution or by day.

    :param executions: The executions, oldest first.
    :return: The chart.
    """
    bars = []
    for label, title, group in _grouped(executions):
        failed = sum(each.fail_count or 0 for each in group)
        passed = sum(_passed(each) for each in group)
        text = f"{title}: {count(passed)} rows ok, {count(failed)} failed"
        bars.append(Bar(label, text, ((passed, "success"), (failed, "failed"))))
    return svg.chart(bars, name="Rows ok and failed")


def duration_chart(executions: Sequence[ExecutionSummary]) -> Markup:
    """Draw the durations, by execution, or their median by day.

    :param executions: The executions, oldest first.
    :return: The chart.
    """
    bars = []
    for label, title, group in _grouped(executions):
        known = [each.duration for each in group if each.duration is not None]
        value = statistics.median(known) if known else 0.0
        kind = "failed" if any(each.outcome == "failed" for each in group) else "time"
        bars.append(Bar(label, f"{title}: {duration(value) if known else 'unknown'}", ((value, kind),)))
    return svg.chart(bars, name="Durations", is_time=True)


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


@dataclass(frozen=True)
class StepRow:
    """A step in the timeline.

    :param step: The step.
    :param outcome: success, failed, empty, running or unreadable.
    :param seconds: How long it took; None if unknown.
    :param bar: Its bar; empty if its times are unknown.
    """

    step: Step
    outcome: str
    seconds: float | None
    bar: Markup


def timeline(execution: Execution, now: datetime) -> list[StepRow]:
    """Make the timeline of an execution's steps.

    :param execution: The execution.
    :param now: The current time, at which unfinished steps end.
    :return: The steps, by their beginning.
    """
    steps = sorted(execution.steps, key=lambda step: (step.created is None, step.created))
    times = [execution.created, execution.finished, *(each.created for each in steps)]
    times += [each.finished for each in steps]
    known = [each for each in times if each is not None]
    if not known:
        return [StepRow(each, _outcome(each), None, Markup("")) for each in steps]
    begin, end = min(known), max(known) if execution.is_finished else max(*known, now)
    whole = (end - begin).total_seconds() or 1.0
    rows = []
    for each in steps:
        outcome, seconds, bar = _outcome(each), None, Markup("")
        if each.created is not None:
            until = each.finished or (each.created if execution.is_finished else end)
            start = (each.created - begin).total_seconds() / whole
            seconds = None if each.finished is None else (each.finished - each.created).total_seconds()
            title = f"{OUTCOMES[outcome]}, from {moment(each.created)}, {duration(seconds)}"
            bar = svg.span(start, (until - begin).total_seconds() / whole, outcome, title)
        rows.append(StepRow(each, outcome, seconds, bar))
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
