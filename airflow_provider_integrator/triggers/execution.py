"""Waits in the triggerer until an execution has finished."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_integrator.arguments import read_moment, rendered
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError

#: Failed polls in a row that a wait puts up with where nothing else is said.
DEFAULT_MAX_FAILED_POLLS = 10
#: By how much Airflow's own limit on a deferral outlasts the trigger's deadline, which is to come first.
DEFERRAL_GRACE = timedelta(minutes=5)


class IntegratorExecutionTrigger(BaseTrigger):
    """Fires once an execution's state is Finished, whatever its status.

    All triggers of a process on the same connection, project and flow share one poll.

    The event is a dict: ``status`` is ``finished``, ``timeout`` or ``error``; ``execution_id`` names the
    execution (None where none was found); ``message`` says what happened otherwise.

    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project, the connection's where None.
    :param flow: The flow: its id where ``is_flow_id``, else its slug, name or id.
    :param is_flow_id: Whether ``flow`` is known to be an id.
    :param execution_id: The execution; None: the first one created since ``created_after``.
    :param created_after: ISO 8601 with an offset; used where no execution is named.
    :param poll_interval: Seconds between two polls.
    :param end_time: The deadline, in seconds since the epoch, so that a restart doesn't reset it. None, where
        the task began in the triggerer: it is derived from Airflow's own, which is in the database too.
    :param max_failed_polls: Failed polls in a row that are put up with.
    :param adaptive: Whether to poll seldom early and often near the flow's usual duration.
    """

    def __init__(
        self,
        *,
        integrator_conn_id: str,
        project_id: str | None,
        flow: str,
        is_flow_id: bool,
        execution_id: str | None,
        created_after: str | None,
        poll_interval: float,
        end_time: float | None,
        max_failed_polls: int = DEFAULT_MAX_FAILED_POLLS,
        adaptive: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.integrator_conn_id = integrator_conn_id
        self.project_id = project_id
        self.flow = flow
        self.is_flow_id = is_flow_id
        self.execution_id = execution_id
        self.created_after = created_after
        self.poll_interval = poll_interval
        self.end_time = end_time
        self.max_failed_polls = max_failed_polls
        self.adaptive = adaptive
        self.timeout_after: datetime | None = None  # set by the triggerer of Airflow 3.3

    @classmethod
    def path(cls) -> str:
        """Return what Airflow imports the class by."""
        return f"{cls.__module__}.{cls.__qualname__}"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments to make the trigger again with."""
        return (
            self.path(),
            {
                "integrator_conn_id": self.integrator_conn_id,
                "project_id": self.project_id,
                "flow": self.flow,
                "is_flow_id": self.is_flow_id,
                "execution_id": self.execution_id,
                "created_after": self.created_after,
                "poll_interval": self.poll_interval,
                "end_time": self.end_time,
                "max_failed_polls": self.max_failed_polls,
                "adaptive": self.adaptive,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the one event."""
        try:
            execution_id = await self._wait()
            event: dict[str, str | None] = {"status": "finished", "execution_id": execution_id}
        except asyncio.TimeoutError:
            event = {
                "status": "timeout",
                "execution_id": self.execution_id,
                "message": "The time to wait is over.",
            }
        except IntegratorError as error:
            event = {"status": "error", "execution_id": self.execution_id, "message": str(error)}
        yield TriggerEvent(event)

    def _seconds_left(self) -> float | None:
        if self.end_time is not None:
            return max(0.0, self.end_time - time.time())
        if self.timeout_after is not None:
            return max(0.0, (self.timeout_after - DEFERRAL_GRACE).timestamp() - time.time())
        return None

    async def _wait(self) -> str:
        from airflow_provider_integrator.polling.connection import shared_connection
        from airflow_provider_integrator.polling.waits import Wait

        self.execution_id = rendered("execution_id", self.execution_id)
        if self.execution_id is None and self.created_after is None:
            raise ConfigurationError("A wait needs an execution_id or a created_after.")
        async with shared_connection(self.integrator_conn_id) as shared:
            looking = shared.poller(self.project_id, self.flow, is_flow_id=self.is_flow_id)
            poller = await asyncio.wait_for(looking, self._seconds_left())
            left = self._seconds_left()
            wait = Wait(
                execution_id=self.execution_id,
                created_after=None if self.created_after is None else read_moment(self.created_after),
                interval=self.poll_interval,
                max_failed_polls=self.max_failed_polls,
                adaptive=self.adaptive,
                deadline=math.inf if left is None else asyncio.get_running_loop().time() + left,
            )
            poller.join(wait)
            try:
                execution = await wait.done
            finally:
                self.execution_id = wait.execution_id
                await poller.leave(wait)
            return execution.execution_id

    async def on_kill(self) -> None:
        """Say what a user's kill means; Airflow calls this from 3.3 on."""
        self.log.info(
            "Waiting stopped. The Integrator isn't told, as no documented call stops a flow: "
            "execution %s goes on by itself.",
            self.execution_id or f"of flow {self.flow}",
        )
