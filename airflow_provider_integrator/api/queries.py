"""What takes more than one call, or a choice from an answer. Sans-I/O: yields calls, is sent their values."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import Call, LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution, Flow, Line, Page, Project, Step
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError, ResponseError

T = TypeVar("T")
Script = Generator[Call[Any], Any, T]

log = logging.getLogger(__name__)

_MODELS: dict[LogType, type[Execution] | type[Step] | type[Line]] = {
    LogType.MAIN: Execution,
    LogType.SUB: Step,
    LogType.LINE: Line,
}


def read_log(fields: Fields, log_type: LogType) -> Execution | Step | Line:
    """Read one log of a page.

    :param fields: The log, unread.
    :param log_type: What was asked for.
    :return: An execution, a step or a line.
    :raises ResponseError: A needed field is missing or malformed.
    """
    return _MODELS[log_type].read(fields)


class FreshLogs:
    """Drops the logs of a page that the page before it held too.

    Pages are fetched by number while logs are added, so a log can slide from one page to the next.
    Only the last page's ids are kept, so that a long history takes no memory.
    """

    def __init__(self) -> None:
        self._last_ids: frozenset[object] = frozenset()

    def of(self, page: Page) -> Iterator[Fields]:
        """Choose what is new on a page.

        :param page: The next page.
        :return: Its logs, without those of the page before.
        :raises ResponseError: They are the very same, so that reading on would never end.
        """
        ids = frozenset(fields.text("id") for fields in page.logs)
        if ids and ids == self._last_ids:
            raise ResponseError(
                "List logs: a page holds the same logs as the one before; page was not applied."
            )
        fresh = [fields for fields in page.logs if fields.values["id"] not in self._last_ids]
        self._last_ids = ids
        return iter(fresh)


def choose_flow(flows: Iterable[Flow], wanted: str, project_id: str) -> Flow:
    """Find a flow by its id, slug or name; an id goes before the others.

    :param flows: The project's flows.
    :param wanted: An id, a slug or a name.
    :param project_id: The project, for messages.
    :return: The one flow that is meant.
    :raises ConfigurationError: None is, or more than one.
    """
    known = list(flows)
    for flow in known:
        if flow.id == wanted:
            return flow
    found = [flow for flow in known if wanted in (flow.slug, flow.name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{flow.id} (slug {flow.slug}, name {flow.name})" for flow in found)
        raise ConfigurationError(
            f"Flow {wanted!r} is ambiguous in project {project_id}; set flow to one of these ids: {ids}."
        )
    labels = ", ".join(sorted(flow.label for flow in known)) or "none at all"
    raise ConfigurationError(
        f"Project {project_id} has no flow {wanted!r}. Set flow to a slug, name or id of: {labels}."
    )


def find_flow(project_id: str, wanted: str) -> Script[Flow]:
    """Find a flow in List flows.

    :param project_id: The project.
    :param wanted: An id, a slug or a name.
    :return: The flow. Where the call is refused, ``wanted`` is taken as an id, with a warning.
    :raises ConfigurationError: No flow is meant, or more than one.
    :raises RequestError: The project is wrong (400).
    """
    try:
        flows = yield endpoints.list_flows(project_id)
    except RequestError as error:
        if error.status == 400:  # says that the project is wrong, not that it may not be listed
            raise
        log.warning("%s Taking %r as a flow's id.", error, wanted)
        return Flow(wanted, None, wanted, project_id, None, None, None, None, None, None, {})
    return choose_flow(flows, wanted, project_id)


def find_project_slug(project_id: str, partner_id: str | None) -> Script[str]:
    """Find the slug that Download log needs.

    :param project_id: The project.
    :param partner_id: The partner whose projects are searched, None where it isn't known.
    :return: The slug.
    :raises ConfigurationError: The partner isn't known, or the project isn't among its projects.
    """
    if not partner_id:
        raise ConfigurationError(
            "Download log needs the project's slug: set project_slug in the connection's Extra or in the "
            "task, or partner_id in the connection's Extra, so that it can be looked up."
        )
    projects: list[Project] = yield endpoints.list_projects(partner_id)
    for project in projects:
        if project.id == project_id and project.slug:
            return project.slug
    known = ", ".join(sorted(f"{project.id} ({project.slug})" for project in projects)) or "none at all"
    raise ConfigurationError(
        f"Partner {partner_id} has no project {project_id} with a slug. Set project_id or project_slug; "
        f"its projects: {known}."
    )


def get_execution(project_id: str, flow_id: str, execution_id: str) -> Script[Execution | None]:
    """Ask for one execution.

    :param project_id: The project.
    :param flow_id: The flow.
    :param execution_id: The execution (``filename_uuid``).
    :return: The execution, None while List logs doesn't know it.
    :raises ResponseError: The answer holds another execution instead, or one that can't be read.
    """
    query = LogQuery(project_id, flow_id, filename_uuid=execution_id)
    page: Page = yield endpoints.list_logs(query)
    for fields in page.logs:
        if fields.text("filename_uuid") == execution_id:
            return Execution.read(fields)
    if page.logs:
        raise ResponseError(
            f"List logs: filename_uuid should be {execution_id!r} but is "
            f"{page.logs[0].values['filename_uuid']!r}; the filter was not applied."
        )
    return None


class NewestFirst:
    """Tells whether all logs seen so far came newest first; the order of List logs isn't documented."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._ordered = True
        self._descended = False

    def see(self, created: datetime) -> None:
        """Take the next log's time."""
        if self._last is not None:
            self._ordered = self._ordered and created <= self._last
            self._descended = self._descended or created < self._last
        self._last = created

    def all_before(self, moment: datetime) -> bool:
        """Tell whether every log still to come must be older than a moment."""
        return self._ordered and self._descended and self._last is not None and self._last < moment


@dataclass(frozen=True)
class LogFault:
    """A log that can't be read.

    :param execution_id: Its execution, None where that can't be read either.
    :param created: When it was created, None where that can't be read either.
    :param error: What is wrong.
    """

    execution_id: str | None
    created: datetime | None
    error: ResponseError


@dataclass(frozen=True)
class History:
    """What was read of a flow's executions.

    :param executions: Those created at or after the moment that was asked for, oldest first.
    :param pages: How many pages it took.
    :param faults: What is wrong with logs that can't be read; empty where the reading wasn't tolerant.
    """

    executions: list[Execution]
    pages: int
    faults: tuple[LogFault, ...] = ()

    def first_since(self, moment: datetime) -> Execution | None:
        """Choose the first execution that was created at or after a moment, None where there is none."""
        since = to_milliseconds(moment)
        return next((each for each in self.executions if each.created >= since), None)


def to_milliseconds(moment: datetime) -> datetime:
    """Cut a moment to what List logs tells of it, so that an execution of the same millisecond counts.

    :param moment: Any moment.
    :return: The beginning of its millisecond.
    """
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def read_since(
    project_id: str,
    flow_id: str,
    moment: datetime,
    first_page: Page | None = None,
    *,
    tolerant: bool = False,
) -> Script[History]:
    """Read a flow's executions that were created at or after a moment.

    All pages are read, unless those read so far show that the newest come first.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: With a time zone.
    :param first_page: The first page, where it has just been fetched.
    :param tolerant: Whether a log that can't be read is set aside, so that it doesn't hide the others.
    :return: The executions, and how many pages it took.
    """
    query = LogQuery(project_id, flow_id)
    moment = to_milliseconds(moment)
    found: dict[str, Execution] = {}
    faults: list[LogFault] = []
    order, fresh, number = NewestFirst(), FreshLogs(), 1
    page = first_page
    while True:
        if page is None:
            page = yield endpoints.list_logs(query, number)
        for fields in fresh.of(page):
            created = None
            try:
                created = fields.moment("created")
                order.see(created)
                if created >= moment:
                    execution = Execution.read(fields)
                    found[execution.execution_id] = execution
            except ResponseError as error:
                if not tolerant:
                    raise
                uuid = fields.values.get("filename_uuid")
                faults.append(LogFault(uuid if isinstance(uuid, str) else None, created, error))
        if not page.logs or not page.has_next or order.all_before(moment):
            executions = sorted(found.values(), key=lambda execution: execution.created)
            return History(executions, number, tuple(faults))
        page, number = None, number + 1


def first_execution_since(project_id: str, flow_id: str, moment: datetime) -> Script[Execution | None]:
    """Ask for a flow's first execution that was created at or after a moment.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: With a time zone.
    :return: The execution, None where there is none yet.
    """
    history = yield from read_since(project_id, flow_id, moment)
    return history.first_since(moment)
