"""The wait for one execution: look once, wait, defer, resume."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api import queries
from airflow_provider_integrator.api.history import first_execution_since
from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    IntegratorError,
    ResponseError,
    TransientError,
    WaitTimeoutError,
)
from airflow_provider_integrator.executions.spec import WaitSpec

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.hooks.integrator import IntegratorHook

log = logging.getLogger(__name__)


class ExecutionWait:
    """A wait for an execution. Its ``spec`` is updated with the resolved flow id and execution id.

    :param hook: The hook that fetches the execution.
    :param spec: The specification.
    :param flow: The task's name of the flow, for messages.
    :param timeout: The maximum time to wait in seconds, for messages.
    :param on_seen: Called with the execution each time that it has changed.
    :ivar failed_polls: The number of consecutive failed polls so far.
    """

    def __init__(
        self,
        hook: IntegratorHook,
        spec: WaitSpec,
        flow: str,
        timeout: float,
        on_seen: Callable[[Execution], None],
    ) -> None:
        self.hook = hook
        self.spec = spec
        self.flow = flow
        self.failed_polls = 0
        self._timeout = timeout
        self._on_seen = on_seen
        self._seen: Execution | None = None
        self._is_announced = False

    @property
    def project_id(self) -> str:
        """The project: the task's, or the connection's."""
        return self.hook.settings.project(self.spec.project_id)

    def find_flow(self) -> str:
        """Find the flow's id, once.

        :return: The id.
        :raises IntegratorError: The flow is unknown or ambiguous, or List flows failed.
        """
        if not self.spec.is_flow_id:
            flow = self.hook.find_flow(self.spec.flow, project_id=self.project_id)
            self.spec = replace(self.spec, flow=flow.id, is_flow_id=True)
        return self.spec.flow

    def look(self) -> Execution | None:
        """Fetch the execution once; from the first time that it is found, it is fetched by id.

        :return: The current execution; None if there is none yet.
        :raises TransientError: A call failed, and a later one may succeed.
        :raises IntegratorError: A call failed for good.
        """
        flow_id, spec, client = self.find_flow(), self.spec, self.hook.get_conn()
        if spec.execution_id is not None:
            found = client.run(queries.get_execution(self.project_id, flow_id, spec.execution_id))
        elif spec.created_after is not None:
            since = datetime.fromisoformat(spec.created_after)
            found = client.run(first_execution_since(self.project_id, flow_id, since))
        else:
            raise ConfigurationError("Neither execution_id nor created_after is set.")
        if found is not None:
            self.spec = replace(spec, execution_id=found.execution_id)
            if found != self._seen:
                self._seen = found
                self._on_seen(found)
        return found

    def poll(self) -> Execution | None:
        """Poll once, tolerating transient errors.

        :return: The execution if it has finished; None if it hasn't, or if the poll failed.
        :raises IntegratorError: A poll failed for good, or more polls in a row failed than are tolerated.
        """
        try:
            found = self.look()
        except TransientError as error:
            self._tolerate(error)
            return None
        self.failed_polls = 0
        if found is not None and found.is_finished:
            return found
        self._announce()
        return None

    def until_finished(self, defer: Callable[[], None] | None = None) -> Execution:
        """Poll until the execution has finished.

        :param defer: Defers the task instead of the first pause; None: the task waits in its worker.
        :return: The finished execution.
        :raises WaitTimeoutError: The execution didn't finish in time.
        :raises IntegratorError: A poll failed for good, or more polls in a row failed than are tolerated.
        """
        while True:
            if (execution := self.poll()) is not None:
                return execution
            if defer is not None:
                defer()
            if time.time() + self.spec.poll_interval > (self.spec.end_time or 0.0):
                raise self._timed_out(self._seen)
            time.sleep(self.spec.poll_interval)

    def resume(self, event: Any) -> Execution:
        """Resume after the triggerer's wait.

        :param event: The trigger's event.
        :return: The finished execution.
        :raises WaitTimeoutError: The execution didn't finish in time.
        :raises IntegratorError: The event is an error, or more polls in a row failed than are tolerated.
        """
        answer = read_event(event)
        self.spec = replace(self.spec, execution_id=answer.get("execution_id") or self.spec.execution_id)
        if answer["status"] == "finished":
            return self.confirm()
        try:
            last = self.look()
        except TransientError as error:
            raise WaitTimeoutError(f"The wait has timed out, and its last poll failed: {error}") from error
        if last is None or not last.is_finished:
            raise self._timed_out(last)
        return last

    def confirm(self) -> Execution:
        """Fetch an execution that the trigger has reported as finished, retrying on transient errors.

        :return: The finished execution.
        :raises IntegratorError: A call failed for good, or more in a row failed than are tolerated.
        """
        while True:
            try:
                execution = self.look()
                if execution is not None and execution.is_finished:
                    return execution
                raise ResponseError(f"{self.not_finished(execution)}, though it was reported as finished.")
            except TransientError as error:
                self._tolerate(error)
            time.sleep(self.spec.poll_interval)

    def described(self) -> str:
        """Describe the awaited execution, as a clause without a full stop."""
        if self.spec.execution_id is not None:
            return f"execution {self.spec.execution_id} of flow {self.flow}"
        return (
            f"the first execution of flow {self.flow} that was created at or after {self.spec.created_after}"
        )

    def not_finished(self, execution: Execution | None) -> str:
        """Describe why the wait isn't over.

        :param execution: The execution as last fetched; None if none was found.
        :return: A clause without a full stop.
        """
        if execution is not None:
            return (
                f"execution {execution.execution_id} of flow {self.flow} has not finished "
                f"(state {execution.state.name.lower()})"
            )
        if self.spec.execution_id is not None:
            return f"List logs doesn't know an execution {self.spec.execution_id} of flow {self.flow}"
        return f"flow {self.flow} has no execution that was created at or after {self.spec.created_after}"

    def _timed_out(self, last: Execution | None) -> WaitTimeoutError:
        return WaitTimeoutError(f"{self.not_finished(last)} within {self._timeout:g} s.")

    def _tolerate(self, error: TransientError) -> None:
        limit = self.spec.max_failed_polls
        self.failed_polls += 1
        if self.failed_polls > limit:
            raise error
        log.warning("Failed poll %d of %d tolerated in a row: %s", self.failed_polls, limit, error)

    def _announce(self) -> None:
        if not self._is_announced:
            self._is_announced = True
            log.info(
                "Waiting for %s: a poll every %g s, for at most %g s.",
                self.described(),
                self.spec.poll_interval,
                self._timeout,
            )


def read_event(event: Any) -> Mapping[str, Any]:
    """Validate a trigger's event; an unknown one is an error, never a success.

    :param event: The event.
    :return: The event: its ``status`` is ``finished`` (with ``execution_id``) or ``timeout``
        (``execution_id`` optional).
    :raises IntegratorError: The event is an error, or is unknown.
    """
    if isinstance(event, Mapping):
        if event.get("status") == "timeout":
            return event
        if event.get("status") == "finished" and isinstance(event.get("execution_id"), str):
            return event
        if event.get("status") == "error":
            raise IntegratorError(f"The wait failed: {event.get('message')}")
    raise IntegratorError(
        "The trigger returned an unknown event. Install the same version of the provider on all workers and "
        "triggerers."
    )
