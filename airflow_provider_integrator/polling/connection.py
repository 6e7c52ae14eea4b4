"""The session, the login and the pollers that all waits of a triggerer on one Airflow connection share."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from types import TracebackType
from weakref import WeakKeyDictionary

from airflow_provider_integrator.api.models import Flow
from airflow_provider_integrator.api.queries import choose_flow
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError, RequestError
from airflow_provider_integrator.executions.wait import POLL_RETRY
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.metrics import poll_observer
from airflow_provider_integrator.polling.poller import FlowPoller


class SharedConnection:
    """One hook, and the pollers that use it.

    :param integrator_conn_id: The Airflow connection.
    """

    def __init__(self, integrator_conn_id: str) -> None:
        self.hook = IntegratorHook(integrator_conn_id, retry=POLL_RETRY)
        self.users = 0
        self._observer = poll_observer()
        self._starting = asyncio.Lock()
        self._failures: dict[tuple[str | None, str], tuple[float, IntegratorError]] = {}
        self._looked_up: dict[tuple[str | None, str], float] = {}
        self._flow_ids: dict[tuple[str, str], str] = {}
        self._flows: dict[str, list[Flow]] = {}
        self._pollers: dict[tuple[str, str], FlowPoller] = {}

    async def poller(self, project_id: str | None, flow: str, flow_id: str | None = None) -> FlowPoller:
        """Find or make the poller of a flow.

        :param project_id: The project; the connection's if None.
        :param flow: The flow's slug, name or id.
        :param flow_id: The flow's id; None: it is looked up.
        :return: The poller; join it before anything else is awaited.
        :raises IntegratorError: The connection can't be used, or the flow isn't found.
        """
        arrived = asyncio.get_running_loop().time()
        async with self._starting:  # one reading of the connection, one look-up of a flow
            failed_at, error = self._failures.get((project_id, flow), (-math.inf, None))
            if error is not None and failed_at >= arrived:  # it failed for all who were waiting for it
                raise error.with_traceback(None)
            try:
                client, settings = await self.hook.aget_conn(), await self.hook.asettings()
                project = settings.project(project_id)
                if flow_id is None:
                    flow_id = await self._flow_id(project, flow)
            except IntegratorError as failure:
                self._failures[project_id, flow] = asyncio.get_running_loop().time(), failure
                raise
        key = (project, flow_id)
        if key not in self._pollers:
            self._pollers[key] = FlowPoller(client, project, flow_id, self._observer)
        return self._pollers[key]

    async def look_up_again(self, project_id: str | None, flow: str, fresh: float) -> FlowPoller:
        """Find the poller of a flow that may have been deleted and created again under another id.

        :param project_id: The project; the connection's if None.
        :param flow: The flow's slug, name or id.
        :param fresh: Seconds for which a look-up holds, as many waits may doubt at once.
        :return: The poller of the flow's current id.
        :raises IntegratorError: The flow isn't found.
        """
        now = asyncio.get_running_loop().time()
        if self._looked_up.get((project_id, flow), -math.inf) < now - fresh:
            self._looked_up[project_id, flow] = now
            self._flow_ids.clear()
            self._flows.clear()
        return await self.poller(project_id, flow)

    async def _flow_id(self, project: str, flow: str) -> str:
        if (project, flow) not in self._flow_ids:
            self._flow_ids[project, flow] = await self._find(project, flow)
        return self._flow_ids[project, flow]

    async def _find(self, project: str, flow: str) -> str:
        """Look up a flow's id. The flows of a project are listed once, and again if one isn't among them."""
        with suppress(ConfigurationError):
            return choose_flow(self._flows.get(project, ()), flow, project).id
        try:
            self._flows[project] = await self.hook.alist_flows(project_id=project)
        except RequestError:
            return (await self.hook.afind_flow(flow, project_id=project)).id  # takes it as an id, and warns
        return choose_flow(self._flows[project], flow, project).id

    def tidy(self) -> None:
        """Forget the pollers without a wait or subscriber."""
        for key in [key for key, poller in self._pollers.items() if not len(poller)]:
            del self._pollers[key]


_connections: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedConnection]] = WeakKeyDictionary()


class shared_connection:  # noqa: N801 - used as contextlib's own are
    """A context manager for the hook and the pollers that the loop's waits on a connection share.

    The first to enter makes them, the last to leave closes them. A class, as there may be thousands: with a generator
    for each, a full garbage collection would stop the loop for longer.

    :param integrator_conn_id: The Airflow connection.
    """

    __slots__ = ("_conn_id", "_shared")

    def __init__(self, integrator_conn_id: str) -> None:
        self._conn_id = integrator_conn_id

    async def __aenter__(self) -> SharedConnection:
        connections = _connections.setdefault(asyncio.get_running_loop(), {})
        if self._conn_id not in connections:
            connections[self._conn_id] = SharedConnection(self._conn_id)
        self._shared = connections[self._conn_id]
        self._shared.users += 1
        return self._shared

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shared.users -= 1
        self._shared.tidy()
        if not self._shared.users:
            # Removed before it is closed: the next to enter makes a new one.
            connections = _connections[asyncio.get_running_loop()]
            if connections.get(self._conn_id) is self._shared:
                del connections[self._conn_id]
            await self._shared.hook.aclose()
