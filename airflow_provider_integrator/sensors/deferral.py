"""Additions to Airflow's deferrable sensors: start from the trigger, and error handling as in a poke."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow.triggers.base import BaseTrigger, StartTriggerArgs

from airflow_provider_integrator.arguments import read_moment
from airflow_provider_integrator.executions.spec import DEFERRAL_GRACE, WaitSpec
from airflow_provider_integrator.triggers.execution import IntegratorExecutionTrigger

if TYPE_CHECKING:
    from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor


def start_trigger_args(sensor: IntegratorExecutionSensor) -> StartTriggerArgs | None:
    """Build the arguments of the trigger in which a sensor starts.

    :return: The arguments; None, with a warning, if the sensor must defer from a worker.
    """
    if (reason := _unsupported_reason(sensor)) is not None:
        warnings.warn(
            f"Task {sensor.task_id}: start_from_trigger {reason}; the task defers from a worker instead.",
            UserWarning,
            stacklevel=4,
        )
        return None
    created_after = _as_json(sensor.created_after)
    if sensor.execution_id is None and created_after is None:
        created_after = "{{ dag_run.run_after }}"
    spec = WaitSpec.of(sensor, created_after=created_after, created_before=_as_json(sensor.created_before))
    return StartTriggerArgs(
        trigger_cls=IntegratorExecutionTrigger.path(),
        trigger_kwargs=spec.as_arguments(),
        next_method="execute_complete",
        timeout=timedelta(seconds=sensor.timeout) + DEFERRAL_GRACE,
    )


def _as_json(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return read_moment(value).isoformat() if isinstance(value, datetime) else value


def _unsupported_reason(sensor: IntegratorExecutionSensor) -> str | None:
    if not hasattr(BaseTrigger, "render_template_fields"):
        return "needs Airflow 3.3"
    given = [getattr(sensor, name) for name in sensor.template_fields if name in WaitSpec.__slots__]
    if not all(isinstance(value, (str, datetime, timedelta)) for value in given if value is not None):
        return "takes strings and templates, not a task's output"
    if any("xcom" in value for value in given if isinstance(value, str)):
        # xcom_pull crashes the triggerer of Airflow 3.3.
        return "can't read XComs, as Airflow's triggerer can't"
    return None


@contextmanager
def errors_as_of_a_poke(sensor: IntegratorExecutionSensor) -> Iterator[None]:
    """Handle errors as BaseSensorOperator handles those of a poke.

    :param sensor: The sensor.
    :raises AirflowSkipException: An error is turned into a skip by ``soft_fail`` or ``never_fail``.
    """
    try:
        yield
    except AirflowSkipException:
        raise
    except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
        if sensor.soft_fail or sensor.never_fail:
            # Airflow replaces this skip with its own, which has no reason, so log it.
            sensor.log.warning("%s", error)
            raise AirflowSkipException(f"Skipping, as soft_fail or never_fail is set: {error}") from error
        raise
    except Exception as error:
        if sensor.never_fail:
            raise AirflowSkipException(f"Skipping, as never_fail is set: {error}") from error
        raise
