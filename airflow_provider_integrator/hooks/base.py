"""The base of the hook's synchronous and asynchronous halves: the connection and the clients."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.exceptions import UnavailableError
from airflow_provider_integrator.hooks.connection import CONN_TYPE, IntegratorConnection
from airflow_provider_integrator.metrics import request_observer

if TYPE_CHECKING:
    from airflow_provider_integrator.api.async_client import AsyncClient
    from airflow_provider_integrator.api.client import Client
    from airflow_provider_integrator.api.exchange import Retry

HookT = TypeVar("HookT", bound="IntegratorBaseHook")


class IntegratorBaseHook(BaseHook):
    """A hook that reads the Airflow connection and creates each client once, on demand.

    :param integrator_conn_id: The Airflow connection, of type ``integrator``.
    :param retry: The retry policy for transient faults.
    """

    conn_name_attr = "integrator_conn_id"
    default_conn_name = "integrator_default"
    conn_type = CONN_TYPE
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

    def __enter__(self: HookT) -> HookT:
        return self

    async def __aenter__(self: HookT) -> HookT:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aexit__(self, *error: object) -> None:
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
        """The parsed Airflow connection.

        :raises UnavailableError: Airflow couldn't look it up, and may succeed later.
        """
        if self._settings is None:
            try:
                connection = self.get_connection(self.integrator_conn_id)
            except (OSError, asyncio.TimeoutError) as error:  # of a secrets backend
                raise UnavailableError(
                    f"Airflow can't look up connection {self.integrator_conn_id}: "
                    f"{fit(f'{type(error).__name__} {error}')}"
                ) from error
            self._settings = IntegratorConnection.read(connection, connection.extra_dejson)
            if complaint := self._settings.complaint():
                self.log.warning("Connection %s: %s", self.integrator_conn_id, complaint)
        return self._settings

    async def asettings(self) -> IntegratorConnection:
        """Read the Airflow connection without blocking the event loop."""
        if self._settings is not None:
            return self._settings
        from asgiref.sync import sync_to_async

        # The lookup calls the supervisor, which isn't allowed on the triggerer's event loop.
        return await sync_to_async(lambda: self.settings)()

    def get_conn(self) -> Client:
        """Return the synchronous client, created once."""
        if self._client is None:
            self._client = self.make_client()
        return self._client

    def make_client(self) -> Client:
        """Make a synchronous client for a thread of its own; the caller closes it."""
        from airflow_provider_integrator.api.client import Client

        return Client(self.settings.access, self._retry, mask_token, request_observer())

    async def aget_conn(self) -> AsyncClient:
        """Return the asynchronous client, created once."""
        settings = await self.asettings()
        if self._aclient is None:
            # The first import takes a tenth of a second, so not on the event loop.
            await asyncio.to_thread(import_module, "airflow_provider_integrator.api.async_client")
        # Checked again after the last await, as another task may have created it.
        if self._aclient is None:
            from airflow_provider_integrator.api.async_client import AsyncClient

            self._aclient = AsyncClient(settings.access, self._retry, _amask_token, request_observer())
        return self._aclient

    async def _ready(self) -> tuple[AsyncClient, IntegratorConnection]:
        return await self.aget_conn(), await self.asettings()


def mask_token(token: str) -> None:
    """Mask a token in Airflow's logs."""
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # below Airflow 3.1
        from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]
    mask_secret(token)


async def _amask_token(token: str) -> None:
    from asgiref.sync import sync_to_async

    # Masking calls the supervisor, which isn't allowed on the triggerer's event loop.
    await sync_to_async(mask_token)(token)
