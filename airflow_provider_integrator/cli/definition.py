"""The table of the commands. Airflow imports this module at each of its own commands, so it imports nothing heavy."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.cli import values

if TYPE_CHECKING:
    from airflow.cli.cli_config import GroupCommand

HELP = "Look at the flows of the Akinon Integrator"
FORMATS = ("table", "json", "yaml", "plain")
STATUSES = ("in_progress", "success", "failed", "empty")
LINE_STATUSES = (*STATUSES, "unknown")


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
COMMON = (*CONNECTION, OUTPUT)
EXECUTION = (
    _argument("execution", metavar="ID", help="the execution's id"),
    _argument("--flow", help="its flow: slug, name or id; all flows of the project are searched by default"),
)
LOG_ID = _argument(
    "--log-id", metavar="ID", help="the log id of one of its steps or lines, for that one's log"
)

COMMANDS = (
    Command("flows", "List a project's flows", "listing.flows", COMMON),
    Command(
        "health",
        "Check flows: exit code 1 if one is stale or failing",
        "health.health",
        (
            _argument(
                "flows",
                nargs="*",
                metavar="FLOW",
                help="slugs, names or ids; by default all inbound flows that aren't stopped",
            ),
            _argument(
                "--max-age",
                type=values.seconds,
                help="a flow without a Success for so long is stale, such as 2h; by default what its own habit allows",
            ),
            *COMMON,
        ),
    ),
    Command(
        "executions",
        "List a flow's executions, newest first",
        "listing.executions",
        (
            _argument("flow", metavar="FLOW", help="the flow's slug, name or id"),
            _argument(
                "--since",
                type=values.moment,
                default="1d",
                help="created since: a duration such as 30m or 1d (the default), or ISO 8601",
            ),
            _argument("--status", choices=STATUSES, help=", ".join(STATUSES)),
            *COMMON,
        ),
    ),
    Command("execution", "Show an execution with its steps", "execution.execution", (*EXECUTION, *COMMON)),
    Command(
        "errors",
        "Show the first errors of an execution's log",
        "execution.errors",
        (*EXECUTION, LOG_ID, *COMMON),
    ),
    Command(
        "lines",
        "List the lines of an execution",
        "execution.lines",
        (
            *EXECUTION,
            _argument("--status", choices=LINE_STATUSES, help=", ".join(LINE_STATUSES)),
            _argument(
                "--search",
                type=values.search,
                action="append",
                metavar="FIELD=VALUE",
                help="only the lines whose field has this value, such as sku=ABC; may be repeated",
            ),
            _argument("--limit", type=values.positive, default=100, help="list at most so many (100)"),
            *COMMON,
        ),
    ),
    Command(
        "log",
        "Print an execution's decoded log, or store it",
        "execution.log",
        (
            *EXECUTION,
            LOG_ID,
            _argument(
                "-o",
                "--file",
                help="a path or an object storage URI; in a folder, with a / at its end, a new file",
            ),
            *CONNECTION,
        ),
    ),
    Command(
        "wait",
        "Wait for an execution, or for a flow's running or next one",
        "waiting.wait",
        (
            _argument("name", metavar="FLOW_OR_ID", help="a flow's slug, name or id, or an execution's id"),
            _argument("--timeout", type=values.seconds, default="1d", help="wait at most so long (1d)"),
            _argument("--interval", type=values.seconds, default="30s", help="time between two polls (30s)"),
            *COMMON,
        ),
    ),
    Command(
        "projects",
        "List a partner's projects",
        "listing.projects",
        (
            _argument("--partner", "--partner-id", help="the partner's id; the connection's by default"),
            CONNECTION[0],
            OUTPUT,
        ),
    ),
    Command(
        "snapshot",
        "Write a project's flows to a file, for DAG files",
        "snapshot.snapshot",
        (_argument("path", metavar="FILE", help="the file; it is replaced"), *CONNECTION),
    ),
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
