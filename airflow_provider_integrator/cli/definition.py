"""The commands, as Airflow and ``airflow-integrator`` take them.

Airflow imports this module at each of its own commands, so it imports nothing heavy.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

from airflow_provider_integrator.cli import values

HELP = "Look at the flows of the Akinon Integrator"
FORMATS = ("table", "json", "yaml", "plain")
STATUSES = ("in_progress", "success", "failed", "empty")
LINE_STATUSES = (*STATUSES, "unknown")


def _command(name: str, help: str, path: str, *arguments: Arg) -> ActionCommand:
    """Declare a command, with the path of its function below this package."""

    def act(options: Namespace) -> None:
        from airflow_provider_integrator.cli.process import run

        sys.exit(run(name, lazy_load_command(f"{__package__}.{path}"), options))

    return ActionCommand(name, help, act, arguments)


CONNECTION = (
    Arg(("--conn-id",), "the Airflow connection (integrator_default)", default="integrator_default"),
    Arg(("--project", "--project-id"), "the project's id; the connection's by default"),
)
OUTPUT = Arg(("-o", "--output"), "table, json, yaml or plain", choices=FORMATS, default="table")
COMMON = (*CONNECTION, OUTPUT)
EXECUTION = (
    Arg(("execution",), "the execution's id", metavar="ID"),
    Arg(("--flow",), "its flow: slug, name or id; all flows of the project are searched by default"),
)
LOG_ID = Arg(("--log-id",), "the log id of one of its steps or lines, for that one's log", metavar="ID")

COMMANDS = (
    _command("flows", "List a project's flows", "listing.flows", *COMMON),
    _command(
        "health",
        "Check flows: exit code 1 if one is stale or failing",
        "health.health",
        Arg(
            ("flows",),
            "slugs, names or ids; by default all inbound flows that aren't stopped",
            nargs="*",
            metavar="FLOW",
        ),
        Arg(
            ("--max-age",),
            "a flow without a Success for so long is stale, such as 2h; by default what its own habit allows",
            type=values.seconds,
        ),
        *COMMON,
    ),
    _command(
        "executions",
        "List a flow's executions, newest first",
        "listing.executions",
        Arg(("flow",), "the flow's slug, name or id", metavar="FLOW"),
        Arg(
            ("--since",),
            "created since: a duration such as 30m or 1d (the default), or ISO 8601",
            type=values.moment,
            default="1d",
        ),
        Arg(("--status",), ", ".join(STATUSES), choices=STATUSES),
        *COMMON,
    ),
    _command("execution", "Show an execution with its steps", "execution.execution", *EXECUTION, *COMMON),
    _command(
        "errors",
        "Show the first errors of an execution's log",
        "execution.errors",
        *EXECUTION,
        LOG_ID,
        *COMMON,
    ),
    _command(
        "lines",
        "List the lines of an execution",
        "execution.lines",
        *EXECUTION,
        Arg(("--status",), ", ".join(LINE_STATUSES), choices=LINE_STATUSES),
        Arg(
            ("--search",),
            "only the lines whose field has this value, such as sku=ABC; may be repeated",
            type=values.search,
            action="append",
            metavar="FIELD=VALUE",
        ),
        Arg(("--limit",), "list at most so many (100)", type=values.positive, default=100),
        *COMMON,
    ),
    _command(
        "log",
        "Print an execution's decoded log, or store it",
        "execution.log",
        *EXECUTION,
        LOG_ID,
        Arg(
            ("-o", "--file"),
            "a path or an object storage URI; in a folder, with a / at its end, a new file",
        ),
        *CONNECTION,
    ),
    _command(
        "wait",
        "Wait for an execution, or for a flow's running or next one",
        "waiting.wait",
        Arg(("name",), "a flow's slug, name or id, or an execution's id", metavar="FLOW_OR_ID"),
        Arg(("--timeout",), "wait at most so long (1d)", type=values.seconds, default="1d"),
        Arg(("--interval",), "time between two polls (30s)", type=values.seconds, default="30s"),
        *COMMON,
    ),
    _command(
        "projects",
        "List a partner's projects",
        "listing.projects",
        Arg(("--partner", "--partner-id"), "the partner's id; the connection's by default"),
        CONNECTION[0],
        OUTPUT,
    ),
    _command(
        "snapshot",
        "Write a project's flows to a file, for DAG files",
        "snapshot.snapshot",
        Arg(("path",), "the file; it is replaced", metavar="FILE"),
        *CONNECTION,
    ),
    _command(
        "doctor",
        "Examine a connection step by step, and say what to change",
        "doctor.doctor",
        *CONNECTION,
        Arg(("--flow",), "the flow to look at; the first one with an execution by default"),
        Arg(
            ("--report",),
            "write what the server speaks (names, types, statuses, sizes, times; no values) to this file",
            type=Path,
            metavar="FILE",
        ),
    ),
)


def get_commands() -> list[GroupCommand]:
    """Describe the commands to Airflow 3.2 and later.

    :return: The group ``integrator``.
    """
    return [GroupCommand("integrator", HELP, COMMANDS)]
