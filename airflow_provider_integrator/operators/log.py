"""Fetches the log of an execution and judges the execution."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, BaseOperatorLink

from airflow_provider_integrator.arguments import read_count, read_seconds, rendered
from airflow_provider_integrator.exceptions import LogArchiveError, RequestError
from airflow_provider_integrator.executions import events
from airflow_provider_integrator.executions.delivery import Delivered, LogDelivery
from airflow_provider_integrator.executions.policy import Policy, Verdict
from airflow_provider_integrator.hooks.queries import DEFAULT_LOG_TIMEOUT, DEFAULT_MAX_LOG_BYTES
from airflow_provider_integrator.links import IntegratorExecutionLink, StoredLogLink
from airflow_provider_integrator.operators.base import ExecutionTask, WaitingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_integrator.api.downloads import LogPatience
    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait

#: Bytes of JSON that go to XCom by default.
DEFAULT_MAX_XCOM_BYTES = 1024**2
EXECUTION_KEY = "execution"
RETURN_KEY = "return_value"


class IntegratorLogOperator(WaitingOperator):
    """Fetches the decoded log of an execution, and fails if the execution failed.

    Pushes the execution as a JSON object to XCom, key ``execution``, as soon as it is known. Returns the log's JSON, or
    with ``output_path`` a dict of ``uri``, ``bytes``, ``sha256`` and ``execution``. The log of a Failed execution is
    delivered first; then the task fails without retries, and says why.

    Events of the assets among its ``outlets`` hold the execution's ids, status, times and counts in their extra, and
    what was stored where; an asset alias there stands for the stored log's own asset.

    :param flow: The flow's slug, name or id.
    :param execution_id: The execution, usually from the sensor's XCom; None: the flow's first one since
        ``created_after``.
    :param log_id: A step's or a line's log, instead of the main one.
    :param output_path: An object storage URI or a local path for the log's JSON, byte for byte, whole or not at all.
        One that ends in ``/`` gets ``<flow>/<execution id>/<log id>.json``. None: XCom.
    :param log_timeout: Seconds after the execution's end, or a timedelta, in which a log that is refused with 400 or
        404 is asked for again at the poll interval, as it may not be stored yet; 0: it is an error at once.
    :param on_failed: ``fail`` or ``continue``, if the execution's status is Failed.
    :param on_empty: ``succeed``, ``skip`` (no log is fetched then) or ``fail``, if its status is Empty.
    :param show_errors: Whether a failure's message shows the first of the log's ``errors``.
    :param max_xcom_bytes: Bytes of JSON that may go to XCom.
    :param max_log_bytes: Bytes of JSON that the log may unpack to.
    :param kwargs: ``created_after``, ``project_id``, ``project_slug``, ``integrator_conn_id``, ``wait``,
        ``deferrable``, ``poll_interval``, ``timeout``, ``adaptive``, ``max_failed_polls`` as
        :class:`~airflow_provider_integrator.operators.base.WaitingOperator` takes them, and what any operator takes.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.log_id = log_id
        self.output_path = output_path
        self.log_timeout = read_seconds("log_timeout", log_timeout)
        self.on_failed = on_failed
        self.on_empty = on_empty
        self.show_errors = show_errors
        self.max_xcom_bytes = read_count("max_xcom_bytes", max_xcom_bytes)
        self.max_log_bytes = read_count("max_log_bytes", max_log_bytes)
        self._policy = Policy(on_failed, on_empty)
        self._lineage: tuple[str, Execution] | None = None  # the project's id comes first
        self._delivered: Delivered | None = None

    @cached_property
    def _delivery(self) -> LogDelivery:
        return LogDelivery(
            rendered("log_id", self.log_id),
            rendered("output_path", self.output_path),
            self.max_xcom_bytes,
            self.max_log_bytes,
            bool(self.do_xcom_push),
        )

    def check(self, wait: ExecutionWait) -> None:
        """Check, before the wait, that the log can be delivered after it."""
        self._slug(wait)
        self._delivery.check()

    def saw(self, context: Context, wait: ExecutionWait, execution: Execution) -> None:
        """Push the execution and the link to its page."""
        self._lineage = (wait.project_id, execution)
        context["ti"].xcom_push(key=EXECUTION_KEY, value=execution.as_dict())
        IntegratorExecutionLink().push_for(context, self, wait, execution, self._delivery.log_id)

    def conclude(self, context: Context, wait: ExecutionWait, execution: Execution) -> Any:
        """Deliver the log and judge the execution.

        :return: The log's JSON, or what was stored where.
        """
        verdict = self._policy.judge(execution)
        verdict.log_to(self.log)
        if verdict.action == "skip":
            raise AirflowSkipException(verdict.summary)
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

    def resume_delivery(self, context: Context, event: Any, carried: dict[str, Any]) -> Any:
        """Ask again for a log that wasn't stored yet.

        :param context: The task's context.
        :param event: The end of the pause; nothing depends on it.
        :param carried: What the deferral carries.
        :return: The log's JSON, or what was stored where.
        """
        wait = self.make_wait(context, carried)
        return self.conclude(context, wait, wait.confirm())

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Answer OpenLineage, if its provider is installed.

        :param task_instance: The task instance.
        :return: The flow as input, the stored log as output, facets of the execution; None if none was seen.
        """
        if self._lineage is None:
            return None
        from airflow_provider_integrator.lineage import log_lineage

        stored = self._delivered.stored if self._delivered else None
        return log_lineage(self.hook.settings.access.base_url, *self._lineage, stored)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Answer OpenLineage after a failure as after a success: the log of a Failed execution is stored, too."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def _slug(self, wait: ExecutionWait) -> str:
        if "project_slug" not in self._carried:
            named = rendered("project_slug", self.project_slug)
            found = self.hook.find_project_slug(project_id=wait.project_id, project_slug=named)
            self._carried["project_slug"] = found
        return str(self._carried["project_slug"])

    def _fail(self, context: Context, wait: ExecutionWait, verdict: Verdict) -> None:
        try:
            delivered = self._deliver(context, wait, verdict.execution)
        except (LogArchiveError, RequestError) as error:  # for good; what may pass is left to a retry
            raise AirflowFailException(
                verdict.message(where=f"Its log was not delivered: {error}")
            ) from error
        if self.do_xcom_push:
            context["ti"].xcom_push(key=RETURN_KEY, value=delivered.value)
        errors = delivered.errors if self.show_errors else None
        raise AirflowFailException(verdict.message(errors, delivered.where))

    def _deliver(self, context: Context, wait: ExecutionWait, execution: Execution) -> Delivered:
        until = self._carried.get("log_until")
        patience = self._delivery.patience(execution, self.log_timeout, self.poll_interval, until)
        pause = partial(self._pause, wait, patience)
        with self._delivery.download(wait, execution, self._slug(wait), patience, pause) as archive:
            self._delivered = self._delivery.deliver(archive, execution.flow_slug or wait.flow, execution)
        if self._delivered.where:
            self.log.info(self._delivered.where)
        StoredLogLink().push(context, self, self._delivered.page)
        return self._delivered

    def _pause(self, wait: ExecutionWait, patience: LogPatience, seconds: float) -> None:
        if not self.deferrable:
            time.sleep(seconds)
            return
        from airflow.providers.common.compat.standard.triggers import TimeDeltaTrigger

        self._carried["log_until"] = patience.until
        self.defer_wait(wait, TimeDeltaTrigger(timedelta(seconds=seconds)), "resume_delivery")
