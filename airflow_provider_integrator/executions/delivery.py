"""Delivers an execution's log: to a path or an object store, or as a value for XCom."""

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

    :param value: What the task returns: the log's JSON, or where it was stored, its size and hash, and the execution.
    :param errors: The first entries of the log's ``errors``.
    :param where: Where the log is, as a sentence; None if it is nowhere.
    :param stored: ``uri`` (without an Airflow connection in it), ``bytes`` and ``sha256``; None if it wasn't stored.
    :param page: The address of the stored file's web page; None if it has none.
    """

    value: Any
    errors: list[Any] | None
    where: str | None
    stored: Mapping[str, Any] | None = None
    page: str | None = None


@dataclass(frozen=True)
class LogDelivery:
    """How a task wants its log.

    :param log_id: A step's or a line's log; None: the execution's main one.
    :param output_path: A path or an object storage URI; None: XCom.
    :param max_xcom_bytes: Bytes of JSON that may go to XCom.
    :param max_log_bytes: Bytes of JSON that the log may unpack to.
    :param goes_to_xcom: Whether the task's return value is pushed.
    """

    log_id: str | None
    output_path: str | None
    max_xcom_bytes: int
    max_log_bytes: int
    goes_to_xcom: bool

    @cached_property
    def destination(self) -> Destination | None:
        """Where the log is stored, its store opened once; None: nowhere."""
        if self.output_path is None:
            return None
        from airflow_provider_integrator.logs.storage import Destination

        return Destination(self.output_path)

    def check(self) -> None:
        """Check, as far as possible before there is a log, that it can be stored.

        :raises ConfigurationError: The path can't be used.
        """
        if self.destination is not None:
            self.destination.check_writable()

    def patience(
        self, execution: Execution, log_timeout: float, poll_interval: float, until: float | None
    ) -> LogPatience:
        """Decide when a refused log is asked for again.

        :param execution: The execution.
        :param log_timeout: Seconds after its end in which a log may come to exist.
        :param poll_interval: Seconds between two tries.
        :param until: The end of the patience in seconds since the epoch, if it has begun before a deferral.
        :return: The decision.
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
        """Download the log, again and again while it may still be stored.

        :param wait: The wait that has seen the execution.
        :param execution: The execution.
        :param project_slug: The project's slug.
        :param patience: When a refused log is asked for again.
        :param pause: Pauses for so many seconds, or defers the task instead.
        :return: The log's ZIP, opened; use it as a context manager.
        :raises RequestError: The log is refused, and isn't expected any more.
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
        :raises LogArchiveError: The log can't be read, or is too large; nothing is left at the path.
        """
        if self.destination is None:
            return self._load(archive)
        from airflow_provider_integrator.logs import storage

        log_id = self.log_id or execution.log_id or ""
        path = self.destination.log_path(flow, execution.execution_id, log_id)
        uri, written = storage.save(archive, path)
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
