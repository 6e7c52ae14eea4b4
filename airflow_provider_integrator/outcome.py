"""How a finished execution is judged and told of: the one policy that sensor, operators and trigger share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.logs import MAX_ERRORS

#: Characters of an entry that a message shows at the most.
MAX_ERROR_CHARACTERS = 300


def has_failed(execution: Execution) -> bool:
    """Judge an execution by its main log; its steps and counts decide nothing.

    :param execution: The execution.
    :return: Whether it is Finished and Failed.
    """
    return execution.is_finished and execution.status is Status.FAILED


def is_empty(execution: Execution) -> bool:
    """Tell whether an execution found nothing to do.

    :param execution: The execution.
    :return: Whether it is Finished and Empty.
    """
    return execution.is_finished and execution.status is Status.EMPTY


def summary(execution: Execution) -> str:
    """Say how an execution ended.

    :param execution: A finished execution.
    :return: A sentence or two: its id, flow, status, counts and failed steps.
    """
    text = (
        f"Execution {execution.execution_id} of flow {execution.flow_slug} is Finished, "
        f"status {execution.status.name.capitalize()}: {_counts(execution)}."
    )
    failed = [
        f"{step.name} (log id {step.log_id})" for step in execution.steps if step.status is Status.FAILED
    ]
    return f"{text} Failed steps: {', '.join(failed)}." if failed else text


def _counts(execution: Execution) -> str:
    def said(count: int | None) -> str:
        return "?" if count is None else str(count)

    return (
        f"{said(execution.process_count)} rows processed, {said(execution.success_count)} ok, "
        f"{said(execution.fail_count)} failed"
    )


def failure_message(execution: Execution, errors: Sequence[Any] | None, where: str | None) -> str:
    """Say why a task fails because of its execution.

    :param execution: The execution.
    :param errors: The first entries of its log's ``errors``; None: they aren't to be shown.
    :param where: Where its log is, or why it is nowhere; None where there is nothing to say.
    :return: The message.
    """
    lines = [summary(execution)]
    if errors:
        lines.append(f"Errors in its log (at most {MAX_ERRORS} are shown):")
        lines.extend(f"- {_shown(error)}" for error in errors[:MAX_ERRORS])
    if where:
        lines.append(where)
    return "\n".join(lines)


def _shown(error: Any) -> str:
    try:
        text = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False, default=str)
    except RecursionError:
        text = "(an entry that is nested too deeply to be shown)"
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_ERROR_CHARACTERS else f"{flat[: MAX_ERROR_CHARACTERS - 3]}..."
