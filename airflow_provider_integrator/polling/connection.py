"""The session, the login and the pollers that all waits of a triggerer on one Airflow connection share."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from weakref import WeakKeyDictionary

from airflow_provider_integrator.api.models import Flow
from airflow_provider_integrator.api.queries import choose_flow
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError
from airflow_provider_integrator.executions.wait import POLL_RETRY
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.metrics import poll_observer
from airflow_provider_integrator.polling.poller import FlowPoller


class SharedConnection:
    """One hook, and the pollers that use it. An async context manager: the last to leave closes it.

    :param integrator_conn_id: The Airflow connection.
    """

    def __init__(self, integrator_conn_id: str) -> None:
        self.hook = IntegratorHook(integrator_conn_id, retry=POLL_RETRY)
        self._users = 0
        self._observer = poll_observer()
        self._starting = asyncio.Lock()
        self._finding: dict[tuple[str | None, str, str | None], asyncio.Task[FlowPoller]] = {}
        self._looked_up: dict[tuple[str | None, str], float] = {}
        self._flow_ids: dict[tuple[str, str], str] = {}
        self._flows: dict[str, list[Flow]] = {}
        self._pollers: dict[tuple[str, str], FlowPoller] = {}

    async def __aenter__(self) -> SharedConnection:
        self._users += 1
        return self

    async def __aexit__(self, *error: object) -> None:
        self._users -= 1
        self._pollers = {key: poller for key, poller in self._pollers.items() if len(poller)}
        if not self._users:
            # Removed before it is closed: the next to enter makes a new one.
            connections = _connections[asyncio.get_running_loop()]
            if connections.get(self.hook.integrator_conn_id) is self:
                del connections[self.hook.integrator_conn_id]
            finding = [*self._finding.values()]
            for each in finding:
                each.cancel()
            await asyncio.gather(*finding, return_exceptions=True)
            await self.hook.aclose()

    def find_poller(
        self, project_id: str | None, flow: str, flow_id: str | None = None
    ) -> asyncio.Task[FlowPoller]:
        """Find or make the poller of a flow, once for all who ask while it is done.

        :param project_id: The project; the connection's if None.
        :param flow: The flow's slug, name or id.
        :param flow_id: The flow's id; None: it is looked up.
        :return: A task, which others may await, too. Its result is the poller: join it before anything else is
            awaited. It raises an ``IntegratorError`` if the connection can't be used, or the flow isn't found.
        """
        key = (project_id, flow, flow_id)
        if key not in self._finding:
            task = self._finding[key] = asyncio.create_task(self._find_poller(*key))
            task.add_done_callback(lambda _: self._finding.pop(key))
        return self._finding[key]

    async def _find_poller(self, project_id: str | None, flow: str, flow_id: str | None) -> FlowPoller:
        async with self._starting:  # one reading of the connection, one look-up of a flow
            client, settings = await self.hook.aget_conn(), await self.hook.asettings()
            project = settings.project(project_id)
            if flow_id is None:
                flow_id = await self._flow_id(project, flow)
        key = (project, flow_id)
        if key not in self._pollers:
            self._pollers[key] = FlowPoller(client, project, flow_id, self._observer)
        return self._pollers[key]

    def look_up_again(self, project_id: str | None, flow: str, fresh: float) -> asyncio.Task[FlowPoller]:
        """Find the poller of a flow that may have been deleted and created again under another id.

        :param project_id: The project; the connection's if None.
        :param flow: The flow's slug, name or id.
        :param fresh: Seconds for which a look-up holds, as many waits may doubt at once.
        :return: A task as of :meth:`find_poller`; its result is the poller of the flow's current id.
        """
        now = asyncio.get_running_loop().time()
        if self._looked_up.get((project_id, flow), -math.inf) < now - fresh:
            self._looked_up[project_id, flow] = now
            self._flow_ids.clear()
            self._flows.clear()
        return self.find_poller(project_id, flow)

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


_connections: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedConnection]] = WeakKeyDictionary()


def shared_connection(integrator_conn_id: str) -> SharedConnection:
    """Return the hook and the pollers that the loop's waits on a connection share; enter it to use them.

    :param integrator_conn_id: The Airflow connection.
    """
    connections = _connections.setdefault(asyncio.get_running_loop(), {})
    if integrator_conn_id not in connections:
        connections[integrator_conn_id] = SharedConnection(integrator_conn_id)
    return connections[integrator_conn_id]
