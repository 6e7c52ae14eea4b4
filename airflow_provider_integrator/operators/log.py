"""The operator that fetches the log of an execution and judges the execution."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.exceptions import LogCancelledError, StorageError, UnavailableError
from airflow_provider_integrator.executions.delivery import Delivered, LogDelivery
from airflow_provider_integrator.operators.delivering import DeliveringOperator
from airflow_provider_integrator.operators.ending import ends_task

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait


class IntegratorLogOperator(DeliveringOperator):
    """Fetches the decoded log of an execution, and fails if the execution failed or breached a threshold.

    Pushes the execution as a JSON object to XCom, key ``execution``, as soon as it is found. Returns the
    log's JSON, or with ``output_path`` a dict of ``uri``, ``bytes``, ``sha256`` and ``execution``. If the
    task is to fail, the log is delivered first; then it fails without retries, with the reason in its message.

    The asset events of its ``outlets`` have the execution's ids, status, times and counts, and the stored
    log's URI, size and hash in their extra; an asset alias resolves to the stored log's asset.

    :param log_id: The log of a step or a line; None: the execution's main log.
    :param output_path: An object storage URI or a local path; the log's JSON is written byte for byte and
        atomically. If it ends in ``/``, ``<flow>/<execution id>/<log id>.json`` is appended. None: XCom.
    :param show_errors: Whether the message of a failed task shows the first of the log's ``errors``.
    :param kwargs: Arguments of :class:`~airflow_provider_integrator.operators.delivering.DeliveringOperator`, such as
        ``on_failed`` and ``max_log_bytes``, of
        :class:`~airflow_provider_integrator.operators.base.WaitingOperator`, such as ``flow``, ``execution_id`` and
        ``deferrable``, of :class:`~airflow_provider_integrator.operators.judging.JudgingTask`, and of
        ``BaseOperator``.
    """

    template_fields: Sequence[str] = (*DeliveringOperator.template_fields, "log_id")
    what = "Its log was"
    #: A missing log id is the one fault of an answer here, and stays.
    retried = (UnavailableError, StorageError, LogCancelledError)

    def __init__(self, *, log_id: str | None = None, show_errors: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log_id = log_id
        self.show_errors = show_errors

    @cached_property
    def _delivery(self) -> LogDelivery:
        return LogDelivery.of(self)

    def run_delivery(  # type: ignore[override]  # a log is one execution's
        self, context: Context, wait: ExecutionWait, execution: Execution
    ) -> Delivered:
        """Deliver the execution's log."""
        return self._delivery.run(wait, execution, partial(self._pause, context, wait))

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

    def _pause(self, context: Context, wait: ExecutionWait, seconds: float) -> None:
        if not self.deferrable:
            time.sleep(seconds)
            return
        from airflow.providers.common.compat.standard.triggers import TimeDeltaTrigger

        self.defer_wait(context, wait, TimeDeltaTrigger(timedelta(seconds=seconds)), "resume_delivery")
