"""Outages whose beginnings outlive the triggerer: kept with the task, in the background, one request at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Protocol
from weakref import WeakKeyDictionary

from airflow_provider_integrator.exceptions import TransientError
from airflow_provider_integrator.executions.outage import Outage

log = logging.getLogger(__name__)

#: Seconds for which the end of a wait is held back so that nothing stays kept.
END_PATIENCE = 10.0
#: Seconds after a trigger's cancellation until Airflow knows what has become of the task.
CANCEL_DELAY = 5.0
#: Seconds of the pause between two requests at most; it is as long as the last one took. A triggerer's first one may
#: take many seconds, as its API has to start.
LONGEST_PAUSE = 1.0
#: A kept beginning that hasn't been read.
_UNREAD = -1.0
#: What a failed request has left: unknown.
_UNKNOWN = 0.0


class OutageStore(Protocol):
    """Keeps the beginning of one task's outage, in seconds since the epoch. Any error may be raised."""

    async def read(self) -> float | None:
        """Read the beginning; None if nothing is kept, or nothing that is a moment."""

    async def write(self, began: float) -> None:
        """Keep a beginning."""

    async def delete(self) -> None:
        """Delete the beginning, if there is one."""

    async def is_active(self) -> bool:
        """Find out whether the task still waits or runs."""


class KeptOutage(Outage):
    """An outage that a wait in a triggerer meets, and that goes on for its successor in another process.

    An error of the store ends no wait: the outage goes on with what is known, and the next poll tries again.

    :param tolerance: As of :class:`Outage`.
    :param store: Keeps the beginning; None: nothing does.
    :param began: As of :class:`Outage`; the worker that saw it has kept it.
    :param is_restart: Whether another triggerer may have polled for this wait.
    :param earliest: The earliest beginning that may be this wait's: an older one was left by another.
    """

    __slots__ = ("_earliest", "_has_failed", "_is_abandoned", "_is_logged", "_kept", "_store")

    def __init__(
        self,
        tolerance: float,
        store: OutageStore | None = None,
        began: float | None = None,
        *,
        is_restart: bool = False,
        earliest: float = 1.0,
    ) -> None:
        super().__init__(tolerance, began)
        self._store = store if tolerance else None
        self._earliest = earliest
        self._kept: float | None = None
        if self._store is not None:
            self._kept = _UNREAD if is_restart else began
        self._has_failed = self._is_logged = self._is_abandoned = False

    def end(self) -> None:
        """Record a successful poll; what was kept is deleted soon."""
        self.began = None
        if self._kept is not None:
            _keeper().add(self)

    def recall(self, error: Exception) -> asyncio.Future[None] | None:
        """Begin to read what another triggerer has kept, before a failed poll is recorded by :meth:`add`.

        :param error: The poll's error.
        :return: A future that is done once the beginning is known, or can't be; None: nothing has to be read.
        """
        if self._kept != _UNREAD or not isinstance(error, TransientError):
            return None
        if self.began is None:
            self.began = time.time()
        return _keeper().add(self)

    def add(self, error: Exception) -> None:
        """Record a failed poll as :class:`Outage` does; its beginning is kept soon.

        :param error: Its error.
        :raises Exception: The error, if it is permanent or if polls have failed for too long.
        """
        super().add(error)
        if self._has_failed and not self._is_logged:
            self._is_logged = True
            log.warning(
                "The beginning of this outage could not be read or kept in Airflow.\n"
                "If the triggerer restarts before it could, the time counts from the restart."
            )
        if self._store is not None and self._kept not in (self.began, _UNREAD):
            _keeper().add(self)

    async def close(self) -> None:
        """Delete what is kept, as the wait has ended."""
        self.began = None
        if self._kept is not None:
            await asyncio.wait({_keeper().add(self)}, timeout=END_PATIENCE)

    def abandon(self) -> None:
        """Leave the wait to another triggerer, or delete what is kept if the task no longer waits."""
        self._is_abandoned = True
        if self._kept is not None:
            # A timer, as no task may begin in a loop that ends.
            asyncio.get_running_loop().call_later(CANCEL_DELAY, _keeper().add, self)

    async def settle(self) -> None:
        """Bring the store in line with the outage."""
        try:
            if self._store is not None:
                await self._settle(self._store)
        except Exception:
            self._has_failed = True
            log.debug("The beginning of an outage could not be read or kept.", exc_info=True)

    async def _settle(self, store: OutageStore) -> None:
        if self._is_abandoned or self.began is None:
            if self._kept is not None and not (self._is_abandoned and await store.is_active()):
                await store.delete()
                self._kept = None
        elif self._kept == _UNREAD:
            self._kept = found = await store.read()
            if found is not None and found >= self._earliest and self.began is not None:
                self.began = min(found, self.began)
        elif self._kept != self.began:
            self._kept, began = _UNKNOWN, self.began
            await store.write(began)
            self._kept = began


class _Keeper:
    """Settles the outages of a loop one after the other, with pauses.

    On Airflow 3 each request occupies the triggerer's supervisor, which has triggers to start and a heartbeat.
    Cancelling one under way would spoil the connection to it below 3.2, so no wait makes its own.
    """

    def __init__(self) -> None:
        self._due: OrderedDict[KeptOutage, asyncio.Future[None]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def add(self, outage: KeptOutage) -> asyncio.Future[None]:
        """Settle an outage soon.

        :param outage: The outage.
        :return: A future that is done once it is settled, or can't be.
        """
        if outage not in self._due:
            self._due[outage] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="integrator-outages")
        return self._due[outage]

    async def _work(self) -> None:
        try:
            while self._due:
                outage, settled = self._due.popitem(last=False)
                began = time.monotonic()
                await outage.settle()
                if not settled.done():  # of a wait that was cancelled
                    settled.set_result(None)
                await asyncio.sleep(min(time.monotonic() - began, LONGEST_PAUSE))
        finally:
            self._task = None


_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Keeper] = WeakKeyDictionary()


def _keeper() -> _Keeper:
    return _keepers.setdefault(asyncio.get_running_loop(), _Keeper())
