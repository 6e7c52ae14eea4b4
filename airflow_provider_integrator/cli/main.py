"""The command ``airflow-integrator``, for all versions of Airflow."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from airflow_provider_integrator import __version__
from airflow_provider_integrator.cli.definition import COMMANDS, HELP


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    :param arguments: The command-line arguments; None: those of ``sys.argv``.
    :raises SystemExit: Always, with the exit code.
    """
    parser = argparse.ArgumentParser(prog="airflow-integrator", description=f"{HELP}.")
    parser.add_argument("--version", action="version", version=__version__)
    names = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        one = names.add_parser(command.name, help=command.help, description=f"{command.help}.")
        one.set_defaults(act=command.act)
        for argument in command.arguments:
            one.add_argument(*argument.flags, **argument.settings)
    options = parser.parse_args(arguments)
    options.act(options)
