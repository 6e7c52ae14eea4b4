"""The plugin that registers the page. Task processes load it, too, so it imports nothing but Airflow's base class."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

NAME = "integrator"
#: Where the app is mounted, below the path of Airflow's base URL.
URL_PREFIX = "/integrator"
#: The first Airflow whose API reads a browser's cookie in the app of a plugin.
SINCE = (3, 1, 1)


class LazyApp:
    """An ASGI app that is built at its first request."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Answer a request, building the app before the first one."""
        if self._app is None:
            from airflow_provider_integrator.ui.app import build_app

            self._app = build_app()
        await self._app(scope, receive, send)


def is_supported(version: str) -> bool:
    """Return whether an Airflow can have the page.

    :param version: Its version.
    """
    return tuple(map(int, re.findall(r"\d+", version)[:3])) >= SINCE


def external_views(base_url: str) -> list[dict[str, str]]:
    """Describe the page and the tab for Airflow's UI.

    :param base_url: The base URL of Airflow's UI; only its path is used.
    :return: The views.
    """
    root = f"{urlsplit(base_url).path.rstrip('/')}{URL_PREFIX}"
    icons = {"icon": f"{root}/static/icon.svg", "icon_dark_mode": f"{root}/static/icon-dark.svg"}
    ids = "dag_id={DAG_ID}&run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}"
    page = {"href": f"{root}/", "destination": "nav", "category": "browse", "url_route": NAME}
    tab = {"href": f"{root}/task?{ids}", "destination": "task_instance", "url_route": f"{NAME}_execution"}
    return [{"name": "Integrator", **view, **icons} for view in (page, tab)]


class IntegratorPlugin(AirflowPlugin):
    """The page; without content on an Airflow that can't have it."""

    name = NAME
    if is_supported(airflow_version):
        fastapi_apps = [{"app": LazyApp(), "url_prefix": URL_PREFIX, "name": "Integrator"}]
        external_views = external_views(conf.get("api", "base_url", fallback="") or "")
