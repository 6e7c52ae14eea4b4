"""The sensor that waits until an execution has finished."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_provider_integrator.arguments import rendered
from airflow_provider_integrator.assets.uri import FlowUri
from airflow_provider_integrator.exceptions import WaitTimeoutError
from airflow_provider_integrator.executions import events
from airflow_provider_integrator.executions.failures import SensorTimeoutError, failure
from airflow_provider_integrator.executions.policy import Policy
from airflow_provider_integrator.operators.ending import ends_task, fail_without_retries, pushes_facts
from airflow_provider_integrator.operators.judging import JudgingTask
from airflow_provider_integrator.sensors.deferral import errors_as_of_a_poke, start_trigger_args
from airflow_provider_integrator.sensors.pokes import Pokes, spaced, spaced_reschedule

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait


class IntegratorExecutionSensor(JudgingTask, BaseSensorOperator):
    """Waits until an execution reaches the state Finished.

    It succeeds on Finished with any status, as the log operator after it judges the status; with
    ``fail_on_failed`` the sensor judges it. Thresholds apply to a Success in any case. It returns the execution as a JSON object. The asset events of
    its ``outlets`` have the execution's ids, status, times and counts in their extra; an asset alias resolves
    to the flow's asset for the execution's status.

    :param fail_on_failed: Whether a Failed execution fails the task, without retries.
    :param start_from_trigger: Whether to start in the triggerer, without any worker. This needs Airflow 3.3
        and arguments without XComs; otherwise the task defers from a worker, with a warning. So does a mapped
        task, for which Airflow gives the warning.
    :param kwargs: ``flow``, ``execution_id``, ``created_after``, ``created_before``, ``on_missing``,
        ``project_id``, ``project_slug``, ``integrator_conn_id``, ``deferrable``, ``adaptive``,
        ``outage_tolerance`` of
        :class:`~airflow_provider_integrator.operators.base.ExecutionTask`, the thresholds of
        :class:`~airflow_provider_integrator.operators.judging.JudgingTask`, and arguments of
        ``BaseSensorOperator``: ``poke_interval`` and ``timeout`` in seconds, ``mode``, ``soft_fail``, …
    """

    def __init__(
        self, *, fail_on_failed: bool = False, start_from_trigger: bool = False, **kwargs: Any
    ) -> None:
        if start_from_trigger:
            kwargs["deferrable"] = True
        super().__init__(**kwargs)
        self.fail_on_failed = fail_on_failed
        self.policy = Policy("fail" if fail_on_failed else "continue", thresholds=self.thresholds)
        self._current_wait: ExecutionWait | None = None
        self._pokes: Pokes | None = None
        if start_from_trigger and (arguments := start_trigger_args(self)) is not None:
            self.start_from_trigger = True
            self.start_trigger_args = arguments

    @property
    def poll_interval(self) -> float:  # type: ignore[override]
        """Seconds between two polls."""
        interval = float(self.poke_interval)
        return spaced(interval) if self.reschedule and not self.deferrable else interval

    @ends_task
    def execute(self, context: Context) -> Any:
        """Poll once; if the execution has not finished, wait as ``mode`` or ``deferrable`` says.

        :param context: The task's context.
        :return: The execution as a JSON object.
        """
        if self.deferrable:
            with errors_as_of_a_poke(self):
                return self._poll_or_defer(context, self._wait(context))
        try:
            with spaced_reschedule():
                return super().execute(context)
        except AirflowSensorTimeout as error:
            message = self._timed_out(error)
            # BaseSensorOperator ignores never_fail here, unlike in a deferred wait.
            if self.never_fail:
                raise AirflowSkipException(f"Skipping, as never_fail is set: {message}") from error
            seen = None if self._current_wait is None else self._current_wait.seen
            raise SensorTimeoutError(message, seen) from error
        except AirflowSkipException as skip:
            if skip.__cause__ is None:  # a timeout with soft_fail
                raise AirflowSkipException(self._timed_out(skip)) from skip
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once.

        :param context: The task's context.
        :return: Whether the execution has finished, with the execution as a JSON object if it has.
        """
        wait, deadline = self._wait(context), None
        while (execution := wait.poll()) is None:
            if self._pokes is None:
                return PokeReturnValue(is_done=False)
            if wait.is_failing:
                # Rescheduling loses an outage's beginning, so the task stays until a poll succeeds.
                deadline = deadline or self._pokes.began().timestamp() + self.timeout
                if time.time() + self.poke_interval <= deadline:
                    time.sleep(self.poke_interval)
                    continue
            self._pokes.keep(wait)
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._conclude(context, wait, execution))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral. Airflow calls this; see ``BaseOperator``."""
        with (
            fail_without_retries()
        ):  # outside BaseSensorOperator's, which skips on such an error with soft_fail
            return super().resume_execution(next_method, next_kwargs, context)

    @pushes_facts
    def execute_complete(self, context: Context, event: Any, carried: dict[str, Any] | None = None) -> Any:
        """Resume after the triggerer's wait.

        :param context: The task's context.
        :param event: The trigger's event.
        :param carried: The values that the deferral carried; None if the task started in the triggerer.
        :return: The execution as a JSON object.
        """
        with errors_as_of_a_poke(self):
            wait = self._wait(context, carried)
            try:
                execution = wait.resume(event)
            except WaitTimeoutError as error:
                raise SensorTimeoutError(f"Sensor has timed out: {error}", error.execution) from error
            except (AirflowFailException, AirflowSkipException):  # the window has passed
                raise
            except Exception as error:  # noqa: BLE001 - raised again unless silent_fail is set
                self._continue_silently(wait, error)
                return self._poll_or_defer(context, wait)
            return self._conclude(context, wait, execution)

    def _wait(self, context: Context, carried: dict[str, Any] | None = None) -> ExecutionWait:
        if self._current_wait is None:
            polled = 0
            if self.reschedule and not self.deferrable:
                self._pokes = Pokes(context, self.spec(context))
                carried, polled = self._pokes.recall(), self._pokes.count
            self._current_wait = self.make_wait(context, carried, polled=polled)
        return self._current_wait

    def _poll_or_defer(self, context: Context, wait: ExecutionWait) -> Any:
        while True:
            try:
                execution = wait.poll()
            except (AirflowFailException, AirflowSkipException):  # the window has passed
                raise
            except Exception as error:  # noqa: BLE001 - raised again unless silent_fail is set
                # A trigger would end at once with the same error, so the worker polls again.
                self._continue_silently(wait, error)
            else:
                if execution is not None:
                    return self._conclude(context, wait, execution)
                self.defer_wait(context, wait)

    def _continue_silently(self, wait: ExecutionWait, error: Exception) -> None:
        """Pause after an error if ``silent_fail`` is set; raise it otherwise."""
        if not self.silent_fail:
            raise error
        self.log.error("A poll failed; the wait continues, as silent_fail is set.", exc_info=error)
        if time.time() + self.poke_interval > (wait.spec.end_time or 0.0):
            message = f"Sensor has timed out: no poll succeeded within {self.timeout:g} s."
            raise SensorTimeoutError(message, wait.seen)
        time.sleep(self.poke_interval)

    def _conclude(self, context: Context, wait: ExecutionWait, execution: Execution) -> dict[str, Any]:
        verdict = self.judge(wait, execution)
        if verdict.action == "fail":
            raise failure(verdict)
        flow, project_id = rendered("flow", self.flow), rendered("project_id", self.project_id)
        status = (execution.status.name.lower(),)
        uri = FlowUri(self.integrator_conn_id, project_id, flow or execution.flow_label, status)
        events.emit(context, self.outlets, events.execution_extra(execution), str(uri))
        return execution.as_dict()

    def _timed_out(self, error: Exception) -> str:
        """Add the awaited execution to BaseSensorOperator's timeout message."""
        return (
            f"{error} Waited for {self._current_wait.described()}."
            if self._current_wait is not None
            else str(error)
        )
