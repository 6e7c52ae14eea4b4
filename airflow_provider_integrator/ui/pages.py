"""The views: what each one reads and shows. The routes have checked that the user may read the connection."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.exceptions import IntegratorError
from airflow_provider_integrator.executions.report import ExecutionSummary
from airflow_provider_integrator.ui import views
from airflow_provider_integrator.ui.airflow_data import dag_runs, readable_connections
from airflow_provider_integrator.ui.cache import Cache
from airflow_provider_integrator.ui.download import LogDownload
from airflow_provider_integrator.ui.schedules import in_words as schedule_in_words
from airflow_provider_integrator.ui.source import (
    CACHE_SECONDS,
    EXECUTIONS,
    PATIENCE_SECONDS,
    Overview,
    Source,
)

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from fastapi import Request
    from fastapi.responses import HTMLResponse
    from markupsafe import Markup

    from airflow_provider_integrator.ui.rendering import Renderer


@dataclass(frozen=True)
class Place:
    """Where a page is: the connection and the project, and what else there is to choose from.

    :param connection_id: The Airflow connection.
    :param project_id: The project.
    :param default_project_id: The connection's own project.
    :param connections: The connections that the user may read.
    :param projects: Ids and names of the projects.
    """

    connection_id: str
    project_id: str
    default_project_id: str | None
    connections: tuple[str, ...]
    projects: tuple[tuple[str, str], ...]

    @property
    def project(self) -> str | None:
        """The project for an address; None if it is the connection's own."""
        return None if self.project_id == self.default_project_id else self.project_id


class Pages:
    """The views.

    :param source: What is asked of the Integrator.
    :param renderer: The templates.
    """

    def __init__(self, source: Source, renderer: Renderer) -> None:
        self.source = source
        self._renderer = renderer
        # As long as an overview is shown again, its drawings are, too.
        self._rows = Cache(CACHE_SECONDS, entries=8, patience=PATIENCE_SECONDS)

    def overview(
        self, request: Request, user: BaseUser, connection_id: str, project: str | None
    ) -> HTMLResponse:
        """Show all flows of a project."""
        place = self._place(user, connection_id, project)
        overview = self.source.overview(connection_id, place.project_id)
        rows, flags = self._rows.get(overview, lambda: self._draw(request, place, overview))
        return self._renderer.page(
            request,
            "overview.html",
            place=place,
            overview=overview,
            rows=rows,
            flags=flags,
            slots=EXECUTIONS,
            is_unordered=any(not report.is_latest for report in overview.reports),
        )

    def flow(
        self,
        request: Request,
        user: BaseUser,
        connection_id: str,
        project: str | None,
        wanted: str,
        number: int,
    ) -> HTMLResponse:
        """Show a flow and a page of its executions."""
        place = self._place(user, connection_id, project)
        flow = self.source.flow(connection_id, place.project_id, wanted)
        page = self.source.executions(connection_id, place.project_id, flow.id, number)
        oldest_first = tuple(reversed(page.executions))
        return self._renderer.page(
            request,
            "flow.html",
            place=place,
            flow=flow,
            schedule=schedule_in_words(
                flow.scheduling_strategy, flow.scheduling_period, inbound=flow.inbound
            ),
            page=page,
            number=number,
            rows_chart=views.rows_chart(oldest_first),
            duration_chart=views.duration_chart(oldest_first),
            is_by_day=views.is_by_day(oldest_first),
            snippet=views.snippet(connection_id, place.project_id, place.default_project_id, flow),
        )

    def execution(
        self,
        request: Request,
        user: BaseUser,
        connection_id: str,
        project: str | None,
        wanted: str,
        execution_id: str,
        search: tuple[str, str] | None,
    ) -> HTMLResponse:
        """Show an execution, its steps, its failed lines and the DAG runs that have to do with it."""
        place, source = self._place(user, connection_id, project), self.source
        flow = source.flow(connection_id, place.project_id, wanted)
        execution = source.execution(connection_id, place.project_id, flow.id, execution_id)
        lines: dict[str, Any] = {"failed_lines": None, "lines_error": None}
        if execution.fail_count or search:
            try:
                lines["failed_lines"] = source.failed_lines(
                    connection_id, place.project_id, flow.id, execution_id, search
                )
            except IntegratorError as error:  # of the lines: the execution is shown nevertheless
                lines["lines_error"] = str(error)
        return self._renderer.page(
            request,
            "execution.html",
            place=place,
            flow=flow,
            execution=execution,
            summary=ExecutionSummary.of(execution),
            steps=views.timeline(execution, datetime.now(timezone.utc)),
            search=search or ("", ""),
            page_url=source.settings(connection_id).execution_page(place.project_id, flow.id, execution),
            runs=dag_runs(user, execution_id, execution.created),
            snippet=views.snippet(connection_id, place.project_id, place.default_project_id, flow),
            **lines,
        )

    def errors(
        self, request: Request, connection_id: str, project: str | None, flow_id: str, log_id: str
    ) -> HTMLResponse:
        """Show the first errors of a log."""
        project_id = self.source.settings(connection_id).project(project)
        found = self.source.log_errors(connection_id, project_id, flow_id, log_id)
        return self._renderer.page(request, "errors.html", errors=found)

    def log(self, connection_id: str, project: str | None, flow_id: str, log_id: str) -> LogDownload:
        """Hand out a decoded log."""
        project_id = self.source.settings(connection_id).project(project)
        return LogDownload.of(self.source, connection_id, project_id, flow_id, log_id)

    def _place(self, user: BaseUser, connection_id: str, project: str | None) -> Place:
        settings = self.source.settings(connection_id)
        chosen = settings.project(project)
        return Place(
            connection_id,
            chosen,
            settings.project_id,
            tuple(sorted({connection_id, *readable_connections(user)})),
            tuple(self.source.projects(connection_id, chosen)),
        )

    def _draw(self, request: Request, place: Place, overview: Overview) -> tuple[Markup, Counter[str]]:
        """Draw the flows of an overview, worst first, once for all who look at it.

        :return: The rows, and the number of flows by flag.
        """
        rows = sorted(
            (views.Row.of(report, EXECUTIONS) for report in overview.reports), key=lambda row: row.rank
        )
        flags = Counter(flag for row in rows for flag in row.flags)
        return self._renderer.part(request, "rows.html", rows=rows, place=place), flags
