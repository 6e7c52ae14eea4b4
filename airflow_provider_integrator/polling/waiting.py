"""The wait of one trigger: find the flow, join its poll, wait for the answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import TypeVar

from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import (
    IntegratorError,
    RequestError,
    UnavailableError,
    WaitTimeoutError,
)
from airflow_provider_integrator.executions.outage import Outage
from airflow_provider_integrator.executions.progress import Progress
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.executions.wait import EMPTY_POLLS
from airflow_provider_integrator.polling.connection import SharedConnection, shared_connection
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.waits import FlowDoubtError, Wait

T = TypeVar("T")

log = logging.getLogger(__name__)


class TriggerWait:
    """Waits in a triggerer until an execution has finished.

    :param spec: The specification.
    """

    def __init__(self, spec: WaitSpec) -> None:
        self._spec = spec
        # An older outage is over: the trigger, which a restart begins again, has polled since.
        began = spec.outage_began
        is_recent = began is not None and time.time() - began < spec.outage_tolerance
        self._outage = Outage(spec.outage_tolerance, began if is_recent else None)
        # A worker that has looked the flow up has logged what is waited for.
        self._progress = Progress(spec.poll_interval, is_continued=spec.flow_id is not None)
        self._doubt_after = EMPTY_POLLS

    @property
    def execution_id(self) -> str | None:
        """The execution, as soon as it is known."""
        return self._spec.execution_id

    async def until_finished(self) -> str:
        """Wait.

        :return: The execution's id.
        :raises WaitTimeoutError: The execution didn't finish before the deadline.
        :raises ExecutionMissingError: The window has passed without an execution.
        :raises IntegratorError: The connection or the flow can't be used, a poll failed for good, or polls have
            failed for longer than is tolerated.
        """
        await self._in_time(asyncio.sleep(self._pause()))
        async with shared_connection(self._spec.integrator_conn_id) as shared:
            poller = await self._find_poller(shared)
            while True:
                try:
                    return (await self._join(poller)).execution_id
                except FlowDoubtError:
                    self._doubt_after *= 2
                    found = await self._look_up_again(shared)
                    poller = poller if found is None else found
                except RequestError as error:
                    # A flow that was deleted and created again has another id.
                    found = await self._look_up_again(shared) if error.status == 400 else None
                    if found is None or found is poller:
                        raise
                    poller = found

    def _pause(self) -> float:
        """Return the seconds until the first poll, which comes an interval after a worker's last one.

        Besides, Airflow's scheduler takes a task for killed that resumes before it has heard of the deferral.
        """
        interval, polled_at = self._spec.poll_interval, self._spec.polled_at
        return 0.0 if polled_at is None else min(max(0.0, polled_at + interval - time.time()), interval)

    async def _join(self, poller: FlowPoller) -> Execution:
        wait = Wait(self._spec, self._outage, self._progress, self._doubt_after)
        poller.join(wait)
        try:
            return await wait.done
        finally:
            self._spec = replace(self._spec, execution_id=wait.execution_id)
            await poller.leave(wait)

    async def _find_poller(self, shared: SharedConnection) -> FlowPoller:
        """Find the flow's poller; a failed look-up of the connection or the flow counts as a failed poll."""
        spec = self._spec
        while True:
            try:
                return await self._in_time(shared.poller(spec.project_id, spec.flow, spec.flow_id))
            except WaitTimeoutError:
                raise
            except IntegratorError as error:
                self._outage.add(error)
                asked = error.retry_after if isinstance(error, UnavailableError) else None
            await self._in_time(asyncio.sleep(max(spec.poll_interval, asked or 0.0)))

    async def _look_up_again(self, shared: SharedConnection) -> FlowPoller | None:
        spec = self._spec
        finding = shared.look_up_again(spec.project_id, spec.flow, self._doubt_after * spec.poll_interval / 2)
        try:
            return await self._in_time(finding)
        except WaitTimeoutError:
            raise
        except IntegratorError as error:
            log.warning("Flow %s was looked up again, without success: %s", spec.flow, error)
            return None

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
