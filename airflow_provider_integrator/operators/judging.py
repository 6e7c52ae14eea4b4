"""The common base class of the tasks that judge an execution."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_integrator.executions.policy import Policy, Verdict
from airflow_provider_integrator.executions.thresholds import OnBreach, Thresholds
from airflow_provider_integrator.metrics import report_execution
from airflow_provider_integrator.operators.base import ExecutionTask

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait


class JudgingTask(ExecutionTask):
    """A task that judges its execution by the :attr:`policy` that its subclass makes with the thresholds.

    :param max_fail_count: The maximum number of failed rows; None: no limit, here and below.
    :param max_fail_rate: The maximum share of failed rows among the processed ones, 0 to 1.
    :param max_duration: The maximum time from the execution's creation to its end, in seconds or as a
        timedelta.
    :param min_rows: The minimum number of processed rows.
    :param on_breach: What happens if a Success breaches one: ``fail``, without retries, or ``warn`` in the log.
    :param kwargs: Arguments of :class:`~airflow_provider_integrator.operators.base.ExecutionTask`.
    """

    policy: Policy

    def __init__(
        self,
        *,
        max_fail_count: int | None = None,
        max_fail_rate: float | None = None,
        max_duration: float | timedelta | None = None,
        min_rows: int | None = None,
        on_breach: OnBreach = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.thresholds = Thresholds(max_fail_count, max_fail_rate, max_duration, min_rows, on_breach)

    def judge(self, wait: ExecutionWait, execution: Execution) -> Verdict:
        """Judge the execution, log the verdict, and report the execution's metrics once.

        :param wait: The wait.
        :param execution: The finished execution.
        :return: The verdict: the task succeeds or fails.
        :raises AirflowSkipException: The task is skipped.
        """
        verdict = self.policy.judge(execution)
        verdict.log_to(self.log)
        if "is_reported" not in wait.carried:  # a task that was deferred for its log judges again
            report_execution(execution)
            wait.carried["is_reported"] = True
        if verdict.action == "skip":
            raise AirflowSkipException(verdict.summary)
        return verdict
