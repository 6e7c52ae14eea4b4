"""The wait for one execution: look once, wait, defer, resume."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_integrator.api import queries
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.history import first_execution_since, usual_duration
from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    ExecutionMissingError,
    RequestError,
    ResponseError,
    TransientError,
    UnavailableError,
    WaitTimeoutError,
)
from airflow_provider_integrator.executions.failures import WindowPassedError
from airflow_provider_integrator.executions.outage import Outage
from airflow_provider_integrator.executions.progress import Progress, in_words
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.executions.trigger_events import read_event

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.api.pages import Page
    from airflow_provider_integrator.hooks.integrator import IntegratorHook

OnMissing = Literal["fail", "skip"]

log = logging.getLogger(__name__)

#: The retries within one poll; the next poll is the next retry.
POLL_RETRY = Retry(attempts=3, max_total=60.0)
#: Polls without any execution after which the flow is looked up again; doubled each time.
EMPTY_POLLS = 20


@dataclass(eq=False)
class ExecutionWait:
    """A wait for an execution. Its ``spec`` is updated with the resolved flow id and execution id.

    :param hook: The hook that fetches the execution.
    :param spec: The specification.
    :param timeout: The maximum time to wait in seconds, for messages.
    :param on_seen: Called with the execution each time that it has changed.
    :param on_missing: What happens to the task if the window has passed without an execution.
    :param prepare: Called once before the first look, and as part of it.
    :param polls: How often the task has polled, in other processes at first.
    :param carried: What the task's processes have found out besides the specification, fit for JSON.
    :ivar progress: What the wait logs.
    """

    hook: IntegratorHook
    spec: WaitSpec
    timeout: float
    on_seen: Callable[[Execution], None]
    on_missing: OnMissing = "fail"
    prepare: Callable[[], None] = lambda: None
    polls: int = 0
    carried: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        memory = self.carried.pop("progress", None)
        self.progress = Progress(self.spec.poll_interval, is_continued=self.polls != 0, memory=memory)
        self._outage = Outage(self.spec.outage_tolerance, self.spec.outage_began)
        self._not_before = 0.0
        self._empty_polls = 0
        self._look_up_after = EMPTY_POLLS
        self._seen: Execution | None = None

    @property
    def project_id(self) -> str:
        """The project: the task's, or the connection's."""
        return self.hook.settings.project(self.spec.project_id)

    @property
    def is_failing(self) -> bool:
        """Whether the last poll failed."""
        return self._outage.began is not None

    @property
    def is_empty(self) -> bool:
        """Whether the last poll found no execution."""
        return self._empty_polls > 0

    @property
    def seen(self) -> dict[str, Any] | None:
        """The execution as last fetched, as a JSON object; None if none was found."""
        return None if self._seen is None else self._seen.as_dict()

    def find_flow(self) -> str:
        """Find the flow's id, once.

        :return: The id.
        :raises IntegratorError: The flow is unknown or ambiguous, or List flows failed.
        """
        if self.spec.flow_id is None:
            self.spec = replace(self.spec, flow_id=self._look_up_flow())
        return str(self.spec.flow_id)

    def look(self) -> Execution | None:
        """Fetch the execution once; from the first time that it is found, it is fetched by id.

        :return: The current execution; None if there is none yet.
        :raises TransientError: A call failed, and a later one may succeed.
        :raises IntegratorError: A call failed for good.
        :raises AirflowException: The window has passed without an execution: the task fails or is skipped.
        """
        if "is_checked" not in self.carried:
            self.prepare()
            self.carried["is_checked"] = True
        self.find_flow()
        try:
            found = self._fetch()
        except RequestError as error:
            if error.status != 400 or not self._has_moved():
                raise
            found = self._fetch()
        if found is None:
            self._empty_polls += 1
            if self._empty_polls >= self._look_up_after:
                self._look_up_after *= 2
                with suppress(TransientError):
                    self._has_moved()
        else:
            self._empty_polls = 0
            self.spec = replace(self.spec, execution_id=found.execution_id)
            if found != self._seen:
                self._seen = found
                self.on_seen(found)
        return found

    def poll(self) -> Execution | None:
        """Poll once, tolerating transient errors; not before the server's Retry-After, but before the deadline.

        :return: The execution if it has finished; None if it hasn't, or if the poll failed.
        :raises IntegratorError: A poll failed for good, or polls have failed for longer than is tolerated.
        """
        time.sleep(max(0.0, min(self._not_before, self.spec.end_time or math.inf) - time.time()))
        if self.polls == 0:
            self.progress.begin(
                f"Waiting for {self.described()}:\n"
                f"a poll every {self.spec.poll_interval:g} s, for at most {in_words(self.timeout)}."
            )
        self.polls += 1
        self.spec = replace(self.spec, polled_at=time.time())
        try:
            found = self.look()
        except TransientError as error:
            self._tolerate(error)
            return None
        self._outage.end()
        if found is None and self.polls == 1 and self.spec.execution_id is not None:
            log.warning(
                "%s (yet).\nIf it should exist, check execution_id and flow: under another flow it isn't found.",
                self.not_finished(None),
            )
        self.progress.see(found, self.polls, self.spec.usual_duration)
        return found if found is not None and found.is_finished else None

    def until_finished(self, defer: Callable[[], None] | None = None) -> Execution:
        """Poll until the execution has finished.

        :param defer: Defers the task instead of the first pause; None: the task waits in its worker.
        :return: The finished execution.
        :raises WaitTimeoutError: The execution didn't finish in time.
        :raises IntegratorError: A poll failed for good, or polls have failed for longer than is tolerated.
        """
        while True:
            if (execution := self.poll()) is not None:
                return execution
            if defer is not None:
                defer()
            if time.time() + self.spec.poll_interval > (self.spec.end_time or 0.0):
                raise self._timed_out(self._seen)
            time.sleep(self.spec.poll_interval)

    def suspend(self) -> dict[str, Any]:
        """Return what another process needs to go on, fit for JSON: what was resolved, an outage's beginning."""
        self.spec = replace(self.spec, outage_began=self._outage.began)
        return {**self.carried, "spec": self.spec.as_arguments()}

    def resume(self, event: Any) -> Execution:
        """Resume after the triggerer's wait.

        :param event: The trigger's event.
        :return: The finished execution.
        :raises WaitTimeoutError: The execution didn't finish in time.
        :raises IntegratorError: The event is an error, or polls have failed for longer than is tolerated.
        :raises AirflowException: The window has passed without an execution: the task fails or is skipped.
        """
        self._outage.end()  # the trigger's own outage is over, as it has an answer
        try:
            answer = read_event(event)
        except ExecutionMissingError as error:
            raise self._missing(error) from None
        self.spec = replace(self.spec, execution_id=answer.get("execution_id") or self.spec.execution_id)
        if answer["status"] == "finished":
            return self.confirm()
        try:
            last = self.look()
        except TransientError as error:
            raise WaitTimeoutError(
                f"The wait has timed out, and its last poll failed: {error}", self.seen
            ) from error
        if last is None or not last.is_finished:
            raise self._timed_out(last)
        return last

    def confirm(self) -> Execution:
        """Fetch an execution that the trigger has reported as finished, tolerating transient errors.

        :return: The finished execution.
        :raises IntegratorError: A call failed for good, or calls have failed for longer than is tolerated.
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
            return f"execution {self.spec.execution_id} of flow {self.spec.flow}"
        return f"the first execution of flow {self.spec.flow} that was created {self.spec.within()}"

    def not_finished(self, execution: Execution | None) -> str:
        """Describe why the wait isn't over.

        :param execution: The execution as last fetched; None if none was found.
        :return: A clause without a full stop.
        """
        if execution is not None:
            return (
                f"execution {execution.execution_id} of flow {self.spec.flow} has not finished "
                f"(state {execution.state.name.lower()})"
            )
        if self.spec.execution_id is not None:
            return f"List logs doesn't know an execution {self.spec.execution_id} of flow {self.spec.flow}"
        return f"flow {self.spec.flow} has no execution that was created {self.spec.within()}"

    def _fetch(self) -> Execution | None:
        spec, client, flow_id = self.spec, self.hook.get_conn(), self.find_flow()
        if spec.execution_id is not None:
            script = queries.get_execution(self.project_id, flow_id, spec.execution_id)
            return client.run(script, POLL_RETRY)
        since, before = spec.window()
        # Read before the call: what its answer doesn't have wasn't created by then.
        is_over = before is not None and before <= datetime.now(timezone.utc)
        script = first_execution_since(self.project_id, flow_id, since, before, self._learn)
        found = client.run(script, POLL_RETRY)
        if found is None and is_over:
            raise self._missing(ExecutionMissingError(spec.missing()))
        return found

    def _learn(self, page: Page) -> None:
        if self.spec.usual_duration is None:
            self.spec = replace(self.spec, usual_duration=usual_duration(page.logs))

    def _look_up_flow(self) -> str:
        return self.hook.get_conn().run(queries.find_flow(self.project_id, self.spec.flow), POLL_RETRY).id

    def _has_moved(self) -> bool:
        """Look the flow up again, as it may have been deleted and created again.

        :return: Whether it has another id now; the wait goes on with that one.
        """
        old = self.spec.flow_id
        try:
            new = self._look_up_flow()
        except (ConfigurationError, RequestError) as error:
            log.warning("Flow %s was looked up again, without success: %s", self.spec.flow, error)
            return False
        if new == old:
            return False
        log.warning("Flow %s was created again: its id is %s now, no longer %s.", self.spec.flow, new, old)
        self.spec = replace(self.spec, flow_id=new)
        return True

    def _missing(self, error: ExecutionMissingError) -> WindowPassedError | AirflowSkipException:
        text = f"{error} on_missing is {self.on_missing}."
        return AirflowSkipException(text) if self.on_missing == "skip" else WindowPassedError(text)

    def _timed_out(self, last: Execution | None) -> WaitTimeoutError:
        return WaitTimeoutError(f"{self.not_finished(last)} within {self.timeout:g} s.", self.seen)

    def _tolerate(self, error: TransientError) -> None:
        self._outage.add(error)
        retry_after = error.retry_after if isinstance(error, UnavailableError) else None
        self._not_before = time.time() + (retry_after or 0.0)
