"""The hook: all documented calls, synchronous and asynchronous, through one Airflow connection."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_integrator.api import calls, operations
from airflow_provider_integrator.api.calls import MAX_PAGE_SIZE, LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.protocol import Retry
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError
from airflow_provider_integrator.hooks.connection import IntegratorConnection

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_integrator.api.aio import AsyncClient
    from airflow_provider_integrator.api.archive import LogArchive, Written
    from airflow_provider_integrator.api.client import Client
    from airflow_provider_integrator.api.models import Execution, Flow, Line, Project, Step
    from airflow_provider_integrator.api.operations import Script

#: Bytes of JSON that a log may unpack to where nothing else is said.
DEFAULT_MAX_LOG_BYTES = 2 * 1024**3


class IntegratorHook(BaseHook):
    """Calls the Akinon Integrator.

    Methods whose names begin with ``a`` are the asynchronous ones. Use the hook as a context manager
    (``with`` or ``async with``), or call :meth:`close` or :meth:`aclose`, to close its connections early.

    Every method raises a subclass of :class:`~airflow_provider_integrator.exceptions.IntegratorError`:
    ``ConfigurationError`` where something must be set, ``AuthenticationError`` where credentials are
    refused, ``RequestError`` where a call is, ``UnavailableError`` where retries are used up, and
    ``ResponseError`` where an answer isn't what the API's documents describe.

    :param integrator_conn_id: The Airflow connection, of type ``integrator``.
    :param retry: When a call that failed in passing is sent again.
    """

    conn_name_attr = "integrator_conn_id"
    default_conn_name = "integrator_default"
    conn_type = "integrator"
    hook_name = "Akinon Integrator"

    def __init__(
        self, integrator_conn_id: str = default_conn_name, *, retry: Retry | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.integrator_conn_id = integrator_conn_id
        self._retry = retry
        self._settings: IntegratorConnection | None = None
        self._client: Client | None = None
        self._aclient: AsyncClient | None = None

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Describe the form's standard fields, for Airflow below 3.2."""
        from airflow_provider_integrator.hooks.form import field_behaviour

        return field_behaviour()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Describe the form's own fields, for Airflow below 3.2."""
        from airflow_provider_integrator.hooks.form import widgets

        return widgets()

    def __enter__(self) -> IntegratorHook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> IntegratorHook:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def close(self) -> None:
        """Close the synchronous client's connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def aclose(self) -> None:
        """Close the asynchronous client's connections."""
        if self._aclient is not None:
            await self._aclient.close()
            self._aclient = None

    @property
    def settings(self) -> IntegratorConnection:
        """What the Airflow connection says."""
        if self._settings is None:
            connection = self.get_connection(self.integrator_conn_id)
            self._settings = IntegratorConnection.read(connection, connection.extra_dejson)
        return self._settings

    async def asettings(self) -> IntegratorConnection:
        """Read the Airflow connection without blocking the loop."""
        from asgiref.sync import sync_to_async

        # A look-up asks the supervisor, which must not be done on the triggerer's loop itself.
        return await sync_to_async(lambda: self.settings)()

    def get_conn(self) -> Client:
        """Make the synchronous client, once."""
        if self._client is None:
            from airflow_provider_integrator.api.client import Client

            self._client = Client(self.settings.access, self._retry, on_token=_mask_token)
        return self._client

    async def aget_conn(self) -> AsyncClient:
        """Make the asynchronous client, once."""
        if self._aclient is None:
            from airflow_provider_integrator.api.aio import AsyncClient

            settings = await self.asettings()
            self._aclient = AsyncClient(settings.access, self._retry, on_token=_amask_token)
        return self._aclient

    def test_connection(self) -> tuple[bool, str]:
        """Log in and make one cheap authorised call.

        :return: Whether both went well, and one sentence that says so or what is wrong.
        """
        try:
            with IntegratorHook(self.integrator_conn_id, retry=Retry(attempts=1)) as hook:
                hook.log_in()
                return True, hook._test_call()
        except IntegratorError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 - the form shows a sentence, whatever happened
            return False, f"The connection can't be tested: {type(error).__name__}: {error}"

    def _test_call(self) -> str:
        if self.settings.project_id:
            flows = self.list_flows()
            return f"Logged in; project {self.settings.project_id} has {len(flows)} flows."
        if self.settings.partner_id:
            projects = self.list_projects()
            return f"Logged in; partner {self.settings.partner_id} has {len(projects)} projects."
        raise ConfigurationError(
            "Logged in, but there is nothing to list: set project_id (or partner_id) in the connection's Extra."
        )

    # --- login -----------------------------------------------------------------------------------------

    def log_in(self) -> None:
        """Log in, unless a token is at hand; every other call does so by itself."""
        self.get_conn().log_in()

    async def alog_in(self) -> None:
        """Do what :meth:`log_in` does."""
        await (await self.aget_conn()).log_in()

    # --- projects and flows ----------------------------------------------------------------------------

    def list_projects(self, partner_id: str | None = None) -> list[Project]:
        """List a partner's projects.

        :param partner_id: The partner; the connection's where none is given.
        :return: The projects.
        """
        return self.get_conn().call(calls.list_projects(_partner(self.settings, partner_id)))

    async def alist_projects(self, partner_id: str | None = None) -> list[Project]:
        """Do what :meth:`list_projects` does."""
        client, settings = await self._ready()
        return await client.call(calls.list_projects(_partner(settings, partner_id)))

    def list_flows(self, *, project_id: str | None = None) -> list[Flow]:
        """List a project's flows.

        :param project_id: The project; the connection's where none is given.
        :return: The flows.
        """
        return self.get_conn().call(calls.list_flows(self.settings.project(project_id)))

    async def alist_flows(self, *, project_id: str | None = None) -> list[Flow]:
        """Do what :meth:`list_flows` does."""
        client, settings = await self._ready()
        return await client.call(calls.list_flows(settings.project(project_id)))

    def find_flow(self, flow: str, *, project_id: str | None = None) -> Flow:
        """Find a flow.

        :param flow: Its slug, name or id.
        :param project_id: The project; the connection's where none is given.
        :return: The flow. Where List flows is refused, ``flow`` is taken as an id, with a warning.
        :raises ConfigurationError: No flow is meant, or more than one; the message lists the known ones.
        """
        return self.get_conn().run(operations.find_flow(self.settings.project(project_id), flow))

    async def afind_flow(self, flow: str, *, project_id: str | None = None) -> Flow:
        """Do what :meth:`find_flow` does."""
        client, settings = await self._ready()
        return await client.run(operations.find_flow(settings.project(project_id), flow))

    def find_project_slug(self, *, project_id: str | None = None, project_slug: str | None = None) -> str:
        """Find the slug that Download log needs.

        :param project_id: The project; the connection's where none is given.
        :param project_slug: Its slug, where the caller knows it.
        :return: The caller's slug, the connection's, or the one in List projects.
        :raises ConfigurationError: None of them is there.
        """
        return self.get_conn().run(_project_slug(self.settings, project_id, project_slug))

    async def afind_project_slug(
        self, *, project_id: str | None = None, project_slug: str | None = None
    ) -> str:
        """Do what :meth:`find_project_slug` does."""
        client, settings = await self._ready()
        return await client.run(_project_slug(settings, project_id, project_slug))

    # --- logs ------------------------------------------------------------------------------------------

    def list_logs(
        self,
        flow_id: str,
        *,
        project_id: str | None = None,
        log_type: LogType = LogType.MAIN,
        filename_uuid: str | None = None,
        original_filename_uuid: str | None = None,
        search: Mapping[str, str] | None = None,
        limit: int = MAX_PAGE_SIZE,
        page: int | None = None,
    ) -> Iterator[Execution | Step | Line]:
        """List a flow's logs, in the server's order, which isn't documented.

        :param flow_id: The flow's id.
        :param project_id: The project; the connection's where none is given.
        :param log_type: Main logs (executions), sub logs (steps) or line logs (rows).
        :param filename_uuid: Only the main log of this execution.
        :param original_filename_uuid: Only the logs that belong to this execution.
        :param search: Fields of a line log and the values they must have; line logs only.
        :param limit: The size of a page, 1 to 100.
        :param page: Only this page, from 1; None: all, the next one fetched while the last is worked on.
        :return: The logs, one by one; at most two pages are held in memory.
        """
        query = LogQuery(
            self.settings.project(project_id),
            flow_id,
            log_type,
            filename_uuid,
            original_filename_uuid,
            tuple((search or {}).items()),
            limit,
        )
        client = self.get_conn()
        logs = client.logs(query) if page is None else iter(client.call(calls.list_logs(query, page)).logs)
        return (operations.read_log(fields, log_type) for fields in logs)

    async def alist_logs(
        self,
        flow_id: str,
        *,
        project_id: str | None = None,
        log_type: LogType = LogType.MAIN,
        filename_uuid: str | None = None,
        original_filename_uuid: str | None = None,
        search: Mapping[str, str] | None = None,
        limit: int = MAX_PAGE_SIZE,
        page: int | None = None,
    ) -> AsyncIterator[Execution | Step | Line]:
        """Do what :meth:`list_logs` does."""
        client, settings = await self._ready()
        query = LogQuery(
            settings.project(project_id),
            flow_id,
            log_type,
            filename_uuid,
            original_filename_uuid,
            tuple((search or {}).items()),
            limit,
        )
        if page is not None:
            for fields in (await client.call(calls.list_logs(query, page))).logs:
                yield operations.read_log(fields, log_type)
            return
        async for fields in client.logs(query):
            yield operations.read_log(fields, log_type)

    def get_execution(
        self, flow_id: str, execution_id: str, *, project_id: str | None = None
    ) -> Execution | None:
        """Ask for one execution.

        :param flow_id: The flow's id.
        :param execution_id: The execution.
        :param project_id: The project; the connection's where none is given.
        :return: The execution, None while List logs answers 404.
        """
        project = self.settings.project(project_id)
        return self.get_conn().run(operations.get_execution(project, flow_id, execution_id))

    async def aget_execution(
        self, flow_id: str, execution_id: str, *, project_id: str | None = None
    ) -> Execution | None:
        """Do what :meth:`get_execution` does."""
        client, settings = await self._ready()
        project = settings.project(project_id)
        return await client.run(operations.get_execution(project, flow_id, execution_id))

    def executions_since(
        self, flow_id: str, moment: datetime, *, project_id: str | None = None
    ) -> list[Execution]:
        """Ask for a flow's executions that were created at or after a moment.

        :param flow_id: The flow's id.
        :param moment: With a time zone.
        :param project_id: The project; the connection's where none is given.
        :return: The executions, oldest first.
        """
        project = self.settings.project(project_id)
        return self.get_conn().run(operations.read_since(project, flow_id, moment)).executions

    async def aexecutions_since(
        self, flow_id: str, moment: datetime, *, project_id: str | None = None
    ) -> list[Execution]:
        """Do what :meth:`executions_since` does."""
        client, settings = await self._ready()
        project = settings.project(project_id)
        return (await client.run(operations.read_since(project, flow_id, moment))).executions

    # --- a log's details -------------------------------------------------------------------------------

    def download_log(
        self,
        flow_id: str,
        log_id: str,
        *,
        project_id: str | None = None,
        project_slug: str | None = None,
        max_log_bytes: int = DEFAULT_MAX_LOG_BYTES,
    ) -> LogArchive:
        """Download a log into a temporary file.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``: an execution's, a step's or a line's.
        :param project_id: The project; the connection's where none is given.
        :param project_slug: Its slug; the connection's or the one in List projects where none is given.
        :param max_log_bytes: Bytes of JSON that it may unpack to.
        :return: The log's ZIP, opened; use it as a context manager.
        :raises LogArchiveError: It can't be read.
        :raises LogTooLargeError: It passes the limit.
        """
        return self.get_conn().run(
            _download(self.settings, flow_id, log_id, project_id, project_slug, max_log_bytes)
        )

    async def adownload_log(
        self,
        flow_id: str,
        log_id: str,
        *,
        project_id: str | None = None,
        project_slug: str | None = None,
        max_log_bytes: int = DEFAULT_MAX_LOG_BYTES,
    ) -> LogArchive:
        """Do what :meth:`download_log` does. Reading the archive blocks: do that in a thread."""
        client, settings = await self._ready()
        return await client.run(_download(settings, flow_id, log_id, project_id, project_slug, max_log_bytes))

    def load_log(self, flow_id: str, log_id: str, *, max_bytes: int | None = None, **download: Any) -> Any:
        """Decode a log into memory.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``.
        :param max_bytes: Bytes of JSON at the most; ``max_log_bytes`` where None.
        :param download: As :meth:`download_log` takes it.
        :return: The decoded JSON.
        """
        with self.download_log(flow_id, log_id, **download) as archive:
            return archive.load(max_bytes)

    async def aload_log(
        self, flow_id: str, log_id: str, *, max_bytes: int | None = None, **download: Any
    ) -> Any:
        """Do what :meth:`load_log` does."""
        with await self.adownload_log(flow_id, log_id, **download) as archive:
            return await asyncio.to_thread(archive.load, max_bytes)

    def save_log(
        self,
        flow_id: str,
        log_id: str,
        path: str | os.PathLike[str] | ObjectStoragePath,
        **download: Any,
    ) -> tuple[str, Written]:
        """Write a log's JSON to a file or to object storage, byte for byte, whole or not at all.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``.
        :param path: A local path, an object storage URI or an ``ObjectStoragePath``.
        :param download: As :meth:`download_log` takes it.
        :return: The URI of what was written; its size and hash.
        """
        from airflow_provider_integrator.hooks import storage

        with self.download_log(flow_id, log_id, **download) as archive:
            return storage.save(archive, path)

    async def asave_log(
        self,
        flow_id: str,
        log_id: str,
        path: str | os.PathLike[str] | ObjectStoragePath,
        **download: Any,
    ) -> tuple[str, Written]:
        """Do what :meth:`save_log` does."""
        from airflow_provider_integrator.hooks import storage

        with await self.adownload_log(flow_id, log_id, **download) as archive:
            return await asyncio.to_thread(storage.save, archive, path)

    async def _ready(self) -> tuple[AsyncClient, IntegratorConnection]:
        return await self.aget_conn(), await self.asettings()


def _mask_token(token: str) -> None:
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # below Airflow 3.1
        from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]
    mask_secret(token)


async def _amask_token(token: str) -> None:
    from asgiref.sync import sync_to_async

    # Masking tells the supervisor, which must not be done on the triggerer's loop itself.
    await sync_to_async(_mask_token)(token)


def _partner(settings: IntegratorConnection, partner_id: str | None) -> str:
    chosen = partner_id or settings.partner_id
    if not chosen:
        raise ConfigurationError(
            "No partner is set: set partner_id in the connection's Extra or in the call."
        )
    return chosen


def _project_slug(
    settings: IntegratorConnection, project_id: str | None, project_slug: str | None
) -> Script[str]:
    project = settings.project(project_id)
    known = settings.known_slug(project, project_slug)
    return known or (yield from operations.find_project_slug(project, settings.partner_id))


def _download(
    settings: IntegratorConnection,
    flow_id: str,
    log_id: str,
    project_id: str | None,
    project_slug: str | None,
    max_log_bytes: int,
) -> Script[LogArchive]:
    from airflow_provider_integrator.api.archive import ArchiveReceiver, Limits

    project = settings.project(project_id)
    slug = yield from _project_slug(settings, project_id, project_slug)
    limits = Limits(max_log_bytes)
    archive: LogArchive = yield calls.download_log(
        log_id, project, slug, flow_id, lambda: ArchiveReceiver(limits)
    )
    return archive
