"""The errors with which executions end a task without retries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_integrator.exceptions import (
    ExecutionError,
    ExecutionMissingError,
    IntegratorError,
    WaitTimeoutError,
)
from airflow_provider_integrator.executions.policy import shown_errors
from airflow_provider_integrator.logs import MAX_ERRORS

if TYPE_CHECKING:
    from airflow_provider_integrator.executions.policy import Verdict


class ExecutionFailedError(ExecutionError, AirflowFailException):
    """The status of an execution fails its task: Failed, or Empty with ``on_empty="fail"``."""


class ExecutionBreachedError(ExecutionError, AirflowFailException):
    """An execution with status Success breaches a threshold."""


class WindowPassedError(ExecutionMissingError, AirflowFailException):
    """The window of a wait has passed without an execution, and ``on_missing`` is ``fail``."""


class SensorTimeoutError(WaitTimeoutError, AirflowSensorTimeout):
    """An execution didn't finish within the timeout of a sensor."""


class FlowsUnhealthyError(IntegratorError, AirflowFailException):
    """A flow check has found flows that don't run well.

    :param message: The message: a line for each problem.
    :param flows: The flows with problems as JSON objects: each one's health as the check returns it, ``execution``
        (the newest judged execution that Failed, or else the newest one; None if there is none) and ``link`` (the
        URL of that one's page; None if the connection has no ``ui_url``).
    """

    def __init__(self, message: str, flows: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.flows = list(flows)


def failure(
    verdict: Verdict,
    errors: Sequence[Any] | None = None,
    where: str | None = None,
    log_uri: str | None = None,
) -> ExecutionError:
    """Make the error of a verdict that fails its task; its message has short lines.

    :param verdict: The verdict.
    :param errors: The first entries of the log's ``errors``; None: no errors are shown.
    :param where: The log's location or why it has none, as a sentence; None: no location is shown.
    :param log_uri: The stored log's URI; None if it isn't stored.
    :return: The error, which ends the task without retries.
    """
    kind = ExecutionBreachedError if verdict.comparison.breaches else ExecutionFailedError
    lines, shown = [verdict.summary], shown_errors(errors)
    if shown:
        lines += [f"Errors in its log (at most {MAX_ERRORS} are shown):", *(f"- {error}" for error in shown)]
    message = "\n".join([*lines, where] if where else lines)
    return kind(message, verdict.execution.as_dict(), shown, log_uri)
