"""A flow's health, from its latest executions: is its last Success recent, how did the executions since go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE
from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.api.history import History, NewestFirst, Sighting
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions.progress import counted, in_words
from airflow_provider_integrator.executions.thresholds import NO_THRESHOLDS, Figures, Thresholds, in_figures


@dataclass(frozen=True)
class FlowHealth:
    """A flow's health.

    :param flow: The flow's slug, or its id without one.
    :param flow_id: The flow's id.
    :param last_success: When the last Success ended (began, if its end is unknown); None: there is none among
        the executions read.
    :param age: Seconds since then.
    :param runs: The number of Finished executions that were judged.
    :param failed: The number of those with status Failed.
    :param running: The number of executions that have not finished.
    :param rows: The rows that the judged executions processed, as far as they have counts; None: none has.
    :param fail_rate: The share of these rows that failed, 0 to 1; None if it is unknown.
    :param duration: The seconds of the longest judged execution; None if it is unknown.
    :param execution: The newest judged execution that Failed, or else the newest one; None if there is none.
    :param is_stale: Whether the limit on the age of the last Success is exceeded.
    :param problems: What is wrong, a sentence each; empty if the flow is well.
    :param notes: What could not be judged, a sentence each.
    """

    flow: str
    flow_id: str
    last_success: datetime | None = None
    age: float | None = None
    runs: int = 0
    failed: int = 0
    running: int = 0
    rows: int | None = None
    fail_rate: float | None = None
    duration: float | None = None
    execution: Execution | None = None
    is_stale: bool = False
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object for XCom: ISO 8601 in UTC, seconds; None if unknown."""
        found = {**vars(self), "problems": list(self.problems), "notes": list(self.notes)}
        found["last_success"] = self.last_success and self.last_success.isoformat()
        return {name: value for name, value in found.items() if name not in ("execution", "is_stale")}


@dataclass(frozen=True)
class Criteria:
    """What a healthy flow fulfils.

    :param executions: Judge the last so many Finished executions; used if ``since`` is None.
    :param since: Judge the executions created at or after this point in time.
    :param max_age: The maximum number of seconds since the end of the last Success.
    :param is_habit: Whether ``max_age`` is the flow's own habit: then an Empty counts as a Success, so that a flow
        that has nothing to do isn't stale.
    :param thresholds: The limits of the judged executions together, and of the duration of each, running ones
        included.
    :param on_failed: Whether an execution with status Failed is a problem in itself: ``fail`` or ``continue``.
    :param allow_running: Whether an execution may be running.
    :raises ConfigurationError: A value is out of its range.
    """

    executions: int = 1
    since: datetime | None = None
    max_age: float | None = None
    is_habit: bool = False
    thresholds: Thresholds = NO_THRESHOLDS
    on_failed: Literal["fail", "continue"] = "fail"
    allow_running: bool = True

    def __post_init__(self) -> None:
        if self.executions < 1:
            raise ConfigurationError(
                f"executions is {self.executions!r}; set it to a whole number, 1 or more."
            )
        if self.on_failed not in ("fail", "continue"):
            raise ConfigurationError(f"on_failed is {self.on_failed!r}; set it to fail or continue.")

    @property
    def fresh(self) -> tuple[Status, ...]:
        """The statuses of an execution after which a flow isn't stale."""
        return (Status.SUCCESS, Status.EMPTY) if self.is_habit else (Status.SUCCESS,)

    @property
    def first_limit(self) -> int:
        """The size of the first page of List logs: enough to show its order, with some logs to spare."""
        return min(MAX_PAGE_SIZE, 2 * NewestFirst.ENOUGH + self.executions - 1)

    def is_enough(self, history: History, now: datetime) -> bool:
        """Return whether older executions than those so far, which come newest first, change nothing."""
        if self.since is not None:
            has_all = history.order.all_before(self.since)
        else:
            has_all = sum(map(_has_ended, self._judged(history))) >= self.executions
        return has_all and (
            self.max_age is None
            or _last(history, self.fresh) is not None
            or history.order.all_before(now - timedelta(seconds=self.max_age))
        )

    def judge(self, flow: str, flow_id: str, history: History, now: datetime) -> FlowHealth:
        """Judge a flow, named by its slug (its id without one) and its id, by its latest executions."""
        judged = self._judged(history)
        readable = [seen.execution for seen in judged if seen.execution is not None]
        finished = [each for each in readable if each.is_finished]
        running = [each for each in readable if not each.is_finished]
        failed = [each for each in finished if each.status is Status.FAILED]
        figures, ended = Figures.of(finished), _last(history, (Status.SUCCESS,))
        fresh = _age(_last(history, self.fresh), now)
        problems = [
            *self._stale(history, fresh),
            *self._unreadable(history, judged),
            *self._failed(failed, finished),
            *self.thresholds.compare(figures).breaches,
            *self._running(running, now),
        ]
        return FlowHealth(
            flow=flow,
            flow_id=flow_id,
            last_success=ended,
            age=_age(ended, now),
            runs=len(finished),
            failed=len(failed),
            running=len(running),
            rows=figures.process_count,
            fail_rate=figures.fail_rate,
            duration=figures.duration,
            execution=next(iter(failed or readable), None),
            is_stale=self._exceeds(fresh),
            problems=tuple(problems),
            notes=tuple(self._notes(history, judged, figures)),
        )

    def _judged(self, history: History) -> list[Sighting]:
        """Choose the executions to judge, newest first: the running ones stand between the ended ones."""
        newest_first = reversed(history.sightings)
        if self.since is not None:
            return [seen for seen in newest_first if seen.timestamp >= self.since]
        chosen, ended = [], 0
        for seen in newest_first:
            if ended == self.executions:
                break
            chosen.append(seen)
            ended += _has_ended(seen)
        return chosen

    def _stale(self, history: History, age: float | None) -> Iterable[str]:
        if not history.sightings and history.is_complete and not history.faults:
            if self.since is None or self.max_age is not None:
                yield "It has never run."
        elif self.max_age is not None and self._exceeds(age):
            most = in_words(self.max_age)
            limit = f"by its habit, one ends within {most}." if self.is_habit else f"max_age is {most}."
            wanted = " or ".join(status.name.capitalize() for status in self.fresh)
            last = "" if history.is_complete else "last "
            among = f"no {wanted} among its {last}{counted(len(history.sightings), 'execution')}"
            ended = f"its last {wanted} ended {in_words(age)} ago" if age is not None else among
            yield f"It is stale: {ended}; {limit}"

    def _exceeds(self, age: float | None) -> bool:
        return self.max_age is not None and (age is None or age > self.max_age)

    def _unreadable(self, history: History, judged: list[Sighting]) -> Iterable[str]:
        yield from (
            f"Execution {seen.execution_id} can't be read: {seen.error}" for seen in judged if seen.error
        )
        if not judged and history.faults:
            yield f"Its executions can't be read: {history.faults[0]}"
        elif judged and self.since is None and not any(map(_has_ended, judged)):
            yield "None of its executions has finished."

    def _failed(self, failed: list[Execution], finished: list[Execution]) -> Iterable[str]:
        if failed and self.on_failed == "fail":
            count = counted(len(finished), "execution")
            yield f"{len(failed)} of {count} Failed, the last: {failed[0].execution_id}."

    def _running(self, running: list[Execution], now: datetime) -> Iterable[str]:
        longest = self.thresholds.max_seconds
        for each in running:
            age = None if each.created is None else (now - each.created).total_seconds()
            if not self.allow_running:
                so_far = "is running" if age is None else f"has been running for {in_words(age)}"
                yield f"Execution {each.execution_id} {so_far}; allow_running is False."
            elif longest is not None and age is not None and age > longest:
                so_far, limit = f"has been running for {in_figures(age)}", in_figures(longest, is_limit=True)
                yield f"Execution {each.execution_id} {so_far}; max_duration is {limit}."

    def _notes(self, history: History, judged: list[Sighting], figures: Figures) -> Iterable[str]:
        if self.thresholds.needs_counts and figures.uncounted:
            yield f"Rows aren't counted in {counted(figures.uncounted, 'execution')} of {figures.runs}."
        if self.thresholds.max_duration is not None and figures.untimed:
            yield f"The duration is unknown of {counted(figures.untimed, 'execution')} of {figures.runs}."
        known = {seen.execution_id for seen in judged}
        errors = [seen.error for seen in history.sightings if seen.error and seen.execution_id not in known]
        if errors := [*errors, *(history.faults if judged else ())]:
            yield f"{counted(len(errors), 'other log')} can't be read: {errors[0]}"


def _last(history: History, statuses: Sequence[Status]) -> datetime | None:
    """Find when the last execution with one of some statuses ended (began, if its end is unknown)."""
    for seen in reversed(history.sightings):
        each = seen.execution
        if each is not None and each.is_finished and each.status in statuses:
            return each.finished or each.created
    return None


def _age(ended: datetime | None, now: datetime) -> float | None:
    return None if ended is None else max(0.0, (now - ended).total_seconds())


def _has_ended(seen: Sighting) -> bool:
    return seen.execution is None or seen.execution.is_finished
