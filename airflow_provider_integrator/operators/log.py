"""Fetches the log of an execution and judges the execution."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    conf,
)

from airflow_provider_integrator import outcome, outlets
from airflow_provider_integrator.arguments import read_count, read_created_after, read_seconds, rendered
from airflow_provider_integrator.awaited import PASSING_ERRORS, AwaitedExecution, FailedPolls, read_event
from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    IntegratorError,
    LogArchiveError,
    LogTooLargeError,
    RequestError,
    WaitTimeoutError,
)
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.hooks.scripts import DEFAULT_MAX_LOG_BYTES
from airflow_provider_integrator.links.execution import IntegratorExecutionLink
from airflow_provider_integrator.links.log import StoredLogLink
from airflow_provider_integrator.triggers.execution import DEFAULT_MAX_FAILED_POLLS, DEFERRAL_GRACE

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.logs.archive import LogArchive
    from airflow_provider_integrator.logs.storage import Destination

#: Seconds between two polls at the least.
MIN_POLL_INTERVAL = 0.01
#: Bytes of JSON that go to XCom where nothing else is said.
DEFAULT_MAX_XCOM_BYTES = 1024**2
EXECUTION_KEY = "execution"
RETURN_KEY = "return_value"


class IntegratorLogOperator(BaseOperator):
    """Fetches the decoded log of an execution, and fails where the execution failed.

    Pushes the execution as a JSON object to XCom, key ``execution``, as soon as it is known. Returns the log's
    JSON, or with ``output_path`` a dict of ``uri``, ``bytes``, ``sha256`` and ``execution``. The log of a
    Failed execution is delivered first; then the task fails without retries, and says why.

    Events of the assets among its ``outlets`` hold the execution's ids, status, times and counts in their extra,
    and what was stored where; an asset alias there stands for the stored log's own asset.

    :param flow: The flow's slug, name or id.
    :param execution_id: The execution, usually from the sensor's XCom. None: the flow's first one since
        ``created_after``.
    :param log_id: A step's or a line's log, instead of the main one.
    :param output_path: An object storage URI or a local path for the log's JSON, byte for byte, whole or not
        at all. One that ends in ``/`` gets ``<flow>/<execution id>/<log id>.json``. None: XCom.
    :param created_after: A moment or ISO 8601 text; the DAG run's ``run_after`` where None (its logical date
        where there is none).
    :param project_id: The project; the connection's where None.
    :param project_slug: Its slug; the connection's or the one in List projects where None.
    :param integrator_conn_id: The Airflow connection, of type ``integrator``.
    :param wait: Whether to wait until the execution has finished; an unfinished one is an error otherwise.
    :param deferrable: Whether to wait in the triggerer, without a worker.
    :param poll_interval: Seconds between two polls of a wait.
    :param timeout: Seconds to wait at the most.
    :param adaptive: Whether a deferred wait polls seldom early and often near the flow's usual duration, with
        no more requests than ``poll_interval`` makes.
    :param max_failed_polls: Failed polls in a row that a wait puts up with.
    :param on_failed: ``fail`` or ``continue``, where the execution's status is Failed.
    :param on_empty: ``succeed``, ``skip`` (no log is fetched then) or ``fail``, where its status is Empty.
    :param show_errors: Whether a failure's message shows the first of the log's ``errors``.
    :param max_xcom_bytes: Bytes of JSON that may go to XCom.
    :param max_log_bytes: Bytes of JSON that the log may unpack to.
    :param kwargs: As any operator takes them.
    """

    template_fields: Sequence[str] = (
        "flow",
        "execution_id",
        "log_id",
        "output_path",
        "created_after",
        "project_id",
        "project_slug",
        "integrator_conn_id",
    )
    ui_color = "#d8ecf3"
    operator_extra_links = (IntegratorExecutionLink(), StoredLogLink())

    def __init__(
        self,
        *,
        flow: str,
        execution_id: str | None = None,
        log_id: str | None = None,
        output_path: str | None = None,
        created_after: datetime | str | None = None,
        project_id: str | None = None,
        project_slug: str | None = None,
        integrator_conn_id: str = IntegratorHook.default_conn_name,
        wait: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta = 60.0,
        timeout: float | timedelta = 24 * 60 * 60.0,
        adaptive: bool = False,
        max_failed_polls: int = DEFAULT_MAX_FAILED_POLLS,
        on_failed: Literal["fail", "continue"] = "fail",
        on_empty: Literal["succeed", "skip", "fail"] = "succeed",
        show_errors: bool = True,
        max_xcom_bytes: int = DEFAULT_MAX_XCOM_BYTES,
        max_log_bytes: int = DEFAULT_MAX_LOG_BYTES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flow = flow
        self.execution_id = execution_id
        self.log_id = log_id
        self.output_path = output_path
        self.created_after = created_after
        self.project_id = project_id
        self.project_slug = project_slug
        self.integrator_conn_id = integrator_conn_id
        self.wait = wait
        self.deferrable = deferrable
        self.poll_interval = read_seconds("poll_interval", poll_interval, least=MIN_POLL_INTERVAL)
        self.timeout = read_seconds("timeout", timeout)
        self.adaptive = adaptive
        self.max_failed_polls = read_count("max_failed_polls", max_failed_polls)
        self.on_failed = on_failed
        self.on_empty = on_empty
        self.show_errors = show_errors
        self.max_xcom_bytes = read_count("max_xcom_bytes", max_xcom_bytes)
        self.max_log_bytes = read_count("max_log_bytes", max_log_bytes)
        self.pushed_links: dict[str, str] = {}
        self._seen: tuple[str, Execution] | None = None  # the project's id comes first
        self._stored: dict[str, Any] | None = None
        self._found_slug: str | None = None
        self._check_choices()

    @cached_property
    def hook(self) -> IntegratorHook:
        """The hook, made once."""
        return IntegratorHook(self.integrator_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait where asked to, deliver the log, and judge the execution.

        :param context: The task's context.
        :return: The log's JSON, or what was stored where.
        """
        target = self._target(context)
        self._check_delivery(target)
        end_time = time.time() + self.timeout
        failed_polls = FailedPolls(self.max_failed_polls)
        told: Execution | None = None
        first_look = True
        while True:
            execution = self._look(target, failed_polls)
            if execution is not None and execution != told:
                self._tell(context, target, execution)
                told = execution
            if execution is not None and execution.is_finished:
                return self._conclude(context, target, execution)
            if not self.wait:
                raise IntegratorError(_not_waited_for(target, execution))
            if first_look:
                self.log.info(
                    "Waiting for %s: a poll every %g s, for %g s at the most.",
                    target.described(),
                    self.poll_interval,
                    self.timeout,
                )
                first_look = False
            if self.deferrable:
                self._defer(target, end_time)
            if time.time() + self.poll_interval > end_time:
                raise WaitTimeoutError(f"{target.not_finished(execution)} within {self.timeout:g} s.")
            time.sleep(self.poll_interval)

    def execute_complete(self, context: Context, event: Any) -> Any:
        """Go on after the triggerer's wait.

        :param context: The task's context.
        :param event: What the trigger handed back.
        :return: The log's JSON, or what was stored where.
        """
        answer = read_event(event)
        target = self._target(context)
        target.execution_id = answer.get("execution_id") or target.execution_id
        if answer["status"] == "finished":
            execution = target.look_at_finished(FailedPolls(self.max_failed_polls), self.poll_interval)
            self._tell(context, target, execution)
            return self._conclude(context, target, execution)
        try:
            last = target.look()
        except PASSING_ERRORS as error:
            raise WaitTimeoutError(f"The wait has timed out; its last look failed, too: {error}") from error
        if last is not None:
            self._tell(context, target, last)
        if last is None or not last.is_finished:
            raise WaitTimeoutError(f"{target.not_finished(last)} within {self.timeout:g} s.")
        return self._conclude(context, target, last)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Answer OpenLineage, where its provider is installed.

        :param task_instance: The task instance.
        :return: The flow as input, the stored log as output, facets of the execution; None where none was seen.
        """
        if self._seen is None:
            return None
        from airflow_provider_integrator.lineage import log_lineage

        project_id, execution = self._seen
        return log_lineage(self.hook.settings.access.base_url, project_id, execution, self._stored)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Answer OpenLineage after a failure: the log of a Failed execution is stored, too.

        :param task_instance: The task instance.
        :return: As after a success.
        """
        return self.get_openlineage_facets_on_complete(task_instance)

    def _slug(self, target: AwaitedExecution) -> str:
        if self._found_slug is None:
            named = rendered("project_slug", self.project_slug)
            self._found_slug = self.hook.find_project_slug(project_id=target.project_id, project_slug=named)
        return self._found_slug

    @cached_property
    def _destination(self) -> Destination | None:
        output_path = rendered("output_path", self.output_path)
        if output_path is None:
            return None
        from airflow_provider_integrator.logs.storage import Destination

        return Destination(output_path)

    def _check_choices(self) -> None:
        if self.on_failed not in ("fail", "continue"):
            raise ConfigurationError(f"on_failed is {self.on_failed!r}; set it to fail or continue.")
        if self.on_empty not in ("succeed", "skip", "fail"):
            raise ConfigurationError(f"on_empty is {self.on_empty!r}; set it to succeed, skip or fail.")
        if self.adaptive and not self.deferrable:
            raise ConfigurationError("adaptive works in the triggerer: set deferrable=True with it.")

    def _target(self, context: Context) -> AwaitedExecution:
        execution_id = rendered("execution_id", self.execution_id)
        return AwaitedExecution(
            hook=self.hook,
            project_id=self.hook.settings.project(rendered("project_id", self.project_id)),
            flow=rendered("flow", self.flow) or "",
            execution_id=execution_id,
            created_after=None if execution_id else read_created_after(self.created_after, context),
        )

    def _check_delivery(self, target: AwaitedExecution) -> None:
        """Find out before the wait what would make the delivery after it impossible."""
        rendered("log_id", self.log_id)
        self._slug(target)
        if self._destination is not None:
            self._destination.check_writable()

    def _look(self, target: AwaitedExecution, failed_polls: FailedPolls) -> Execution | None:
        if not self.wait:
            return target.look()
        try:
            execution = target.look()
        except PASSING_ERRORS as error:
            failed_polls.failed(error)
            return None
        failed_polls.succeeded()
        return execution

    def _defer(self, target: AwaitedExecution, end_time: float) -> None:
        self.defer(
            trigger=target.trigger(self.poll_interval, end_time, self.max_failed_polls, self.adaptive),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout) + DEFERRAL_GRACE,
        )

    def _conclude(self, context: Context, target: AwaitedExecution, execution: Execution) -> Any:
        text = outcome.summary(execution)
        failed = outcome.has_failed(execution)
        self.log.log(30 if failed else 20, text)
        if outcome.is_empty(execution) and self.on_empty == "skip":
            raise AirflowSkipException(f"{text} on_empty is skip.")
        is_failure = (failed and self.on_failed == "fail") or (
            outcome.is_empty(execution) and self.on_empty == "fail"
        )
        if not is_failure:
            value = self._deliver(context, target, execution).value
            self._emit(context, execution)
            return value
        try:
            delivered = self._deliver(context, target, execution, pick_errors=self.show_errors)
        except (LogArchiveError, RequestError) as error:  # for good; what may pass is left to a retry
            raise AirflowFailException(
                outcome.failure_message(execution, None, f"Its log was not delivered: {error}")
            ) from error
        if self.do_xcom_push:
            self._push(context, RETURN_KEY, delivered.value)
        reasons = [delivered.where, None if failed else "The task fails, as on_empty is fail."]
        where = " ".join(filter(None, reasons))
        raise AirflowFailException(outcome.failure_message(execution, delivered.errors, where))

    def _emit(self, context: Context, execution: Execution) -> None:
        extra, stored_at = outlets.execution_extra(execution), None
        if self._stored is not None:
            extra |= self._stored
            stored_at = outlets.file_asset_uri(self._stored["uri"])
        outlets.emit(context, self.outlets, extra, stored_at)

    def _deliver(
        self, context: Context, target: AwaitedExecution, execution: Execution, *, pick_errors: bool = False
    ) -> _Delivered:
        log_id = rendered("log_id", self.log_id) or execution.log_id
        with self.hook.download_log(
            target.find_flow(),
            log_id,
            project_id=target.project_id,
            project_slug=self._slug(target),
            max_log_bytes=self.max_log_bytes,
        ) as archive:
            value, where = self._store(context, archive, execution, log_id)
            errors = archive.errors if pick_errors else None
        if where:
            self.log.info(where)
        return _Delivered(value, errors, where)

    def _store(
        self, context: Context, archive: LogArchive, execution: Execution, log_id: str
    ) -> tuple[Any, str | None]:
        if self._destination is None:
            where = "Its log is in XCom, key return_value." if self.do_xcom_push else None
            try:
                return archive.load(self.max_xcom_bytes), where
            except LogTooLargeError as error:
                raise LogTooLargeError(
                    f"{error} It can't go to XCom: set output_path, or raise max_xcom_bytes "
                    f"({self.max_xcom_bytes}) where an object storage XCom backend is in use."
                ) from error
        from airflow_provider_integrator.logs import storage

        path = self._destination.log_path(execution.flow_slug, execution.execution_id, log_id)
        uri, written = storage.save(archive, path)
        self._stored = {
            "uri": storage.without_connection(uri),
            "bytes": written.bytes,
            "sha256": written.sha256,
        }
        StoredLogLink().push(context, self, storage.web_address(path))
        value = {
            "uri": uri,
            "bytes": written.bytes,
            "sha256": written.sha256,
            "execution": execution.as_dict(),
        }
        return value, f"Its log is in {uri} ({written.bytes} bytes)."

    def _tell(self, context: Context, target: AwaitedExecution, execution: Execution) -> None:
        self._seen = (target.project_id, execution)
        self._push(context, EXECUTION_KEY, execution.as_dict())
        log_id = rendered("log_id", self.log_id)
        IntegratorExecutionLink().tell(context, self, target, execution, log_id)

    def _push(self, context: Context, key: str, value: Any) -> None:
        context["ti"].xcom_push(key=key, value=value)


@dataclass(frozen=True)
class _Delivered:
    """What a task returns, the first entries of the log's errors, and a sentence on where the log is, if anywhere."""

    value: Any
    errors: list[Any] | None
    where: str | None


def _not_waited_for(target: AwaitedExecution, execution: Execution | None) -> str:
    text = target.not_finished(execution)
    if execution is None and target.execution_id is not None:
        return f"{text}; check both. Where it is only about to begin, set wait=True."
    return f"{text}. Set wait=True, or put an IntegratorExecutionSensor before."
