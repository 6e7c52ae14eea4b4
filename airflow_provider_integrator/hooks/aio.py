"""The asynchronous half of the hook."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_integrator.api import endpoints, queries
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.history import executions_since
from airflow_provider_integrator.arguments import read_moment
from airflow_provider_integrator.hooks import scripts
from airflow_provider_integrator.hooks.base import IntegratorBaseHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_integrator.api.models import Execution, Flow, Line, Project, Step
    from airflow_provider_integrator.logs.archive import LogArchive, Written

T = TypeVar("T")


class AsyncIntegratorHook(IntegratorBaseHook):
    """The methods whose names begin with ``a``; each does what the hook's method of the same name does."""

    async def alog_in(self) -> None:
        """Do what ``IntegratorHook.log_in`` does."""
        await (await self.aget_conn()).log_in()

    async def alist_projects(self, partner_id: str | None = None) -> list[Project]:
        """Do what ``IntegratorHook.list_projects`` does."""
        client, settings = await self._ready()
        return await client.call(endpoints.list_projects(scripts.partner(settings, partner_id)))

    async def alist_flows(self, *, project_id: str | None = None) -> list[Flow]:
        """Do what ``IntegratorHook.list_flows`` does."""
        client, settings = await self._ready()
        return await client.call(endpoints.list_flows(settings.project(project_id)))

    async def afind_flow(self, flow: str, *, project_id: str | None = None) -> Flow:
        """Do what ``IntegratorHook.find_flow`` does."""
        client, settings = await self._ready()
        return await client.run(queries.find_flow(settings.project(project_id), flow))

    async def afind_project_slug(
        self, *, project_id: str | None = None, project_slug: str | None = None
    ) -> str:
        """Do what ``IntegratorHook.find_project_slug`` does."""
        client, settings = await self._ready()
        return await client.run(scripts.find_slug(settings, project_id, project_slug))

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
        """Do what ``IntegratorHook.list_logs`` does."""
        client, settings = await self._ready()
        query = scripts.log_query(
            settings,
            flow_id,
            project_id=project_id,
            log_type=log_type,
            filename_uuid=filename_uuid,
            original_filename_uuid=original_filename_uuid,
            search=search,
            limit=limit,
        )
        read = queries.LogReader(log_type).read
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
        """Do what ``IntegratorHook.get_execution`` does."""
        client, settings = await self._ready()
        project = settings.project(project_id)
        return await client.run(queries.get_execution(project, flow_id, execution_id))

    async def aexecutions_since(
        self, flow_id: str, moment: datetime | str, *, project_id: str | None = None
    ) -> list[Execution]:
        """Do what ``IntegratorHook.executions_since`` does."""
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
        max_log_bytes: int = scripts.DEFAULT_MAX_LOG_BYTES,
        log_timeout: float = scripts.DEFAULT_LOG_TIMEOUT,
        poll_interval: float = scripts.DEFAULT_LOG_INTERVAL,
    ) -> LogArchive:
        """Do what ``IntegratorHook.download_log`` does. Reading the archive blocks: do that in a thread."""
        client, settings = await self._ready()
        # The first import takes a tenth of a second: not on the loop.
        await asyncio.to_thread(import_module, "airflow_provider_integrator.logs.archive")
        return await client.run(
            scripts.download(
                settings,
                flow_id,
                log_id,
                project_id,
                project_slug,
                max_log_bytes,
                scripts.patience(log_id, log_timeout, poll_interval),
            )
        )

    async def aload_log(
        self, flow_id: str, log_id: str | Execution | Step, *, max_bytes: int | None = None, **download: Any
    ) -> Any:
        """Do what ``IntegratorHook.load_log`` does."""
        archive = await self.adownload_log(flow_id, log_id, **download)
        return await _read_in_thread(archive, lambda: archive.load(max_bytes))

    async def asave_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step,
        path: str | os.PathLike[str] | ObjectStoragePath,
        **download: Any,
    ) -> tuple[str, Written]:
        """Do what ``IntegratorHook.save_log`` does."""
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
