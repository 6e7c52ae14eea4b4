"""Templates, all of whose texts are escaped, and the addresses of the pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from airflow_provider_integrator import __version__
from airflow_provider_integrator.ui import texts
from airflow_provider_integrator.ui.schedules import schedule
from airflow_provider_integrator.ui.views import axis_end

if TYPE_CHECKING:
    from fastapi import Request

ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FILTERS = (
    texts.age,
    texts.count,
    texts.described,
    texts.duration,
    texts.moment,
    texts.rate,
    texts.row,
    schedule,
)
ENVIRONMENT.filters |= {each.__name__: each for each in _FILTERS}
ENVIRONMENT.globals |= {"version": __version__, "outcomes": texts.OUTCOMES, "axis_end": axis_end}


def url_of(request: Request, view: str, connection_id: str = "", **arguments: object) -> str:
    """Build the address of a view.

    :param request: The request, which says where the app is mounted.
    :param view: The view's name.
    :param connection_id: The Airflow connection.
    :param arguments: The query's parameters; None is left out.
    :return: The address, without a host.
    """
    path = f"/{quote(connection_id, safe='')}" if connection_id else ""
    query = urlencode({name: value for name, value in arguments.items() if value is not None})
    return f"{_root(request)}/{view}{path}{f'?{query}' if query else ''}"


def part(request: Request, template: str, **values: Any) -> Markup:
    """Render a part of a page.

    :param request: The request.
    :param template: The template's name.
    :param values: What the template shows.
    :return: The part.
    """

    def url(view: str, connection_id: str = "", **arguments: object) -> str:
        return url_of(request, view, connection_id, **arguments)

    def dag_run_url(dag_id: str, run_id: str, task_id: str | None = None) -> str:
        airflow = _root(request).rpartition("/")[0]
        task = f"/tasks/{quote(task_id, safe='')}" if task_id else ""
        return f"{airflow}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}{task}"

    text = ENVIRONMENT.get_template(template).render(url=url, dag_run_url=dag_run_url, **values)
    return Markup(text)  # noqa: S704 - of a template, which escapes


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a page.

    :param request: The request.
    :param template: The template's name.
    :param status: The HTTP status.
    :param values: What the template shows.
    :return: The answer.
    """
    # A name may hold half a character, which can't be sent.
    return HTMLResponse(part(request, template, **values).encode("utf-8", "replace"), status)


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")
