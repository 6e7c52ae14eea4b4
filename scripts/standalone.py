"""``make airflow``: a complete Airflow with UI on the embedded Integrator, until Ctrl-C."""

from __future__ import annotations

import argparse
import ast
import os
import re
import socket
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from airflow_api import AIRFLOW_VERSION, IS_AIRFLOW_3
from demo_integrator import demo_integrator
from local_airflow import AirflowStartError, LocalAirflow, end_by_signals
from showcase import add_showcase

from airflow_provider_integrator.simulator.__main__ import port
from airflow_provider_integrator.simulator.demo import DemoActivity
from airflow_provider_integrator.ui.plugin import is_supported

CHECKOUT = Path(__file__).resolve().parents[1]
EXAMPLES = CHECKOUT / "example_dags"
HAS_PAGE = is_supported(AIRFLOW_VERSION)
PAGE = "/plugin/integrator"
#: Airflow's own settings, in which its start page leads to ours.
_SETTINGS = f"""
from airflow.api_fastapi.common.types import UIAlert

DASHBOARD_UIALERTS = [UIAlert(text="[Integrator]({PAGE}): every flow's health", category="info")]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Airflow until Ctrl-C.

    :param arguments: The command-line arguments; None: those of ``sys.argv``.
    :return: The exit code.
    """
    parser = argparse.ArgumentParser(prog="make airflow", description=__doc__)
    parser.add_argument(
        "--port", type=port, default=8080, help="the port of Airflow's UI (default: %(default)s)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: %(default)s); everybody who can reach it has full access",
    )
    parser.add_argument(
        "--login", action="store_true", help="ask for a login (Airflow 3), as admin, op or viewer"
    )
    parser.add_argument("--no-open", action="store_true", help="don't open the page in a browser")
    options = parser.parse_args(arguments)
    end_by_signals()
    if _is_taken(options.port):
        print(f'Port {options.port} is in use; set another one with ARGS="--port 9090"')
        return 1
    try:
        _run(options)
    except KeyboardInterrupt:
        print("\nAll processes are stopped.")
    except AirflowStartError as error:
        print(f"{error}\n\nAirflow did not start. If its database is of another version: rm -r .airflow")
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    folder = CHECKOUT / ".airflow" / ".".join(AIRFLOW_VERSION.split(".")[:2])
    (folder / "config").mkdir(parents=True, exist_ok=True)
    if HAS_PAGE:
        (folder / "config" / "airflow_local_settings.py").write_text(_SETTINGS, "utf-8")
    last_port = folder / "integrator.port"
    with ExitStack() as stack:
        integrator_port = _same_port(last_port)
        world = stack.enter_context(
            # This Airflow has met the ids of earlier starts; a round of three takes 30 s.
            demo_integrator(
                folder / "integrator.log",
                recovers=True,
                port=integrator_port,
                first=int(time.time()) // 30 * 3 + 1,
            )
        )
        last_port.write_text(world.integrator.url.rpartition(":")[2], "utf-8")
        print(f"Starting Airflow {AIRFLOW_VERSION}; this takes up to a minute …", flush=True)
        airflow = stack.enter_context(
            LocalAirflow(
                folder,
                EXAMPLES,
                {"AIRFLOW_VAR_INTEGRATOR_LOG_FOLDER": f"file://{folder}/integrator-logs/"},
                options.host,
                options.port,
                has_login=options.login,
            )
        )
        add_showcase(world.integrator, world.project.partner_id)
        # in the database, not in the environment, so that the UI shows it
        airflow.api.set_connection(
            "integrator_default",
            world.integrator.connection(
                description="The embedded Integrator of make airflow",
                # The form for editing shows only the fields that are set.
                environment="prod",
                partner_id=world.project.partner_id,
                ui_url=world.integrator.ui_url,
                verify="true",
                timeout=60,
            ),
        )
        stack.enter_context(DemoActivity(world))
        _welcome(airflow, world.integrator.url, folder)
        if not options.no_open and is_watched(os.environ, sys.platform, is_terminal=sys.stdout.isatty()):
            webbrowser.open(f"{airflow.url}{PAGE if HAS_PAGE else ''}")
        while True:
            time.sleep(3600)


def _welcome(airflow: LocalAirflow, integrator_url: str, folder: Path) -> None:
    login = f"user admin, password {airflow.password}" if airflow.password else "no login needed"
    print(f"\nAirflow:      {airflow.url}  ({login})")
    print(f"Integrator:   {integrator_url}  (connection integrator_default; its flows run every 10 s)")
    if HAS_PAGE:
        print(f"The page:     {airflow.url}{PAGE}  (project Acme Fashion has a past)")
    print("DAGs to try; each can succeed, and price fails every third time:")
    for dag_id, text in example_dags():
        print(f"    {dag_id:31}{text}")
    print(f"Kept logs:    {folder / 'integrator-logs'}")
    print(f"Output:       {airflow.output}")
    print("\nCtrl-C stops it; its database and logs are kept.", flush=True)


def is_watched(environment: Mapping[str, str], platform: str, *, is_terminal: bool) -> bool:
    """Return whether somebody sits in front of a browser's window.

    :param environment: The environment variables.
    :param platform: ``sys.platform``.
    :param is_terminal: Whether a terminal shows the output.
    """
    if not is_terminal or environment.get("CI"):
        return False
    if platform == "darwin":  # has a display for those who sit there
        return "SSH_CONNECTION" not in environment
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def example_dags() -> Iterator[tuple[str, str]]:
    """List the example DAGs that this Airflow can have.

    :return: Their ids, and what their files say first.
    """
    for file in sorted(EXAMPLES.rglob("*.py")):
        if file.parent == EXAMPLES or IS_AIRFLOW_3:  # the others are scheduled by assets
            text = file.read_text("utf-8")
            (dag_id,) = re.findall(r'dag_id="(\w+)"', text)
            yield dag_id, (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def _same_port(file: Path) -> int:
    """Choose the last run's port, where its tasks' links lead to; 0 if there is none, or it is taken."""
    last = int(file.read_text("utf-8")) if file.exists() else 0
    return 0 if _is_taken(last) else last


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main())
