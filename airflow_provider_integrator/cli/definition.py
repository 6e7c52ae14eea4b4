"""The commands, as Airflow and ``airflow-integrator`` take them.

Airflow imports this module at each of its own commands, so it imports nothing heavy; nor does it import Airflow, which
``airflow-integrator`` has to load for a command alone, not for ``--help``.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from airflow_provider_integrator.cli import values

if TYPE_CHECKING:
    from airflow.cli.cli_config import GroupCommand

HELP = "Look at the flows of the Akinon Integrator"
FORMATS = ("table", "json", "yaml", "plain")
STATUSES = ("in_progress", "success", "failed", "empty")
LINE_STATUSES = (*STATUSES, "unknown")


class Argument(NamedTuple):
    """An argument of a command.

    :param flags: Its name, or its options.
    :param settings: What argparse and Airflow's ``Arg`` take beside them.
    """

    flags: tuple[str, ...]
    settings: dict[str, Any]


class Command(NamedTuple):
    """A command, whose function has its name.

    :param name: The name.
    :param help: What it does, in a line.
    :param module: The module of this package with its function.
    :param arguments: Its arguments.
    """

    name: str
    help: str
    module: str
    arguments: tuple[Argument, ...]

    def act(self, options: Namespace) -> NoReturn:
        """Run the command.

        :param options: The arguments' values.
        :raises SystemExit: Always, with the exit code.
        """
        from airflow_provider_integrator.cli.process import run

        sys.exit(run(self, options))


def _command(name: str, help: str, module: str, *arguments: Argument) -> Command:
    return Command(name, help, module, arguments)


def _argument(*flags: str, help: str, **settings: Any) -> Argument:
    return Argument(flags, {"help": help, **settings})


CONNECTION = (
    _argument("--conn-id", help="the Airflow connection (integrator_default)", default="integrator_default"),
    _argument("--project", "--project-id", help="the project's id; the connection's by default"),
)
OUTPUT = _argument("-o", "--output", help="table, json, yaml or plain", choices=FORMATS, default="table")
COMMON = (*CONNECTION, OUTPUT)
EXECUTION = (
    _argument("execution", help="the execution's id", metavar="ID"),
    _argument("--flow", help="its flow: slug, name or id; all flows of the project are searched by default"),
)
LOG_ID = _argument(
    "--log-id", help="the log id of one of its steps or lines, for that one's log", metavar="ID"
)

COMMANDS = (
    _command("flows", "List a project's flows", "listing", *COMMON),
    _command(
        "health",
        "Check flows: exit code 1 if one is stale or failing",
        "health",
        _argument(
            "flows",
            help="slugs, names or ids; by default all inbound flows that aren't stopped",
            nargs="*",
            metavar="FLOW",
        ),
        _argument(
            "--max-age",
            help="a flow without a Success for so long is stale, such as 2h; by default what its own habit allows",
            type=values.seconds,
        ),
        *COMMON,
    ),
    _command(
        "executions",
        "List a flow's executions, newest first",
        "listing",
        _argument("flow", help="the flow's slug, name or id", metavar="FLOW"),
        _argument(
            "--since",
            help="created since: a duration such as 30m or 1d (the default), or ISO 8601",
            type=values.moment,
            default="1d",
        ),
        _argument("--status", help=", ".join(STATUSES), choices=STATUSES),
        *COMMON,
    ),
    _command("execution", "Show an execution with its steps", "execution", *EXECUTION, *COMMON),
    _command(
        "errors",
        "Show the first errors of an execution's log",
        "execution",
        *EXECUTION,
        LOG_ID,
        *COMMON,
    ),
    _command(
        "lines",
        "List the lines of an execution",
        "execution",
        *EXECUTION,
        _argument("--status", help=", ".join(LINE_STATUSES), choices=LINE_STATUSES),
        _argument(
            "--search",
            help="only the lines whose field has this value, such as sku=ABC; may be repeated",
            type=values.search,
            action="append",
            metavar="FIELD=VALUE",
        ),
        _argument("--limit", help="list at most so many (100)", type=values.positive, default=100),
        *COMMON,
    ),
    _command(
        "log",
        "Print an execution's decoded log, or store it",
        "execution",
        *EXECUTION,
        LOG_ID,
        _argument(
            "-o",
            "--file",
            help="a path or an object storage URI; in a folder, with a / at its end, a new file",
        ),
        *CONNECTION,
    ),
    _command(
        "wait",
        "Wait for an execution, or for a flow's running or next one",
        "waiting",
        _argument("name", help="a flow's slug, name or id, or an execution's id", metavar="FLOW_OR_ID"),
        _argument("--timeout", help="wait at most so long (1d)", type=values.seconds, default="1d"),
        _argument("--interval", help="time between two polls (30s)", type=values.seconds, default="30s"),
        *COMMON,
    ),
    _command(
        "projects",
        "List a partner's projects",
        "listing",
        _argument("--partner", "--partner-id", help="the partner's id; the connection's by default"),
        CONNECTION[0],
        OUTPUT,
    ),
    _command(
        "snapshot",
        "Write a project's flows to a file, for DAG files",
        "snapshot",
        _argument("path", help="the file; it is replaced", metavar="FILE"),
        *CONNECTION,
    ),
    _command(
        "doctor",
        "Examine a connection step by step, and say what to change",
        "doctor",
        *CONNECTION,
        _argument("--flow", help="the flow to look at; the first one with an execution by default"),
        _argument(
            "--report",
            help="write what the server speaks (names, types, statuses, sizes, times; no values) to this file",
            type=Path,
            metavar="FILE",
        ),
    ),
)


def get_commands() -> list[GroupCommand]:
    """Describe the commands to Airflow 3.2 and later.

    :return: The group ``integrator``.
    """
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    commands = [
        ActionCommand(
            each.name, each.help, each.act, [Arg(flags, **settings) for flags, settings in each.arguments]
        )
        for each in COMMANDS
    ]
    return [GroupCommand("integrator", HELP, commands)]
