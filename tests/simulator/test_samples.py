"""The default form of each answer, field by field and type by type, against the samples of the vendor's pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow_provider_integrator.simulator import Flow, IntegratorSimulator, Project
    from tests.simulator.conftest import Caller

SAMPLES = Path(__file__).parents[1] / "samples"
NULL = type(None)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def types(value: Any, at: str = "") -> dict[str, set[type]]:
    """The JSON types that stand at each place of a document; the items of a list stand at one place."""
    found: dict[str, set[type]] = {at: {type(value)}}
    inner: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        inner = [(f"{at}.{name}", one) for name, one in value.items()]
    elif isinstance(value, list):
        inner = [(f"{at}[]", one) for one in value]
    for place, one in inner:
        for deeper, kinds in types(one, place).items():
            found.setdefault(deeper, set()).update(kinds)
    return found


@pytest.fixture
def running(integrator: IntegratorSimulator, project: Project) -> Flow:
    """The flow of the sample, with an execution right after its start."""
    login = {"!omnitron.param.erp_login_slug": "erp-login"}
    flow = integrator.add_flow(project, "Product", variables=login)
    integrator.add_execution(
        flow, is_triggered=True, triggered_by="test@akinon.com", steps=["Login", "Read Data From ERP"]
    )
    return flow


def test_projects_are_as_in_the_sample(caller: Caller, project: Project) -> None:
    shown = caller.get("/api/nifi/project/list", partnerId=project.partner_id).json()
    assert types(shown) == types(sample("list_projects"))


def test_flows_are_as_in_the_sample(caller: Caller, project: Project, running: Flow) -> None:
    shown = caller.get("/api/nifi/flow/list", projectId=project.id).json()
    assert types(shown) == types(sample("list_flows"))


@pytest.mark.parametrize("ended", [False, True])
def test_logs_are_as_in_the_sample(
    integrator: IntegratorSimulator, caller: Caller, running: Flow, ended: bool
) -> None:
    if ended:
        (execution,) = caller.results(running)
        integrator.finish(execution["filename_uuid"])
    page = caller.logs(running, limit=20).json()
    assert_like(page, sample("list_logs"))
    for step in page["results"][0]["sub_flows"]:
        assert_like(step, sample("list_logs")["results"][0]["sub_flows"][0])


def assert_like(shown: Any, wanted: Any) -> None:
    found, expected = types(shown), types(wanted)
    assert found.keys() == expected.keys()
    for place, kinds in found.items():
        # ``finished`` is null until the end: the sample's execution has just begun, its steps have ended.
        until_the_end = {str, NULL} if place.endswith("finished") else set()
        assert kinds <= expected[place] | until_the_end, place
