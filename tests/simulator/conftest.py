"""Fixtures: a simulator with a project and a flow, a clock that stands still, and a caller."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_integrator.simulator import Flow, IntegratorSimulator, Project

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 20.0


class Clock:
    """A clock that a test moves by itself."""

    def __init__(self, now: float = 1_700_000_000.123456) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Caller:
    """Calls a simulator, logged in or not; as plain as can be, and nothing of the package's own client."""

    def __init__(self, integrator: IntegratorSimulator) -> None:
        self.integrator = integrator
        self.session = requests.Session()
        self.session.trust_env = False

    def login(self) -> Caller:
        credentials = {"username": self.integrator.username, "password": self.integrator.password}
        answer = self.post("/api/nifi/login", data=credentials)
        assert answer.status_code == 200
        self.session.headers["Authorization"] = f"Bearer {answer.text}"
        return self

    def get(self, path: str, **params: Any) -> requests.Response:
        query = {name.replace("__", "."): value for name, value in params.items() if value is not None}
        return self.session.get(
            self.integrator.url + path, params=query, timeout=TIMEOUT, allow_redirects=False
        )

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.integrator.url + path, timeout=TIMEOUT, **options)

    def logs(self, flow: Flow, **params: Any) -> requests.Response:
        return self.get("/logs", **{"projectid": flow.project.id, "flowId": flow.id, **params})

    def results(self, flow: Flow, **params: Any) -> list[dict[str, Any]]:
        answer = self.logs(flow, **params)
        if answer.status_code == 404:
            return []
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    def download(self, flow: Flow, log_id: str, **params: Any) -> requests.Response:
        wanted = {
            "id": log_id,
            "projectid": flow.project.id,
            "flowId": flow.id,
            "projectslug": flow.project.slug,
        }
        return self.get("/logs/download", **{**wanted, **params})

    def log(self, flow: Flow, log_id: str) -> Any:
        return self.unpacked(self.download(flow, log_id))

    @staticmethod
    def unpacked(answer: requests.Response) -> Any:
        """Read a downloaded log by the documented recipe."""
        assert answer.status_code == 200, answer.text
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(answer.text, validate=True))) as archive:
            return json.loads(archive.read(archive.namelist()[0]))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def integrator(clock: Clock) -> Iterator[IntegratorSimulator]:
    with IntegratorSimulator(clock=clock, seed=7) as simulator:
        yield simulator


@pytest.fixture
def project(integrator: IntegratorSimulator) -> Project:
    return integrator.add_project("Acme", slug="acme", partner_id="partner-1")


@pytest.fixture
def flow(integrator: IntegratorSimulator, project: Project) -> Flow:
    return integrator.add_flow(project, "Price", slug="price")


@pytest.fixture
def anonymous(integrator: IntegratorSimulator) -> Caller:
    return Caller(integrator)


@pytest.fixture
def caller(integrator: IntegratorSimulator) -> Caller:
    return Caller(integrator).login()
