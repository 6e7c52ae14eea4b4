"""The event with which a trigger ends a wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ExecutionMissingError,
    IntegratorError,
)

#: The errors whose class a task needs to know: they fail it without retries.
_ERRORS = {each.__name__: each for each in (AuthenticationError, ConfigurationError)}


def read_event(event: Any) -> Mapping[str, Any]:
    """Validate a trigger's event; an unknown one is an error, never a success.

    :param event: The event.
    :return: The event: its ``status`` is ``finished`` (with ``execution_id``) or ``timeout``
        (``execution_id`` optional).
    :raises ExecutionMissingError: The window has passed without an execution.
    :raises IntegratorError: The event is an error, of the class that it names, or is unknown.
    """
    if isinstance(event, Mapping):
        if event.get("status") == "timeout":
            return event
        if event.get("status") == "finished" and isinstance(event.get("execution_id"), str):
            return event
        if event.get("status") == "missing":
            raise ExecutionMissingError(str(event.get("message")))
        if event.get("status") == "error":
            kind = _ERRORS.get(str(event.get("error")), IntegratorError)
            raise kind(f"The wait failed: {event.get('message')}")
    raise IntegratorError(
        "The trigger returned an unknown event. Install the same version of the provider on all workers and "
        "triggerers."
    )
