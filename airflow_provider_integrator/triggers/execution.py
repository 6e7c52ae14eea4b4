"""Waits in the triggerer until an execution has finished."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_integrator.arguments import rendered
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError
from airflow_provider_integrator.executions.spec import DEFAULT_MAX_FAILED_POLLS, DEFERRAL_GRACE, WaitSpec

if TYPE_CHECKING:
    from airflow_provider_integrator.polling.poller import FlowPoller

__all__ = ["DEFAULT_MAX_FAILED_POLLS", "DEFERRAL_GRACE", "IntegratorExecutionTrigger"]


class IntegratorExecutionTrigger(BaseTrigger):
    """Fires once an execution's state is Finished, whatever its status.

    All triggers of a process on the same connection, project and flow share one poll.

    The event is a dict: ``status`` is ``finished``, ``timeout`` or ``error``; ``execution_id`` names the execution, if
    one was found; ``message`` says what happened otherwise.

    :param spec: The fields of a ``WaitSpec`` (``executions.spec``). Each is an attribute of its own, too: Airflow 3.3
        renders templates in those that are named like the task's template fields.
    """

    def __init__(self, **spec: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.execution_id: str | None = None
        self.timeout_after: datetime | None = None  # set by the triggerer of Airflow 3.3
        vars(self).update(WaitSpec(**spec).as_arguments())

    @property
    def spec(self) -> WaitSpec:
        """The wait, with its templates as they are now."""
        return WaitSpec(**{field.name: getattr(self, field.name) for field in fields(WaitSpec)})

    @classmethod
    def path(cls) -> str:
        """Return what Airflow imports the class by."""
        return f"{cls.__module__}.{cls.__qualname__}"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments to make the trigger again with."""
        return self.path(), self.spec.as_arguments()

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

    async def _wait(self) -> str:
        from airflow_provider_integrator.polling.connection import shared_connection
        from airflow_provider_integrator.polling.waits import Wait

        spec = replace(self.spec, execution_id=rendered("execution_id", self.execution_id))
        if spec.execution_id is None and spec.created_after is None:
            raise ConfigurationError("A wait needs an execution_id or a created_after.")
        if spec.end_time is None and self.timeout_after is not None:
            spec = replace(spec, end_time=(self.timeout_after - DEFERRAL_GRACE).timestamp())
        async with shared_connection(spec.integrator_conn_id) as shared:
            finding = shared.poller(spec.project_id, spec.flow, is_flow_id=spec.is_flow_id)
            left = None if spec.end_time is None else max(0.0, spec.end_time - time.time())
            poller: FlowPoller = await asyncio.wait_for(finding, left)
            wait = Wait(spec)
            poller.join(wait)
            try:
                execution = await wait.done
            finally:
                self.execution_id = wait.execution_id
                await poller.leave(wait)
            return execution.execution_id

    async def on_kill(self) -> None:
        """Log what a user's kill means; Airflow calls this from 3.3 on."""
        spec = self.spec
        self.log.info(
            "Waiting stopped. No documented call stops a flow: execution %s goes on by itself.",
            spec.execution_id or f"of flow {spec.flow}",
        )
