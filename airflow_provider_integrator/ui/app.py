"""The app behind the page: its routes, each of them guarded, and the headers of all answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection, requires_access_dag
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    IntegratorError,
    UnavailableError,
)
from airflow_provider_integrator.hooks.base import IntegratorBaseHook
from airflow_provider_integrator.ui.airflow_data import readable_connections, task_target
from airflow_provider_integrator.ui.pages import Pages
from airflow_provider_integrator.ui.rendering import Renderer
from airflow_provider_integrator.ui.source import Source

#: The threads that wait for the Integrator.
_THREADS = 16
_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

#: An id or a text of a query: as long as Integrator's ids may be, and a little more.
Text = Annotated[str, Query(max_length=500)]
Optional = Annotated[str | None, Query(max_length=500)]


def _remember_user(request: Request, user: GetUserDep) -> None:
    """Keep the user for the page that says what went wrong: it offers the connections that he may read."""
    request.state.reader = user


_MAY_READ_CONNECTION = [Depends(requires_access_connection("GET")), Depends(_remember_user)]
_MAY_READ_TASK = [
    Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)),
    Depends(requires_access_dag("GET", DagAccessEntity.XCOM)),
]


def build_app(source: Source | None = None) -> FastAPI:
    """Build the app.

    :param source: What is asked of the Integrator; None: a new one.
    :return: The app, to be mounted in Airflow's.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    renderer = Renderer()
    pages = Pages(source or Source(), renderer)
    _add_entrances(app, renderer)
    _add_views(app, pages)
    _add_errors(app, renderer)
    app.add_middleware(_Headers)
    return app


def _add_entrances(app: FastAPI, renderer: Renderer) -> None:
    """Add the routes that lead to a view, and the static files."""

    @app.get("/")
    def index(request: Request, user: GetUserDep) -> Response:
        readable = readable_connections(user)
        if not readable:
            return renderer.message(
                request,
                "No connection to show",
                "There is no connection of type Akinon Integrator that you may read. An operator or an admin can add "
                "one under Admin, Connections.",
            )
        usual = IntegratorBaseHook.default_conn_name
        chosen = usual if usual in readable else readable[0]
        return RedirectResponse(renderer.url(request, "overview", chosen))

    @app.get("/task", dependencies=_MAY_READ_TASK)
    def task(request: Request, dag_id: Text, run_id: Text, task_id: Text, map_index: Text = "-1") -> Response:
        # Airflow leaves {MAP_INDEX} as it is, if the task isn't mapped.
        index = int(map_index) if map_index.isascii() and map_index.isdigit() else -1
        target = task_target(dag_id, run_id, task_id, index)
        if target.connection_id is None or target.flow is None:
            return renderer.message(
                request,
                "No execution",
                "This task instance has nothing to do with an Integrator's execution, or hasn't started yet.",
            )
        arguments = {"project": target.project_id, "flow": target.flow, "execution": target.execution_id}
        view = "flow" if target.execution_id is None else "execution"
        return RedirectResponse(renderer.url(request, view, target.connection_id, **arguments))

    @app.get("/static/{name}")
    def static(name: str, user: GetUserDep) -> Response:
        file = _STATIC / name
        if file.parent != _STATIC or file.suffix not in _TYPES or not file.is_file():
            raise HTTPException(404)
        headers = {"cache-control": "private, max-age=3600"}
        return Response(file.read_bytes(), media_type=_TYPES[file.suffix], headers=headers)


def _add_views(app: FastAPI, pages: Pages) -> None:
    """Add the views. Airflow's guard takes the connection from the path's parameter of that name.

    They wait for the Integrator on threads of their own: those that FastAPI runs ``def`` routes on are few, and are the
    whole API server's.
    """
    view = partial(app.get, dependencies=_MAY_READ_CONNECTION, response_class=HTMLResponse)
    threads = ThreadPoolExecutor(_THREADS, "integrator-page")

    async def answer(make: Callable[..., Response], *arguments: Any) -> Response:
        return await asyncio.get_running_loop().run_in_executor(threads, make, *arguments)

    @view("/overview/{connection_id:path}")
    async def overview(
        request: Request, connection_id: str, user: GetUserDep, project: Optional = None
    ) -> Response:
        return await answer(pages.overview, request, user, connection_id, project or None)

    @view("/flow/{connection_id:path}")
    async def flow(
        request: Request,
        connection_id: str,
        user: GetUserDep,
        flow: Text,
        project: Optional = None,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        return await answer(pages.flow, request, user, connection_id, project or None, flow, page)

    @view("/execution/{connection_id:path}")
    async def execution(
        request: Request,
        connection_id: str,
        user: GetUserDep,
        flow: Text,
        execution: Text,
        project: Optional = None,
        field: Optional = None,
        value: Optional = None,
    ) -> Response:
        search = (field.strip(), value.strip()) if field and value else None
        return await answer(
            pages.execution, request, user, connection_id, project or None, flow, execution, search
        )

    @view("/errors/{connection_id:path}")
    async def errors(
        request: Request, connection_id: str, flow: Text, log: Text, project: Optional = None
    ) -> Response:
        return await answer(pages.errors, request, connection_id, project or None, flow, log)

    @view("/log/{connection_id:path}")
    async def log(connection_id: str, flow: Text, log: Text, project: Optional = None) -> Response:
        return await answer(pages.log, connection_id, project or None, flow, log)


def _add_errors(app: FastAPI, renderer: Renderer) -> None:
    """Answer every error with a page that says it in a sentence."""

    @app.exception_handler(IntegratorError)
    def integrator_error(request: Request, error: IntegratorError) -> Response:
        title, text, status = _describe(error)
        return renderer.message(
            request,
            title,
            text,
            status,
            detail=str(error),
            connections=readable_connections(request.state.reader),
        )

    @app.exception_handler(AirflowNotFoundException)
    def not_found(request: Request, error: AirflowNotFoundException) -> Response:
        return renderer.message(request, "No such connection", "Airflow has no connection with this id.", 404)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        names = ", ".join(sorted({str(each["loc"][-1]) for each in error.errors()}))
        return renderer.message(request, "Not a page", f"The address lacks a usable {names}.", 422)

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> Response:
        # It is raised again for the API server's log.
        text = "This page has failed. The log of Airflow's API server says why."
        return renderer.message(request, "An error", text, 500)

    @app.exception_handler(StarletteHTTPException)
    def refused(request: Request, error: StarletteHTTPException) -> Response:
        title, text = _REFUSALS.get(error.status_code, ("Not a page", "There is no page at this address."))
        return renderer.message(request, title, text, error.status_code)


_REFUSALS = {
    401: ("Signed out", "Sign in to Airflow, then open this page again."),
    403: (
        "No access",
        "You may not read this in Airflow. An admin can give you the right to read the connection.",
    ),
}


def _describe(error: IntegratorError) -> tuple[str, str, int]:
    """Say in a sentence what is wrong.

    :return: The title, the sentence and the HTTP status.
    """
    if isinstance(error, UnavailableError):
        return (
            "The Integrator doesn't answer",
            "It can't be reached now, or it takes longer than a page can wait. This page asks again by itself.",
            503,
        )
    if isinstance(error, AuthenticationError):
        text = "Correct Login and Password, or the token, of this connection under Admin, Connections."
        return "The Integrator refuses the credentials", text, 502
    if isinstance(error, ConfigurationError):
        return "This can't be shown", str(error), 404
    return "The answer can't be shown", "The Integrator's answer isn't what this page needs.", 502


class _Headers:
    """Adds the headers to every answer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                wanted = {**_HEADERS, "cache-control": "no-store"}
                added = [(name.encode(), value.encode()) for name, value in wanted.items()]
                message["headers"] = [*message["headers"], *(each for each in added if each[0] not in known)]
            await send(message)

        await self._app(scope, receive, send_with_headers)
