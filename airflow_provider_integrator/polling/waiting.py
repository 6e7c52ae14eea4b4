"""The wait of one trigger: find the flow, join its poll, wait for the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import TypeVar

from airflow_provider_integrator.exceptions import IntegratorError, UnavailableError, WaitTimeoutError
from airflow_provider_integrator.executions.outage import Outage
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.polling.connection import SharedConnection, shared_connection
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.waits import Wait

T = TypeVar("T")


class TriggerWait:
    """Waits in a triggerer until an execution has finished.

    :param spec: The specification.
    :ivar execution_id: The execution, as soon as it is known.
    """

    def __init__(self, spec: WaitSpec) -> None:
        self._spec = spec
        self._outage = Outage(spec.outage_tolerance, spec.outage_began)
        self.execution_id = spec.execution_id

    async def until_finished(self) -> str:
        """Wait.

        :return: The execution's id.
        :raises WaitTimeoutError: The execution didn't finish before the deadline.
        :raises ExecutionMissingError: The window has passed without an execution.
        :raises IntegratorError: The connection or the flow can't be used, a poll failed for good, or polls have
            failed for longer than is tolerated.
        """
        async with shared_connection(self._spec.integrator_conn_id) as shared:
            poller = await self._poller(shared)
            wait = Wait(self._spec, self._outage)
            poller.join(wait)
            try:
                return (await wait.done).execution_id
            finally:
                self.execution_id = wait.execution_id
                await poller.leave(wait)

    async def _poller(self, shared: SharedConnection) -> FlowPoller:
        """Find the flow's poller; a failed look-up of the connection or the flow counts as a failed poll."""
        spec = self._spec
        while True:
            try:
                return await self._in_time(shared.poller(spec.project_id, spec.flow, spec.flow_id))
            except IntegratorError as error:
                self._outage.add(error)
                asked = error.retry_after if isinstance(error, UnavailableError) else None
            await self._in_time(asyncio.sleep(max(spec.poll_interval, asked or 0.0)))

    async def _in_time(self, work: Coroutine[None, None, T]) -> T:
        # Not wait_for: a TimeoutError of the work itself isn't the deadline's.
        left = None if self._spec.end_time is None else max(0.0, self._spec.end_time - time.time())
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=left)
            if not task.done():
                raise WaitTimeoutError("The time to wait is over.")
        finally:
            task.cancel()
        return task.result()
