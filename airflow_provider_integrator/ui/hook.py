"""The hook behind the page: synchronous, with the time limits of a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.hooks.integrator import IntegratorHook

if TYPE_CHECKING:
    from airflow_provider_integrator.hooks.connection import IntegratorConnection

#: Seconds for one request, and for the download of a log.
REQUEST_SECONDS, DOWNLOAD_SECONDS = 8.0, 120.0
_RETRY = Retry(attempts=2, first_delay=0.2, max_delay=0.5, max_total=2.0)


class PageHook(IntegratorHook):
    """The hook with the time limits of a page, whatever the connection allows a task.

    :param integrator_conn_id: The Airflow connection.
    """

    def __init__(self, integrator_conn_id: str) -> None:
        super().__init__(integrator_conn_id, retry=_RETRY)

    @property
    def settings(self) -> IntegratorConnection:
        """The parsed Airflow connection, with shorter time limits."""
        settings = super().settings
        timeout = min(settings.access.timeout, REQUEST_SECONDS)
        download_timeout = min(settings.access.download_timeout, DOWNLOAD_SECONDS)
        access = replace(settings.access, timeout=timeout, download_timeout=download_timeout)
        return replace(settings, access=access)
