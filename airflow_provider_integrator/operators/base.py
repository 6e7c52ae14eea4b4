"""The common base classes of the tasks that wait for an execution."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, conf

from airflow_provider_integrator.arguments import (
    MIN_POLL_INTERVAL,
    read_count,
    read_created_after,
    read_seconds,
    rendered,
)
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError
from airflow_provider_integrator.executions.spec import DEFAULT_MAX_FAILED_POLLS, DEFERRAL_GRACE, WaitSpec
from airflow_provider_integrator.executions.wait import ExecutionWait
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.links import IntegratorExecutionLink
from airflow_provider_integrator.triggers.execution import IntegratorExecutionTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution


class ExecutionTask(BaseOperator):
    """A task for an execution: its hook, project, flow, wait and links.

    :param flow: The flow's slug, name or id, looked up in List flows; if that call is refused, it is used as
        an id, with a warning.
    :param execution_id: The execution; None: the flow's first one created at or after ``created_after``.
    :param created_after: A datetime, or ISO 8601; None: the DAG run's ``run_after`` (its logical date if it
        has none).
    :param project_id: The project; None: the connection's.
    :param project_slug: The project's slug; None: the connection's, or the one in List projects.
    :param integrator_conn_id: The Airflow connection, of type ``integrator``.
    :param deferrable: Whether to wait in the triggerer, without occupying a worker.
    :param adaptive: Whether a deferred wait polls rarely at first and often near the flow's usual duration,
        with no more requests than at a fixed interval.
    :param max_failed_polls: The number of consecutive failed polls that are tolerated.
    :param kwargs: Arguments of ``BaseOperator``.
    """

    template_fields: Sequence[str] = (
        "flow",
        "execution_id",
        "created_after",
        "project_id",
        "project_slug",
        "integrator_conn_id",
    )
    ui_color = "#d8ecf3"
    operator_extra_links: Collection[BaseOperatorLink] = (IntegratorExecutionLink(),)

    poll_interval: float
    timeout: float

    def __init__(
        self,
        *,
        flow: str,
        execution_id: str | None = None,
        created_after: datetime | str | None = None,
        project_id: str | None = None,
        project_slug: str | None = None,
        integrator_conn_id: str = IntegratorHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        adaptive: bool = False,
        max_failed_polls: int = DEFAULT_MAX_FAILED_POLLS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flow = flow
        self.execution_id = execution_id
        self.created_after = created_after
        self.project_id = project_id
        self.project_slug = project_slug
        self.integrator_conn_id = integrator_conn_id
        self.deferrable = deferrable
        self.adaptive = adaptive
        self.max_failed_polls = read_count("max_failed_polls", max_failed_polls)
        self.pushed_links: dict[str, str] = {}
        self._carried: dict[str, Any] = {}  # resolved values that a deferral carries besides the spec
        if adaptive and not deferrable:
            raise ConfigurationError("adaptive works in the triggerer: set deferrable=True with it.")

    @cached_property
    def hook(self) -> IntegratorHook:
        """The hook, created once."""
        return IntegratorHook(self.integrator_conn_id)

    def make_wait(self, context: Context, carried: dict[str, Any] | None = None) -> ExecutionWait:
        """Make the wait for the execution.

        :param context: The task's context.
        :param carried: The values that a deferral carried; None if the task starts.
        :return: The wait.
        :raises ConfigurationError: An argument is invalid.
        """
        flow = rendered("flow", self.flow) or ""
        if carried:
            self._carried = dict(carried)
            spec = WaitSpec(**self._carried.pop("spec"))
        else:
            execution_id = rendered("execution_id", self.execution_id)
            created_after = None if execution_id else read_created_after(self.created_after, context)
            spec = WaitSpec(
                integrator_conn_id=self.integrator_conn_id,
                project_id=self.hook.settings.project(rendered("project_id", self.project_id)),
                flow=flow,
                is_flow_id=False,
                execution_id=execution_id,
                created_after=None if created_after is None else created_after.isoformat(),
                poll_interval=self.poll_interval,
                end_time=time.time() + self.timeout,
                max_failed_polls=self.max_failed_polls,
                adaptive=self.adaptive,
            )
        wait = ExecutionWait(self.hook, spec, flow, self.timeout, lambda seen: self.saw(context, wait, seen))
        return wait

    def saw(self, context: Context, wait: ExecutionWait, execution: Execution) -> None:
        """Handle an execution that the wait found or that has changed: push the link to its page.

        :param context: The task's context.
        :param wait: The wait.
        :param execution: The execution.
        """
        IntegratorExecutionLink().push_for(context, self, wait, execution)

    def defer_wait(self, wait: ExecutionWait, trigger: Any = None, method: str = "execute_complete") -> None:
        """Defer the task, carrying the resolved values.

        :param wait: The wait.
        :param trigger: The trigger; None: the execution's.
        :param method: The method that resumes.
        """
        left = max(0.0, (wait.spec.end_time or 0.0) - time.time())
        self.defer(
            trigger=trigger or IntegratorExecutionTrigger(**wait.spec.as_arguments()),
            method_name=method,
            kwargs={"carried": {**self._carried, "spec": wait.spec.as_arguments()}},
            timeout=None if trigger else timedelta(seconds=left) + DEFERRAL_GRACE,
        )


class WaitingOperator(ExecutionTask):
    """An operator that waits for an execution, then handles it in the subclass's :meth:`conclude`.

    :param wait: Whether to wait until the execution has finished; if not, an unfinished one is an error.
    :param poll_interval: Seconds, or a timedelta, between two polls.
    :param timeout: The maximum time to wait, in seconds or as a timedelta.
    :param kwargs: Arguments of :class:`ExecutionTask`.
    """

    def __init__(
        self,
        *,
        wait: bool = True,
        poll_interval: float | timedelta = 60.0,
        timeout: float | timedelta = 24 * 60 * 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait = wait
        self.poll_interval = read_seconds("poll_interval", poll_interval, least=MIN_POLL_INTERVAL)
        self.timeout = read_seconds("timeout", timeout)

    def execute(self, context: Context) -> Any:
        """Wait, if requested, and handle the execution.

        :param context: The task's context.
        :return: The value of :meth:`conclude`.
        :raises IntegratorError: The execution has not finished, or the wait failed.
        """
        wait = self.make_wait(context)
        self.check(wait)
        if not self.wait:
            execution = wait.look()
            if execution is None or not execution.is_finished:
                raise IntegratorError(_not_finished_message(wait, execution))
        else:
            execution = wait.until_finished(partial(self.defer_wait, wait) if self.deferrable else None)
        return self.conclude(context, wait, execution)

    def execute_complete(self, context: Context, event: Any, carried: dict[str, Any] | None = None) -> Any:
        """Resume after the triggerer's wait.

        :param context: The task's context.
        :param event: The trigger's event.
        :param carried: The values that the deferral carried.
        :return: The value of :meth:`conclude`.
        """
        wait = self.make_wait(context, carried)
        return self.conclude(context, wait, wait.resume(event))

    def check(self, wait: ExecutionWait) -> None:
        """Check the preconditions of :meth:`conclude` before waiting.

        :param wait: The wait.
        :raises ConfigurationError: A precondition isn't met.
        """

    @abstractmethod
    def conclude(self, context: Context, wait: ExecutionWait, execution: Execution) -> Any:
        """Handle the finished execution.

        :param context: The task's context.
        :param wait: The wait, with resolved ids.
        :param execution: The finished execution.
        :return: The task's return value.
        """


def _not_finished_message(wait: ExecutionWait, execution: Execution | None) -> str:
    text = wait.not_finished(execution)
    if execution is None and wait.spec.execution_id is not None:
        return f"{text}; check both. If the execution has yet to begin, set wait=True."
    return f"{text}. Set wait=True, or put an IntegratorExecutionSensor before this task."
