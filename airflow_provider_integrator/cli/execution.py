"""The commands about one execution: what it is, its errors, its lines, its log."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.endpoints import LogQuery, list_logs
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.lines import UNKNOWN, Line, row_fields
from airflow_provider_integrator.api.models import Execution, Flow
from airflow_provider_integrator.api.pages import Paging
from airflow_provider_integrator.api.queries import LogReader
from airflow_provider_integrator.cli.listing import outcome_of
from airflow_provider_integrator.cli.lookup import find_execution
from airflow_provider_integrator.cli.output import Columns, at, show, show_one, show_value, took
from airflow_provider_integrator.cli.progress import progress
from airflow_provider_integrator.exceptions import ResponseError
from airflow_provider_integrator.executions.lines import check_execution
from airflow_provider_integrator.executions.progress import counted
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.hooks.queries import find_slug

if TYPE_CHECKING:
    from airflow_provider_integrator.logs.archive import LogArchive


_STEPS: Columns = {
    "step": "name",
    "status": lambda step: None if None in (step["state"], step["status"]) else outcome_of(step),
    "log id": "log_id",
}


def execution(hook: IntegratorHook, options: Namespace) -> None:
    """Show an execution with its steps."""
    show_execution(hook, options, *find_execution(hook, options))


def show_execution(hook: IntegratorHook, options: Namespace, flow: Flow, found: Execution) -> None:
    """Print an execution with its steps.

    :param hook: The hook.
    :param options: The command's arguments.
    :param flow: The flow.
    :param found: The execution.
    """
    settings = hook.settings
    link = settings.execution_page(settings.project(options.project), flow.id, found)
    row = {**found.as_dict(), "flow": flow.label, "link": link}
    show_one(
        options,
        row,
        {
            "execution": row["execution_id"],
            "flow": flow.label,
            "log id": row["log_id"],
            "state": row["state"],
            "status": outcome_of(row),
            "created": at(row["created"]),
            "finished": at(row["finished"]),
            "duration": took(row["duration"]),
            "rows": row["process_count"],
            "rows ok": row["success_count"],
            "rows failed": row["fail_count"],
            "triggered by": row["triggered_by"],
            **({"page": link} if link else {}),
        },
    )
    if row["steps"] and options.output in ("table", "plain"):
        sys.stdout.write("\n")
        show(options, row["steps"], _STEPS)


def errors(hook: IntegratorHook, options: Namespace) -> None:
    """Show the first errors of an execution's log."""
    from airflow_provider_integrator.executions.policy import shown_errors
    from airflow_provider_integrator.logs.disk import temporary_file

    flow, found = find_execution(hook, options)
    with (
        progress("Downloading the log"),
        _download(hook, options, flow, found) as archive,
        temporary_file(archive.needs) as file,
    ):
        archive.write(file)
    entries = archive.errors or []
    if options.output in ("json", "yaml"):
        show_value(options, entries)
    elif entries:
        show(options, [{"error": text} for text in shown_errors(entries)], {"error": "error"})
    else:
        sys.stderr.write("The log has no errors.\n")


def lines(hook: IntegratorHook, options: Namespace) -> None:
    """List the lines of an execution."""
    flow, found = find_execution(hook, options)
    with progress("Reading lines") as done:
        rows = list(islice(_rows(hook, options, flow, found, done), options.limit + 1))
    show(
        options,
        rows[: options.limit],
        {
            "log id": "id",
            "status": "status",
            "step": "step",
            "created (UTC)": lambda row: at(row["created"]),
            "fields": lambda row: (
                " ".join(f"{name}={value}" for name, value in row_fields(row["fields"]).items()) or None
            ),
        },
    )
    if len(rows) > options.limit:
        sys.stderr.write(f"There are more lines than {options.limit}; raise --limit to see them.\n")


def log(hook: IntegratorHook, options: Namespace) -> None:
    """Print an execution's decoded log, or store it in a file."""
    from airflow_provider_integrator.logs.disk import temporary_file
    from airflow_provider_integrator.logs.storage import Destination, save

    target = None if options.file is None else Destination(options.file)
    if target is not None:
        target.check_writable()
    flow, found = find_execution(hook, options)
    with progress("Downloading the log"), _download(hook, options, flow, found) as archive:
        if target is not None:
            path = target.log_path(flow.label, found.execution_id, options.log_id or str(found.log_id))
            uri, written = save(archive, path)
            sys.stderr.write(f"{uri}: {written.bytes} bytes\n")
            return
        with temporary_file(archive.needs) as file:
            archive.write(file)
            # A copy, as an error of stdout is none of the temporary file.
            whole = os.fdopen(os.dup(file.fileno()), "rb")
    with whole:
        whole.seek(0)
        sys.stdout.flush()
        shutil.copyfileobj(whole, sys.stdout.buffer)


def _download(
    hook: IntegratorHook, options: Namespace, flow: Flow, found: Execution
) -> AbstractContextManager[LogArchive]:
    project = hook.settings.project(options.project)
    slug = hook.get_conn().run(find_slug(hook.settings, project, None, is_checked=True))
    # Nobody waits at a terminal for a log that isn't stored yet: the command is repeated.
    return hook.download_log(
        flow.id, options.log_id or found, project_id=project, project_slug=slug, log_timeout=0
    )


def _rows(
    hook: IntegratorHook, options: Namespace, flow: Flow, found: Execution, done: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    project = hook.settings.project(options.project)
    query = LogQuery(
        project,
        flow.id,
        LogType.LINE,
        original_filename_uuid=found.execution_id,
        search=tuple(options.search or ()),
    )
    read, paging, number = LogReader(LogType.LINE).read, Paging(), 0
    counts: Counter[str] = Counter()
    while not paging.ended:  # page by page, as Ctrl-C would have to wait for a prefetched one
        number += 1
        for line in map(read, paging.take(hook.get_conn().call(list_logs(query, number)))):
            done(1)
            if isinstance(line, Line):
                check_execution(line, found.execution_id)
                counts[line.outcome] += 1
                if options.status in (None, line.outcome):
                    yield {**line.as_dict(), "step": line.name}
    unknown = counts[UNKNOWN]
    if unknown and options.status not in (None, UNKNOWN):
        if unknown == counts.total():
            raise ResponseError(f"No line has a status that can be read; see --status {UNKNOWN}.")
        sys.stderr.write(f"The status of {counted(unknown, 'line')} can't be read; see --status {UNKNOWN}.\n")
