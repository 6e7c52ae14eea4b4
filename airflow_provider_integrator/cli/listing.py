"""The commands that list projects, flows and executions."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from airflow_provider_integrator.cli.output import Columns, at, show, took
from airflow_provider_integrator.cli.progress import progress
from airflow_provider_integrator.hooks.integrator import IntegratorHook


def projects(hook: IntegratorHook, options: Namespace) -> None:
    """List a partner's projects."""
    found = sorted(hook.list_projects(options.partner), key=lambda project: project.name or "")
    rows = [
        {
            "project_id": project.id,
            "slug": project.slug,
            "name": project.name,
            "state": project.state,
            "flow_count": project.flow_count,
            "partner_id": project.partner_id,
            "created": project.created and project.created.isoformat(),
        }
        for project in found
    ]
    columns: Columns = {"project id": "project_id", "slug": "slug", "name": "name", "state": "state"}
    show(options, rows, {**columns, "flows": "flow_count"})


def flows(hook: IntegratorHook, options: Namespace) -> None:
    """List a project's flows."""
    found = sorted(hook.list_flows(project_id=options.project), key=lambda flow: flow.label)
    rows = [
        {
            "flow": flow.label,
            "name": flow.name,
            "type": flow.type,
            "state": flow.state,
            "inbound": flow.inbound,
            "outbound": flow.outbound,
            "scheduling_strategy": flow.scheduling_strategy,
            "scheduling_period": flow.scheduling_period,
            "flow_id": flow.id,
        }
        for flow in found
    ]
    columns: Columns = {"flow": "flow", "name": "name", "type": "type", "state": "state"}
    columns |= {"direction": _direction, "schedule": "scheduling_period", "flow id": "flow_id"}
    show(options, rows, columns)


def executions(hook: IntegratorHook, options: Namespace) -> None:
    """List a flow's executions, newest first."""
    with progress(f"Reading the executions of {options.flow}"):
        flow = hook.find_flow(options.flow, project_id=options.project)
        found = hook.executions_since(flow.id, options.since, project_id=options.project)
    rows = [each.as_dict() for each in reversed(found)]
    show(
        options,
        [row for row in rows if options.status in (None, outcome_of(row))],
        {
            "execution id": "execution_id",
            "status": outcome_of,
            "created (UTC)": lambda row: at(row["created"]),
            "duration": lambda row: took(row["duration"]),
            "rows": "process_count",
            "failed": "fail_count",
            "triggered by": "triggered_by",
        },
    )


def outcome_of(row: dict[str, Any]) -> str:
    """Name the outcome of an execution or a step.

    :param row: It as a JSON object.
    :return: Its status if its state is Finished; ``in_progress`` until then.
    """
    return str(row["status"]) if row["state"] == "finished" else "in_progress"


def _direction(row: dict[str, Any]) -> str | None:
    return ", ".join(way for way in ("inbound", "outbound") if row[way]) or None
