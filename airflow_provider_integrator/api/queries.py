"""Queries that need several calls or a choice from an answer. Sans-I/O: generators of calls and pauses."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TypeVar

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import LogQuery, Script
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.lines import Line
from airflow_provider_integrator.api.models import Execution, Flow, Project, Step
from airflow_provider_integrator.api.pages import Page
from airflow_provider_integrator.api.texts import listed
from airflow_provider_integrator.api.values import shown
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError, ResponseError

T = TypeVar("T")


log = logging.getLogger(__name__)

_MODELS: dict[LogType, type[Execution] | type[Step] | type[Line]] = {
    LogType.MAIN: Execution,
    LogType.SUB: Step,
    LogType.LINE: Line,
}


class LogReader:
    """Parses the logs of a query one by one, so that an unreadable log doesn't hide the others.

    :param log_type: The type of the logs.
    """

    def __init__(self, log_type: LogType) -> None:
        self._model = _MODELS[log_type]
        self._has_warned = False

    def read(self, fields: Fields) -> Execution | Step | Line | None:
        """Parse one log.

        :param fields: The unparsed log.
        :return: An execution, a step or a line; None if it can't be read, with a warning for the first such
            log.
        """
        try:
            return self._model.read(fields)
        except ResponseError as error:
            log.log(
                logging.DEBUG if self._has_warned else logging.WARNING,
                "Skipping a log that can't be read: %s",
                error,
            )
            self._has_warned = True
            return None


def choose_flow(flows: Iterable[Flow], wanted: str, project_id: str) -> Flow:
    """Find a flow by its id, slug or name; an id takes precedence.

    :param flows: The project's flows.
    :param wanted: An id, a slug or a name.
    :param project_id: The project, for messages.
    :return: The flow.
    :raises ConfigurationError: No flow matches, or several do.
    """
    known = list(flows)
    for flow in known:
        if flow.id == wanted:
            return flow
    found = [flow for flow in known if wanted in (flow.slug, flow.name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = listed(f"{flow.id} (slug {flow.slug}, name {flow.name})" for flow in found)
        raise ConfigurationError(
            f"Flow {shown(wanted)} is ambiguous in project {project_id}; set flow to one of these ids: {ids}."
        )
    labels = listed(sorted(flow.label for flow in known)) or "none at all"
    raise ConfigurationError(
        f"Project {project_id} has no flow {shown(wanted)}. Set flow to a slug, name or id of: {labels}."
    )


def unlisted_flow(project_id: str, flow_id: str) -> Flow:
    """Make the flow of an id, of which nothing else is known, as List flows is refused."""
    return Flow(flow_id, None, flow_id, project_id, None, None, None, None, None, None, {})


def find_flow(project_id: str, wanted: str) -> Script[Flow]:
    """Find a flow in List flows.

    :param project_id: The project.
    :param wanted: An id, a slug or a name.
    :return: The flow; if the call is refused, a flow with ``wanted`` as its id, with a warning.
    :raises ConfigurationError: No flow matches, or several do; or the project is wrong (400).
    """
    (flow,) = yield from find_flows(project_id, [wanted])
    return flow


def find_flows(project_id: str, wanted: Sequence[str]) -> Script[list[Flow]]:
    """Find several flows by one call of List flows.

    :param project_id: The project.
    :param wanted: For each flow its id, slug or name.
    :return: The flows, in the same order; if the call is refused, flows with these ids, with a warning.
    :raises ConfigurationError: For one of them no flow matches, or several do; or the project is wrong (400).
    """
    try:
        flows = yield endpoints.list_flows(project_id)
    except RequestError as error:
        if error.status == 400:  # the project is wrong; other statuses mean that the user may not list it
            raise ConfigurationError(f"{error} Check project_id ({project_id}).") from None
        for each in wanted:
            log.warning("%s Taking %r as a flow's id.", error, each)
        return [unlisted_flow(project_id, each) for each in wanted]
    return [choose_flow(flows, each, project_id) for each in wanted]


def find_project_slug(project_id: str, partner_id: str | None) -> Script[str]:
    """Find the project slug that Download log needs.

    :param project_id: The project.
    :param partner_id: The partner whose projects are searched; None if unknown.
    :return: The slug.
    :raises ConfigurationError: The partner is unknown, or the project isn't among its projects.
    """
    if not partner_id:
        raise ConfigurationError(
            "Download log needs the project's slug: set project_slug in the connection's Extra, or "
            "partner_id, so that it can be looked up; a task can set project_slug, too."
        )
    projects: list[Project] = yield endpoints.list_projects(partner_id)
    for project in projects:
        if project.id == project_id and project.slug:
            return project.slug
    known = listed(sorted(f"{project.id} ({project.slug})" for project in projects)) or "none at all"
    raise ConfigurationError(
        f"Partner {partner_id} has no project {project_id} with a slug. Set project_id or project_slug; "
        f"its projects: {known}."
    )


def check_project_slug(project_id: str, partner_id: str, slug: str) -> Script[None]:
    """Check a project's slug as far as List projects has the project.

    :param project_id: The project.
    :param partner_id: The partner whose projects are searched.
    :param slug: The slug.
    :raises ConfigurationError: The project has another slug.
    """
    try:
        projects: list[Project] = yield endpoints.list_projects(partner_id)
    except RequestError as error:
        log.debug("The project's slug can't be checked: %s", error)
        return
    known = [project.slug for project in projects if project.id == project_id and project.slug]
    if known and slug not in known:
        raise ConfigurationError(
            f"project_slug is {slug}, but project {project_id} has the slug {known[0]} in List projects. "
            "Correct project_slug or project_id."
        )


def get_execution(project_id: str, flow_id: str, execution_id: str) -> Script[Execution | None]:
    """Fetch one execution.

    :param project_id: The project.
    :param flow_id: The flow.
    :param execution_id: The execution (``filename_uuid``).
    :return: The execution; None if List logs has none with this id (yet).
    :raises ResponseError: The answer has other executions instead, or the execution can't be read.
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
    """Choose the logs of the execution that a look-up by ``filename_uuid`` asked for.

    :param page: The answer.
    :param execution_id: The execution (``filename_uuid``).
    :return: Its logs, unparsed: usually one; none if List logs has none with this id (yet).
    :raises ResponseError: The answer has other executions instead.
    """
    found = [fields for fields in page.logs if fields.optional_identifier("filename_uuid") == execution_id]
    if found or not page.logs:
        return found
    ids = (fields.optional_identifier("filename_uuid") for fields in page.logs)
    if other := next(filter(None, ids), None):
        raise ResponseError(
            f"List logs: filename_uuid should be {execution_id!r} but is {shown(other)}; the filter was not applied."
        )
    raise page.logs[0].fault("filename_uuid", "the id of the requested execution")
