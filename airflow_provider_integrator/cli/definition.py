"""The table of the commands. Airflow imports this module at each of its own commands, so it imports nothing heavy."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.cli.cli_config import GroupCommand

HELP = "Look at the flows of the Akinon Integrator"
FORMATS = ("table", "json", "yaml", "plain")
STATUSES = ("in_progress", "success", "failed", "empty")


@dataclass(frozen=True)
class Argument:
    """An argument of a command.

    :param flags: Its name, or its options.
    :param settings: What argparse and Airflow's ``Arg`` take beside them.
    """

    flags: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Command:
    """A command.

    :param name: Its name.
    :param help: What it does, in a line.
    :param path: The path of its function, which takes the arguments and returns the exit code.
    :param arguments: Its arguments.
    """

    name: str
    help: str
    path: str
    arguments: tuple[Argument, ...]

    def load(self) -> Callable[[Namespace], int]:
        """Import the command's function.

        :return: The function.
        """
        module, _, name = self.path.rpartition(".")
        function: Callable[[Namespace], int] = getattr(import_module(f"{__package__}.{module}"), name)
        return function


def _argument(*flags: str, **settings: Any) -> Argument:
    return Argument(flags, settings)


CONNECTION = (
    _argument("--conn-id", default="integrator_default", help="the Airflow connection (integrator_default)"),
    _argument("--project", "--project-id", help="the project's id; the connection's by default"),
)
OUTPUT = _argument("-o", "--output", choices=FORMATS, default="table", help="table, json, yaml or plain")

COMMANDS = (
    Command("flows", "List a project's flows", "listing.flows", (*CONNECTION, OUTPUT)),
    Command(
        "doctor",
        "Examine a connection step by step, and say what to change",
        "doctor.doctor",
        (
            *CONNECTION,
            _argument("--flow", help="the flow to look at; the first one with an execution by default"),
            _argument(
                "--report",
                type=Path,
                metavar="FILE",
                help="write what the server speaks (names, types, statuses, sizes, times; no values) to this file",
            ),
        ),
    ),
)


def get_commands() -> list[GroupCommand]:
    """Describe the commands to Airflow 3.2 and later.

    :return: The group ``integrator``.
    """
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    return [
        GroupCommand(
            name="integrator",
            help=HELP,
            subcommands=[
                ActionCommand(
                    name=command.name,
                    help=command.help,
                    func=_action(command),
                    args=[Arg(argument.flags, **argument.settings) for argument in command.arguments],
                )
                for command in COMMANDS
            ],
        )
    ]


def _action(command: Command) -> Callable[[Namespace], None]:
    def act(options: Namespace) -> None:
        from airflow_provider_integrator.cli.process import run

        sys.exit(run(command, options))

    return act
