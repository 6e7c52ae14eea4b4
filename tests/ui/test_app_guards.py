"""Every route of the page is guarded: signed in, and allowed to read that connection."""

from __future__ import annotations

import json
import mimetypes
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from airflow_provider_integrator import ui

EXECUTION = {"flow": "price", "execution": "e-1"}
VIEWS = [
    ("overview", {}),
    ("flow", {"flow": "price"}),
    ("execution", EXECUTION),
    ("errors", {"flow": "price", "log": "1"}),
    ("log", {"flow": "price", "log": "1"}),
]
TASK = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": "{MAP_INDEX}"}
ALL = [
    ("/", {}),
    ("/task", TASK),
    ("/static/page.css", {}),
    *((f"/{view}/integrator_default", query) for view, query in VIEWS),
]


@pytest.mark.parametrize(("path", "query"), ALL)
def test_nobody_sees_anything_signed_out(browse, path, query, simulator):
    answer = browse(None).get(path, params=query)

    assert answer.status_code == 401
    assert "Sign in to Airflow" in answer.text
    assert simulator.requests == []


@pytest.mark.parametrize(("view", "query"), VIEWS)
def test_a_viewer_may_not_read_connections(browse, view, query, simulator, mocker):
    settings = mocker.patch("airflow_provider_integrator.ui.source.Source.settings")

    answer = browse("viewer").get(f"/{view}/integrator_default", params=query)

    assert answer.status_code == 403
    assert "You may not read this in Airflow" in answer.text
    assert simulator.requests == []
    settings.assert_not_called()


@pytest.mark.parametrize(("view", "query"), VIEWS)
@pytest.mark.parametrize(
    "path", ["integrator_other", "integrator%5Fother", "a/integrator_other", "integrator_other/"]
)
def test_who_may_read_one_connection_may_not_read_another(
    browse, view, query, path, mocker, simulator, monkeypatch
):
    only(mocker, "integrator_default")
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_OTHER", json.dumps(simulator.connection()))

    answer = browse().get(f"/{view}/{path}", params={**query, "connection_id": "integrator_default"})

    assert answer.status_code == 403
    assert simulator.requests == []


@pytest.mark.parametrize("role", ["op", "admin"])
def test_who_may_read_the_connection_sees_its_flows(browse, role, simulator, flow):
    simulator.add_execution(flow, lasts=0)

    answer = browse(role).get("/overview/integrator_default")

    assert answer.status_code == 200
    assert "Price" in answer.text


def test_only_readable_connections_are_listed(browse, mocker, simulator, monkeypatch, session):
    from airflow.models.connection import Connection

    for conn_id, conn_type in (("stored", "integrator"), ("secret", "integrator"), ("other_type", "http")):
        session.add(Connection(conn_id=conn_id, conn_type=conn_type))
    session.commit()
    monkeypatch.setenv("AIRFLOW_CONN_SECRET_TOO", json.dumps(simulator.connection()))
    monkeypatch.setenv("AIRFLOW_CONN_ODD", "://")
    only(mocker, "integrator_default", "stored", "other_type", "odd")

    text = browse().get("/overview/integrator_default").text

    assert re.findall(r"overview/(\w+)\"[^>]*>\1<", text) == ["integrator_default", "stored"]
    assert "secret" not in text


def test_the_entrance_leads_to_the_usual_connection(browse, session):
    from airflow.models.connection import Connection

    session.add(Connection(conn_id="a_first_one", conn_type="integrator"))
    session.commit()

    answer = browse().get("/")

    assert answer.headers["location"] == "/airflow/integrator/overview/integrator_default"


def test_the_entrance_says_if_there_is_nothing_to_read(browse):
    answer = browse("viewer").get("/")

    assert answer.status_code == 200
    assert "no connection of type Akinon Integrator that you may read" in answer.text


def test_the_tab_needs_the_right_to_read_the_task(browse, mocker):
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    mocker.patch.object(SimpleAuthManager, "is_authorized_dag", return_value=False)

    assert browse().get("/task", params=TASK).status_code == 403


@pytest.mark.parametrize(
    "name", ["..%2Fapp.py", "%2E%2E/app.py", "app.py", "page.css%00", "nothing.css", "x" * 999, ""]
)
def test_only_the_static_files_are_served(browse, name):
    assert browse().get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("icon-dark.svg", "image/svg+xml"),
    ],
)
def test_static_files_are_served_to_any_user(browse, name, kind, mocker):
    mimetypes.init()
    mocker.patch.dict(mimetypes.types_map, dict.fromkeys((".css", ".js", ".svg"), "text/plain"))

    answer = browse("viewer").get(f"/static/{name}")

    assert answer.status_code == 200
    assert answer.content
    assert answer.headers["content-type"] == kind


@pytest.fixture
def linked(tmp_path, mocker):
    """The app in an environment whose files are links, as uv can make one."""
    from airflow_provider_integrator.ui import app

    (tmp_path / "static").mkdir()
    (tmp_path / "app.py").symlink_to(app.__file__)
    for file in (Path(ui.__file__).parent / "static").iterdir():
        (tmp_path / "static" / file.name).symlink_to(file)
    spec = spec_from_file_location("linked_app", tmp_path / "app.py")
    module = module_from_spec(spec)
    mocker.patch.dict("sys.modules", {spec.name: module})
    spec.loader.exec_module(module)
    mocker.patch.object(app, "build_app", module.build_app)


def test_static_files_may_be_links(linked, browse):
    assert browse().get("/static/page.css").status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/nothing"])
def test_there_is_nothing_else(browse, path):
    assert browse().get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/overview/integrator_default", "/nothing", "/static/page.js"])
@pytest.mark.parametrize("role", ["op", None])
def test_every_answer_has_the_headers(browse, path, role):
    headers = browse(role).get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    if not path.startswith("/static") or role is None:
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [f"/{view}/integrator_default" for view, _ in VIEWS[1:]])
def test_an_incomplete_address_is_said(browse, path):
    answer = browse().get(path)

    assert answer.status_code == 422
    assert "The address lacks a usable" in answer.text


def only(mocker, *conn_ids):
    """Let everybody read these connections and no other."""
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    def is_authorized(self, *, method, user, details=None):
        return details is not None and details.conn_id in conn_ids

    mocker.patch.object(SimpleAuthManager, "is_authorized_connection", is_authorized)
