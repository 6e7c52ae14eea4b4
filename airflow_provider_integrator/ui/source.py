"""What the pages ask of the Integrator: cached, and bounded in time, size and requests.

The synchronous hook asks, on the page's threads: reading the connection blocks, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

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


@dataclass(frozen=True, eq=False)
class Overview:
    """A project's flows.

    :param reports: The report of each flow; a flow that couldn't be read has a problem that says why.
    :param hidden: The number of flows beyond the limit, which weren't read.
    :param read_at: When they were read.
    """

    reports: tuple[FlowReport, ...]
    hidden: int
    read_at: datetime


class Source:
    """The Integrators behind Airflow's connections. The caller has checked that the user may read a connection.

    :param cache_seconds: How long an answer is shown again.
    """

    def __init__(self, cache_seconds: float = CACHE_SECONDS) -> None:
        # Overviews are large, so that there are few of them.
        self._overviews = Cache(cache_seconds, entries=8, patience=PATIENCE_SECONDS)
        self._answers = Cache(cache_seconds, entries=256, patience=PATIENCE_SECONDS)
        self._gates: dict[str, threading.BoundedSemaphore] = {}
        self._gates_lock = threading.Lock()
        self._downloads = threading.BoundedSemaphore(DOWNLOADS)

    def settings(self, connection_id: str) -> IntegratorConnection:
        """Read a connection.

        :param connection_id: The Airflow connection.
        :return: The parsed connection.
        """
        return self._answers.get(("settings", connection_id), lambda: PageHook(connection_id).settings)

    def projects(self, connection_id: str, current: str) -> list[tuple[str, str]]:
        """List the projects to choose from.

        :param connection_id: The Airflow connection.
        :param current: The chosen project.
        :return: Ids and names; only the chosen one, if the connection has no partner or they can't be listed.
        """

        def load() -> dict[str, str]:
            with PageHook(connection_id) as hook:
                if not hook.settings.partner_id:
                    return {}
                try:
                    return {each.id: each.name or each.slug or each.id for each in hook.list_projects()}
                except IntegratorError:  # it is only a choice
                    return {}

        known = self._answers.get(("projects", connection_id), load)
        return sorted({current: current, **known}.items(), key=lambda each: each[1].lower())

    def flows(self, connection_id: str, project_id: str) -> list[Flow]:
        """List a project's flows.

        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :return: The flows.
        """
        return self._ask(
            "flows", connection_id, project_id, lambda hook: hook.list_flows(project_id=project_id)
        )

    def flow(self, connection_id: str, project_id: str, wanted: str) -> Flow:
        """Find a flow.

        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :param wanted: The flow's id, slug or name.
        :return: The flow.
        :raises ConfigurationError: There is none, or several.
        """
        return queries.choose_flow(self.flows(connection_id, project_id), wanted, project_id)

    def overview(self, connection_id: str, project_id: str) -> Overview:
        """Read the latest executions of all flows of a project, by one request a flow.

        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :return: The flows' reports.
        """

        def load() -> Overview:
            flows = sorted(self.flows(connection_id, project_id), key=lambda flow: flow.label.lower())
            with PageHook(connection_id) as hook:
                reports = self._read_reports(hook, project_id, flows[:MAX_FLOWS])
            return Overview(tuple(reports), max(0, len(flows) - MAX_FLOWS), datetime.now(timezone.utc))

        return self._overviews.get((connection_id, project_id), load)

    def executions(self, connection_id: str, project_id: str, flow_id: str, number: int) -> ExecutionsPage:
        """Read a page of a flow's executions.

        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :param flow_id: The flow.
        :param number: The page's number, from 1.
        :return: The page.
        """
        return self._ask(
            "executions",
            connection_id,
            (project_id, flow_id, number),
            lambda hook: hook.get_conn().run(read_executions(project_id, flow_id, number)),
        )

    def execution(self, connection_id: str, project_id: str, flow_id: str, execution_id: str) -> Execution:
        """Fetch an execution.

        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :param flow_id: The flow.
        :param execution_id: The execution.
        :return: The execution.
        :raises ConfigurationError: There is none with this id.
        """

        def load(hook: PageHook) -> Execution:
            found = hook.get_execution(flow_id, execution_id, project_id=project_id)
            if found is None:
                raise ConfigurationError(
                    f"List logs has no execution {execution_id} of flow {flow_id}. Perhaps its logs are no longer kept."
                )
            return found

        return self._ask("execution", connection_id, (project_id, flow_id, execution_id), load)

    def failed_lines(
        self,
        connection_id: str,
        project_id: str,
        flow_id: str,
        execution_id: str,
        search: tuple[str, str] | None,
    ) -> FailedLines:
        """Read an execution's failed lines.

        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :param flow_id: The flow.
        :param execution_id: The execution.
        :param search: The name and the value of a field to search for; None: all lines.
        :return: The lines.
        """
        return self._ask(
            "lines",
            connection_id,
            (project_id, flow_id, execution_id, search),
            lambda hook: hook.get_conn().run(
                read_failed_lines(
                    project_id,
                    flow_id,
                    execution_id,
                    dict([search] if search else []),
                    max_lines=MAX_LINES,
                    max_requests=MAX_LINE_REQUESTS,
                )
            ),
        )

    def log_errors(
        self, connection_id: str, project_id: str, flow_id: str, log_id: str
    ) -> tuple[LogError, ...]:
        """Download a log and read its first errors.

        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :param flow_id: The flow.
        :param log_id: The log.
        :return: The errors.
        """

        def load(hook: PageHook) -> tuple[LogError, ...]:
            from airflow_provider_integrator.logs.disk import temporary_file

            with (
                self._downloading(),
                _download(hook, project_id, flow_id, log_id, MAX_ERRORS_BYTES) as archive,
            ):
                with temporary_file(archive.needs) as file:
                    archive.write(file, beside_loop=True)
                return tuple(map(LogError.of, archive.errors or ()))

        return self._ask("errors", connection_id, (project_id, flow_id, log_id), load)

    @contextmanager
    def log(self, connection_id: str, project_id: str, flow_id: str, log_id: str) -> Iterator[LogArchive]:
        """Download a log.

        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :param flow_id: The flow.
        :param log_id: The log.
        :return: The log's archive; while it is open, it counts among the downloads at the same time.
        """
        with (
            self._downloading(),
            self._open(connection_id) as hook,
            _download(hook, project_id, flow_id, log_id, MAX_LOG_BYTES) as archive,
        ):
            yield archive

    def _ask(self, what: str, connection_id: str, key: object, load: Callable[[PageHook], T]) -> T:
        def ask() -> T:
            with self._open(connection_id) as hook:
                return load(hook)

        return self._answers.get((what, connection_id, key), ask)

    def _read_reports(self, hook: PageHook, project_id: str, flows: Sequence[Flow]) -> list[FlowReport]:
        now, deadline = datetime.now(timezone.utc), time.monotonic() + OVERVIEW_SECONDS
        clients: SimpleQueue[Client] = SimpleQueue()

        def read(flow: Flow) -> FlowReport:
            client = clients.get()
            try:
                with self._asking(hook):
                    if time.monotonic() > deadline:
                        raise UnavailableError(f"It wasn't read: the others took {OVERVIEW_SECONDS:.0f} s.")
                    return client.run(
                        read_report(project_id, flow, now, count=EXECUTIONS, max_requests=MAX_REQUESTS)
                    )
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

    @contextmanager
    def _open(self, connection_id: str) -> Iterator[PageHook]:
        with PageHook(connection_id) as hook, self._asking(hook):
            yield hook

    def _asking(self, hook: PageHook) -> AbstractContextManager[None]:
        """Take a turn among those who ask the same Integrator at the same time."""
        base_url = hook.settings.access.base_url
        with self._gates_lock:
            gate = self._gates.setdefault(base_url, threading.BoundedSemaphore(CONCURRENCY))
        return _turn(gate, "ask the Integrator")

    def _downloading(self) -> AbstractContextManager[None]:
        return _turn(self._downloads, "download a log")


def _download(hook: PageHook, project_id: str, flow_id: str, log_id: str, max_log_bytes: int) -> LogArchive:
    return hook.get_conn().run(
        hook_queries.download(hook.settings, flow_id, log_id, project_id, None, max_log_bytes)
    )


@contextmanager
def _turn(gate: threading.BoundedSemaphore, what: str) -> Iterator[None]:
    if not gate.acquire(timeout=PATIENCE_SECONDS):
        raise UnavailableError(f"Too many others {what} through this page now.")
    try:
        yield
    finally:
        gate.release()
