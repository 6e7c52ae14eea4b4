"""A flow's report: its latest executions and its health, read within bounds, for the page and the commands."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, LogQuery, Script
from airflow_provider_integrator.api.enums import LogType, State, Status
from airflow_provider_integrator.api.history import History, NewestFirst, Sighting
from airflow_provider_integrator.api.latest import read_latest
from airflow_provider_integrator.api.lines import Line
from airflow_provider_integrator.api.models import Execution, Flow
from airflow_provider_integrator.api.pages import Page, Paging
from airflow_provider_integrator.api.queries import LogReader
from airflow_provider_integrator.executions.health import Criteria, FlowHealth

#: A flow is expected to succeed within so many of its usual intervals, or of its longest pause, and never sooner than
#: after so many seconds.
_INTERVALS, _PAUSES, _MIN_MAX_AGE = 3.0, 1.25, 600.0
#: The number of executions that show a usual interval.
_ENOUGH_FOR_INTERVAL = 4


@dataclass(frozen=True, slots=True)
class ExecutionSummary:
    """An execution, without its steps: what a list or a chart shows of it.

    :param execution_id: The execution.
    :param state: The progress; None: the execution can't be read.
    :param status: The outcome; meaningful only if the state is Finished.
    :param created: The start time.
    :param finished: The end time; None until then, or if unknown.
    :param process_count: The number of rows processed.
    :param success_count: The number of rows that succeeded.
    :param fail_count: The number of rows that failed.
    :param triggered_by: An e-mail address, or ``System``.
    """

    execution_id: str
    state: State | None = None
    status: Status | None = None
    created: datetime | None = None
    finished: datetime | None = None
    process_count: int | None = None
    success_count: int | None = None
    fail_count: int | None = None
    triggered_by: str | None = None

    @classmethod
    def of(cls, execution: Execution) -> ExecutionSummary:
        """Summarise an execution."""
        return cls(**{name: getattr(execution, name) for name in cls.__slots__})

    @property
    def outcome(self) -> str:
        """One word: success, failed, empty, running or unreadable."""
        if self.state is None or self.status is None:
            return "unreadable"
        return self.status.name.lower() if self.state is State.FINISHED else "running"

    @property
    def duration(self) -> float | None:
        """The seconds from created to finished; None if either is unknown."""
        if self.created is None or self.finished is None:
            return None
        # A difference of pendulum's times is an object that takes ten times as long.
        return round(self.finished.timestamp() - self.created.timestamp(), 3)

    @property
    def fail_rate(self) -> float | None:
        """The share of processed rows that failed, 0 to 1; None if it is unknown."""
        if self.process_count is None or self.fail_count is None:
            return None
        rows = max(self.process_count, self.fail_count)
        return self.fail_count / rows if rows else None


@dataclass(frozen=True)
class FlowReport:
    """A flow, its latest executions and its health.

    :param flow: The flow.
    :param health: Its health by the criteria; its last finished execution is judged.
    :param executions: Its latest executions, oldest first.
    :param max_age: Seconds since the last Success from which on the flow is stale; None: it can't be stale.
    :param is_latest: Whether these are the latest ones for sure; if not, List logs shows another order than newest
        first, and wasn't read to its end.
    :param error: Why the flow couldn't be read; None if it could.
    """

    flow: Flow
    health: FlowHealth
    executions: tuple[ExecutionSummary, ...] = ()
    max_age: float | None = None
    is_latest: bool = True
    error: str | None = None

    @property
    def is_failing(self) -> bool:
        """Whether the last finished execution Failed, or can't be read."""
        ended = [each.outcome for each in self.executions if each.outcome != "running"]
        return bool(ended) and ended[-1] in ("failed", "unreadable")

    @property
    def is_stale(self) -> bool:
        """Whether the limit on the age of the last Success is exceeded; without ``max_age`` an Empty counts, too."""
        return self.health.is_stale

    @property
    def is_running(self) -> bool:
        """Whether an execution is running."""
        return any(each.outcome == "running" for each in self.executions)


def usual_max_age(flow: Flow, executions: Sequence[ExecutionSummary]) -> float | None:
    """Choose the age of the last Success from which on a flow is stale, by its own habit.

    :param flow: The flow.
    :param executions: Its latest executions, oldest first.
    :return: Seconds: three times the median interval between executions, or a little more than the longest one, as
        of a flow that rests at night, and their median duration. None for a flow that is stopped or doesn't run by
        itself, or that has run too rarely to have a habit.
    """
    if flow.state == "STOPPED" or flow.inbound is False:
        return None
    created = [each.created.timestamp() for each in executions if each.created is not None]
    if len(created) < _ENOUGH_FOR_INTERVAL:
        return None
    gaps = [late - early for early, late in itertools.pairwise(created)]
    durations = [each.duration for each in executions if each.duration is not None]
    expected = max(_INTERVALS * statistics.median(gaps), _PAUSES * max(gaps))
    return max(_MIN_MAX_AGE, expected + (statistics.median(durations) if durations else 0.0))


def read_report(
    project_id: str,
    flow: Flow,
    now: datetime,
    *,
    count: int,
    max_requests: int | None,
    max_age: float | None = None,
) -> Script[FlowReport]:
    """Read a flow's latest executions and judge its health.

    :param project_id: The project.
    :param flow: The flow.
    :param now: The current time.
    :param count: The number of executions.
    :param max_requests: The maximum number of requests; None: as many as it takes.
    :param max_age: Seconds since the last Success from which on the flow is stale; None: as :func:`usual_max_age`
        chooses, and an Empty counts as well, as a flow without work isn't ill.
    :return: The report.
    """
    criteria = Criteria(max_age=max_age)

    def is_enough(so_far: History) -> bool:
        return len(so_far.sightings) >= count and criteria.is_enough(so_far, now)

    history: History = yield from read_latest(
        project_id,
        flow.id,
        is_enough,
        first_limit=min(MAX_PAGE_SIZE, max(count, NewestFirst.ENOUGH + 1)),
        max_requests=max_requests,
    )
    executions = tuple(map(_summary, history.sightings[-count:]))
    if max_age is None:
        criteria = Criteria(max_age=usual_max_age(flow, executions), is_habit=True)
    health = criteria.judge(flow.label, flow.id, history, now)
    # With fewer logs than a full page there are no others, whatever their order.
    is_latest = history.is_complete or history.order.is_shown or len(history.sightings) < count
    return FlowReport(flow, health, executions, criteria.max_age, is_latest)


def _summary(seen: Sighting) -> ExecutionSummary:
    if seen.execution is None:
        return ExecutionSummary(seen.execution_id, created=seen.timestamp)
    return ExecutionSummary.of(seen.execution)


@dataclass(frozen=True)
class ExecutionsPage:
    """One page of a flow's executions.

    :param executions: The executions, newest first.
    :param unreadable: The number of logs that can't be read.
    :param has_more: Whether there is probably another page.
    :param is_newest_first: Whether nothing contradicts that List logs shows the newest first.
    """

    executions: tuple[ExecutionSummary, ...]
    unreadable: int
    has_more: bool
    is_newest_first: bool


def read_executions(
    project_id: str, flow_id: str, number: int, limit: int = MAX_PAGE_SIZE
) -> Script[ExecutionsPage]:
    """Read one page of a flow's executions, numbered from 1, by one request."""
    page: Page = yield endpoints.list_logs(LogQuery(project_id, flow_id, limit=limit), number)
    read, order = LogReader(LogType.MAIN).read, NewestFirst()
    found = [each for each in map(read, page.logs) if isinstance(each, Execution)]
    for each in found:
        if each.timestamp is not None:
            order.see(each.timestamp)
    dated = sorted(found, key=lambda each: (each.timestamp is not None, each.timestamp), reverse=True)
    return ExecutionsPage(
        executions=tuple(map(ExecutionSummary.of, dated)),
        unreadable=len(page.logs) - len(found),
        has_more=page.has_next and len(page.logs) >= limit,
        is_newest_first=order.is_possible,
    )


@dataclass(frozen=True)
class FailedLines:
    """The failed lines of an execution, as far as they were looked for.

    :param lines: The lines.
    :param seen: The number of lines read.
    :param is_complete: Whether all of them were read.
    """

    lines: tuple[Line, ...]
    seen: int
    is_complete: bool


def read_failed_lines(
    project_id: str,
    flow_id: str,
    execution_id: str,
    search: Mapping[str, str],
    *,
    max_lines: int,
    max_requests: int,
) -> Script[FailedLines]:
    """Read an execution's failed lines, which List logs can't filter by their status, within two limits."""
    query = LogQuery(
        project_id,
        flow_id,
        LogType.LINE,
        original_filename_uuid=execution_id,
        search=tuple(search.items()),
    )
    read, paging, seen = LogReader(LogType.LINE).read, Paging(), 0
    lines: list[Line] = []
    for number in range(1, max_requests + 1):
        page: Page = yield endpoints.list_logs(query, number)
        logs = paging.take(page)
        seen += len(logs)
        lines += [
            line
            for line in map(read, logs)
            if isinstance(line, Line)
            and line.status is Status.FAILED
            and line.execution_id in (None, execution_id)
        ]
        if paging.ended or len(lines) >= max_lines:
            break
    is_complete = paging.ended and len(lines) <= max_lines
    return FailedLines(tuple(lines[:max_lines]), seen, is_complete)
