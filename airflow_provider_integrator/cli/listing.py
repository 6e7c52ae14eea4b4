"""The commands that list projects, flows and executions."""

from __future__ import annotations

from argparse import Namespace
from operator import itemgetter
from typing import Any

from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.cli.connection import hook_of
from airflow_provider_integrator.cli.output import at, show, took
from airflow_provider_integrator.cli.progress import progress


def projects(options: Namespace) -> int:
    """List a partner's projects.

    :param options: The command's arguments.
    :return: 0.
    """
    with hook_of(options) as hook:
        found = hook.list_projects(options.partner)
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
        for project in sorted(found, key=lambda project: project.name or "")
    ]
    show(
        options,
        rows,
        {
            "project id": itemgetter("project_id"),
            "slug": itemgetter("slug"),
            "name": itemgetter("name"),
            "state": itemgetter("state"),
            "flows": itemgetter("flow_count"),
        },
    )
    return 0


def flows(options: Namespace) -> int:
    """List a project's flows.

    :param options: The command's arguments.
    :return: 0.
    """
    with hook_of(options) as hook:
        found = hook.list_flows(project_id=options.project)
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
        for flow in sorted(found, key=lambda flow: flow.label)
    ]
    show(
        options,
        rows,
        {
            "flow": itemgetter("flow"),
            "name": itemgetter("name"),
            "type": itemgetter("type"),
            "state": itemgetter("state"),
            "direction": _direction,
            "schedule": itemgetter("scheduling_period"),
            "flow id": itemgetter("flow_id"),
        },
    )
    return 0


def executions(options: Namespace) -> int:
    """List a flow's executions, newest first.

    :param options: The command's arguments.
    :return: 0.
    """
    with hook_of(options) as hook, progress(f"Reading the executions of {options.flow}"):
        flow = hook.find_flow(options.flow, project_id=options.project)
        found = hook.executions_since(flow.id, options.since, project_id=options.project)
    rows = [each.as_dict() for each in reversed(found) if options.status in (None, outcome(each))]
    show(
        options,
        rows,
        {
            "execution id": itemgetter("execution_id"),
            "status": outcome_of,
            "created (UTC)": lambda row: at(row["created"]),
            "duration": lambda row: took(row["duration"]),
            "rows": itemgetter("process_count"),
            "failed": itemgetter("fail_count"),
            "triggered by": itemgetter("triggered_by"),
        },
    )
    return 0


def outcome(execution: Execution) -> str:
    """Name the outcome of an execution.

    :param execution: The execution.
    :return: Its status if its state is Finished; ``in_progress`` until then.
    """
    return outcome_of(execution.as_dict())


def outcome_of(row: dict[str, Any]) -> str:
    """Name the outcome of an execution or a step.

    :param row: It as a JSON object.
    :return: Its status if its state is Finished; ``in_progress`` until then.
    """
    return str(row["status"]) if row["state"] == "finished" else "in_progress"


def _direction(row: dict[str, Any]) -> str | None:
    ways = [way for way in ("inbound", "outbound") if row[way]]
    return ", ".join(ways) or None
