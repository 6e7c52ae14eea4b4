"""What all waits of a triggerer process on one Airflow connection share: a session, a login, pollers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from weakref import WeakKeyDictionary

from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.models import Flow
from airflow_provider_integrator.api.queries import choose_flow
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.polling.poller import FlowPoller

#: A poll is repeated by the next one, so that few attempts will do.
_RETRY = Retry(attempts=3, max_total=60.0)


class SharedConnection:
    """One hook, and the pollers that use it.

    :param integrator_conn_id: The Airflow connection.
    """

    def __init__(self, integrator_conn_id: str) -> None:
        self.hook = IntegratorHook(integrator_conn_id, retry=_RETRY)
        self.users = 0
        self._starting = asyncio.Lock()
        self._flow_ids: dict[tuple[str, str], str] = {}
        self._flows: dict[str, list[Flow]] = {}
        self._pollers: dict[tuple[str, str], FlowPoller] = {}

    async def poller(self, project_id: str | None, flow: str, *, is_flow_id: bool) -> FlowPoller:
        """Find or make the poller of a flow.

        :param project_id: The project; the connection's if None.
        :param flow: The flow's id, or its slug or name.
        :param is_flow_id: Whether it is known to be an id, so that it needn't be looked up.
        :return: The poller; join it before anything else is awaited.
        :raises IntegratorError: The connection can't be used, or the flow isn't found.
        """
        async with self._starting:  # one reading of the connection, one look-up of a flow
            client, settings = await self.hook.aget_conn(), await self.hook.asettings()
            project = settings.project(project_id)
            flow_id = flow
            if not is_flow_id:
                if (project, flow) not in self._flow_ids:
                    self._flow_ids[project, flow] = await self._find(project, flow)
                flow_id = self._flow_ids[project, flow]
        key = (project, flow_id)
        if key not in self._pollers:
            self._pollers[key] = FlowPoller(client, project, flow_id)
        return self._pollers[key]

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
    """A context manager for what the loop's waits on a connection share.

    The first to enter makes it, the last to leave closes it. A class, as there may be thousands: the objects of a
    generator for the same add up in the garbage collector's rounds, which stop the loop.

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
