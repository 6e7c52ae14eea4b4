"""Delivery of lines: as JSON Lines to a path or an object store, or as a list for XCom."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_integrator.api.downloads import retries_end
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    LogCancelledError,
    StorageError,
)
from airflow_provider_integrator.executions.delivery import Delivered, Delivery, find_slug
from airflow_provider_integrator.executions.lines import Allowance, LineList, line_json
from airflow_provider_integrator.hooks import queries

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait
    from airflow_provider_integrator.logs.journal import Journal
    from airflow_provider_integrator.logs.storage import Destination

log = logging.getLogger(__name__)


@dataclass
class LineDelivery(Delivery):
    """The delivery of a task's lines, gzip if the path ends in ``.gz``.

    :param concurrency: The number of logs that are downloaded at once.
    :param max_lines: The maximum number of lines.
    :param with_logs: Whether each line has its log.
    :param checkpoint_path: The folder in which logs are kept for the next try; None: as :meth:`_find_journal` chooses.
    """

    concurrency: int
    max_lines: int
    with_logs: bool = True
    checkpoint_path: str | None = None

    @cached_property
    def checkpoint(self) -> Destination | None:
        """The folder in which logs are kept for the next try, opened once; None if none is named."""
        if self.checkpoint_path is None:
            return None
        from airflow_provider_integrator.logs.storage import Destination

        return Destination(_as_folder(self.checkpoint_path))

    def check(self, wait: ExecutionWait) -> None:
        """Check, as :meth:`Delivery.check` does, and that logs can be kept for the next try."""
        super().check(wait)
        if self.checkpoint is not None:
            self.checkpoint.check_writable()

    def check_cancelled(self) -> None:
        """Check whether the lines are still wanted.

        :raises LogCancelledError: :meth:`cancel` was called.
        """
        if self._is_cancelled:
            raise LogCancelledError(
                "Lines: cancelled, as the task was killed or has timed out; nothing is stored."
            )

    def run(
        self,
        context: Context,
        wait: ExecutionWait,
        execution: Execution | None,
        lines: LineList,
        max_map_length: int | None,
    ) -> Delivered:
        """Read the lines, download their logs if requested, and deliver them.

        :param context: The task's context.
        :param wait: The wait that found their execution.
        :param execution: The execution; None: the whole flow.
        :param lines: The lines.
        :param max_map_length: The maximum number of tasks that are mapped over the lines; None: none are.
        :return: The delivered lines. The value is their list, or the URI, size, hash and counts of the file.
        :raises ConfigurationError: There are more lines than is allowed; nothing is stored or pushed.
        :raises IntegratorError: The lines, or the store, can't be reached; nothing is stored or pushed.
        """
        max_bytes = self.max_xcom_bytes if self.destination is None else None
        allowance = Allowance(self.max_lines, max_bytes, max_map_length if self.destination is None else None)
        if not self.with_logs:
            return self._deliver(wait, execution, lines, self._records(lines, allowance))
        from airflow_provider_integrator.executions.line_logs import Downloads, LineLogs
        from airflow_provider_integrator.executions.line_spool import Spool
        from airflow_provider_integrator.logs.disk import temporary_file

        download = partial(
            queries.download,
            wait.hook.settings,
            wait.find_flow(),
            project_id=wait.project_id,
            project_slug=find_slug(wait, self.project_slug),
            max_log_bytes=self.max_log_bytes,
        )
        with (
            closing(Downloads(wait.hook, download, self.concurrency)) as downloads,
            temporary_file("lines and their logs") as file,
            self._journal(context, wait, execution, lines) as journal,
        ):
            logs = LineLogs(
                lines,
                allowance,
                downloads,
                Spool(file),
                journal,
                until=self._until(execution),
                pause=wait.spec.poll_interval,
                check_cancelled=self.check_cancelled,
            )
            return self._deliver(wait, execution, lines, logs.records())

    def _records(self, lines: LineList, allowance: Allowance) -> Iterator[bytes]:
        for line in lines:
            text = line_json(line)
            allowance.take_line(len(text))
            yield text

    def _deliver(
        self, wait: ExecutionWait, execution: Execution | None, lines: LineList, records: Iterator[bytes]
    ) -> Delivered:
        if self.destination is None:
            return Delivered([self._decoded(record) for record in records], None, None)
        from airflow_provider_integrator.logs import json_lines, storage

        path = _path(self.destination, wait, execution)
        saved = storage.place(
            path,
            "lines",
            lambda file: json_lines.write(
                records, file, self.check_cancelled, is_gzip=str(path).endswith(".gz")
            ),
            self.check_cancelled,
            self.file_mode,
        )
        value = {
            "lines": lines.chosen,
            "counts": dict(lines.counts),
            **({"logs_missing": lines.logs_missing} if self.with_logs else {}),
            "execution": execution and execution.as_dict(),
        }
        return Delivered.at(path, saved, "Its lines are", value)

    def _decoded(self, record: bytes) -> Any:
        from airflow_provider_integrator.logs.json_lines import decode

        self.check_cancelled()
        try:
            return decode(record)
        except RecursionError:
            raise ConfigurationError("A line is nested too deeply for XCom; set output_path.") from None

    def _until(self, execution: Execution | None) -> float:
        # Of the lines of many executions, most are old.
        return 0.0 if execution is None else retries_end(execution.finished, self.log_timeout)

    @contextmanager
    def _journal(
        self, context: Context, wait: ExecutionWait, execution: Execution | None, lines: LineList
    ) -> Iterator[Journal | None]:
        """Give out the journal, and remove it once it isn't needed any more: after a success, or the last try."""
        ti, journal = context["ti"], self._find_journal(context, wait, execution, lines)
        has_next = ti.try_number <= ti.max_tries
        if journal is None and has_next:
            log.info(
                "A next try fetches all logs again, as there is no place to keep them in.\n"
                "Set checkpoint_path to a folder that all workers share, or output_path."
            )
        is_needed = False
        try:
            yield journal
        except BaseException as error:
            # These two end the task without retries.
            is_needed = has_next and not isinstance(error, (ConfigurationError, AuthenticationError))
            raise
        finally:
            if journal is not None and not is_needed:
                journal.remove()

    def _find_journal(
        self, context: Context, wait: ExecutionWait, execution: Execution | None, lines: LineList
    ) -> Journal | None:
        """Choose where logs are kept for the next try.

        :return: The journal: in the named folder, or else beside the file, or else in the task's state store, which
            Airflow has from 3.3 on, or else where Airflow's object storage backend has XComs. None if there is none.
        """
        from airflow_provider_integrator.logs.journal import StateJournal, journal_beside

        ti, store = context["ti"], context.get("task_state_store")
        wanted = (lines.query.project_id, lines.query.flow_id, execution and execution.execution_id)
        task = (ti.dag_id, ti.task_id, ti.run_id, ti.map_index, sorted(lines.statuses), lines.query.search)
        # Once a task is cleared, which raises max_tries, a flow has other lines than an earlier try has kept.
        period = [ti.max_tries] if execution is None else []
        name = hashlib.sha256(json.dumps([wanted, task, *period]).encode()).hexdigest()[:16]
        xcoms = conf.get("common.io", "xcom_objectstorage_path", fallback="")
        if self.checkpoint is not None:
            path = self.checkpoint.path_of(name="integrator")
        elif self.destination is not None:
            path = _path(self.destination, wait, execution)
        elif store is not None:
            return StateJournal(store, f"lines-{name}")
        elif xcoms:
            return self._journal_beside_xcoms(xcoms, name)
        else:
            return None
        return journal_beside(path, name, self.check_cancelled, self.file_mode)

    def _journal_beside_xcoms(self, folder: str, name: str) -> Journal | None:
        """Make a journal in a folder that nobody has named for it; None if it can't be used."""
        from airflow_provider_integrator.logs.journal import journal_beside
        from airflow_provider_integrator.logs.storage import Destination

        try:
            path = Destination(_as_folder(folder)).path_of(name="integrator")
            journal = journal_beside(path, name, self.check_cancelled, self.file_mode)
            next(journal.entries(), None)
        except (ConfigurationError, StorageError) as error:
            log.info("Logs can't be kept where Airflow has XComs: %s", error)
            return None
        return journal


def _as_folder(path: str) -> str:
    return f"{path.removesuffix('/')}/"


def _path(destination: Destination, wait: ExecutionWait, execution: Execution | None) -> ObjectStoragePath:
    folders = [wait.spec.flow]
    if execution is not None:
        folders = [execution.flow_slug or wait.spec.flow, execution.execution_id]
    return destination.path_of(*folders, name="lines.jsonl")
