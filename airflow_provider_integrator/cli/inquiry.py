"""Calls to a server that may mind how it is asked."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, TypeVar

from airflow_provider_integrator.api.access import AUTH_HEADERS, PROJECT_PARAMETERS, Access
from airflow_provider_integrator.api.endpoints import PROJECT, Call
from airflow_provider_integrator.cli.listening import Heard, ListeningClient
from airflow_provider_integrator.exceptions import AuthenticationError, IntegratorError, RequestError
from airflow_provider_integrator.hooks.base import mask_token

T = TypeVar("T")


class Inquiry:
    """Makes calls, and tries one that is refused in the other ways that a connection can choose.

    These are its ``auth_header`` and its ``project_parameter``. If another way works, later calls use it.

    :ivar access: The Integrator's address, the credentials, and the way that works.
    :ivar client: The client in that way.
    :ivar clients: Closes the clients of all ways.
    :ivar heard: All answers of the server so far.
    :ivar advice: What to change in the connection for what was found.
    :ivar tried: The fields of the connection whose other values were tried without success.
    """

    access: Access
    client: ListeningClient

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.advice: list[str] = []
        self.tried: set[str] = set()
        self.clients = ExitStack()

    def using(self, **changes: Any) -> ListeningClient:
        """Make a client with other settings.

        :param changes: Fields of :class:`Access`.
        :return: The client; its answers are noted with those of the others.
        """
        client = ListeningClient(replace(self.access, **changes), mask_token, self.heard)
        self.clients.enter_context(client)
        return client

    def ask(self, call: Call[T]) -> T:
        """Make a call, in the other ways too if it is refused.

        :param call: The call.
        :return: The value of its answer.
        :raises IntegratorError: No way works; the error is that of the connection's own.
        """
        try:
            return self.client.call(call)
        except (AuthenticationError, RequestError) as error:
            ways = self._other_ways(call, error)
            for field, name, change in ways:
                with suppress(IntegratorError):
                    value = self.using(**change).call(call)
                    self.access = replace(self.access, **change)
                    self.client = self.using()
                    self.advice.append(
                        f"Set {field} to {name} in the connection's Extra: that works, and the way before it doesn't."
                    )
                    return value
            self.tried |= {field for field, _, _ in ways}
            raise

    def _other_ways(
        self, call: Call[Any], error: AuthenticationError | RequestError
    ) -> list[tuple[str, str, dict[str, Any]]]:
        if isinstance(error, AuthenticationError):
            return [
                ("auth_header", name, {"auth_header": name})
                for name in AUTH_HEADERS
                if name != self.access.auth_header
            ]
        if error.status == 400 and any(name == PROJECT for name, _ in call.query):
            return [
                ("project_parameter", name, {"project_parameters": spellings})
                for name, spellings in PROJECT_PARAMETERS.items()
                if spellings != self.access.project_parameters
            ]
        return []
