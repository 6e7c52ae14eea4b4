"""The app behind the page: the views, the ways to them, and what every answer has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    IntegratorError,
    UnavailableError,
)
from airflow_provider_integrator.hooks.base import IntegratorBaseHook
from airflow_provider_integrator.ui import pages
from airflow_provider_integrator.ui.airflow_data import readable_connections, task_target
from airflow_provider_integrator.ui.pages import Text
from airflow_provider_integrator.ui.rendering import render, url_of
from airflow_provider_integrator.ui.source import Source

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_MAY_READ_TASK = [
    Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)),
    Depends(requires_access_dag("GET", DagAccessEntity.XCOM)),
]
#: Given, as a machine's table may have others, with which a browser refuses the files.
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = (Path(__file__).parent / "static").iterdir()
_STATIC = {file.name: file for file in _FILES if file.suffix in _TYPES}

router = APIRouter()


def build_app(source: Source | None = None) -> FastAPI:
    """Build the app.

    :param source: What is asked of the Integrator; None: a new one.
    :return: The app, to be mounted in Airflow's.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, exception_handlers=_HANDLERS)
    app.state.source = source or Source()
    app.include_router(router)
    app.include_router(pages.router)
    app.middleware("http")(_add_headers)
    return app


async def _add_headers(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await proceed(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@router.get("/")
def _index(request: Request, user: GetUserDep) -> Response:
    readable = readable_connections(user)
    if not readable:
        return _message(
            request,
            "No connection to show",
            "There is no connection of type Akinon Integrator that you may read. An operator or an admin can add "
            "one under Admin, Connections.",
        )
    usual = IntegratorBaseHook.default_conn_name
    return RedirectResponse(url_of(request, "overview", usual if usual in readable else readable[0]))


@router.get("/task", dependencies=_MAY_READ_TASK)
def _task(request: Request, dag_id: Text, run_id: Text, task_id: Text, map_index: Text = "-1") -> Response:
    # Airflow leaves {MAP_INDEX} as it is, if the task isn't mapped.
    index = int(map_index) if map_index.isascii() and map_index.isdigit() else -1
    target = task_target(dag_id, run_id, task_id, index)
    if target is None:
        return _message(
            request,
            "No execution",
            "This task instance has nothing to do with an Integrator's execution, or hasn't started yet.",
        )
    arguments = {"project": target.project_id, "flow": target.flow, "execution": target.execution_id}
    view = "flow" if target.execution_id is None else "execution"
    return RedirectResponse(url_of(request, view, target.connection_id, **arguments))


@router.get("/static/{name}")
def _file(name: str, user: GetUserDep) -> Response:
    if name not in _STATIC:
        raise HTTPException(404)
    file = _STATIC[name]
    headers = {"cache-control": "private, max-age=3600"}
    return Response(file.read_bytes(), media_type=_TYPES[file.suffix], headers=headers)


def _message(request: Request, title: str, text: str, status: int = 200, **more: Any) -> Response:
    """Show a page that says one thing; ``detail`` says what exactly has happened."""
    values = {"title": title, "text": text, "detail": None, "connections": (), **more}
    return render(request, "message.html", status, **values)


def _integrator_error(request: Request, error: IntegratorError) -> Response:
    title, text, status = _describe(error)
    connections = readable_connections(request.state.reader)
    return _message(request, title, text, status, detail=str(error), connections=connections)


def _describe(error: IntegratorError) -> tuple[str, str, int]:
    """Say in a sentence what is wrong: the title, the sentence and the HTTP status."""
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


def _not_found(request: Request, error: Exception) -> Response:
    return _message(request, "No such connection", "Airflow has no connection with this id.", 404)


def _invalid(request: Request, error: RequestValidationError) -> Response:
    names = ", ".join(sorted({str(each["loc"][-1]) for each in error.errors()}))
    return _message(request, "Not a page", f"The address lacks a usable {names}.", 422)


def _refused(request: Request, error: HTTPException) -> Response:
    refusals = {
        401: ("Signed out", "Sign in to Airflow, then open this page again."),
        403: (
            "No access",
            "You may not read this in Airflow. An admin can give you the right to read the connection.",
        ),
    }
    unknown = ("Not a page", "There is no page at this address.")
    return _message(request, *refusals.get(error.status_code, unknown), error.status_code)


def _failed(request: Request, error: Exception) -> Response:
    # It is raised again for the API server's log.
    text = "This page has failed. The log of Airflow's API server says why."
    answer = _message(request, "An error", text, 500)
    answer.headers.update(_HEADERS)  # which the middleware doesn't reach
    return answer


#: Every error is answered with a page that says it in a sentence.
_HANDLERS: dict[Any, Any] = {
    IntegratorError: _integrator_error,
    AirflowNotFoundException: _not_found,
    RequestValidationError: _invalid,
    HTTPException: _refused,
    Exception: _failed,
}
