"""The Integrator's address, the credentials, and the chosen spellings of parameters and headers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_integrator import __version__
from airflow_provider_integrator.api.endpoints import PROJECT, Call, Query
from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.api.values import MAX_ID, is_encodable, is_id, shown
from airflow_provider_integrator.exceptions import ConfigurationError

USER_AGENT = f"airflow-provider-integrator/{__version__}"
BASE_URLS = {
    "prod": "https://flow.entegrator.akinon.net:3000",
    "dev": "https://flow-dev.entegrator.akinon.net:3000",
}
#: The documentation spells the project's parameter in two ways and doesn't say which ones the server accepts.
PROJECT_PARAMETERS = {
    "both": ("projectid", "projectId"),
    "projectid": ("projectid",),
    "projectId": ("projectId",),
}
#: The documentation's samples use the first, its parameter tables the second.
AUTH_HEADERS = ("Authorization", "Authentication")


@dataclass(frozen=True)
class Access:
    """The Integrator's address and the credentials.

    :param base_url: Scheme, host, port and optionally a path, without a trailing slash.
    :param username: The e-mail address to log in with.
    :param password: The password.
    :param token: A token to use instead of a login.
    :param verify: Whether TLS certificates are verified, or the path of a CA bundle to verify them with.
    :param timeout: Seconds for the whole of one request; for a download, the longest silence.
    :param download_timeout: Seconds for the whole of one download.
    :param project_parameters: The parameter names in which List logs and Download log get the project.
    :param auth_header: The header that carries the token.
    """

    base_url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    verify: bool | str = True
    timeout: float = 60.0
    download_timeout: float = 3600.0
    project_parameters: tuple[str, ...] = PROJECT_PARAMETERS["both"]
    auth_header: str = AUTH_HEADERS[0]

    def __post_init__(self) -> None:
        if not all(is_encodable(text) for text in (self.username or "", self.password or "")):
            raise ConfigurationError(
                "The connection's Login or Password isn't text: it holds half a character (a lone surrogate)."
            )
        if not self.token and not (self.username and self.password):
            raise ConfigurationError(
                "The connection has no credentials: set Login (e-mail) and Password, or token in Extra."
            )
        # Checked here, as the HTTP libraries show the token in their error messages.
        if self.token and not all("!" <= character <= "~" for character in self.token):
            raise ConfigurationError(
                "The token in the connection's Extra holds white space or other characters that no token can "
                "have; set it to the token alone."
            )

    def query(self, call: str, query: Query) -> list[tuple[str, str]]:
        """Build the query of a call.

        :param call: The name of the call, for messages.
        :param query: Its query parameters.
        :return: Names and values; the project's once for each of its parameter names.
        :raises ConfigurationError: A value can't be sent.
        """
        for name, value in query:
            if not (is_encodable(value) if name.startswith("search_") else is_id(value)):
                raise ConfigurationError(
                    f"{call}: {name} is {shown(value)}; set it to 1 to {MAX_ID} printable characters."
                )
        return [
            (spelling, value)
            for name, value in query
            for spelling in (self.project_parameters if name == PROJECT else (name,))
        ]

    def time_limit(self, call: Call[Any]) -> float:
        """Return the seconds for the whole of a call's request."""
        return self.download_timeout if call.streamed else self.timeout

    def out_of_time(self, call: Call[Any]) -> str:
        """Describe a request whose time is over: the setting, and its seconds."""
        setting = "download_timeout" if call.streamed else "timeout"
        return f"no whole answer within {setting} ({self.time_limit(call):g} s)"

    def headers(self, token: str | None) -> dict[str, str] | None:
        """Build the authorisation header; None without a token, as of a call that needs none."""
        return {self.auth_header: f"Bearer {token}"} if token else None


def unsendable(name: str, error: ValueError) -> ConfigurationError:
    """Build the error for a request that an HTTP library refuses to send."""
    return ConfigurationError(
        f"{name}: the request can't be sent ({type(error).__name__}: {fit(str(error))}). Check the connection's "
        "Host, and the ids that are passed."
    )


def read_ip(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is, without brackets and port; None if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_host(name: str) -> bool:
    # Libraries differ in how they write another letter (IDNA), and in whether they do.
    labels = r"(?=.{1,254}$)([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?"
    return read_ip(name) is not None or re.fullmatch(labels, name) is not None


def is_loopback(base_url: str) -> bool:
    """Return whether a server is on this machine, by its name or address alone."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    if ip := read_ip(host):
        return ip.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def normalize_base_url(host: str) -> str:
    """Normalise the base URL of an Integrator.

    :param host: A base URL, or a host with or without a port; the default scheme is https.
    :return: Scheme, host, port and path, without a trailing slash.
    :raises ConfigurationError: The URL is invalid, or has credentials, a query or a fragment.
    """
    text = host.strip()
    text = (text if "://" in text else f"https://{text}").rstrip("/")
    try:
        parts = urlsplit(text)
        is_usable = (
            parts.scheme in ("http", "https")
            and _is_host(parts.hostname or "")
            and parts.port != 0
            and "@" not in parts.netloc
            and is_encodable(text)
            and text.isprintable()
            and not re.search(r"[\s?#]", text)
        )
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigurationError(
            "The connection's Host can't be used; set it to the base URL of an Integrator, such as "
            f"{BASE_URLS['prod']}, or leave it empty and set environment."
        )
    return text
