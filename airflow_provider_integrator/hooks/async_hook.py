"""The asynchronous half of the hook."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.history import executions_since
from airflow_provider_integrator.api.queries import LogReader, find_flow, get_execution
from airflow_provider_integrator.arguments import read_mode, read_moment
from airflow_provider_integrator.hooks import queries
from airflow_provider_integrator.hooks.base import IntegratorBaseHook
from airflow_provider_integrator.logs import DEFAULT_FILE_MODE

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_integrator.api.lines import Line
    from airflow_provider_integrator.api.models import Execution, Flow, Project, Step
    from airflow_provider_integrator.logs.archive import LogArchive, Written

T = TypeVar("T")


class AsyncIntegratorHook(IntegratorBaseHook):
    """The asynchronous methods of the hook; their names begin with ``a``."""

    async def alog_in(self) -> None:
        """Log in, unless there is a token already. All other calls log in automatically."""
        await (await self.aget_conn()).log_in()

    async def alist_projects(self, partner_id: str | None = None) -> list[Project]:
        """List a partner's projects.

        :param partner_id: The partner; None: the connection's.
        :return: The projects.
        """
        client, settings = await self._ready()
        return await client.call(endpoints.list_projects(settings.partner(partner_id)))

    async def alist_flows(self, *, project_id: str | None = None) -> list[Flow]:
        """List a project's flows.

        :param project_id: The project; None: the connection's.
        :return: The flows.
        """
        client, settings = await self._ready()
        return await client.call(endpoints.list_flows(settings.project(project_id)))

    async def afind_flow(self, flow: str, *, project_id: str | None = None) -> Flow:
        """Find a flow.

        :param flow: The flow's slug, name or id.
        :param project_id: The project; None: the connection's.
        :return: The flow; if List flows is refused, a flow with ``flow`` as its id, with a warning.
        :raises ConfigurationError: No flow matches, or several do; the message lists the known ones.
        """
        client, settings = await self._ready()
        return await client.run(find_flow(settings.project(project_id), flow))

    async def afind_project_slug(
        self, *, project_id: str | None = None, project_slug: str | None = None
    ) -> str:
        """Find the project slug that Download log needs.

        :param project_id: The project; None: the connection's.
        :param project_slug: The project's slug, if known.
        :return: ``project_slug``, the connection's slug, or the one in List projects.
        :raises ConfigurationError: The slug can't be found.
        """
        client, settings = await self._ready()
        return await client.run(queries.find_slug(settings, project_id, project_slug))

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
        """List a flow's logs, in the server's order, which isn't documented.

        :param flow_id: The flow's id.
        :param project_id: The project; None: the connection's.
        :param log_type: Main logs (executions), sub logs (steps) or line logs (rows).
        :param filename_uuid: Only the main log of this execution.
        :param original_filename_uuid: Only the logs that belong to this execution.
        :param search: Field names and values to search line logs for.
        :param limit: The page size, 1 to 100.
        :param page: Only this page, from 1; None: all pages, the next one prefetched.
        :return: The logs, one by one; unreadable ones are skipped, with a warning. At most two pages are in
            memory at a time.
        """
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
        read = LogReader(log_type).read
        if page is not None:
            for fields in (await client.call(endpoints.list_logs(query, page))).logs:
                if (found := read(fields)) is not None:
                    yield found
            return
        async for fields in client.logs(query):
            if (found := read(fields)) is not None:
                yield found

    async def aget_execution(
        self, flow_id: str, execution_id: str, *, project_id: str | None = None
    ) -> Execution | None:
        """Fetch one execution.

        :param flow_id: The flow's id.
        :param execution_id: The execution.
        :param project_id: The project; None: the connection's.
        :return: The execution; None if List logs has none with this id (yet).
        """
        client, settings = await self._ready()
        project = settings.project(project_id)
        return await client.run(get_execution(project, flow_id, execution_id))

    async def aexecutions_since(
        self, flow_id: str, moment: datetime | str, *, project_id: str | None = None
    ) -> list[Execution]:
        """Fetch a flow's executions created at or after a point in time.

        :param flow_id: The flow's id.
        :param moment: A datetime, or ISO 8601; UTC if it has no offset.
        :param project_id: The project; None: the connection's.
        :return: The executions, oldest first.
        """
        client, settings = await self._ready()
        project = settings.project(project_id)
        return await client.run(executions_since(project, flow_id, read_moment(moment, "moment")))

    async def adownload_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step | Line,
        *,
        project_id: str | None = None,
        project_slug: str | None = None,
        max_log_bytes: int = queries.DEFAULT_MAX_LOG_BYTES,
        log_timeout: float = queries.DEFAULT_LOG_TIMEOUT,
        poll_interval: float = queries.DEFAULT_LOG_INTERVAL,
    ) -> LogArchive:
        """Download a log into a temporary file. Reading the archive blocks, so use a thread for it.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or its execution, step or line.
        :param project_id: The project; None: the connection's.
        :param project_slug: The project's slug; None: the connection's, or the one in List projects.
        :param max_log_bytes: The maximum size of the unpacked JSON.
        :param log_timeout: Seconds after the execution's end (after the first refusal, if only an id is
            given) for which a download refused with 400 or 404 is retried, as the log may not be stored yet.
        :param poll_interval: Seconds between two attempts.
        :return: The opened ZIP of the log; use it as a context manager.
        :raises RequestError: The download is refused for good, or ``log_timeout`` is over.
        :raises LogArchiveError: The log can't be read.
        :raises LogTooLargeError: The log exceeds the limit.
        """
        client, settings = await self._ready()
        # The first import takes a tenth of a second, so not on the event loop.
        await asyncio.to_thread(import_module, "airflow_provider_integrator.logs.receiver")
        return await client.run(
            queries.download(
                settings,
                flow_id,
                log_id,
                project_id,
                project_slug,
                max_log_bytes,
                queries.patience(log_id, log_timeout, poll_interval),
            )
        )

    async def aload_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step | Line,
        *,
        max_bytes: int | None = None,
        **download: Any,
    ) -> Any:
        """Decode a log into memory.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or its execution, step or line.
        :param max_bytes: The maximum size of the JSON; None: ``max_log_bytes``.
        :param download: Further arguments of :meth:`adownload_log`.
        :return: The decoded JSON.
        :raises LogTooLargeError: The log exceeds the limit.
        """
        archive = await self.adownload_log(flow_id, log_id, **download)
        return await _read_in_thread(archive, lambda: archive.load(max_bytes))

    async def asave_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step | Line,
        path: str | os.PathLike[str] | ObjectStoragePath,
        *,
        file_mode: int = DEFAULT_FILE_MODE,
        **download: Any,
    ) -> tuple[str, Written]:
        """Write a log's JSON to a file or to object storage, byte for byte and atomically.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or its execution, step or line.
        :param path: A local path, an object storage URI or an ``ObjectStoragePath``.
        :param file_mode: The permissions of a new local file; new folders get them, too, and may be entered by
            those who may read the file.
        :param download: Further arguments of :meth:`adownload_log`.
        :return: The URI of the written file, and its size and hash.
        :raises ConfigurationError: The path can't be written to, or ``file_mode`` isn't usable.
        :raises StorageError: A disk is full or broken, or the store refuses the log.
        """
        read_mode("file_mode", file_mode)
        archive = await self.adownload_log(flow_id, log_id, **download)

        def save() -> tuple[str, Written]:
            from airflow_provider_integrator.logs import storage

            return storage.save(archive, path, file_mode=file_mode, beside_loop=True)

        return await _read_in_thread(archive, save)


async def _read_in_thread(archive: LogArchive, read: Callable[[], T]) -> T:
    """Read and close an archive in a thread; on cancellation, wait until the thread has ended."""

    def use() -> T:
        with archive:  # deleting a large file takes a while
            return read()

    work = asyncio.ensure_future(asyncio.to_thread(use))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        archive.cancel()
        await asyncio.gather(work, return_exceptions=True)
        raise
