"""What the Integrator answers, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields

StepT = TypeVar("StepT", bound="Step")


@dataclass(frozen=True)
class Project:
    """A project: one brand's flows.

    :param id: What the other calls take as the project.
    :param slug: What Download log takes as ``projectslug``, None where the answer has none.
    :param name: Its name in the web page.
    :param partner_id: The partner it belongs to, None where the answer doesn't say.
    :param state: RUNNING or STOPPED.
    :param flow_count: The number of its flows.
    :param comments: What its owners wrote about it.
    :param created: When it was made.
    """

    id: str
    slug: str | None
    name: str
    partner_id: str | None
    state: str | None
    flow_count: int | None
    comments: str | None
    created: datetime | None

    @classmethod
    def read(cls, fields: Fields) -> Project:
        """Read one member of the answer of List projects.

        :raises ResponseError: A needed field is missing or malformed.
        """
        component = fields.object("component")
        variables = component.object("variables")
        return cls(
            id=fields.text("id"),
            slug=variables.optional_text("!projectSlug") or None,
            name=component.text("name"),
            partner_id=component.optional_text("parentGroupId"),
            state=fields.optional_text("state"),
            flow_count=fields.optional_count("flowCount"),
            comments=component.optional_text("comments"),
            created=variables.optional_moment("!createdDate"),
        )


@dataclass(frozen=True)
class Flow:
    """A flow of a project.

    :param id: What List logs and Download log take as ``flowId``.
    :param slug: Its slug, None where the answer has none.
    :param name: Its name in the web page.
    :param project_id: The project it belongs to, None where the answer doesn't say.
    :param state: RUNNING or STOPPED.
    :param type: Product, Price, Stock, …
    :param inbound: Whether it runs by itself and reads the ERP, None where the answer doesn't say.
    :param outbound: Whether rows are posted to it, None where the answer doesn't say.
    :param scheduling_strategy: CRON_DRIVEN, …
    :param scheduling_period: A Quartz cron of 7 fields, seconds first; its time zone is unknown.
    :param variables: All of the flow's variables as they came.
    """

    id: str
    slug: str | None
    name: str
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

        :raises ResponseError: A needed field is missing or malformed.
        """
        component = fields.object("component")
        variables = component.object("variables")
        return cls(
            id=fields.text("id"),
            slug=variables.optional_text("!flowSlug") or None,
            name=component.text("name"),
            project_id=component.optional_text("parentGroupId"),
            state=fields.optional_text("state"),
            type=variables.optional_text("!flowType"),
            inbound=variables.optional_text_flag("!inbound"),
            outbound=variables.optional_text_flag("!outbound"),
            scheduling_strategy=variables.optional_text("!schedulingStrategy"),
            scheduling_period=variables.optional_text("!schedulingPeriod"),
            variables=dict(variables.values),
        )

    @property
    def label(self) -> str:
        """The shortest text that names the flow: its slug, or its id."""
        return self.slug or self.id


@dataclass(frozen=True)
class Log:
    """What main, sub and line logs have in common.

    :param log_id: What Download log takes as ``id``.
    :param filename_uuid: The log's own id; of a main log the execution id.
    :param execution_id: The execution it belongs to (``original_filename_uuid``).
    :param state: How far it is.
    :param status: How it went; means something only where the state is Finished.
    :param created: When it began, in UTC.
    :param finished: When it ended, in UTC; None until then.
    :param process_count: Rows processed, None where not said.
    :param success_count: Rows that went well, None where not said.
    :param fail_count: Rows that failed, None where not said.
    :param row_num: Not described by the API's documents; as it came.
    """

    log_id: str
    filename_uuid: str
    execution_id: str
    state: State
    status: Status
    created: datetime
    finished: datetime | None
    process_count: int | None
    success_count: int | None
    fail_count: int | None
    row_num: Any

    @staticmethod
    def common(fields: Fields) -> dict[str, Any]:
        """Read the fields that all logs share.

        :raises ResponseError: One is missing, malformed, or at odds with another.
        """
        state = fields.member("state", State)
        status = fields.member("status", Status)
        finished = fields.optional_moment("finished")
        if state is State.FINISHED and status is Status.IN_PROGRESS:
            raise fields.fault("status", "other than In Progress where the state is Finished")
        if state is State.FINISHED and finished is None:
            raise fields.fault("finished", "a time where the state is Finished")
        return {
            "log_id": fields.text("id"),
            "filename_uuid": fields.text("filename_uuid"),
            "execution_id": fields.text("original_filename_uuid"),
            "state": state,
            "status": status,
            "created": fields.moment("created"),
            "finished": finished,
            "process_count": fields.optional_count("process_count"),
            "success_count": fields.optional_count("success_count"),
            "fail_count": fields.optional_count("fail_count"),
            "row_num": fields.values.get("row_num"),
        }

    @property
    def is_finished(self) -> bool:
        """Whether the state is Finished."""
        return self.state is State.FINISHED

    @property
    def duration(self) -> timedelta | None:
        """From created to finished; None until then."""
        return None if self.finished is None else self.finished - self.created


@dataclass(frozen=True)
class Step(Log):
    """A sub log: one step of an execution.

    :param slug: The step's slug (``process_group_id``): ``login``, ``read_data_from_erp``, …
    :param name: The step's name (``process_group_name``).
    :param flow_id: The flow (``parent_process_group_id``), None where not said.
    """

    slug: str
    name: str
    flow_id: str | None

    @classmethod
    def read(cls: type[StepT], fields: Fields) -> StepT:
        """Read a sub log or a line log.

        :raises ResponseError: A needed field is missing or malformed.
        """
        return cls(
            **cls.common(fields),
            slug=fields.text("process_group_id"),
            name=fields.text("process_group_name"),
            flow_id=fields.optional_text("parent_process_group_id"),
        )


@dataclass(frozen=True)
class Line(Step):
    """A line log: one row. Its shape isn't documented; a sub log's is expected."""


@dataclass(frozen=True)
class Execution(Log):
    """A main log: one run of a flow. ``filename_uuid`` is the execution id.

    :param flow_id: The flow that ran (``process_group_id``).
    :param flow_slug: Its slug (``process_group_name``).
    :param is_triggered: Whether a user started it, None where not said.
    :param triggered_by: Who did: an e-mail address or ``System``.
    :param steps: Its sub logs.
    :param in_bound: Not a flow's direction, which List flows tells; as it came.
    :param flow_order: Not described by the API's documents, like the next three; as it came.
    :param fragment_count: As it came.
    :param schedule: As it came.
    :param is_send_s3: As it came.
    """

    flow_id: str
    flow_slug: str
    is_triggered: bool | None
    triggered_by: str | None
    steps: tuple[Step, ...]
    in_bound: Any
    flow_order: Any
    fragment_count: Any
    schedule: Any
    is_send_s3: Any

    @classmethod
    def read(cls, fields: Fields) -> Execution:
        """Read a main log.

        :raises ResponseError: A needed field is missing, malformed, or at odds with another.
        """
        common = cls.common(fields)
        if common["execution_id"] != common["filename_uuid"]:
            raise fields.fault("original_filename_uuid", "the filename_uuid where the log is a main log")
        steps = [] if fields.values.get("sub_flows") is None else fields.objects("sub_flows")
        return cls(
            **common,
            flow_id=fields.text("process_group_id"),
            flow_slug=fields.text("process_group_name"),
            is_triggered=fields.optional_flag("is_triggered"),
            triggered_by=fields.optional_text("triggered_by"),
            steps=tuple(Step.read(step) for step in steps),
            in_bound=fields.values.get("in_bound"),
            flow_order=fields.values.get("flow_order"),
            fragment_count=fields.values.get("fragment_count"),
            schedule=fields.values.get("schedule"),
            is_send_s3=fields.values.get("is_send_S3"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Make the JSON object that goes to XCom: names for numbers, ISO 8601 in UTC, seconds."""
        return {
            "execution_id": self.execution_id,
            "log_id": self.log_id,
            "flow_id": self.flow_id,
            "flow_slug": self.flow_slug,
            "state": self.state.name.lower(),
            "status": self.status.name.lower(),
            "created": self.created.isoformat(),
            "finished": None if self.finished is None else self.finished.isoformat(),
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
                    "state": step.state.name.lower(),
                    "status": step.status.name.lower(),
                }
                for step in self.steps
            ],
        }


@dataclass(frozen=True)
class Page:
    """One page of List logs, its logs still unread.

    Reading them one by one keeps a malformed log from hiding the others.

    :param count: As the server says it; what it counts isn't documented.
    :param limit: The size of a page.
    :param number: The page's number, from 1.
    :param has_previous: Whether the server says that another page comes before.
    :param has_next: Whether the server says that another page follows.
    :param logs: The logs, unread.
    """

    count: int | None
    limit: int | None
    number: int | None
    has_previous: bool
    has_next: bool
    logs: tuple[Fields, ...]

    @classmethod
    def read(cls, fields: Fields) -> Page:
        """Read the answer of List logs.

        :raises ResponseError: ``results`` is missing, or a field is malformed.
        """
        return cls(
            count=fields.optional_count("count"),
            limit=fields.optional_count("limit"),
            number=fields.optional_count("page"),
            has_previous=bool(fields.optional_text("previous")),
            has_next=bool(fields.optional_text("next")),
            logs=tuple(fields.objects("results")),
        )


EMPTY_PAGE = Page(count=0, limit=None, number=None, has_previous=False, has_next=False, logs=())
