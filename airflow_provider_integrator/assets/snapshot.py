"""The command that writes a project's flows to a file, from which DAG files build assets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_integrator.exceptions import IntegratorError


def take_snapshot(integrator_conn_id: str, project_id: str | None) -> dict[str, Any]:
    """Fetch a project's flows.

    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; None: the connection's, which is then not part of the assets' URIs.
    :return: The content of the file.
    :raises IntegratorError: The flows can't be listed.
    """
    from airflow_provider_integrator.hooks.integrator import IntegratorHook

    with IntegratorHook(integrator_conn_id) as hook:
        flows = hook.list_flows(project_id=project_id)
    return {
        "version": 1,
        "integrator_conn_id": integrator_conn_id,
        "project_id": project_id,
        "flows": [
            {"flow": flow.label, "name": flow.name, "id": flow.id, "inbound": flow.inbound}
            for flow in sorted(flows, key=lambda flow: flow.label)
        ],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, atomically.

    :param arguments: The command-line arguments; None: those of ``sys.argv``.
    :return: The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_integrator.snapshot",
        description="Write a project's flows to a file, for integrator_project_flows() in DAG files.",
    )
    parser.add_argument("path", type=Path, help="the file; it is replaced")
    parser.add_argument("--conn-id", default="integrator_default", help="the Airflow connection")
    parser.add_argument("--project-id", help="the project; the connection's by default")
    options = parser.parse_args(arguments)
    try:
        snapshot = take_snapshot(options.conn_id, options.project_id)
        part = options.path.with_name(f"{options.path.name}.part")
        part.write_text(json.dumps(snapshot, indent=2, ensure_ascii=False) + "\n", "utf-8")
        part.replace(options.path)
    except (IntegratorError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.path}: {len(snapshot['flows'])} flows\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
