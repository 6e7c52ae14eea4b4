"""Which execution a task waits for, and one look at it; sensor and operator share this."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api import queries
from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    IntegratorError,
    ResponseError,
    UnavailableError,
)

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.hooks.integrator import IntegratorHook
    from airflow_provider_integrator.triggers.execution import IntegratorExecutionTrigger

log = logging.getLogger(__name__)

#: Errors of a poll after which another one may go well.
PASSING_ERRORS = (UnavailableError, ResponseError)


@dataclass
class AwaitedExecution:
    """The execution that a task means.

    :param hook: Asks for it.
    :param project_id: The project.
    :param flow: The flow as the task names it: slug, name or id.
    :param execution_id: The execution; None: the flow's first one since ``created_after``. Found once,
        it is kept: a wait follows an id.
    :param created_after: With a time zone.
    """

    hook: IntegratorHook
    project_id: str
    flow: str
    execution_id: str | None
    created_after: datetime | None
    flow_id: str | None = None

    def find_flow(self) -> str:
        """Find the flow's id, once.

        :return: The id.
        :raises IntegratorError: The flow is unknown or ambiguous, or can't be asked for.
        """
        if self.flow_id is None:
            self.flow_id = self.hook.find_flow(self.flow, project_id=self.project_id).id
        return self.flow_id

    def look(self) -> Execution | None:
        """Look for the execution once.

        :return: The execution as it is now, None where there is none yet.
        :raises IntegratorError: The look failed; :data:`PASSING_ERRORS` may pass.
        """
        flow_id = self.find_flow()
        client = self.hook.get_conn()
        if self.execution_id is not None:
            return client.run(queries.get_execution(self.project_id, flow_id, self.execution_id))
        if self.created_after is None:
            raise ConfigurationError("Neither execution_id nor created_after is set.")
        found = client.run(queries.first_execution_since(self.project_id, flow_id, self.created_after))
        if found is not None:
            self.execution_id = found.execution_id
        return found

    def look_at_finished(self, failed_polls: FailedPolls, poll_interval: float) -> Execution:
        """Look at an execution that the triggerer has seen finished; a look that fails in passing is repeated.

        :param failed_polls: Counts the failed looks; one that shows the execution unfinished again is one.
        :param poll_interval: Seconds between two looks.
        :return: The execution.
        :raises IntegratorError: One look too many failed, or one for good.
        """
        while True:
            try:
                execution = self.look()
                if execution is not None and execution.is_finished:
                    return execution
                raise ResponseError(f"{self.not_finished(execution)}, though the triggerer saw it finished")
            except PASSING_ERRORS as error:
                failed_polls.failed(error)
            time.sleep(poll_interval)

    def described(self) -> str:
        """Say what is waited for, in a clause without a full stop."""
        if self.execution_id is not None:
            return f"execution {self.execution_id} of flow {self.flow}"
        return f"the first execution of flow {self.flow} that was created at or after {self.created_after}"

    def not_finished(self, execution: Execution | None) -> str:
        """Say what a wait was for.

        :param execution: The execution as it was last seen, None where it wasn't.
        :return: A clause without a full stop.
        """
        if execution is not None:
            return (
                f"execution {execution.execution_id} of flow {execution.flow_label} has not finished "
                f"(state {execution.state.name.lower()})"
            )
        if self.execution_id is not None:
            return f"List logs doesn't know an execution {self.execution_id} of flow {self.flow}"
        return f"flow {self.flow} has no execution that was created at or after {self.created_after}"

    def trigger(
        self, poll_interval: float, end_time: float, max_failed_polls: int, adaptive: bool
    ) -> IntegratorExecutionTrigger:
        """Make the trigger that waits on.

        :param poll_interval: Seconds between two polls.
        :param end_time: The deadline, in seconds since the epoch.
        :param max_failed_polls: Failed polls in a row that are put up with.
        :param adaptive: Whether to poll seldom early and often near the flow's usual duration.
        :return: The trigger.
        """
        from airflow_provider_integrator.triggers.execution import IntegratorExecutionTrigger

        return IntegratorExecutionTrigger(
            integrator_conn_id=self.hook.integrator_conn_id,
            project_id=self.project_id,
            flow=self.flow_id or self.flow,
            is_flow_id=self.flow_id is not None,
            execution_id=self.execution_id,
            created_after=None if self.created_after is None else self.created_after.isoformat(),
            poll_interval=poll_interval,
            end_time=end_time,
            max_failed_polls=max_failed_polls,
            adaptive=adaptive,
        )


class FailedPolls:
    """Counts failed polls in a row.

    :param most: How many are put up with.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    def succeeded(self) -> None:
        """Begin to count anew."""
        self._count = 0

    def failed(self, error: IntegratorError) -> None:
        """Count one more.

        :param error: What went wrong; raised where it is one too many.
        """
        self._count += 1
        if self._count > self._most:
            raise error
        log.warning("Failed poll %d of %d that are put up with in a row: %s", self._count, self._most, error)


def read_event(event: Any) -> Mapping[str, Any]:
    """Check what a trigger handed back; what isn't known is an error, never a success.

    :param event: The event.
    :return: The event: ``status`` is ``finished`` (then there is an ``execution_id``) or ``timeout`` (then
        there may be one).
    :raises IntegratorError: The trigger reports an error, or the event isn't one of its own.
    """
    if isinstance(event, Mapping):
        if event.get("status") == "timeout":
            return event
        if event.get("status") == "finished" and isinstance(event.get("execution_id"), str):
            return event
        if event.get("status") == "error":
            raise IntegratorError(f"The wait failed: {event.get('message')}")
    raise IntegratorError("The trigger handed back an event that isn't known; nothing is taken from it.")
