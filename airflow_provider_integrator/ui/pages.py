"""The views. Airflow's guard takes the connection from the path's parameter of that name.

They wait for the Integrator on threads of their own: those that FastAPI runs ``def`` routes on are few, and are the
whole API server's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial, wraps
from typing import Annotated, Any, ParamSpec

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from fastapi import APIRouter, Depends, Query, Request, Response

from airflow_provider_integrator.exceptions import IntegratorError
from airflow_provider_integrator.executions.report import ExecutionSummary
from airflow_provider_integrator.ui import source, views
from airflow_provider_integrator.ui.airflow_data import dag_runs, readable_connections
from airflow_provider_integrator.ui.download import LogDownload
from airflow_provider_integrator.ui.rendering import part, render
from airflow_provider_integrator.ui.source import EXECUTIONS, Place

P = ParamSpec("P")

#: An id or a text of a query: as long as Integrator's ids may be, and a little more.
Text = Annotated[str, Query(max_length=500)]
Optional = Annotated[str | None, Query(max_length=500)]

_THREADS = ThreadPoolExecutor(16, "integrator-page")


def _remember_user(request: Request, user: GetUserDep) -> None:
    """Keep the user for the page that says what went wrong: it offers the connections that he may read."""
    request.state.reader = user


router = APIRouter(dependencies=[Depends(requires_access_connection("GET")), Depends(_remember_user)])


def _view(show: Callable[P, Response]) -> Callable[P, Response]:
    """Add a view, at the path of its name."""

    @wraps(show)
    async def answer(*arguments: P.args, **named: P.kwargs) -> Response:
        work = partial(show, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(_THREADS, work)

    router.get(f"/{show.__name__}/{{connection_id:path}}")(answer)
    return show


def _place(request: Request, connection_id: str, project: str | None) -> Place:
    return Place(request.app.state.source, connection_id, project)


@_view
def overview(request: Request, connection_id: str, user: GetUserDep, project: Optional = None) -> Response:
    """Show all flows of a project, worst first."""
    place = _place(request, connection_id, project)

    def draw() -> dict[str, Any]:
        """Draw the flows once for all who look at them."""
        reports, hidden = place.read_overview()
        rows = sorted(map(views.Row, reports), key=lambda row: row.rank)
        return {
            "rows": part(request, "rows.html", rows=rows, place=place, slots=EXECUTIONS),
            "flags": Counter(flag for row in rows for flag in row.flags),
            "total": len(rows),
            "hidden": hidden,
            "is_unordered": any(not report.is_latest for report in reports),
        }

    return render(
        request,
        "overview.html",
        place=place,
        connections=sorted({connection_id, *readable_connections(user)}),
        projects=place.projects(),
        slots=EXECUTIONS,
        **place.source.overviews.get((connection_id, place.project_id), draw),
    )


@_view
def flow(
    request: Request,
    connection_id: str,
    flow: Text,
    project: Optional = None,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """Show a flow and a page of its executions."""
    place = _place(request, connection_id, project)
    found = place.flow(flow)
    executions = place.executions(found.id, page)
    oldest_first = tuple(reversed(executions.executions))
    return render(
        request,
        "flow.html",
        place=place,
        flow=found,
        page=executions,
        number=page,
        bars_of_rows=views.bars_of_rows(oldest_first),
        bars_of_durations=views.bars_of_durations(oldest_first),
        is_by_day=views.is_by_day(oldest_first),
        snippet=views.snippet(connection_id, place.project, found),
    )


@_view
def execution(
    request: Request,
    connection_id: str,
    user: GetUserDep,
    flow: Text,
    execution: Text,
    project: Optional = None,
    field: Optional = None,
    value: Optional = None,
) -> Response:
    """Show an execution, its steps, its failed lines and the DAG runs that have to do with it."""
    place = _place(request, connection_id, project)
    search = (field.strip(), value.strip()) if field and value else None
    its_flow = place.flow(flow)
    found = place.execution(its_flow.id, execution)
    lines: dict[str, Any] = {"failed_lines": None, "lines_error": None}
    if found.fail_count or search:
        try:
            lines["failed_lines"] = place.failed_lines(its_flow.id, execution, search)
        except IntegratorError as error:  # of the lines: the execution is shown nevertheless
            lines["lines_error"] = str(error)
    return render(
        request,
        "execution.html",
        place=place,
        flow=its_flow,
        execution=found,
        summary=ExecutionSummary.of(found),
        steps=views.timeline(found, datetime.now(timezone.utc)),
        search=search or ("", ""),
        page_url=place.settings.execution_page(place.project_id, its_flow.id, found),
        runs=dag_runs(user, execution, found.created),
        snippet=views.snippet(connection_id, place.project, its_flow),
        **lines,
    )


@_view
def errors(request: Request, connection_id: str, flow: Text, log: Text, project: Optional = None) -> Response:
    """Show the first errors of a log."""
    found = _place(request, connection_id, project).log_errors(flow, log)
    return render(request, "errors.html", errors=found)


@_view
def log(request: Request, connection_id: str, flow: Text, log: Text, project: Optional = None) -> Response:
    """Hand out a decoded log."""
    place = _place(request, connection_id, project)
    with place.log(flow, log, source.MAX_LOG_BYTES) as archive:
        return LogDownload(archive, log)
