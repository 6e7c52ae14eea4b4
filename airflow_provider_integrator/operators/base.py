"""The common base classes of the tasks that wait for an execution."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, get_args

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, conf

from airflow_provider_integrator.arguments import (
    MIN_POLL_INTERVAL,
    check_window,
    read_created_after,
    read_seconds,
    read_window,
    rendered,
)
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError
from airflow_provider_integrator.executions.spec import DEFAULT_OUTAGE_TOLERANCE, DEFERRAL_GRACE, WaitSpec
from airflow_provider_integrator.executions.wait import ExecutionWait, OnMissing
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.links import IntegratorExecutionLink
from airflow_provider_integrator.operators.ending import ends_task
from airflow_provider_integrator.triggers.execution import IntegratorExecutionTrigger
from airflow_provider_integrator.triggers.outage_xcom import push_outage

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
    :param created_before: The end of the window that begins at ``created_after``: a datetime, ISO 8601, or a
        timedelta after ``created_after``. What was created at or after it doesn't count. None: no end.
    :param on_missing: What happens once the window has passed without an execution: ``fail``, without retries,
        or ``skip``.
    :param project_id: The project; None: the connection's.
    :param project_slug: The project's slug; None: the connection's, or the one in List projects.
    :param integrator_conn_id: The Airflow connection, of type ``integrator``.
    :param deferrable: Whether to wait in the triggerer, without occupying a worker.
    :param adaptive: Whether a deferred wait polls rarely at first and often near the flow's usual duration,
        with no more requests than at a fixed interval.
    :param outage_tolerance: Seconds, or a timedelta, for which all polls may fail before the wait gives up; 0:
        it gives up at the first failed poll.
    :param kwargs: Arguments of ``BaseOperator``.
    """

    template_fields: Sequence[str] = (
        "flow",
        "execution_id",
        "created_after",
        "created_before",
        "project_id",
        "project_slug",
        "integrator_conn_id",
    )
    ui_color = "#d8ecf3"
    operator_extra_links: Collection[BaseOperatorLink] = (IntegratorExecutionLink(),)

    poll_interval: float
    timeout: float
    #: The log that the task is about; None: the execution's main log.
    log_id: str | None = None

    def __init__(
        self,
        *,
        flow: str,
        execution_id: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | timedelta | str | None = None,
        on_missing: OnMissing = "fail",
        project_id: str | None = None,
        project_slug: str | None = None,
        integrator_conn_id: str = IntegratorHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        adaptive: bool = False,
        outage_tolerance: float | timedelta = DEFAULT_OUTAGE_TOLERANCE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flow = flow
        self.execution_id = execution_id
        self.created_after = created_after
        self.created_before = created_before
        self.on_missing = on_missing
        self.project_id = project_id
        self.project_slug = project_slug
        self.integrator_conn_id = integrator_conn_id
        self.deferrable = deferrable
        self.adaptive = adaptive
        self.outage_tolerance = read_seconds("outage_tolerance", outage_tolerance)
        self.pushed_links: dict[str, str] = {}
        if adaptive and not deferrable:
            raise ConfigurationError("adaptive works in the triggerer: set deferrable=True with it.")
        if on_missing not in get_args(OnMissing):
            raise ConfigurationError(f"on_missing is {on_missing!r}; set it to fail or skip.")
        if flow is None or (isinstance(flow, str) and not flow.strip()):
            raise ConfigurationError("flow is empty; set it to the flow's slug, name or id.")
        check_window(created_after, created_before)

    @cached_property
    def hook(self) -> IntegratorHook:
        """The hook, created once."""
        return IntegratorHook(self.integrator_conn_id)

    def make_wait(
        self, context: Context, carried: dict[str, Any] | None = None, *, polled: int = 0
    ) -> ExecutionWait:
        """Make the wait for the execution.

        :param context: The task's context.
        :param carried: What the wait's ``suspend`` returned in another process; None if the task starts.
        :param polled: How often the task has polled before, in other processes.
        :return: The wait.
        :raises ConfigurationError: An argument is invalid.
        """
        others = dict(carried or {})
        spec = WaitSpec(**others.pop("spec")) if carried else self.spec(context)
        wait = ExecutionWait(
            self.hook,
            spec,
            self.timeout,
            lambda seen: self.saw(context, wait, seen),
            self.on_missing,
            lambda: self.check(wait),
            polled,
            others,
        )
        if not carried and polled == 0:
            self._log_open_window(context, spec)
        return wait

    def check(self, wait: ExecutionWait) -> None:
        """Check what the task needs besides the execution, before its first poll and as a part of it.

        :param wait: The wait.
        :raises ConfigurationError: Something is missing.
        """

    def spec(self, context: Context) -> WaitSpec:
        """Make the specification of the wait by the task's arguments.

        :param context: The task's context.
        :return: The specification; nothing in it is looked up.
        :raises ConfigurationError: An argument is invalid.
        """
        execution_id, before = rendered("execution_id", self.execution_id), self.created_before
        created_after = created_before = None
        if execution_id is None:
            if isinstance(before, str):
                before = rendered("created_before", before)
            since, end = read_window(read_created_after(self.created_after, context), before)
            created_after, created_before = since.isoformat(), None if end is None else end.isoformat()
        return WaitSpec.of(
            self,
            project_id=rendered("project_id", self.project_id),
            flow=rendered("flow", self.flow) or "",
            execution_id=execution_id,
            created_after=created_after,
            created_before=created_before,
            end_time=time.time() + self.timeout,
        )

    def _log_open_window(self, context: Context, spec: WaitSpec) -> None:
        begin, end = context.get("data_interval_start"), context.get("data_interval_end")
        if spec.execution_id is None and spec.created_before is None and begin and end and begin < end:
            self.log.info(
                "created_before isn't set: an execution counts however long after %s it is created.\n"
                "The DAG run's data interval is %s to %s.",
                spec.created_after,
                begin,
                end,
            )

    def saw(self, context: Context, wait: ExecutionWait, execution: Execution) -> None:
        """Handle an execution that the wait found or that has changed: push the link to its page.

        :param context: The task's context.
        :param wait: The wait.
        :param execution: The execution.
        """
        settings, log_id = wait.hook.settings, rendered("log_id", self.log_id)
        url = settings.execution_page(wait.project_id, wait.find_flow(), execution, log_id)
        IntegratorExecutionLink().push(context, self, url)

    def defer_wait(
        self, context: Context, wait: ExecutionWait, trigger: Any = None, method: str = "execute_complete"
    ) -> None:
        """Defer the task, carrying the resolved values.

        :param context: The task's context.
        :param wait: The wait.
        :param trigger: The trigger; None: the execution's.
        :param method: The method that resumes.
        """
        carried = wait.suspend()
        if trigger is None and wait.spec.outage_began is not None:
            push_outage(context["ti"], wait.spec.outage_began)
        left = max(0.0, (wait.spec.end_time or 0.0) - time.time())
        self.defer(
            trigger=trigger or IntegratorExecutionTrigger(**wait.spec.as_arguments()),
            method_name=method,
            kwargs={"carried": carried},
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

    @ends_task
    def execute(self, context: Context) -> Any:
        """Wait, if requested, and handle the execution.

        :param context: The task's context.
        :return: The value of :meth:`conclude`.
        :raises IntegratorError: The execution has not finished, or the wait failed.
        """
        return self.run_wait(context)

    def run_wait(self, context: Context) -> Any:
        """Run the task from its beginning; ``execute`` adds what an error leaves and whether it is retried.

        :param context: The task's context.
        :return: The value of :meth:`conclude`.
        """
        wait = self.make_wait(context)
        if not self.wait:
            execution = wait.look()
            if execution is None or not execution.is_finished:
                is_unknown = execution is None and wait.spec.execution_id is not None
                hint = (
                    "; check both. If the execution has yet to begin, set wait=True."
                    if is_unknown
                    else ". Set wait=True, or put an IntegratorExecutionSensor before this task."
                )
                raise IntegratorError(f"{wait.not_finished(execution)}{hint}")
        else:
            execution = wait.until_finished(
                partial(self.defer_wait, context, wait) if self.deferrable else None
            )
        return self.conclude(context, wait, execution)

    @ends_task
    def execute_complete(self, context: Context, event: Any, carried: dict[str, Any] | None = None) -> Any:
        """Resume after the triggerer's wait.

        :param context: The task's context.
        :param event: The trigger's event.
        :param carried: The values that the deferral carried.
        :return: The value of :meth:`conclude`.
        """
        wait = self.make_wait(context, carried)
        return self.conclude(context, wait, wait.resume(event))

    @abstractmethod
    def conclude(self, context: Context, wait: ExecutionWait, execution: Execution) -> Any:
        """Handle the finished execution.

        :param context: The task's context.
        :param wait: The wait, with resolved ids.
        :param execution: The finished execution.
        :return: The task's return value.
        """
