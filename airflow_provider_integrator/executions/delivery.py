"""Delivery of an execution's log: to a path or an object store, or as a value for XCom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.downloads import LogPatience
from airflow_provider_integrator.exceptions import LogTooLargeError, RequestError
from airflow_provider_integrator.hooks import queries

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait
    from airflow_provider_integrator.logs.archive import LogArchive
    from airflow_provider_integrator.logs.storage import Destination


@dataclass(frozen=True)
class Delivered:
    """A delivered log.

    :param value: The task's return value: the log's JSON, or its URI, size and hash with the execution.
    :param errors: The first entries of the log's ``errors``.
    :param where: The log's location, as a sentence; None if it is kept nowhere.
    :param stored: ``uri`` (without an Airflow connection in it), ``bytes`` and ``sha256``; None if it wasn't
        stored.
    :param page: The URL of the stored file's web page; None if it has none.
    """

    value: Any
    errors: list[Any] | None
    where: str | None
    stored: Mapping[str, Any] | None = None
    page: str | None = None


@dataclass(frozen=True)
class LogDelivery:
    """The delivery settings of a task.

    :param log_id: The log of a step or a line; None: the execution's main log.
    :param output_path: A path or an object storage URI; None: XCom.
    :param max_xcom_bytes: The maximum size of the JSON for XCom.
    :param max_log_bytes: The maximum size of the unpacked JSON.
    :param file_mode: The permissions of a new local file.
    :param goes_to_xcom: Whether the task's return value is pushed to XCom.
    """

    log_id: str | None
    output_path: str | None
    max_xcom_bytes: int
    max_log_bytes: int
    file_mode: int
    goes_to_xcom: bool

    @cached_property
    def destination(self) -> Destination | None:
        """The destination of the log, opened once; None if the log goes to XCom."""
        if self.output_path is None:
            return None
        from airflow_provider_integrator.logs.storage import Destination

        return Destination(self.output_path)

    def check(self) -> None:
        """Check, before there is a log, that it can be stored.

        :raises ConfigurationError: The path can't be used, or a folder can't be written to.
        :raises StorageError: A disk is full or broken.
        """
        if self.destination is not None:
            self.destination.check_writable()
            return
        from airflow_provider_integrator.logs.disk import check_folders

        check_folders(None)

    def patience(
        self, execution: Execution, log_timeout: float, poll_interval: float, until: float | None
    ) -> LogPatience:
        """Make the policy for retries of a refused download.

        :param execution: The execution.
        :param log_timeout: Seconds after the execution's end for which a refused download is retried.
        :param poll_interval: Seconds between two attempts.
        :param until: The deadline in seconds since the epoch, if it was set before a deferral.
        :return: The policy.
        """
        log = next((step for step in execution.steps if step.log_id == self.log_id), execution)
        return LogPatience(log, execution.finished, log_timeout, poll_interval, until)

    def download(
        self,
        wait: ExecutionWait,
        execution: Execution,
        project_slug: str,
        patience: LogPatience,
        pause: Callable[[float], None],
    ) -> LogArchive:
        """Download the log, retrying until it is stored.

        :param wait: The wait that found the execution.
        :param execution: The execution.
        :param project_slug: The project's slug.
        :param patience: Decides about retries.
        :param pause: Sleeps for the given seconds, or defers the task instead.
        :return: The opened ZIP of the log; use it as a context manager.
        :raises RequestError: The download is refused for good, or ``log_timeout`` is over.
        """
        hook, log = wait.hook, self.log_id or execution
        while True:
            script = queries.download(
                hook.settings, wait.find_flow(), log, wait.project_id, project_slug, self.max_log_bytes
            )
            try:
                return hook.get_conn().run(script)
            except RequestError as error:
                seconds = patience.pause_after(error)
            pause(seconds)

    def deliver(self, archive: LogArchive, flow: str, execution: Execution) -> Delivered:
        """Deliver a downloaded log.

        :param archive: The log.
        :param flow: The flow's name, for the path.
        :param execution: The execution.
        :return: The delivered log.
        :raises LogArchiveError: The log can't be read, or is too large; no partial file remains.
        :raises StorageError: A disk is full or broken, or the store refuses the log; no partial file remains.
        :raises LogCancelledError: The archive was cancelled; no partial file remains.
        """
        if self.destination is None:
            return self._load(archive)
        from airflow_provider_integrator.logs import storage

        log_id = self.log_id or execution.log_id or ""
        path = self.destination.log_path(flow, execution.execution_id, log_id)
        uri, written = storage.save(archive, path, file_mode=self.file_mode)
        size = {"bytes": written.bytes, "sha256": written.sha256}
        return Delivered(
            value={"uri": uri, **size, "execution": execution.as_dict()},
            errors=archive.errors,
            where=f"Its log is in {uri} ({written.bytes} bytes).",
            stored={"uri": storage.without_connection(uri), **size},
            page=storage.web_address(path),
        )

    def _load(self, archive: LogArchive) -> Delivered:
        try:
            value = archive.load(self.max_xcom_bytes)
        except LogTooLargeError as error:
            raise LogTooLargeError(
                f"{error} It can't go to XCom: set output_path, or raise max_xcom_bytes "
                f"({self.max_xcom_bytes}) if an object storage XCom backend is in use."
            ) from error
        where = "Its log is in XCom, key return_value." if self.goes_to_xcom else None
        return Delivered(value, archive.errors, where)
