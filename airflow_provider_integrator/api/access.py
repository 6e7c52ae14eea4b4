"""Where the Integrator is, who asks, and in which of the documented spellings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_integrator import __version__
from airflow_provider_integrator.api.endpoints import PROJECT, Call
from airflow_provider_integrator.exceptions import ConfigurationError

USER_AGENT = f"airflow-provider-integrator/{__version__}"
BASE_URLS = {
    "prod": "https://flow.entegrator.akinon.net:3000",
    "dev": "https://flow-dev.entegrator.akinon.net:3000",
}
#: The pages spell the project's parameter in two ways and don't say whether the server minds.
PROJECT_PARAMETERS = {
    "both": ("projectid", "projectId"),
    "projectid": ("projectid",),
    "projectId": ("projectId",),
}
#: Every sample has the first one, the parameter tables name the second.
AUTH_HEADERS = ("Authorization", "Authentication")


@dataclass(frozen=True)
class Access:
    """Where the Integrator is and who asks.

    :param base_url: Scheme, host, port and perhaps a path, without a slash at its end.
    :param username: The e-mail address to log in with.
    :param password: Its password.
    :param token: A token used as it is, instead of a login.
    :param verify: Whether TLS certificates are checked, or the path of a CA bundle to check them with.
    :param timeout: Seconds for one request; for a download, for each silence in it.
    :param project_parameters: The names under which the project is sent to List logs and Download log.
    :param auth_header: The header that carries the token.
    """

    base_url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    verify: bool | str = True
    timeout: float = 60.0
    project_parameters: tuple[str, ...] = PROJECT_PARAMETERS["both"]
    auth_header: str = AUTH_HEADERS[0]

    def __post_init__(self) -> None:
        if not self.token and not (self.username and self.password):
            raise ConfigurationError(
                "The connection has no credentials: set Login (e-mail) and Password, or token in Extra."
            )
        # Checked here, since the HTTP libraries' own complaints show the token.
        if self.token and not all("!" <= character <= "~" for character in self.token):
            raise ConfigurationError(
                "The token in the connection's Extra holds white space or other characters that no token can "
                "have; set it to the token alone."
            )

    def url(self, path: str) -> str:
        """Make the address of a call.

        :param path: The call's path.
        :return: The whole URL, without a query.
        """
        return f"{self.base_url}{path}"

    def query(self, call: Call[Any]) -> list[tuple[str, str]]:
        """Make the query of a call.

        :param call: The call.
        :return: Names and values, the project's under each of its names.
        """
        return [
            (spelling, value)
            for name, value in call.query
            for spelling in (self.project_parameters if name == PROJECT else (name,))
        ]

    def headers(self, token: str | None) -> dict[str, str] | None:
        """Make the header that carries a token.

        :param token: The token; None: the call needs none.
        :return: The header.
        """
        return {self.auth_header: f"Bearer {token}"} if token else None


def normalize_base_url(host: str) -> str:
    """Read the address of an Integrator as people write it.

    :param host: A base URL, or a host with or without a port; https where no scheme is given.
    :return: Scheme, host, port and path, without a slash at its end.
    :raises ConfigurationError: It can't be read, or holds credentials, a query or a fragment.
    """
    text = host.strip()
    text = (text if "://" in text else f"https://{text}").rstrip("/")
    try:
        parts = urlsplit(text)
        readable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        readable = False
    if not readable or parts.username or parts.password or re.search(r"[\s?#]", text):
        raise ConfigurationError(
            "The connection's Host can't be used; set it to the base URL of an Integrator, such as "
            f"{BASE_URLS['prod']}, or leave it empty and set environment."
        )
    return text
