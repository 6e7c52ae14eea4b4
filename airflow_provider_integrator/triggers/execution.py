"""Waits in the triggerer until an execution has finished."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_integrator.arguments import rendered
from airflow_provider_integrator.exceptions import (
    ExecutionMissingError,
    IntegratorError,
    TransientError,
    WaitTimeoutError,
)
from airflow_provider_integrator.executions.spec import DEFERRAL_GRACE, WaitSpec
from airflow_provider_integrator.triggers.outage_xcom import outage_store


class IntegratorExecutionTrigger(BaseTrigger):
    """Fires once an execution's state is Finished, whatever its status.

    All triggers of a process on the same connection, project and flow share one poll.

    The event is a dict: ``status`` is ``finished``, ``timeout``, ``missing`` (the window has passed without an
    execution) or ``error``; ``execution_id`` names the execution, if one was found; otherwise ``message`` describes
    what happened, and ``error`` is the class of the error.

    :param spec: The fields of a ``WaitSpec`` (``executions.spec``). Each is an attribute of its own, too: Airflow 3.3
        renders templates in those that are named like the task's template fields.
    """

    def __init__(self, **spec: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flow = ""
        self.execution_id: str | None = None
        self.timeout_after: datetime | None = None  # set by the triggerer of Airflow 3.3
        vars(self).update(WaitSpec(**spec).as_arguments())

    @property
    def spec(self) -> WaitSpec:
        """The wait, with its templates as they are now."""
        return WaitSpec(**{name: getattr(self, name) for name in WaitSpec.__slots__})

    @classmethod
    def path(cls) -> str:
        """Return what Airflow imports the class by."""
        return f"{cls.__module__}.{cls.__qualname__}"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments to make the trigger again with."""
        return self.path(), self.spec.as_arguments()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the one event."""
        from airflow_provider_integrator.polling.waiting import TriggerWait

        wait: TriggerWait | None = None
        try:
            wait = TriggerWait(self._final_spec(), outage_store(self.task_instance), self._deferred_at())
            try:
                execution_id = await wait.until_finished()
            finally:
                self.execution_id = wait.execution_id
            event: dict[str, str | None] = {"status": "finished", "execution_id": execution_id}
        except WaitTimeoutError as error:
            event = {"status": "timeout", "execution_id": self.execution_id, "message": str(error)}
        except ExecutionMissingError as error:
            event = {"status": "missing", "execution_id": None, "message": str(error)}
        except IntegratorError as error:
            event = {"status": "error", "execution_id": self.execution_id, "message": str(error)}
            event["error"] = type(error).__name__
            if wait is not None and isinstance(error, TransientError) and self.spec.outage_tolerance:
                event["message"] = f"{error}\n{wait.outage.described()}"
        except BaseException:  # cancelled, or a programming error
            if wait is not None:
                wait.outage.abandon()
            raise
        if wait is not None:
            await wait.outage.close()
        yield TriggerEvent(event)

    def _final_spec(self) -> WaitSpec:
        """Return the wait, with its templates rendered and its deadline known."""
        spec = replace(self.spec, execution_id=rendered("execution_id", self.execution_id))
        if spec.end_time is None and self.timeout_after is not None:
            spec = replace(spec, end_time=(self.timeout_after - DEFERRAL_GRACE).timestamp())
        return spec

    def _deferred_at(self) -> float | None:
        """Return when the task started in the triggerer; None: a worker deferred it, or Airflow doesn't say."""
        arguments = getattr(getattr(self, "task", None), "start_trigger_args", None)
        if self.timeout_after is None or arguments is None or arguments.timeout is None:
            return None
        began: datetime = self.timeout_after - arguments.timeout
        return began.timestamp()

    async def on_kill(self) -> None:
        """Log that this triggerer no longer waits.

        Airflow 3.3 calls this when a user ends the task, and when a stalled triggerer has lost its triggers.
        """
        self.log.info(
            "This triggerer no longer waits for %s.\nIf a user has ended the task, the execution goes on: no "
            "documented call stops a flow.\nIf another triggerer has taken over, the wait goes on there.",
            f"execution {self.execution_id}" if self.execution_id else f"flow {self.flow}",
        )
