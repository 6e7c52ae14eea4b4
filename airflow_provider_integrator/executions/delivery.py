"""Delivery of an execution's log: to a path or an object store, or as a value for XCom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.downloads import LogPatience
from airflow_provider_integrator.arguments import rendered
from airflow_provider_integrator.exceptions import LogTooLargeError, RequestError
from airflow_provider_integrator.hooks import queries

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath
    from typing_extensions import Self

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait
    from airflow_provider_integrator.logs.archive import LogArchive, Written
    from airflow_provider_integrator.logs.storage import Destination


@dataclass(frozen=True)
class Delivered:
    """A delivered log, or lines.

    :param value: The task's return value: the JSON, or the file's URI, size and hash with the execution.
    :param errors: The first entries of the log's ``errors``.
    :param where: The location, as a sentence; None if it is kept nowhere.
    :param stored: ``uri`` (without an Airflow connection in it), ``bytes`` and ``sha256``; None if it wasn't
        stored.
    :param page: The URL of the stored file's web page; None if it has none.
    :param lines: The number of lines; None for a log.
    """

    value: Any
    errors: list[Any] | None
    where: str | None
    stored: Mapping[str, Any] | None = None
    page: str | None = None
    lines: int | None = None

    @classmethod
    def at(
        cls,
        path: ObjectStoragePath,
        saved: tuple[str, Written],
        what: str,
        value: Mapping[str, Any],
        errors: list[Any] | None = None,
    ) -> Delivered:
        """Describe what was stored.

        :param path: Its path.
        :param saved: Its URI, its size and its hash.
        :param what: What it is, for the sentence about its location.
        :param value: What the task returns besides its URI, size and hash.
        :param errors: The first entries of the log's ``errors``.
        :return: The delivery.
        """
        from airflow_provider_integrator.logs import storage

        uri, size = saved[0], {"bytes": saved[1].bytes, "sha256": saved[1].sha256}
        return cls(
            value={"uri": uri, **size, **value},
            errors=errors,
            where=f"{what} in {uri} ({size['bytes']} bytes).",
            stored={"uri": storage.without_connection(uri), **size},
            page=storage.web_address(path),
            lines=value.get("lines"),
        )


@dataclass
class Delivery:
    """The common base of the deliveries of a log and of lines.

    :param output_path: A path or an object storage URI; None: XCom.
    :param project_slug: The project's slug; None: the connection's, or the one in List projects.
    :param log_timeout: Seconds after the execution's end for which a refused download is retried.
    :param max_xcom_bytes: The maximum size of the JSON for XCom.
    :param max_log_bytes: The maximum size of a log's unpacked JSON.
    :param file_mode: The permissions of a new local file.
    """

    output_path: str | None
    project_slug: str | None
    log_timeout: float
    max_xcom_bytes: int
    max_log_bytes: int
    file_mode: int
    #: Whether logs are downloaded.
    with_logs = True
    _is_cancelled: bool = field(init=False, default=False)

    @classmethod
    def of(cls, task: Any) -> Self:
        """Make a task's delivery.

        :param task: The task, with its templates rendered; it has the fields as attributes.
        :return: The delivery.
        :raises ConfigurationError: A template rendered to nothing.
        """
        given = {each.name: getattr(task, each.name) for each in fields(cls) if each.init}
        texts = {name: rendered(name, given[name]) for name in given.keys() & task.template_fields}
        return cls(**{**given, **texts})

    @cached_property
    def destination(self) -> Destination | None:
        """The destination, opened once; None if it is XCom."""
        if self.output_path is None:
            return None
        from airflow_provider_integrator.logs.storage import Destination

        return Destination(self.output_path)

    def check(self, wait: ExecutionWait) -> None:
        """Check, before there is anything, that it can be downloaded and stored.

        :param wait: The wait for its execution.
        :raises ConfigurationError: The slug is unknown, the path can't be used, or a folder can't be written to.
        :raises StorageError: A disk is full or broken.
        """
        if self.with_logs:
            find_slug(wait, self.project_slug)
        if self.destination is not None:
            self.destination.check_writable()
        elif self.with_logs:
            from airflow_provider_integrator.logs.disk import check_folders

            check_folders()

    def cancel(self) -> None:
        """Stop the delivery, from a signal handler or another thread: nothing of it is stored."""
        self._is_cancelled = True


@dataclass
class LogDelivery(Delivery):
    """The delivery of a task's log.

    :param log_id: The log of a step or a line; None: the execution's main log.
    :param do_xcom_push: Whether the task's return value is pushed to XCom.
    """

    log_id: str | None
    do_xcom_push: bool
    _archive: LogArchive | None = field(init=False, default=None)

    def run(self, wait: ExecutionWait, execution: Execution, pause: Callable[[float], None]) -> Delivered:
        """Download the log, retrying until it is stored, and deliver it.

        :param wait: The wait that found the execution.
        :param execution: The execution.
        :param pause: Sleeps for the given seconds, or defers the task instead.
        :return: The delivered log.
        :raises RequestError: The download is refused for good, or ``log_timeout`` is over.
        :raises LogArchiveError: The log can't be read, or is too large; no partial file remains.
        :raises StorageError: A disk is full or broken, or the store refuses the log; no partial file remains.
        :raises LogCancelledError: The delivery was cancelled; no partial file remains.
        """
        log = next((step for step in execution.steps if step.log_id == self.log_id), execution)
        patience = LogPatience(
            log, execution.finished, self.log_timeout, wait.spec.poll_interval, wait.carried.get("log_until")
        )
        wanted, slug = self.log_id or execution, find_slug(wait, self.project_slug)
        settings, project_id, flow_id = wait.hook.settings, wait.project_id, wait.find_flow()
        while True:
            script = queries.download(settings, flow_id, wanted, project_id, slug, self.max_log_bytes)
            try:
                self._archive = wait.hook.get_conn().run(script)
            except RequestError as error:
                seconds = patience.pause_after(error)
            else:
                break
            wait.carried["log_until"] = patience.until
            pause(seconds)
        with self._archive as archive:
            if self._is_cancelled:  # while it was downloaded
                archive.cancel()
            return self._deliver(archive, execution.flow_slug or wait.spec.flow, execution)

    def cancel(self) -> None:
        """Stop the delivery, as :meth:`Delivery.cancel` does."""
        super().cancel()
        if self._archive is not None:
            self._archive.cancel()

    def _deliver(self, archive: LogArchive, flow: str, execution: Execution) -> Delivered:
        if self.destination is None:
            return self._load(archive)
        from airflow_provider_integrator.logs import storage

        log_id = self.log_id or execution.log_id or ""
        path = self.destination.log_path(flow, execution.execution_id, log_id)
        saved = storage.save(archive, path, file_mode=self.file_mode)
        value = {"execution": execution.as_dict()}
        return Delivered.at(path, saved, "Its log is", value, archive.errors)

    def _load(self, archive: LogArchive) -> Delivered:
        try:
            value = archive.load(self.max_xcom_bytes)
        except LogTooLargeError as error:
            raise LogTooLargeError(
                f"{error} It can't go to XCom: set output_path, or raise max_xcom_bytes "
                f"({self.max_xcom_bytes}) if an object storage XCom backend is in use."
            ) from error
        where = "Its log is in XCom, key return_value." if self.do_xcom_push else None
        return Delivered(value, archive.errors, where)


def find_slug(wait: ExecutionWait, project_slug: str | None) -> str:
    """Find the project's slug, once for all processes of a task.

    :param wait: The wait of the task.
    :param project_slug: The task's; None: the connection's, or the one in List projects.
    :return: The slug.
    :raises ConfigurationError: The slug is unknown, or is another project's.
    """
    if "project_slug" not in wait.carried:
        script = queries.find_slug(wait.hook.settings, wait.project_id, project_slug, is_checked=True)
        wait.carried["project_slug"] = wait.hook.get_conn().run(script)
    return str(wait.carried["project_slug"])
