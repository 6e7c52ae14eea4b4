"""What takes more than one call, or a choice from an answer. Sans-I/O: yields calls and pauses, is sent the calls' values."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TypeVar

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import LogQuery, Script
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.fields import Fields, shown
from airflow_provider_integrator.api.models import Execution, Flow, Line, Project, Step
from airflow_provider_integrator.api.pages import Page
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError, ResponseError

T = TypeVar("T")


log = logging.getLogger(__name__)

_MODELS: dict[LogType, type[Execution] | type[Step] | type[Line]] = {
    LogType.MAIN: Execution,
    LogType.SUB: Step,
    LogType.LINE: Line,
}


class LogReader:
    """Reads the logs of a query one by one; one that can't be read hides no other.

    :param log_type: What was asked for.
    """

    def __init__(self, log_type: LogType) -> None:
        self._model = _MODELS[log_type]
        self._has_warned = False

    def read(self, fields: Fields) -> Execution | Step | Line | None:
        """Read one log.

        :param fields: The log, unread.
        :return: An execution, a step or a line; None, with a warning for the first one, if it can't be read.
        """
        try:
            return self._model.read(fields)
        except ResponseError as error:
            log.log(logging.DEBUG if self._has_warned else logging.WARNING, "A log is left out: %s", error)
            self._has_warned = True
            return None


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
    :return: The execution; None while List logs doesn't know it.
    :raises ResponseError: The answer holds other executions instead, or this one can't be read.
    """
    page: Page = yield endpoints.list_logs(LogQuery(project_id, flow_id, filename_uuid=execution_id))
    error = None
    for fields in logs_of(page, execution_id):
        try:
            return Execution.read(fields)
        except ResponseError as fault:
            error = error or fault
    if error is not None:
        raise error
    return None


def logs_of(page: Page, execution_id: str) -> list[Fields]:
    """Choose the logs of the one execution that was asked for.

    :param page: The answer to a question by ``filename_uuid``.
    :param execution_id: The execution (``filename_uuid``).
    :return: Its logs, unread: one, or none while List logs doesn't know it.
    :raises ResponseError: The answer holds other executions instead.
    """
    found, others = [], []
    for fields in page.logs:
        other = fields.optional_identifier("filename_uuid")
        if other == execution_id:
            found.append(fields)
        else:
            others.append(other)
    if found or not others:
        return found
    if any(others):
        raise ResponseError(
            f"List logs: filename_uuid should be {execution_id!r} but is {shown(next(filter(None, others)))}; "
            "the filter was not applied."
        )
    raise page.logs[0].fault("filename_uuid", "the id of the execution that was asked for")
