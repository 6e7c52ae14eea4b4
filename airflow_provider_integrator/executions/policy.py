"""The judgment of a finished execution, shared by the sensor and the operators."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.texts import fit_body, fit_name
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions.thresholds import (
    NO_THRESHOLDS,
    NOT_COMPARED,
    Comparison,
    Figures,
    Thresholds,
)
from airflow_provider_integrator.logs import MAX_ERRORS

#: The maximum length of an error in a message.
MAX_ERROR_CHARACTERS = 300
#: The maximum number of failed steps in a message.
MAX_STEPS = 10

Action = Literal["succeed", "skip", "fail"]
_ON_FAILED = {"fail": "fail", "continue": "succeed"}
_ON_EMPTY = ("succeed", "skip", "fail")


@dataclass(frozen=True)
class Verdict:
    """The result of judging an execution.

    :param execution: The execution.
    :param action: Whether the task succeeds, is skipped or fails.
    :param reason: The deciding argument, if the status alone doesn't explain the action.
    :param comparison: The result of the thresholds.
    """

    execution: Execution
    action: Action
    reason: str | None = None
    comparison: Comparison = NOT_COMPARED

    @property
    def summary(self) -> str:
        """The summary of the execution, and a line for the reason or for each breached threshold."""
        reasons = self.comparison.breaches if self.reason is None else (self.reason,)
        return "\n".join([summary(self.execution), *reasons])

    def log_to(self, log: Any) -> None:
        """Log the summary, as a warning if the status is Failed or a threshold is breached."""
        is_bad = has_failed(self.execution) or self.comparison.breaches
        log.log(logging.WARNING if is_bad else logging.INFO, self.summary)
        if self.comparison.unknown:
            log.warning(
                "Not checked, as List logs doesn't have the figures: %s.", ", ".join(self.comparison.unknown)
            )


@dataclass(frozen=True)
class Policy:
    """The policy that judges executions by the status of their main log, and a Success by its thresholds.

    :param on_failed: The action for the status Failed: ``fail`` or ``continue``.
    :param on_empty: The action for the status Empty: ``succeed``, ``skip`` or ``fail``.
    :param thresholds: The limits of a Success.
    :raises ConfigurationError: An action has another value.
    """

    on_failed: Literal["fail", "continue"] = "fail"
    on_empty: Action = "succeed"
    thresholds: Thresholds = NO_THRESHOLDS

    def __post_init__(self) -> None:
        if self.on_failed not in _ON_FAILED:
            raise ConfigurationError(f"on_failed is {self.on_failed!r}; set it to fail or continue.")
        if self.on_empty not in _ON_EMPTY:
            raise ConfigurationError(f"on_empty is {self.on_empty!r}; set it to succeed, skip or fail.")

    def judge(self, execution: Execution) -> Verdict:
        """Judge a finished execution."""
        if execution.status is Status.FAILED:
            return Verdict(execution, "fail" if self.on_failed == "fail" else "succeed")
        if execution.status is Status.EMPTY and self.on_empty != "succeed":
            return Verdict(execution, self.on_empty, f"on_empty is {self.on_empty}.")
        if execution.status is not Status.SUCCESS:
            return Verdict(execution, "succeed")
        comparison = self.thresholds.compare(Figures.of([execution]))
        is_fatal = comparison.breaches and self.thresholds.on_breach == "fail"
        return Verdict(execution, "fail" if is_fatal else "succeed", comparison=comparison)


def has_failed(execution: Execution) -> bool:
    """Return whether an execution is Finished with status Failed."""
    return execution.is_finished and execution.status is Status.FAILED


def summary(execution: Execution) -> str:
    """Summarise a finished execution: a line with id, flow, status and counts, and one for each failed step."""
    failed = [step for step in execution.steps if step.status is Status.FAILED]
    lines = [
        f"Execution {execution.execution_id} of flow {execution.flow_label} is Finished, "
        f"status {execution.status.name.capitalize()}: {_counts(execution)}."
    ]
    lines += [f"Failed step: {fit_name(step.label)} (log id {step.log_id})." for step in failed[:MAX_STEPS]]
    if len(failed) > MAX_STEPS:
        lines.append(f"{len(failed) - MAX_STEPS} more steps failed.")
    return "\n".join(lines)


def shown_errors(errors: Sequence[Any] | None) -> list[str]:
    """Make the first entries of a log's ``errors``, if there are any, lines of at most ``MAX_ERROR_CHARACTERS``."""
    return [_shown(error) for error in (errors or ())[:MAX_ERRORS]]


def _counts(execution: Execution) -> str:
    counts = (execution.process_count, execution.success_count, execution.fail_count)
    processed, ok, failed = ("?" if count is None else count for count in counts)
    return f"{processed} rows processed, {ok} ok, {failed} failed"


def _shown(error: Any) -> str:
    try:
        text = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False, default=str)
    except RecursionError:
        text = "(an entry that is nested too deeply to be shown)"
    return fit_body(text, limit=MAX_ERROR_CHARACTERS)
