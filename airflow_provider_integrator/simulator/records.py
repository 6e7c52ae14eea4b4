"""Projects, flows, executions, their steps and lines, and their state at a moment."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.simulator.log_ids import LogIds

if TYPE_CHECKING:
    from collections.abc import Mapping

# Rows that went well and rows that failed, for an execution without given counts.
_USUAL_COUNTS: dict[int, tuple[int, int]] = {
    Status.SUCCESS: (10, 0),
    Status.FAILED: (7, 3),
    Status.EMPTY: (0, 0),
}


@dataclass(frozen=True)
class Project:
    """A brand's project; ``created`` in seconds since the epoch."""

    id: str
    slug: str
    name: str
    partner_id: str
    created: float
    state: str = "RUNNING"


@dataclass(eq=False)
class Flow:
    """A flow of a project.

    ``variables`` are shown next to the documented ones in List flows. ``fail_rate`` is the share of rows that fail,
    if a test says nothing else; None: the executions' statuses decide.
    """

    id: str
    slug: str
    name: str
    project: Project
    type: str
    inbound: bool = True
    outbound: bool = False
    state: str = "RUNNING"
    scheduling_strategy: str = "CRON_DRIVEN"
    scheduling_period: str = "0 0,30 * * * ? *"
    variables: Mapping[str, str] = field(default_factory=dict)
    fail_rate: float | None = None

    def failures(self, rows: int) -> int | None:
        """How many of the first rows fail.

        :param rows: The number of rows.
        :return: Their number, None if the flow has no fail rate.
        """
        return None if self.fail_rate is None else round(rows * self.fail_rate)


@dataclass(frozen=True)
class Counts:
    """How many rows were processed, how many of them went well and how many failed."""

    process: int
    success: int
    fail: int

    @classmethod
    def filled(
        cls, status: int, process: int | None = None, success: int | None = None, fail: int | None = None
    ) -> Counts:
        """Complete what was given into three counts that agree with each other and with the status.

        :param status: The final status; without any count it decides alone.
        :param process: Rows processed.
        :param success: Rows that went well.
        :param fail: Rows that failed.
        :return: The counts; those that were given are kept as they are.
        """
        usual_success, usual_fail = _USUAL_COUNTS.get(status, (0, 0))
        if fail is None:
            both = process is not None and success is not None
            fail = (process or 0) - (success or 0) if both else usual_fail
            fail = min(fail, process) if process is not None else fail
        if success is None:
            success = usual_success if process is None else process - fail
        return cls(success + fail if process is None else process, success, fail)


NO_ROWS = Counts(0, 0, 0)


@dataclass(eq=False)
class Log(ABC):
    """What any log has: its execution, step or line id, its log id, its flow, and when it began.

    ``id`` is the ``filename_uuid`` of the API. ``number`` is its ``id``: the number that List logs shows.
    Numbers grow in the order in which logs are added, which also decides between equal moments.
    """

    id: str
    number: int
    flow: Flow
    begun: float
    ids: LogIds = field(repr=False)

    @property
    def log_id(self) -> str:
        """The log id as Download log takes it: digits, unless a form makes log ids opaque texts."""
        return self.ids.text(self.number)

    @property
    def created(self) -> datetime:
        """When the log began, in UTC."""
        return datetime.fromtimestamp(self.begun, timezone.utc)

    @abstractmethod
    def ended_at(self, now: float) -> float | None:
        """When the log ended.

        :param now: Seconds since the epoch.
        :return: That moment, None before it.
        """

    def is_stored_at(self, now: float, delay: float) -> bool:
        """Check whether Download log has the log's file.

        :param now: Seconds since the epoch.
        :param delay: Seconds from a log's end until its file is stored.
        :return: True once it is stored.
        """
        ended = self.ended_at(now)
        return ended is not None and now >= ended + delay

    def by_time(self) -> tuple[float, int]:
        """The log's place among others, the oldest first.

        :return: A sort key.
        """
        return (self.begun, self.number)

    def by_hash(self) -> tuple[int, int]:
        """The log's place in the shuffled order, which never changes.

        :return: A sort key.
        """
        return (zlib.crc32(str(self.number).encode()), self.number)


@dataclass(eq=False)
class Execution(Log):
    """One run of a flow. Its id is the ``filename_uuid`` of the API.

    ``status`` and ``counts`` are the final ones: they show once the clock has reached ``ends`` (seconds since
    the epoch, None as long as nobody has finished the execution); until then ``held`` is the state if
    ``ends`` is None.
    """

    status: int
    counts: Counts
    ends: float | None = None
    held: State = State.IN_PROGRESS
    is_triggered: bool = False
    triggered_by: str = "System"
    contents: object = None
    steps: list[Step] = field(default_factory=list)

    def state_at(self, now: float) -> State:
        """The state of the execution.

        :param now: Seconds since the epoch.
        :return: Start in the first half of its time, then In Progress, then Finished.
        """
        if self.ends is None:
            return self.held
        if now >= self.ends:
            return State.FINISHED
        return State.IN_PROGRESS if now >= (self.begun + self.ends) / 2 else State.START

    def ended_at(self, now: float) -> float | None:
        """When the execution ended, as :meth:`Log.ended_at`."""
        return self.ends if self.state_at(now) is State.FINISHED else None


@dataclass(eq=False)
class Step(Log):
    """A step of an execution: a sub log. ``status`` and ``counts`` are the final ones, None for the usual."""

    execution: Execution
    position: int
    slug: str
    name: str
    status: int | None = None
    counts: Counts | None = None
    contents: object = None

    def times_at(self, now: float) -> tuple[State, float, float | None]:
        """State and times of the step; steps share their execution's time evenly.

        The first step is done while its execution is still at Start, as on the real Integrator.

        :param now: Seconds since the epoch.
        :return: Its state, when it began, and when it ended (None until it has).
        """
        execution = self.execution
        several = len(execution.steps) > 1
        if execution.ends is None:
            if several and self.position == 0:
                return (State.FINISHED, self.begun, self.begun)
            active = self.position == (1 if several else 0)
            return (State.IN_PROGRESS if active else State.START, self.begun, None)
        share = (execution.ends - execution.begun) / len(execution.steps)
        begun = execution.begun + self.position * share
        is_last = self.position == len(execution.steps) - 1
        ends = execution.ends if is_last else begun + share
        if now >= ends:
            return (State.FINISHED, begun, ends)
        return (State.IN_PROGRESS if now >= begun else State.START, begun, None)

    def ended_at(self, now: float) -> float | None:
        """When the step ended, as :meth:`Log.ended_at`."""
        return self.times_at(now)[2]

    def outcome(self) -> tuple[int, Counts]:
        """Status and counts of the step in the end: as given, or else the last step fails with its execution.

        :return: Status and counts.
        """
        is_last = self.position == len(self.execution.steps) - 1
        status = self.status
        if status is None:
            status = self.execution.status if is_last else Status.SUCCESS
        if self.counts is not None:
            return (status, self.counts)
        # A successful step shows 1, 0, 0 on the real Integrator: its counts are no test of success.
        return (status, Counts(1, 0, 0) if status == Status.SUCCESS else self.execution.counts)


@dataclass(eq=False)
class Line(Log):
    """One row of an execution: a line log. ``fields`` are shown beside its own, and what ``search_field.N`` finds."""

    execution: Execution
    row_num: int
    fields: Mapping[str, object]
    status: int = Status.SUCCESS
    contents: object = None

    def ended_at(self, now: float) -> float | None:
        """When the line ended: at once, since a row is logged after it was written."""
        return self.begun
