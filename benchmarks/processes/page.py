"""A process that has the page's app, as Airflow's API server has it, and viewers who look at an overview."""

from __future__ import annotations

import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.measuring import peak_resident_bytes
from benchmarks.processes.talking import answer_requests

_OVERVIEW = "/integrator/overview/integrator_default"


def look(connection: dict[str, Any], viewers: int, idle: bool) -> dict[str, Any]:
    """Look at an overview that nobody has looked at before, and then again.

    :param connection: The Airflow connection.
    :param viewers: How many look at the same time.
    :param idle: Whether only to get ready, for the memory that this takes.
    :return: The seconds of the slowest viewer's first look, those of a second look, the bytes of the page, its rows,
        and the peak of memory in bytes.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW_CONN_INTEGRATOR_DEFAULT"] = json.dumps(connection)
        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{folder}/airflow.db"
        os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] = str(Path(folder, "passwords.json"))
        os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = "benchmark" * 10
        browsers = _browsers(viewers)
        # The app is built at its first request, whatever that is.
        browsers[0].get("/integrator/static/page.css").raise_for_status()
        if idle:
            return {"peak": peak_resident_bytes()}
        began = time.perf_counter()
        with ThreadPoolExecutor(viewers) as executor:
            pages = list(executor.map(lambda browser: browser.get(_OVERVIEW), browsers))
        cold, began = time.perf_counter() - began, time.perf_counter()
        again = browsers[0].get(_OVERVIEW)
        warm = time.perf_counter() - began
    if {page.status_code for page in (*pages, again)} != {200}:
        raise RuntimeError(again.text[-2000:])
    return {
        "cold": cold,
        "warm": warm,
        "bytes": len(again.content),
        "rows": again.text.count('<svg class="cells"'),
        "peak": peak_resident_bytes(),
    }


def _browsers(count: int) -> list[Any]:
    """Sign in browsers to an app that has the page mounted, as Airflow mounts it."""
    from airflow import settings
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models.base import Base
    from airflow.utils.db import import_all_models
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from airflow_provider_integrator.ui.plugin import URL_PREFIX, LazyApp

    settings.configure_vars()
    settings.configure_orm()
    import_all_models()
    Base.metadata.create_all(settings.engine)
    app = FastAPI()
    app.mount(URL_PREFIX, LazyApp())
    token = init_auth_manager().generate_jwt(SimpleAuthManagerUser(username="op", role="op"))
    return [TestClient(app, cookies={"_token": token}) for _ in range(count)]


if __name__ == "__main__":
    answer_requests(lambda request: look(**request))
