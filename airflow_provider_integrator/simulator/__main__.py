"""Run an embedded Integrator with the demo's world: ``python -m airflow_provider_integrator.simulator``."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_integrator.simulator.demo import DEFAULT_EVERY, DemoActivity, DemoWorld, demo_world
from airflow_provider_integrator.simulator.forms import FORMS, PAGES, Forms
from airflow_provider_integrator.simulator.integrator import IntegratorSimulator
from airflow_provider_integrator.simulator.reported import Reported

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEFAULT_PORT = 8900
_MAX_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM.

    :param arguments: The command line, that of the process by default.
    :return: The exit code: 0, or 1 if the port can't be bound.
    """
    options = _parser().parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    integrator = IntegratorSimulator(host=options.host, port=options.port, seed=1, forms=options.forms)
    integrator.token_lifetime = options.token_lifetime
    try:
        integrator.start()
    except OSError as error:
        print(f"The Integrator can't listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    try:
        world = demo_world(integrator)
        with DemoActivity(world, speed=options.speed):
            print(welcome(world, options.speed), flush=True)
            stopping.wait()
    finally:
        integrator.stop()
    print("The Integrator has stopped.", flush=True)
    return 0


def welcome(world: DemoWorld, speed: float = 1.0) -> str:
    """Describe how to use the running simulator.

    :param world: The demo's world.
    :param speed: How many times faster than usual it goes.
    :return: A text for people, with lines to paste into a shell.
    """
    integrator, project = world.integrator, world.project
    connection = shlex.quote(json.dumps(integrator.connection(partner_id=project.partner_id)))
    query = f"projectid={project.id}&projectId={project.id}&flowId={world.flows['price'].id}&limit=2"
    credentials = f"-d username={integrator.username} -d password={integrator.password}"
    return f"""\
An embedded Integrator is running. It is simulated: nothing leaves this machine. Stop it with Ctrl-C.

  URL        {integrator.url}
  login      {integrator.username}
  password   {integrator.password}
  partner    {project.partner_id}
  project    {project.id} (slug {project.slug})
  flows      {", ".join(world.flows)}
  forms      {", ".join(integrator.forms or [PAGES])}

Every flow runs every {DEFAULT_EVERY / speed:g} s; price fails, order is empty, the others succeed.

For Airflow:

  export AIRFLOW_CONN_INTEGRATOR_DEFAULT={connection}

Without Airflow:

  TOKEN=$(curl -s {integrator.url}/api/nifi/login {credentials})
  curl -H "Authorization: Bearer $TOKEN" '{integrator.url}/logs?{query}'
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_integrator.simulator",
        description="An embedded Akinon Integrator with a demo's project and flows, for trying things out.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=port, default=_DEFAULT_PORT, help="port, 0 for any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--speed",
        type=_positive,
        default=1.0,
        help="how many times faster executions come and go (default: 1)",
    )
    parser.add_argument(
        "--token-lifetime",
        type=_positive,
        metavar="SECONDS",
        help="let tokens expire after so many seconds (default: never)",
    )
    parser.add_argument(
        "--forms",
        type=_forms,
        default=(),
        metavar="NAME[,NAME…]|FILE",
        help=f"forms of the answers: {', '.join([PAGES, *FORMS])} (default: {PAGES}); or a report of "
        "airflow-integrator doctor",
    )
    return parser


def _forms(text: str) -> tuple[str, ...] | Path:
    try:
        return Reported(Path(text)).path if Path(text).is_file() else Forms(text.split(",")).names
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def port(text: str) -> int:
    """Read a port.

    :param text: The argument.
    :return: The port.
    :raises ArgumentTypeError: It isn't one.
    """
    number = int(text)
    if not 0 <= number <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} isn't a port: 0 to {_MAX_PORT}")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} isn't a number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
