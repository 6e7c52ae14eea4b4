"""The Integrator's answers as values.

Needed is only what a decision needs: of an execution its id, state and status, of a step, line, flow or project its
id. All else is None if it is null, absent or can't be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.exceptions import ResponseError

if TYPE_CHECKING:
    from pendulum import DateTime

LogT = TypeVar("LogT", bound="Step")
ReadableT = TypeVar("ReadableT", "Project", "Flow", "Step")


@dataclass(frozen=True)
class Project:
    """A project: one brand's flows.

    :param id: The project's id, which the other calls take.
    :param slug: The project's slug, which Download log takes as ``projectslug``.
    :param name: The name in the web page.
    :param partner_id: The partner it belongs to.
    :param state: RUNNING or STOPPED.
    :param flow_count: The number of its flows.
    :param comments: Its owners' comments.
    :param created: When it was made, in UTC.
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
        """Read one member of the answer of List projects.

        :param fields: The member.
        :return: The project.
        :raises ResponseError: It has no id.
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
    """A flow of a project, or any other process group of its canvas, which has no slug.

    :param id: The flow's id, which List logs and Download log take as ``flowId``.
    :param slug: The flow's slug.
    :param name: The name in the web page.
    :param project_id: The project it belongs to.
    :param state: RUNNING or STOPPED.
    :param type: Product, Price, Stock, …
    :param inbound: Whether it runs by itself and reads the ERP.
    :param outbound: Whether rows are posted to it.
    :param scheduling_strategy: CRON_DRIVEN, … with ``scheduling_period``, a Quartz cron of 7 fields, seconds first, whose
        time zone is unknown.
    :param variables: All of the flow's variables as they came.
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
        """Read one member of the answer of List flows.

        :param fields: The member.
        :return: The flow.
        :raises ResponseError: It has no id.
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
        """The shortest text that names the flow: its slug, or its id."""
        return self.slug or self.id


def _common(fields: Fields) -> dict[str, Any]:
    """Read what main, sub and line logs have in common and no decision needs."""
    return {
        "created": fields.optional_time("created"),
        "finished": fields.optional_time("finished"),
        "process_count": fields.optional_count("process_count"),
        "success_count": fields.optional_count("success_count"),
        "fail_count": fields.optional_count("fail_count"),
        "is_send_s3": fields.values.get("is_send_S3"),
        "row_num": fields.values.get("row_num"),
    }


@dataclass(frozen=True)
class Step:
    """A sub log: one step of an execution. A line log has the same fields, as far as is known.

    :param log_id: The log's ``id``, which Download log takes.
    :param filename_uuid: The step's own id.
    :param execution_id: The execution it belongs to (``original_filename_uuid``).
    :param slug: The step's slug (``process_group_id``): ``login``, ``read_data_from_erp``, …
    :param name: The step's name (``process_group_name``).
    :param flow_id: The flow (``parent_process_group_id``).
    :param state: How far it is.
    :param status: How it went; means something only once the state is Finished.
    :param created: When it began, in UTC.
    :param finished: When it ended, in UTC; None until then.
    :param process_count: Rows processed; ``success_count`` and ``fail_count`` of them went well and failed.
    :param is_send_s3: Whether its log has been stored, by all signs; as it came.
    :param row_num: As it came; its meaning isn't documented.
    """

    log_id: str
    filename_uuid: str | None
    execution_id: str | None
    slug: str | None
    name: str | None
    flow_id: str | None
    state: State | None
    status: Status | None
    created: DateTime | None
    finished: DateTime | None
    process_count: int | None
    success_count: int | None
    fail_count: int | None
    is_send_s3: Any
    row_num: Any

    @classmethod
    def read(cls: type[LogT], fields: Fields) -> LogT:
        """Read a sub log or a line log.

        :param fields: The log.
        :return: The step or line.
        :raises ResponseError: It has no id.
        """
        return cls(
            log_id=fields.identifier("id"),
            filename_uuid=fields.optional_identifier("filename_uuid"),
            execution_id=fields.optional_identifier("original_filename_uuid"),
            slug=fields.optional_identifier("process_group_id"),
            name=fields.optional_text("process_group_name"),
            flow_id=fields.optional_identifier("parent_process_group_id"),
            state=fields.optional_member("state", State),
            status=fields.optional_member("status", Status),
            **_common(fields),
        )

    @property
    def label(self) -> str:
        """A text that names the step for a person."""
        return self.name or self.slug or f"log {self.log_id}"


@dataclass(frozen=True)
class Line(Step):
    """A line log: one row. Its shape isn't documented; a sub log's is expected."""


@dataclass(frozen=True)
class Execution:
    """A main log: one run of a flow.

    :param execution_id: The execution id (``filename_uuid``).
    :param log_id: The log's ``id``, which Download log takes; None: its log can't be downloaded.
    :param flow_id: The flow that ran (``process_group_id``).
    :param flow_slug: The flow's slug (``process_group_name``).
    :param state: How far it is.
    :param status: How it went; means something only once the state is Finished.
    :param created: When it began, in UTC.
    :param finished: When it ended, in UTC; None until then, or if it can't be read.
    :param process_count: Rows processed; ``success_count`` and ``fail_count`` of them went well and failed.
    :param is_triggered: Whether a user started it; ``triggered_by`` is an e-mail address or ``System``.
    :param steps: Its sub logs, as far as they can be read.
    :param is_send_s3: Whether its log has been stored, by all signs; as it came.
    :param in_bound: Not a flow's direction, which List flows says; as it came.
    :param row_num: As it came, like ``flow_order``, ``fragment_count`` and ``schedule``, which aren't described.
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
        """Read a main log.

        :param fields: The log.
        :return: The execution.
        :raises ResponseError: Its id, state or status can't be read, or state and status contradict each other.
        """
        execution_id = fields.identifier("filename_uuid")
        state = fields.member("state", State)
        status = fields.member("status", Status)
        if state is State.FINISHED and status is Status.IN_PROGRESS:
            raise fields.fault("status", "other than In Progress once the state is Finished")
        if fields.optional_identifier("original_filename_uuid") != execution_id:
            fields.note("original_filename_uuid", "isn't the filename_uuid of its main log")
        common = _common(fields)
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
        """A text that names the flow."""
        return self.flow_slug or self.flow_id or "(without a name)"

    @property
    def timestamp(self) -> DateTime | None:
        """The time by which a history places it: created, or finished if that is unknown."""
        return self.created or self.finished

    @property
    def is_finished(self) -> bool:
        """Whether the state is Finished."""
        return self.state is State.FINISHED

    @property
    def duration(self) -> timedelta | None:
        """From created to finished; None until then, or if either is unknown."""
        if self.finished is None or self.created is None:
            return None
        return timedelta(seconds=(self.finished - self.created).total_seconds())

    def as_dict(self) -> dict[str, Any]:
        """Make the JSON object for XCom: names for numbers, ISO 8601 in UTC, seconds; None for what is unknown."""
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
                for step in self.steps
            ],
        }


def read_all(model: type[ReadableT], members: Iterable[Fields]) -> Iterator[ReadableT]:
    """Read what can be read; what has no id hides nothing else.

    :param model: Project, Flow or Step.
    :param members: The objects of a list.
    :return: Those that can be read.
    """
    for fields in members:
        try:
            yield model.read(fields)
        except ResponseError as error:
            fields.note("id", f"of a {model.__name__.lower()} can't be read, which is left out: {error}")
