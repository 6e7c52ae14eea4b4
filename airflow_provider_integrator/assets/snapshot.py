"""A project's flows as a file holds them, from which DAG files build assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_integrator.hooks.integrator import IntegratorHook


def take_snapshot(hook: IntegratorHook, project_id: str | None) -> dict[str, Any]:
    """Fetch a project's flows.

    :param hook: The hook.
    :param project_id: The project; None: the connection's, which is then not part of the assets' URIs.
    :return: The content of the file.
    :raises IntegratorError: The flows can't be listed.
    """
    flows = hook.list_flows(project_id=project_id)
    return {
        "version": 1,
        "integrator_conn_id": hook.integrator_conn_id,
        "project_id": project_id,
        "flows": [
            {"flow": flow.label, "name": flow.name, "id": flow.id, "inbound": flow.inbound}
            for flow in sorted(flows, key=lambda flow: flow.label)
        ],
    }
