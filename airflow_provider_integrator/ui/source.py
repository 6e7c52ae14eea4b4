"""What the pages ask of the Integrator: cached, and bounded in time, size and requests.

The synchronous hook asks, on the page's threads: reading the connection blocks, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timezone
from functools import wraps
from queue import SimpleQueue
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from airflow_provider_integrator.api import queries
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError, UnavailableError
from airflow_provider_integrator.executions.health import FlowHealth
from airflow_provider_integrator.executions.report import (
    ExecutionsPage,
    FailedLines,
    FlowReport,
    read_executions,
    read_failed_lines,
    read_report,
)
from airflow_provider_integrator.hooks import queries as hook_queries
from airflow_provider_integrator.ui.cache import Cache
from airflow_provider_integrator.ui.hook import PageHook
from airflow_provider_integrator.ui.texts import LogError

if TYPE_CHECKING:
    from airflow_provider_integrator.api.client import Client
    from airflow_provider_integrator.api.models import Execution, Flow
    from airflow_provider_integrator.hooks.connection import IntegratorConnection
    from airflow_provider_integrator.logs.archive import LogArchive

T = TypeVar("T")
P = ParamSpec("P")

#: Seconds for which an answer is shown again.
CACHE_SECONDS = 10.0
#: Seconds for all requests of an overview.
OVERVIEW_SECONDS = 20.0
#: Seconds to wait for others who ask the same, or who download.
PATIENCE_SECONDS = 30.0
#: Requests to one Integrator at the same time, and logs that a process downloads at the same time.
CONCURRENCY, DOWNLOADS = 8, 2
#: The executions of each flow in an overview, and the maximum number of its flows.
EXECUTIONS = 30
MAX_FLOWS = 500
#: The requests for one flow in an overview, if List logs doesn't show the newest executions first.
MAX_REQUESTS = 3
#: The failed lines that are shown, and the requests to find them.
MAX_LINES, MAX_LINE_REQUESTS = 50, 5
#: Bytes of a log's JSON: to show its first errors, and to hand it out.
MAX_ERRORS_BYTES, MAX_LOG_BYTES = 64 * 1024**2, 512 * 1024**2


class Source:
    """The Integrators behind Airflow's connections. The caller has checked that the user may read a connection.

    :ivar answers: What was asked a moment ago.
    :ivar overviews: The overviews, which are large, so that there are few of them.
    """

    def __init__(self) -> None:
        self.answers = Cache(CACHE_SECONDS, entries=256, patience=PATIENCE_SECONDS)
        self.overviews = Cache(CACHE_SECONDS, entries=8, patience=PATIENCE_SECONDS)
        self._gates: dict[str, threading.BoundedSemaphore] = {}
        self._gates_lock = threading.Lock()
        self._downloads = threading.BoundedSemaphore(DOWNLOADS)

    def settings(self, connection_id: str) -> IntegratorConnection:
        """Read a connection.

        :param connection_id: The Airflow connection.
        :return: The parsed connection.
        """
        return self.answers.get(("settings", connection_id), lambda: PageHook(connection_id).settings)

    def asking(self, base_url: str) -> AbstractContextManager[None]:
        """Take a turn among those who ask the same Integrator at the same time.

        :param base_url: The Integrator's.
        """
        with self._gates_lock:
            gate = self._gates.setdefault(base_url, threading.BoundedSemaphore(CONCURRENCY))
        return _turn(gate, "ask the Integrator")

    def downloading(self) -> AbstractContextManager[None]:
        """Take a turn among those who download a log at the same time."""
        return _turn(self._downloads, "download a log")


@contextmanager
def _turn(gate: threading.BoundedSemaphore, what: str) -> Iterator[None]:
    if not gate.acquire(timeout=PATIENCE_SECONDS):
        raise UnavailableError(f"Too many others {what} through this page now.")
    try:
        yield
    finally:
        gate.release()


def _cached(ask: Callable[Concatenate[Place, PageHook, P], T]) -> Callable[Concatenate[Place, P], T]:
    """Let a method ask in its turn, through a hook of its own, and keep the answer for all who want the same."""

    @wraps(ask)
    def answer(place: Place, /, *arguments: P.args, **named: P.kwargs) -> T:
        def load() -> T:
            with place.open() as hook:
                return ask(place, hook, *arguments, **named)

        key = (ask.__name__, place.connection_id, place.project_id, *arguments, *named.items())
        return place.source.answers.get(key, load)

    return answer


class Place:
    """A project behind a connection, and what the pages read of it.

    :param source: The Integrators.
    :param connection_id: The Airflow connection.
    :param project: The project; None or empty: the connection's own.
    """

    def __init__(self, source: Source, connection_id: str, project: str | None) -> None:
        self.source = source
        self.connection_id = connection_id
        self.settings = source.settings(connection_id)
        self.project_id = self.settings.project(project or None)

    @property
    def project(self) -> str | None:
        """The project for an address; None if it is the connection's own."""
        return None if self.project_id == self.settings.project_id else self.project_id

    def projects(self) -> list[tuple[str, str]]:
        """List the projects to choose from.

        :return: Ids and names; only this one, if the connection has no partner or they can't be listed.
        """

        def load() -> dict[str, str]:
            if not self.settings.partner_id:
                return {}
            try:
                with PageHook(self.connection_id) as hook:
                    return {each.id: each.name or each.slug or each.id for each in hook.list_projects()}
            except IntegratorError:  # it is only a choice
                return {}

        known = self.source.answers.get(("projects", self.connection_id), load)
        return sorted({self.project_id: self.project_id, **known}.items(), key=lambda each: each[1].lower())

    @_cached
    def flows(self, hook: PageHook) -> list[Flow]:
        """List the flows."""
        return hook.list_flows(project_id=self.project_id)

    def flow(self, wanted: str) -> Flow:
        """Find a flow.

        :param wanted: The flow's id, slug or name.
        :return: The flow.
        :raises ConfigurationError: There is none, or several.
        """
        return queries.choose_flow(self.flows(), wanted, self.project_id)

    def read_overview(self) -> tuple[list[FlowReport], int]:
        """Read the latest executions of all flows, by one request a flow. This isn't cached.

        :return: The flows' reports: one that couldn't be read has a problem that says why; and the number of flows
            beyond the limit, which weren't read.
        """
        flows = sorted(self.flows(), key=lambda flow: flow.label.lower())
        with PageHook(self.connection_id) as hook:
            return self._read_reports(hook, flows[:MAX_FLOWS]), max(0, len(flows) - MAX_FLOWS)

    @_cached
    def executions(self, hook: PageHook, flow_id: str, number: int) -> ExecutionsPage:
        """Read a page of a flow's executions, by its number, from 1."""
        return hook.get_conn().run(read_executions(self.project_id, flow_id, number))

    @_cached
    def execution(self, hook: PageHook, flow_id: str, execution_id: str) -> Execution:
        """Fetch an execution.

        :raises ConfigurationError: There is none with this id.
        """
        found = hook.get_execution(flow_id, execution_id, project_id=self.project_id)
        if found is None:
            raise ConfigurationError(
                f"List logs has no execution {execution_id} of flow {flow_id}. Perhaps its logs are no longer kept."
            )
        return found

    @_cached
    def failed_lines(
        self, hook: PageHook, flow_id: str, execution_id: str, search: tuple[str, str] | None
    ) -> FailedLines:
        """Read an execution's failed lines: all, or those that have a field with this name and value."""
        fields = dict([search] if search else [])
        bounds = {"max_lines": MAX_LINES, "max_requests": MAX_LINE_REQUESTS}
        return hook.get_conn().run(
            read_failed_lines(self.project_id, flow_id, execution_id, fields, **bounds)
        )

    def log_errors(self, flow_id: str, log_id: str) -> tuple[LogError, ...]:
        """Download a log and read its first errors.

        :param flow_id: The flow.
        :param log_id: The log.
        :return: The errors.
        """

        def load() -> tuple[LogError, ...]:
            from airflow_provider_integrator.logs.disk import temporary_file

            with self.log(flow_id, log_id, MAX_ERRORS_BYTES) as archive:
                with temporary_file(archive.needs) as file:
                    archive.write(file, beside_loop=True)
                return tuple(map(LogError.of, archive.errors or ()))

        key = ("errors", self.connection_id, self.project_id, flow_id, log_id)
        return self.source.answers.get(key, load)

    @contextmanager
    def log(self, flow_id: str, log_id: str, max_bytes: int) -> Iterator[LogArchive]:
        """Download a log. While it is open, it counts among the downloads at the same time.

        :param flow_id: The flow.
        :param log_id: The log.
        :param max_bytes: The maximum size of its JSON.
        :return: The log's archive.
        """
        with self.source.downloading(), self.open() as hook:
            script = hook_queries.download(hook.settings, flow_id, log_id, self.project_id, None, max_bytes)
            with hook.get_conn().run(script) as archive:
                yield archive

    @contextmanager
    def open(self) -> Iterator[PageHook]:
        """Take a turn to ask the Integrator, and open a hook for it."""
        with PageHook(self.connection_id) as hook, self.source.asking(hook.settings.access.base_url):
            yield hook

    def _read_reports(self, hook: PageHook, flows: Sequence[Flow]) -> list[FlowReport]:
        now, deadline = datetime.now(timezone.utc), time.monotonic() + OVERVIEW_SECONDS
        clients: SimpleQueue[Client] = SimpleQueue()
        bounds = {"count": EXECUTIONS, "max_requests": MAX_REQUESTS}

        def read(flow: Flow) -> FlowReport:
            client = clients.get()
            try:
                with self.source.asking(hook.settings.access.base_url):
                    if time.monotonic() > deadline:
                        raise UnavailableError(f"It wasn't read: the others took {OVERVIEW_SECONDS:.0f} s.")
                    return client.run(read_report(self.project_id, flow, now, **bounds))
            except IntegratorError as error:  # of this flow: the others are shown nevertheless
                health = FlowHealth(flow.label, flow.id, problems=(str(error),))
                return FlowReport(flow, health, error=str(error))
            finally:
                clients.put(client)

        # A client makes one call at a time.
        with ExitStack() as stack, ThreadPoolExecutor(CONCURRENCY, "integrator-overview") as executor:
            for _ in range(CONCURRENCY):
                clients.put(stack.enter_context(hook.make_client()))
            return list(executor.map(read, flows))
