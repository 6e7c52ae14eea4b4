"""Waits until an execution has finished."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from airflow.triggers.base import BaseTrigger, StartTriggerArgs

from airflow_provider_integrator.arguments import read_created_after, read_moment, rendered
from airflow_provider_integrator.assets.uri import FlowUri
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions import events, policy
from airflow_provider_integrator.executions.wait import (
    PASSING_ERRORS,
    AwaitedExecution,
    FailedPolls,
    read_event,
)
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.links import IntegratorExecutionLink
from airflow_provider_integrator.triggers.execution import (
    DEFAULT_MAX_FAILED_POLLS,
    DEFERRAL_GRACE,
    IntegratorExecutionTrigger,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution


class IntegratorExecutionSensor(BaseSensorOperator):
    """Waits until an execution reaches the state Finished.

    It succeeds on Finished whatever the status, as the log operator after it judges the status; with
    ``fail_on_failed`` it judges by itself. What it returns is the execution as a JSON object. Events of the assets
    among its ``outlets`` hold the execution's ids, status, times and counts in their extra; an asset alias there
    stands for the flow's own asset, that of the execution's status.

    :param flow: The flow's slug, name or id. It is looked up in List flows; where that call is refused it
        is taken as an id, with a warning.
    :param execution_id: The execution to wait for. None: the flow's first one since ``created_after``.
    :param created_after: A moment or ISO 8601 text; the DAG run's ``run_after`` where None (its logical date
        where there is none).
    :param project_id: The project; the connection's where None.
    :param project_slug: The project's slug, for tasks that share their arguments with the log operator;
        a wait makes no use of it.
    :param integrator_conn_id: The Airflow connection, of type ``integrator``.
    :param fail_on_failed: Whether a Failed execution fails the task, without retries.
    :param deferrable: Whether to wait in the triggerer, without a worker.
    :param start_from_trigger: Whether to begin in the triggerer, so that the wait takes no worker at all. It
        needs Airflow 3.3, and no XCom in its arguments; elsewhere the task defers from a worker as ever, with a
        warning. So does a mapped task, for which Airflow itself warns.
    :param adaptive: Whether a deferred wait polls seldom early and often near the flow's usual duration, with
        no more requests than ``poke_interval`` makes.
    :param max_failed_polls: Failed polls in a row that are put up with.
    :param kwargs: As any sensor takes them: ``poke_interval`` and ``timeout`` in seconds, ``mode``,
        ``soft_fail``, …
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
    operator_extra_links = (IntegratorExecutionLink(),)

    def __init__(
        self,
        *,
        flow: str,
        execution_id: str | None = None,
        created_after: datetime | str | None = None,
        project_id: str | None = None,
        project_slug: str | None = None,
        integrator_conn_id: str = IntegratorHook.default_conn_name,
        fail_on_failed: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool = False,
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
        self.fail_on_failed = fail_on_failed
        self.deferrable = deferrable or start_from_trigger
        self.adaptive = adaptive
        self.max_failed_polls = max_failed_polls
        self.pushed_links: dict[str, str] = {}
        self._awaited: AwaitedExecution | None = None
        if adaptive and not self.deferrable:
            raise ConfigurationError("adaptive works in the triggerer: set deferrable=True with it.")
        if start_from_trigger and self._can_start_from_trigger():
            self.start_from_trigger = True
            self.start_trigger_args = self._start_trigger_args()

    @cached_property
    def hook(self) -> IntegratorHook:
        """The hook, made once."""
        return IntegratorHook(self.integrator_conn_id)

    @cached_property
    def _failed_polls(self) -> FailedPolls:
        return FailedPolls(self.max_failed_polls)

    def execute(self, context: Context) -> Any:
        """Look once; where the execution has not finished, wait as the mode says.

        :param context: The task's context.
        :return: The execution as a JSON object.
        """
        if self.deferrable:
            with self._errors_as_of_a_poke():
                return self._look_and_defer(context, time.time() + self.timeout)
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            message = self._timed_out(error)
            # BaseSensorOperator forgets never_fail here, though not where a deferred wait has timed out.
            if self.never_fail:
                raise AirflowSkipException(f"Skipping, as never_fail is set: {message}") from error
            raise AirflowSensorTimeout(message) from error
        except AirflowSkipException as skip:
            if skip.__cause__ is None:  # soft_fail, and the time to wait is over
                raise AirflowSkipException(self._timed_out(skip)) from skip
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Look whether the execution has finished.

        :param context: The task's context.
        :return: Whether it has; then with the execution as a JSON object.
        """
        give_up = None
        while True:
            try:
                execution = self._look(context)
                self._failed_polls.succeeded()
                if execution is None or not execution.is_finished:
                    return PokeReturnValue(is_done=False)
                return PokeReturnValue(is_done=True, xcom_value=self._conclude(context, execution))
            except PASSING_ERRORS as error:
                self._failed_polls.failed(error)
            if not self.reschedule:
                return PokeReturnValue(is_done=False)
            # A rescheduled task forgets how many polls have failed in a row: it stays until one goes well.
            give_up = give_up or self._rescheduled_until(context)
            if time.time() + self.poke_interval > give_up:
                return PokeReturnValue(is_done=False)
            time.sleep(self.poke_interval)

    def execute_complete(self, context: Context, event: Any, end_time: float | None = None) -> Any:
        """Go on after the triggerer's wait.

        :param context: The task's context.
        :param event: What the trigger handed back.
        :param end_time: The wait's deadline, in seconds since the epoch; None where it began in the triggerer.
        :return: The execution as a JSON object.
        """
        with self._errors_as_of_a_poke():
            try:
                execution = self._look_after(event, context)
            except AirflowSensorTimeout:
                raise
            except Exception:
                if not self.silent_fail:
                    raise
                self.log.exception("The wait failed; it goes on, as silent_fail is set.")
                end_time = end_time or time.time() + self.timeout
                self._pause(end_time)
                return self._look_and_defer(context, end_time)
            return self._conclude(context, execution)

    def _can_start_from_trigger(self) -> bool:
        reason = self._why_not_from_trigger()
        if reason is not None:
            warnings.warn(
                f"Task {self.task_id}: start_from_trigger {reason}; the task defers from a worker instead.",
                UserWarning,
                stacklevel=4,
            )
        return reason is None

    def _why_not_from_trigger(self) -> str | None:
        if not hasattr(BaseTrigger, "render_template_fields"):
            return "needs Airflow 3.3"
        given = [self.flow, self.execution_id, self.project_id, self.integrator_conn_id, self.created_after]
        if not all(isinstance(value, (str, datetime)) for value in given if value is not None):
            return "takes texts and templates, no task's output"
        if any("xcom" in value for value in given if isinstance(value, str)):
            # Airflow 3.3's triggerer knows no answer to xcom_pull, and stops over it.
            return "can't read XComs, as Airflow's triggerer can't"
        return None

    def _start_trigger_args(self) -> StartTriggerArgs:
        created_after = self.created_after
        if isinstance(created_after, datetime):
            created_after = read_moment(created_after).isoformat()
        if self.execution_id is None and created_after is None:
            created_after = "{{ dag_run.run_after }}"
        return StartTriggerArgs(
            trigger_cls=IntegratorExecutionTrigger.path(),
            trigger_kwargs={
                "integrator_conn_id": self.integrator_conn_id,
                "project_id": self.project_id,
                "flow": self.flow,
                "is_flow_id": False,
                "execution_id": self.execution_id,
                "created_after": created_after,
                "poll_interval": self.poke_interval,
                "end_time": None,
                "max_failed_polls": self.max_failed_polls,
                "adaptive": self.adaptive,
            },
            next_method="execute_complete",
            timeout=timedelta(seconds=self.timeout) + DEFERRAL_GRACE,
        )

    def _target(self, context: Context) -> AwaitedExecution:
        if self._awaited is None:
            execution_id = rendered("execution_id", self.execution_id)
            self._awaited = AwaitedExecution(
                hook=self.hook,
                project_id=self.hook.settings.project(rendered("project_id", self.project_id)),
                flow=rendered("flow", self.flow) or "",
                execution_id=execution_id,
                created_after=None if execution_id else read_created_after(self.created_after, context),
            )
            self.log.info(
                "Waiting for %s: a poll every %g s, for %g s at the most.",
                self._awaited.described(),
                self.poke_interval,
                self.timeout,
            )
        return self._awaited

    def _look(self, context: Context) -> Execution | None:
        target = self._target(context)
        execution = target.look()
        if execution is not None:
            IntegratorExecutionLink().tell(context, self, target, execution)
        return execution

    def _look_and_defer(self, context: Context, end_time: float) -> dict[str, Any]:
        while True:
            execution = None
            try:
                execution = self._look(context)
            except PASSING_ERRORS as error:
                self.log.warning("The first look failed; the triggerer goes on: %s", error)
            except Exception:
                if not self.silent_fail:
                    raise
                # A trigger would end at once with the same error, so that the next look is a worker's too.
                self.log.exception("The look failed; the wait goes on, as silent_fail is set.")
                self._pause(end_time)
                continue
            if execution is not None and execution.is_finished:
                return self._conclude(context, execution)
            self._defer(context, end_time)

    def _look_after(self, event: Any, context: Context) -> Execution:
        answer = read_event(event)
        target = self._target(context)
        target.execution_id = answer.get("execution_id") or target.execution_id
        if answer["status"] == "finished":
            execution = target.look_at_finished(self._failed_polls, self.poke_interval)
            IntegratorExecutionLink().tell(context, self, target, execution)
            return execution
        try:
            found = self._look(context)
        except PASSING_ERRORS as error:
            raise AirflowSensorTimeout(f"Sensor has timed out; its last look failed, too: {error}") from error
        if found is None or not found.is_finished:
            raise AirflowSensorTimeout(
                f"Sensor has timed out: {target.not_finished(found)} within {self.timeout:g} s."
            )
        return found

    def _timed_out(self, error: Exception) -> str:
        """Add to what BaseSensorOperator says of a timeout what was waited for."""
        return f"{error} Waited for {self._awaited.described()}." if self._awaited is not None else str(error)

    def _pause(self, end_time: float) -> None:
        if time.time() + self.poke_interval > end_time:
            raise AirflowSensorTimeout(f"Sensor has timed out: no look went well within {self.timeout:g} s.")
        time.sleep(self.poke_interval)

    def _defer(self, context: Context, end_time: float) -> None:
        self.defer(
            trigger=self._target(context).trigger(
                self.poke_interval, end_time, self.max_failed_polls, self.adaptive
            ),
            method_name="execute_complete",
            kwargs={"end_time": end_time},
            timeout=timedelta(seconds=max(0.0, end_time - time.time())) + DEFERRAL_GRACE,
        )

    def _conclude(self, context: Context, execution: Execution) -> dict[str, Any]:
        text = policy.summary(execution)
        if policy.has_failed(execution):
            self.log.warning(text)
            if self.fail_on_failed:
                raise AirflowFailException(text)
        else:
            self.log.info(text)
        events.emit(context, self.outlets, events.execution_extra(execution), self._flow_uri(execution))
        return execution.as_dict()

    def _flow_uri(self, execution: Execution) -> str:
        flow, project_id = rendered("flow", self.flow), rendered("project_id", self.project_id)
        status = (execution.status.name.lower(),)
        return str(FlowUri(self.integrator_conn_id, project_id, flow or execution.flow_label, status))

    def _rescheduled_until(self, context: Context) -> float:
        first_date = getattr(context["ti"], "get_first_reschedule_date", None)  # Airflow 3
        began = first_date(context) if first_date is not None else None
        return (began or datetime.now(timezone.utc)).timestamp() + self.timeout

    @contextmanager
    def _errors_as_of_a_poke(self) -> Iterator[None]:
        """Do with errors what BaseSensorOperator does with those of a poke."""
        try:
            yield
        except AirflowSkipException:
            raise
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
            if self.soft_fail or self.never_fail:
                # Airflow puts a skip of its own in this one's place, which doesn't tell the reason.
                self.log.warning("%s", error)
                raise AirflowSkipException(f"Skipping, as soft_fail or never_fail is set: {error}") from error
            raise
        except Exception as error:
            if self.never_fail:
                raise AirflowSkipException(f"Skipping, as never_fail is set: {error}") from error
            raise
