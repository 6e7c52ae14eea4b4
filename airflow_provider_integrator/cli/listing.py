"""The commands that list: flows."""

from __future__ import annotations

from argparse import Namespace

from airflow_provider_integrator.cli.connection import hook_of
from airflow_provider_integrator.cli.output import show


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
            "flow": lambda row: row["flow"],
            "name": lambda row: row["name"],
            "type": lambda row: row["type"],
            "state": lambda row: row["state"],
            "direction": lambda row: _direction(row["inbound"], row["outbound"]),
            "schedule": lambda row: row["scheduling_period"],
            "flow id": lambda row: row["flow_id"],
        },
    )
    return 0


def _direction(inbound: bool | None, outbound: bool | None) -> str | None:
    return "inbound" if inbound else "outbound" if outbound else None
