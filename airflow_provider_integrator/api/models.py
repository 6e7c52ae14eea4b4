"""Typed models of the Integrator's answers.

Required are only the fields that a decision needs: id, state and status of an execution, the id of a step,
flow or project. Any other field is None if it is null, absent or unreadable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.sub_logs import SubLog, common_values
from airflow_provider_integrator.exceptions import ResponseError

if TYPE_CHECKING:
    from pendulum import DateTime

#: The maximum number of steps in an execution's JSON object, as 3 MB of List logs may have 240,000 of them.
MAX_STEPS = 100

ReadableT = TypeVar("ReadableT", "Project", "Flow", "Step")


@dataclass(frozen=True)
class Project:
    """A project: one brand's flows.

    :param id: The project's id, a parameter of the other calls.
    :param slug: The project's slug, ``projectslug`` of Download log.
    :param name: The name in the UI.
    :param partner_id: The project's partner.
    :param state: RUNNING or STOPPED.
    :param flow_count: The number of flows.
    :param comments: The owners' comments.
    :param created: The creation time, in UTC.
    """

    id: str
    slug: str | None
    name: str | None
    partner_id: str | None
    state: str | None
    flow_count: int | None
    comments: str | None
    created: DateTime | None

    @classmethod
    def read(cls, fields: Fields) -> Project:
        """Parse one member of the answer of List projects.

        :raises ResponseError: The id is missing.
        """
        component = fields.optional_object("component")
        variables = component.optional_object("variables")
        return cls(
            id=fields.identifier("id"),
            slug=variables.optional_identifier("!projectSlug"),
            name=component.optional_text("name"),
            partner_id=component.optional_identifier("parentGroupId"),
            state=fields.optional_text("state"),
            flow_count=fields.optional_count("flowCount"),
            comments=component.optional_text("comments"),
            created=variables.optional_time("!createdDate"),
        )


@dataclass(frozen=True)
class Flow:
    """A flow of a project, or another process group of its canvas; the latter has no slug.

    :param id: The flow's id, ``flowId`` of List logs and Download log.
    :param slug: The flow's slug.
    :param name: The name in the UI.
    :param project_id: The flow's project.
    :param state: RUNNING or STOPPED.
    :param type: Product, Price, Stock, …
    :param inbound: Whether it runs on a schedule and reads the ERP.
    :param outbound: Whether it takes posted rows.
    :param scheduling_strategy: CRON_DRIVEN, …
    :param scheduling_period: For CRON_DRIVEN a Quartz cron of 7 fields, seconds first; in an unknown zone.
    :param variables: All variables of the flow, unparsed.
    """

    id: str
    slug: str | None
    name: str | None
    project_id: str | None
    state: str | None
    type: str | None
    inbound: bool | None
    outbound: bool | None
    scheduling_strategy: str | None
    scheduling_period: str | None
    variables: dict[str, Any]

    @classmethod
    def read(cls, fields: Fields) -> Flow:
        """Parse one member of the answer of List flows.

        :raises ResponseError: The id is missing.
        """
        component = fields.optional_object("component")
        variables = component.optional_object("variables")
        return cls(
            id=fields.identifier("id"),
            slug=variables.optional_identifier("!flowSlug"),
            name=component.optional_text("name"),
            project_id=component.optional_identifier("parentGroupId"),
            state=fields.optional_text("state"),
            type=variables.optional_text("!flowType"),
            inbound=variables.optional_flag("!inbound"),
            outbound=variables.optional_flag("!outbound"),
            scheduling_strategy=variables.optional_text("!schedulingStrategy"),
            scheduling_period=variables.optional_text("!schedulingPeriod"),
            variables=dict(variables.values),
        )

    @property
    def label(self) -> str:
        """The flow's slug, or its id without one."""
        return self.slug or self.id


@dataclass(frozen=True)
class Step(SubLog):
    """A sub log: one step of an execution. Its ``log_id`` is always known."""

    log_id: str

    @classmethod
    def read(cls, fields: Fields) -> Step:
        """Parse a sub log.

        :raises ResponseError: The id is missing.
        """
        return cls(log_id=fields.identifier("id"), **cls.values_of(fields))

    @property
    def label(self) -> str:
        """The step's name, or else its slug or log id."""
        return self.name or self.slug or f"log {self.log_id}"


@dataclass(frozen=True)
class Execution:
    """A main log: one run of a flow.

    :param execution_id: The execution id (``filename_uuid``).
    :param log_id: The log's ``id``, a parameter of Download log; None: the log can't be downloaded.
    :param flow_id: The flow that ran (``process_group_id``).
    :param flow_slug: The flow's slug (``process_group_name``).
    :param state: The progress.
    :param status: The outcome; meaningful only if the state is Finished.
    :param created: The start time, in UTC.
    :param finished: The end time, in UTC; None until then, or if unreadable.
    :param process_count: The number of rows processed; ``success_count`` and ``fail_count`` are parts of it.
    :param is_triggered: Whether a user started it.
    :param triggered_by: An e-mail address, or ``System``.
    :param steps: The readable sub logs.
    :param is_send_s3: Probably whether the log has been stored; unparsed.
    :param in_bound: Not the flow's direction, which List flows has; unparsed.
    :param row_num: Undocumented and unparsed, as are ``flow_order``, ``fragment_count`` and ``schedule``.
    """

    execution_id: str
    log_id: str | None
    flow_id: str | None
    flow_slug: str | None
    state: State
    status: Status
    created: DateTime | None
    finished: DateTime | None
    process_count: int | None
    success_count: int | None
    fail_count: int | None
    is_triggered: bool | None
    triggered_by: str | None
    steps: tuple[Step, ...]
    is_send_s3: Any
    in_bound: Any
    row_num: Any
    flow_order: Any
    fragment_count: Any
    schedule: Any

    @classmethod
    def read(cls, fields: Fields) -> Execution:
        """Parse a main log.

        :raises ResponseError: Id, state or status can't be read, or state and status contradict each other.
        """
        execution_id = fields.identifier("filename_uuid")
        state = fields.member("state", State)
        status = fields.member("status", Status)
        if state is State.FINISHED and status is Status.IN_PROGRESS:
            raise fields.fault("status", "other than In Progress once the state is Finished")
        if fields.optional_identifier("original_filename_uuid") != execution_id:
            fields.note("original_filename_uuid", "isn't the filename_uuid of its main log")
        common = common_values(fields)
        if state is State.FINISHED and common["finished"] is None:
            fields.note("finished", "is missing though the state is Finished")
        return cls(
            execution_id=execution_id,
            log_id=fields.optional_identifier("id"),
            flow_id=fields.optional_identifier("process_group_id"),
            flow_slug=fields.optional_identifier("process_group_name"),
            state=state,
            status=status,
            **common,
            is_triggered=fields.optional_flag("is_triggered"),
            triggered_by=fields.optional_text("triggered_by"),
            steps=tuple(read_all(Step, fields.optional_objects("sub_flows"))),
            in_bound=fields.values.get("in_bound"),
            flow_order=fields.values.get("flow_order"),
            fragment_count=fields.values.get("fragment_count"),
            schedule=fields.values.get("schedule"),
        )

    @property
    def flow_label(self) -> str:
        """The flow's slug, or its id without one."""
        return self.flow_slug or self.flow_id or "(without a name)"

    @property
    def timestamp(self) -> DateTime | None:
        """The time that a history is sorted by: created, or finished if that is unknown."""
        return self.created or self.finished

    @property
    def is_finished(self) -> bool:
        """Whether the state is Finished."""
        return self.state is State.FINISHED

    @property
    def duration(self) -> timedelta | None:
        """The time from created to finished; None if either is unknown."""
        if self.finished is None or self.created is None:
            return None
        return timedelta(seconds=(self.finished - self.created).total_seconds())

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object for XCom: enums by name, ISO 8601 in UTC, seconds; None if unknown.

        Of more than ``MAX_STEPS`` steps it has the failed ones, and then the first ones.
        """
        steps: Sequence[Step] = self.steps
        if len(steps) > MAX_STEPS:
            steps = sorted(steps, key=lambda step: step.status is not Status.FAILED)[:MAX_STEPS]
        return {
            "execution_id": self.execution_id,
            "log_id": self.log_id,
            "flow_id": self.flow_id,
            "flow_slug": self.flow_slug,
            "state": self.state.name.lower(),
            "status": self.status.name.lower(),
            "created": self.created and self.created.isoformat(),
            "finished": self.finished and self.finished.isoformat(),
            "duration": None if self.duration is None else self.duration.total_seconds(),
            "process_count": self.process_count,
            "success_count": self.success_count,
            "fail_count": self.fail_count,
            "is_triggered": self.is_triggered,
            "triggered_by": self.triggered_by,
            "steps": [
                {
                    "name": step.name,
                    "slug": step.slug,
                    "log_id": step.log_id,
                    "state": None if step.state is None else step.state.name.lower(),
                    "status": None if step.status is None else step.status.name.lower(),
                }
                for step in steps
            ],
        }


def read_all(model: type[ReadableT], members: Iterable[Fields]) -> Iterator[ReadableT]:
    """Parse the members of a list, skipping those without an id."""
    for fields in members:
        try:
            yield model.read(fields)
        except ResponseError as error:
            fields.note("id", f"of a {model.__name__.lower()} can't be read, so that it is skipped: {error}")
