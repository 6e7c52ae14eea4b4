"""The operator that fetches the log of an execution and judges the execution."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_integrator.arguments import check_scheme, read_count, read_mode, read_seconds, rendered
from airflow_provider_integrator.exceptions import LogArchiveError, RequestError, ResponseError
from airflow_provider_integrator.executions import events
from airflow_provider_integrator.executions.delivery import Delivered, LogDelivery
from airflow_provider_integrator.executions.failures import failure
from airflow_provider_integrator.executions.policy import Policy, Verdict
from airflow_provider_integrator.hooks.queries import DEFAULT_LOG_TIMEOUT, DEFAULT_MAX_LOG_BYTES
from airflow_provider_integrator.links import IntegratorExecutionLink, StoredLogLink
from airflow_provider_integrator.logs import DEFAULT_FILE_MODE
from airflow_provider_integrator.operators.base import ExecutionTask, WaitingOperator
from airflow_provider_integrator.operators.ending import ends_task
from airflow_provider_integrator.operators.judging import JudgingTask
from airflow_provider_integrator.operators.lineage import DeliveryLineage

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait

#: The default maximum size of the JSON for XCom, in bytes.
DEFAULT_MAX_XCOM_BYTES = 1024**2
EXECUTION_KEY = "execution"
RETURN_KEY = "return_value"


class IntegratorLogOperator(DeliveryLineage, JudgingTask, WaitingOperator):
    """Fetches the decoded log of an execution, and fails if the execution failed or breached a threshold.

    Pushes the execution as a JSON object to XCom, key ``execution``, as soon as it is found. Returns the
    log's JSON, or with ``output_path`` a dict of ``uri``, ``bytes``, ``sha256`` and ``execution``. If the
    task is to fail, the log is delivered first; then it fails without retries, with the reason in its message.

    The asset events of its ``outlets`` have the execution's ids, status, times and counts, and the stored
    log's URI, size and hash in their extra; an asset alias resolves to the stored log's asset.

    :param flow: The flow's slug, name or id.
    :param execution_id: The execution, usually from the sensor's XCom; None: the flow's first one created at
        or after ``created_after``.
    :param log_id: The log of a step or a line; None: the execution's main log.
    :param output_path: An object storage URI or a local path; the log's JSON is written byte for byte and
        atomically. If it ends in ``/``, ``<flow>/<execution id>/<log id>.json`` is appended. None: XCom.
    :param log_timeout: Seconds after the execution's end, or a timedelta, for which a download refused with
        400 or 404 is retried at the poll interval, as the log may not be stored yet; 0: no retries.
    :param on_failed: The action for the status Failed: ``fail`` or ``continue``.
    :param on_empty: The action for the status Empty: ``succeed``, ``skip`` (without fetching the log) or
        ``fail``.
    :param show_errors: Whether the message of a failed task shows the first of the log's ``errors``.
    :param max_xcom_bytes: The maximum size of the JSON for XCom.
    :param max_log_bytes: The maximum size of the unpacked JSON.
    :param file_mode: The permissions of a new local file; new folders get them, too, and may be entered by
        those who may read the file.
    :param kwargs: Arguments of :class:`~airflow_provider_integrator.operators.base.WaitingOperator`, such as
        ``created_after``, ``deferrable`` and ``outage_tolerance``, of
        :class:`~airflow_provider_integrator.operators.judging.JudgingTask`, and of ``BaseOperator``.
    """

    template_fields: Sequence[str] = (*ExecutionTask.template_fields, "log_id", "output_path")
    operator_extra_links: Collection[BaseOperatorLink] = (IntegratorExecutionLink(), StoredLogLink())

    def __init__(
        self,
        *,
        log_id: str | None = None,
        output_path: str | None = None,
        log_timeout: float | timedelta = DEFAULT_LOG_TIMEOUT,
        on_failed: Literal["fail", "continue"] = "fail",
        on_empty: Literal["succeed", "skip", "fail"] = "succeed",
        show_errors: bool = True,
        max_xcom_bytes: int = DEFAULT_MAX_XCOM_BYTES,
        max_log_bytes: int = DEFAULT_MAX_LOG_BYTES,
        file_mode: int = DEFAULT_FILE_MODE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_scheme("output_path", output_path)
        self.log_id = log_id
        self.output_path = output_path
        self.log_timeout = read_seconds("log_timeout", log_timeout)
        self.on_failed = on_failed
        self.on_empty = on_empty
        self.show_errors = show_errors
        self.max_xcom_bytes = read_count("max_xcom_bytes", max_xcom_bytes)
        self.max_log_bytes = read_count("max_log_bytes", max_log_bytes)
        self.file_mode = read_mode("file_mode", file_mode)
        self.policy = Policy(on_failed, on_empty, self.thresholds)

    @cached_property
    def _delivery(self) -> LogDelivery:
        return LogDelivery(
            rendered("log_id", self.log_id),
            rendered("output_path", self.output_path),
            rendered("project_slug", self.project_slug),
            self.log_timeout,
            self.max_xcom_bytes,
            self.max_log_bytes,
            self.file_mode,
            bool(self.do_xcom_push),
        )

    def check(self, wait: ExecutionWait) -> None:
        """Check the preconditions of the delivery before waiting.

        :param wait: The wait.
        :raises ConfigurationError: The project's slug is unknown, or the log can't be stored.
        """
        self._delivery.check(wait, self._carried)

    def saw(self, context: Context, wait: ExecutionWait, execution: Execution) -> None:
        """Push the execution and the link to its page.

        :param context: The task's context.
        :param wait: The wait.
        :param execution: The execution.
        """
        self.found = (wait.project_id, execution.flow_label, execution)
        context["ti"].xcom_push(key=EXECUTION_KEY, value=execution.as_dict())
        IntegratorExecutionLink().push_for(context, self, wait, execution, self._delivery.log_id)

    def conclude(self, context: Context, wait: ExecutionWait, execution: Execution) -> Any:
        """Judge the execution and deliver its log.

        :param context: The task's context.
        :param wait: The wait.
        :param execution: The finished execution.
        :return: The log's JSON, or the URI, size and hash of the stored log and the execution.
        """
        verdict = self.judge(execution)
        if verdict.action == "fail":
            self._fail(context, wait, verdict)
        delivered = self._deliver(context, wait, execution)
        stored = delivered.stored or {}
        events.emit(
            context,
            self.outlets,
            {**events.execution_extra(execution), **stored},
            events.file_asset_uri(stored["uri"]) if stored else None,
        )
        return delivered.value

    @ends_task
    def resume_delivery(self, context: Context, event: Any, carried: dict[str, Any]) -> Any:
        """Retry the download of a log that wasn't stored yet.

        :param context: The task's context.
        :param event: The timer's event; unused.
        :param carried: The values that the deferral carried.
        :return: The value of :meth:`conclude`.
        """
        wait = self.make_wait(context, carried)
        return self.conclude(context, wait, wait.confirm())

    def on_kill(self) -> None:
        """Stop the delivery of the log: nothing of it is left, and no object appears later.

        Airflow calls this in the task's process on SIGTERM (a task marked as failed, a worker that shuts
        down) and after ``execution_timeout``. The execution itself goes on; no call of the Integrator stops it.
        """
        self._delivery.cancel()

    def _fail(self, context: Context, wait: ExecutionWait, verdict: Verdict) -> None:
        try:
            delivered = self._deliver(context, wait, verdict.execution)
        except (LogArchiveError, RequestError, ResponseError) as error:
            # What can't be delivered must not hide that the execution failed; an outage is left to retries.
            raise failure(verdict, where=f"Its log was not delivered: {error}") from error
        if self.do_xcom_push:
            context["ti"].xcom_push(key=RETURN_KEY, value=delivered.value)
        errors = delivered.errors if self.show_errors else None
        raise failure(verdict, errors, delivered.where, (delivered.stored or {}).get("uri"))

    def _deliver(self, context: Context, wait: ExecutionWait, execution: Execution) -> Delivered:
        self.delivered = self._delivery.run(wait, execution, self._carried, partial(self._pause, wait))
        if self.delivered.where:
            self.log.info(self.delivered.where)
        StoredLogLink().push(context, self, self.delivered.page)
        return self.delivered

    def _pause(self, wait: ExecutionWait, seconds: float) -> None:
        if not self.deferrable:
            time.sleep(seconds)
            return
        from airflow.providers.common.compat.standard.triggers import TimeDeltaTrigger

        self.defer_wait(wait, TimeDeltaTrigger(timedelta(seconds=seconds)), "resume_delivery")
