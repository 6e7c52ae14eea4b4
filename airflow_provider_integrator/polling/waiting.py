"""The wait of one trigger: find the flow, join its poll, wait for the answer."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import replace

from airflow_provider_integrator.exceptions import (
    IntegratorError,
    RequestError,
    UnavailableError,
    WaitTimeoutError,
)
from airflow_provider_integrator.executions.progress import Progress
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.executions.wait import EMPTY_POLLS
from airflow_provider_integrator.polling.connection import SharedConnection, shared_connection
from airflow_provider_integrator.polling.kept_outage import KeptOutage, OutageStore
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.waits import FlowDoubtError, Wait

log = logging.getLogger(__name__)

#: Seconds in which no triggerer has begun a wait, died and been replaced.
FIRST_START = 10.0


class TriggerWait:
    """Waits in a triggerer until an execution has finished.

    :param spec: The specification.
    :param store: Keeps the beginning of an outage for a triggerer that goes on with the wait; None: nothing does.
    :param deferred_at: When Airflow put the task into the triggerer, in seconds since the epoch; None: a worker
        did, or it is unknown.
    :ivar outage: The outage of the wait's polls.
    """

    __slots__ = ("_doubt_after", "_progress", "_spec", "outage")

    def __init__(
        self, spec: WaitSpec, store: OutageStore | None = None, deferred_at: float | None = None
    ) -> None:
        self._spec = spec
        self.outage = _outage(spec, store, deferred_at)
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
        await self._pause()
        async with shared_connection(self._spec.integrator_conn_id) as shared:
            poller = await self._find_poller(shared)
            if len(poller):
                # The first of a burst starts the polling alone. The others are searched for in the second poll, together:
                # a window for some of them would hardly show them, and spend what one for all may cost.
                await asyncio.sleep(0)
                if not len(poller):  # the others have left, and it with them
                    poller = await self._find_poller(shared)
            while True:
                # Here, as one coroutine less for each wait is less for the garbage collector.
                wait = Wait(self._spec, self.outage, self._progress, self._doubt_after)
                poller.join(wait)
                try:
                    return (await wait.done).execution_id
                except (FlowDoubtError, RequestError) as error:
                    doubt = error
                finally:
                    if wait.execution_id != self._spec.execution_id:
                        self._spec = replace(self._spec, execution_id=wait.execution_id)
                    await poller.leave(wait)
                poller = await self._other_poller(shared, poller, doubt)

    async def _pause(self) -> None:
        """Pause until an interval after a worker's last poll, when the next one is due.

        Besides, Airflow's scheduler takes a task for killed that resumes before it has heard of the deferral.
        """
        interval, polled_at = self._spec.poll_interval, self._spec.polled_at
        if polled_at is not None:
            await asyncio.sleep(min(polled_at + interval - time.time(), interval, self._left()))

    async def _find_poller(self, shared: SharedConnection) -> FlowPoller:
        """Find the flow's poller; a failed look-up of the connection or the flow counts as a failed poll."""
        spec = self._spec
        while True:
            try:
                return await self._in_time(shared.find_poller(spec.project_id, spec.flow, spec.flow_id))
            except WaitTimeoutError:
                raise
            except IntegratorError as error:
                if (recalled := self.outage.recall(error)) is not None:
                    # Others await it, too: it mustn't be cancelled with this wait.
                    await asyncio.wait({recalled}, timeout=self._left())
                self.outage.add(error)
                asked = error.retry_after if isinstance(error, UnavailableError) else None
            await asyncio.sleep(min(max(spec.poll_interval, asked or 0.0), self._left()))

    async def _other_poller(
        self, shared: SharedConnection, poller: FlowPoller, doubt: FlowDoubtError | RequestError
    ) -> FlowPoller:
        """Look the flow up again: one that was deleted and created again has another id.

        :raises RequestError: The poll was refused for good, and the flow's id is still the same.
        """
        spec, found = self._spec, None
        if isinstance(doubt, FlowDoubtError):
            self._doubt_after *= 2
        elif doubt.status != 400:
            raise doubt
        fresh = self._doubt_after * spec.poll_interval / 2
        try:
            found = await self._in_time(shared.look_up_again(spec.project_id, spec.flow, fresh))
        except WaitTimeoutError:
            raise
        except IntegratorError as error:
            log.warning("Flow %s was looked up again, without success: %s", spec.flow, error)
        if isinstance(doubt, RequestError) and found in (None, poller):
            raise doubt
        return poller if found is None else found

    def _left(self) -> float:
        return math.inf if self._spec.end_time is None else max(0.0, self._spec.end_time - time.time())

    async def _in_time(self, finding: asyncio.Task[FlowPoller]) -> FlowPoller:
        # Not wait_for: a TimeoutError of the work itself isn't the deadline's, and others wait for it, too.
        await asyncio.wait({finding}, timeout=self._left())
        if not finding.done():
            raise WaitTimeoutError("The time to wait is over.")
        return finding.result()


def _outage(spec: WaitSpec, store: OutageStore | None, deferred_at: float | None) -> KeptOutage:
    """Make the outage of a wait that begins now, in this triggerer or for the first time."""
    tolerance, began, now = spec.outage_tolerance, spec.outage_began, time.time()
    if store is None:
        # An older outage is over: the trigger, which a restart begins again, has polled since.
        is_recent = began is not None and now - began < tolerance
        return KeptOutage(tolerance, None, began if is_recent else None)
    if spec.polled_at is not None:
        is_restart = now >= spec.polled_at + spec.poll_interval  # no trigger polls sooner
    else:
        is_restart = deferred_at is None or now >= deferred_at + FIRST_START
    earliest = (began or spec.polled_at or deferred_at or 2.0) - 1.0
    return KeptOutage(
        tolerance, store, None if is_restart else began, is_restart=is_restart, earliest=earliest
    )
