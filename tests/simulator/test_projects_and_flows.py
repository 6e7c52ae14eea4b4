"""List projects and List flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_integrator.simulator import Flow, IntegratorSimulator, Project

if TYPE_CHECKING:
    from tests.simulator.conftest import Caller

PROJECTS, FLOWS = "/api/nifi/project/list", "/api/nifi/flow/list"


def test_list_projects_shows_every_documented_field(project: Project, flow: Flow, caller: Caller) -> None:
    answer = caller.get(PROJECTS, partnerId="partner-1")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json() == [
        {
            "id": project.id,
            "state": "RUNNING",
            "flowCount": 1,
            "revision": {"version": 0},
            "component": {
                "id": project.id,
                "name": "Acme",
                "comments": "",
                "parentGroupId": "partner-1",
                "variables": {
                    "!projectSlug": "acme",
                    "!projectId": project.id,
                    "!createdDate": "1700000000123",
                },
            },
        }
    ]


def test_list_projects_shows_one_partners_only(
    integrator: IntegratorSimulator, project: Project, caller: Caller
) -> None:
    other = integrator.add_project("Other", partner_id="partner-2")
    assert [one["id"] for one in caller.get(PROJECTS, partnerId="partner-2").json()] == [other.id]
    assert other.slug == "other"


@pytest.mark.parametrize(
    "params", [{}, {"partnerId": ""}, {"partnerId": "nobody"}, {"partnerid": "partner-1"}]
)
def test_list_projects_requires_partner_id(project: Project, caller: Caller, params: dict[str, str]) -> None:
    answer = caller.get(PROJECTS, **params)
    assert answer.status_code == 400
    assert "partnerId" in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_list_flows_shows_every_documented_field(
    integrator: IntegratorSimulator, project: Project, caller: Caller
) -> None:
    flow = integrator.add_flow(
        project,
        "Order Status",
        inbound=False,
        outbound=True,
        state="STOPPED",
        type="OrderStatus",
        scheduling_strategy="TIMER_DRIVEN",
        scheduling_period="5 min",
        variables={"!omnitron.param.erp_login_slug": "erp-login"},
    )
    assert caller.get(FLOWS, projectId=project.id).json() == [
        {
            "id": flow.id,
            "state": "STOPPED",
            "component": {
                "id": flow.id,
                "name": "Order Status",
                "parentGroupId": project.id,
                "variables": {
                    "!flowId": flow.id,
                    "!flowSlug": "order_status",
                    "!flowType": "OrderStatus",
                    "!inbound": "false",
                    "!outbound": "true",
                    "!schedulingStrategy": "TIMER_DRIVEN",
                    "!schedulingPeriod": "5 min",
                    "!omnitron.param.erp_login_slug": "erp-login",
                },
            },
        }
    ]


def test_a_flow_is_inbound_and_running_by_default(project: Project, flow: Flow, caller: Caller) -> None:
    (shown,) = caller.get(FLOWS, projectId=project.id).json()
    variables = shown["component"]["variables"]
    assert shown["state"] == "RUNNING"
    assert (variables["!inbound"], variables["!outbound"]) == ("true", "false")
    assert (variables["!flowType"], variables["!schedulingStrategy"]) == ("Price", "CRON_DRIVEN")
    assert variables["!schedulingPeriod"] == "0 0,30 * * * ? *"


def test_a_project_without_flows_has_an_empty_list(project: Project, caller: Caller) -> None:
    assert caller.get(FLOWS, projectId=project.id).json() == []


@pytest.mark.parametrize("params", [{}, {"projectId": ""}, {"projectId": "nothing"}])
def test_list_flows_requires_project_id(project: Project, caller: Caller, params: dict[str, str]) -> None:
    answer = caller.get(FLOWS, **params)
    assert answer.status_code == 400
    assert "projectId" in answer.text


def test_names_are_unique_and_short_and_ids_are_stable(
    integrator: IntegratorSimulator, project: Project, flow: Flow
) -> None:
    with pytest.raises(ValueError, match="Price"):
        integrator.add_flow(project, "Price", id="another")
    with pytest.raises(ValueError, match="20 characters"):
        integrator.add_flow(project, "A name of 21 letters.")
    with pytest.raises(ValueError, match="already"):
        integrator.add_flow(project, "Other", id=flow.id)
    with pytest.raises(ValueError, match="already"):
        integrator.add_project("Acme")
    again = IntegratorSimulator()
    same = again.add_flow(again.add_project("Acme"), "Price")
    assert (same.id, same.project.id) == (flow.id, project.id)


def test_two_flows_may_share_a_slug(integrator: IntegratorSimulator, project: Project, flow: Flow) -> None:
    other = integrator.add_flow(project, "Price 2", slug="price")
    assert other.slug == flow.slug
    assert integrator.flows == [flow, other]
    assert integrator.projects == [project]
