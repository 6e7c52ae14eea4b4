"""The asynchronous half of the hook."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.history import executions_since
from airflow_provider_integrator.api.queries import LogReader, find_flow, get_execution
from airflow_provider_integrator.arguments import read_moment
from airflow_provider_integrator.hooks import queries
from airflow_provider_integrator.hooks.base import IntegratorBaseHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_integrator.api.models import Execution, Flow, Line, Project, Step
    from airflow_provider_integrator.logs.archive import LogArchive, Written

T = TypeVar("T")


class AsyncIntegratorHook(IntegratorBaseHook):
    """The asynchronous methods; their names begin with ``a``."""

    async def alog_in(self) -> None:
        """Log in, unless a token is at hand; every other call does so by itself."""
        await (await self.aget_conn()).log_in()

    async def alist_projects(self, partner_id: str | None = None) -> list[Project]:
        """List a partner's projects.

        :param partner_id: The partner; the connection's where none is given.
        :return: The projects.
        """
        client, settings = await self._ready()
        return await client.call(endpoints.list_projects(queries.partner(settings, partner_id)))

    async def alist_flows(self, *, project_id: str | None = None) -> list[Flow]:
        """List a project's flows.

        :param project_id: The project; the connection's where none is given.
        :return: The flows.
        """
        client, settings = await self._ready()
        return await client.call(endpoints.list_flows(settings.project(project_id)))

    async def afind_flow(self, flow: str, *, project_id: str | None = None) -> Flow:
        """Find a flow.

        :param flow: Its slug, name or id.
        :param project_id: The project; the connection's where none is given.
        :return: The flow. Where List flows is refused, ``flow`` is taken as an id, with a warning.
        :raises ConfigurationError: No flow is meant, or more than one; the message lists the known ones.
        """
        client, settings = await self._ready()
        return await client.run(find_flow(settings.project(project_id), flow))

    async def afind_project_slug(
        self, *, project_id: str | None = None, project_slug: str | None = None
    ) -> str:
        """Find the slug that Download log needs.

        :param project_id: The project; the connection's where none is given.
        :param project_slug: Its slug, where the caller knows it.
        :return: The caller's slug, the connection's, or the one in List projects.
        :raises ConfigurationError: None of them is there.
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
        :param project_id: The project; the connection's where none is given.
        :param log_type: Main logs (executions), sub logs (steps) or line logs (rows).
        :param filename_uuid: Only the main log of this execution.
        :param original_filename_uuid: Only the logs that belong to this execution.
        :param search: Fields of a line log and the values they must have; line logs only.
        :param limit: The size of a page, 1 to 100.
        :param page: Only this page, from 1; None: all, the next one fetched while the last is worked on.
        :return: The logs, one by one; those that can't be read are left out, with a warning. At most two pages are
            held in memory.
        """
        client, settings = await self._ready()
        query = queries.log_query(
            settings,
            flow_id,
            project_id=project_id,
            log_type=log_type,
            filename_uuid=filename_uuid,
            original_filename_uuid=original_filename_uuid,
            search=search,
            limit=limit,
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
        """Ask for one execution.

        :param flow_id: The flow's id.
        :param execution_id: The execution.
        :param project_id: The project; the connection's where none is given.
        :return: The execution, None while List logs answers 404.
        """
        client, settings = await self._ready()
        project = settings.project(project_id)
        return await client.run(get_execution(project, flow_id, execution_id))

    async def aexecutions_since(
        self, flow_id: str, moment: datetime | str, *, project_id: str | None = None
    ) -> list[Execution]:
        """Ask for a flow's executions that were created at or after a moment.

        :param flow_id: The flow's id.
        :param moment: A datetime, or ISO 8601; UTC where it has no offset.
        :param project_id: The project; the connection's where none is given.
        :return: The executions, oldest first.
        """
        client, settings = await self._ready()
        project = settings.project(project_id)
        return await client.run(executions_since(project, flow_id, read_moment(moment, "moment")))

    async def adownload_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step,
        *,
        project_id: str | None = None,
        project_slug: str | None = None,
        max_log_bytes: int = queries.DEFAULT_MAX_LOG_BYTES,
        log_timeout: float = queries.DEFAULT_LOG_TIMEOUT,
        poll_interval: float = queries.DEFAULT_LOG_INTERVAL,
    ) -> LogArchive:
        """Download a log into a temporary file. Reading the archive blocks: do that in a thread.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or the execution, step or line that it belongs to.
        :param project_id: The project; the connection's where none is given.
        :param project_slug: Its slug; the connection's or the one in List projects where none is given.
        :param max_log_bytes: Bytes of JSON that it may unpack to.
        :param log_timeout: Seconds after the execution's end (after the first refusal, if only an id is given) in
            which a log that is refused with 400 or 404 is asked for again, as it may not be stored yet.
        :param poll_interval: Seconds between two such tries.
        :return: The log's ZIP, opened; use it as a context manager.
        :raises RequestError: The log is refused, and isn't expected any more.
        :raises LogArchiveError: It can't be read.
        :raises LogTooLargeError: It passes the limit.
        """
        client, settings = await self._ready()
        # The first import takes a tenth of a second: not on the loop.
        await asyncio.to_thread(import_module, "airflow_provider_integrator.logs.archive")
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
        self, flow_id: str, log_id: str | Execution | Step, *, max_bytes: int | None = None, **download: Any
    ) -> Any:
        """Decode a log into memory.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or the execution, step or line that it belongs to.
        :param max_bytes: Bytes of JSON at the most; ``max_log_bytes`` where None.
        :param download: As :meth:`download_log` takes it.
        :return: The decoded JSON.
        """
        archive = await self.adownload_log(flow_id, log_id, **download)
        return await _read_in_thread(archive, lambda: archive.load(max_bytes))

    async def asave_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step,
        path: str | os.PathLike[str] | ObjectStoragePath,
        **download: Any,
    ) -> tuple[str, Written]:
        """Write a log's JSON to a file or to object storage, byte for byte, whole or not at all.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or the execution, step or line that it belongs to.
        :param path: A local path, an object storage URI or an ``ObjectStoragePath``.
        :param download: As :meth:`download_log` takes it.
        :return: The URI of what was written; its size and hash.
        """
        archive = await self.adownload_log(flow_id, log_id, **download)

        def save() -> tuple[str, Written]:
            from airflow_provider_integrator.logs import storage

            return storage.save(archive, path, beside_loop=True)

        return await _read_in_thread(archive, save)


async def _read_in_thread(archive: LogArchive, read: Callable[[], T]) -> T:
    """Read an archive in a thread, and close it there; a caller who is cancelled waits for the end of both."""

    def use() -> T:
        with archive:  # to delete a large file takes the disk a while
            return read()

    work = asyncio.ensure_future(asyncio.to_thread(use))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        archive.cancel()
        await asyncio.gather(work, return_exceptions=True)
        raise
