"""The common base class of the operators that deliver an execution's log or its lines."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_integrator.arguments import check_scheme, read_count, read_mode, read_seconds
from airflow_provider_integrator.exceptions import (
    IntegratorError,
    LogCancelledError,
    StorageError,
    TransientError,
)
from airflow_provider_integrator.executions import events
from airflow_provider_integrator.executions.failures import failure
from airflow_provider_integrator.executions.policy import Policy
from airflow_provider_integrator.hooks.queries import DEFAULT_LOG_TIMEOUT, DEFAULT_MAX_LOG_BYTES
from airflow_provider_integrator.links import IntegratorExecutionLink, StoredLogLink
from airflow_provider_integrator.logs import DEFAULT_FILE_MODE
from airflow_provider_integrator.operators.base import ExecutionTask, WaitingOperator
from airflow_provider_integrator.operators.ending import RETURN_KEY
from airflow_provider_integrator.operators.judging import JudgingTask

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.delivery import Delivered, Delivery
    from airflow_provider_integrator.executions.wait import ExecutionWait

#: The default maximum size of the JSON for XCom, in bytes.
DEFAULT_MAX_XCOM_BYTES = 1024**2
EXECUTION_KEY = "execution"


class DeliveringOperator(JudgingTask, WaitingOperator):
    """An operator that judges an execution and delivers what belongs to it, to XCom or object storage.

    :param output_path: An object storage URI or a local path, written whole or not at all; None: XCom.
    :param log_timeout: Seconds after the execution's end, or a timedelta, for which downloads refused with 400 or 404
        are retried at the poll interval, as logs may not be stored yet; 0: no retries.
    :param on_failed: The action for the status Failed: ``fail`` or ``continue``.
    :param on_empty: The action for the status Empty: ``succeed``, ``skip`` (without a delivery) or ``fail``.
    :param max_xcom_bytes: The maximum size of the JSON for XCom.
    :param max_log_bytes: The maximum size of a log's unpacked JSON.
    :param file_mode: The permissions of a new local file; new folders get them, too, and may be entered by
        those who may read the file.
    :param kwargs: Arguments of the base classes.
    """

    template_fields: Sequence[str] = (*ExecutionTask.template_fields, "output_path")
    operator_extra_links: Collection[BaseOperatorLink] = (IntegratorExecutionLink(), StoredLogLink())

    #: What is delivered, as the beginning of a sentence.
    what: str
    show_errors = True
    #: The project's id, the flow's slug, and the execution, None for a whole flow; None until it is found.
    found: tuple[str, str, Execution | None] | None = None
    #: The delivered log, or lines; None until then.
    delivered: Delivered | None = None
    #: The errors of a failed execution's delivery after which a retry may deliver it.
    retried: tuple[type[Exception], ...] = (TransientError, StorageError, LogCancelledError)

    def __init__(
        self,
        *,
        output_path: str | None = None,
        log_timeout: float | timedelta = DEFAULT_LOG_TIMEOUT,
        on_failed: Literal["fail", "continue"] = "fail",
        on_empty: Literal["succeed", "skip", "fail"] = "succeed",
        max_xcom_bytes: int = DEFAULT_MAX_XCOM_BYTES,
        max_log_bytes: int = DEFAULT_MAX_LOG_BYTES,
        file_mode: int = DEFAULT_FILE_MODE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_scheme("output_path", output_path)
        self.output_path = output_path
        self.log_timeout = read_seconds("log_timeout", log_timeout)
        self.on_failed = on_failed
        self.on_empty = on_empty
        self.max_xcom_bytes = read_count("max_xcom_bytes", max_xcom_bytes)
        self.max_log_bytes = read_count("max_log_bytes", max_log_bytes)
        self.file_mode = read_mode("file_mode", file_mode)
        self.policy = Policy(on_failed, on_empty, self.thresholds)

    @property
    @abstractmethod
    def _delivery(self) -> Delivery:
        """The delivery, created once."""

    def check(self, wait: ExecutionWait) -> None:
        """Check the preconditions of the delivery before waiting."""
        self._delivery.check(wait)

    def saw(self, context: Context, wait: ExecutionWait, execution: Execution) -> None:
        """Push the execution and the link to its page."""
        self.found = (wait.project_id, execution.flow_label, execution)
        context["ti"].xcom_push(key=EXECUTION_KEY, value=execution.as_dict())
        super().saw(context, wait, execution)

    def conclude(self, context: Context, wait: ExecutionWait, execution: Execution) -> Any:
        """Judge the execution and deliver what belongs to it; if the task is to fail, before it fails."""
        verdict = self.judge(wait, execution)
        if verdict.action != "fail":
            return self.deliver(context, wait, execution)
        try:
            delivered = self._deliver(context, wait, execution)
        except self.retried:
            raise
        except IntegratorError as error:
            # What can't be delivered must not hide that the execution failed.
            raise failure(verdict, where=f"{self.what} not delivered: {error}") from error
        if self.do_xcom_push:
            context["ti"].xcom_push(key=RETURN_KEY, value=delivered.value)
        errors = delivered.errors if self.show_errors else None
        raise failure(verdict, errors, delivered.where, (delivered.stored or {}).get("uri"))

    def deliver(self, context: Context, wait: ExecutionWait, execution: Execution | None) -> Any:
        """Deliver what belongs to an execution, and emit the events of the task's outlets.

        :param context: The task's context.
        :param wait: The wait.
        :param execution: The execution; None: what is delivered belongs to several.
        :return: What goes to XCom.
        """
        delivered = self._deliver(context, wait, execution)
        stored = delivered.stored or {}
        extra = {**({} if execution is None else events.execution_extra(execution)), **stored}
        events.emit(context, self.outlets, extra, events.file_asset_uri(stored["uri"]) if stored else None)
        return delivered.value

    def _deliver(self, context: Context, wait: ExecutionWait, execution: Execution | None) -> Delivered:
        self.delivered = self.run_delivery(context, wait, execution)
        if self.delivered.where:
            self.log.info("%s", self.delivered.where)
        StoredLogLink().push(context, self, self.delivered.page)
        return self.delivered

    @abstractmethod
    def run_delivery(self, context: Context, wait: ExecutionWait, execution: Execution | None) -> Delivered:
        """Deliver what belongs to an execution.

        :param context: The task's context.
        :param wait: The wait.
        :param execution: The execution; None: what is delivered belongs to several.
        :return: What was delivered.
        """

    def on_kill(self) -> None:
        """Stop the delivery: nothing of it is stored, and no object appears later.

        Airflow calls this in the task's process on SIGTERM (a task marked as failed, a worker that shuts
        down) and after ``execution_timeout``. The execution itself goes on; no call of the Integrator stops it.
        """
        self._delivery.cancel()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return the lineage of the task. The OpenLineage provider calls this, if installed.

        :param task_instance: The task instance.
        :return: The flow as input, the stored file as output, and facets of the execution; None if no
            execution was found.
        """
        if self.found is None:
            return None
        from airflow_provider_integrator.lineage import delivery_lineage

        return delivery_lineage(self.hook.settings.access.base_url, *self.found, self.delivered)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return the same lineage as after a success, as the file of a Failed execution is stored, too."""
        return self.get_openlineage_facets_on_complete(task_instance)
