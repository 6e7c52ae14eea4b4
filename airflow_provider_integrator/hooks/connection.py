"""Parsing of an Airflow connection of type ``integrator``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from ipaddress import IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_integrator.api.access import (
    AUTH_HEADERS,
    BASE_URLS,
    PROJECT_PARAMETERS,
    Access,
    is_loopback,
    normalize_base_url,
    read_ip,
)
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.hooks.ui_url import UiUrl
from airflow_provider_integrator.provider_info import CONN_FIELDS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_integrator.api.models import Execution

log = logging.getLogger(__name__)

CONN_TYPE = "integrator"


@dataclass(frozen=True)
class IntegratorConnection:
    """A parsed Airflow connection.

    :param access: The Integrator's address and the credentials.
    :param project_id: The project of tasks that set none.
    :param project_slug: The project's slug, which Download log needs.
    :param partner_id: The partner whose projects can be listed.
    :param ui_url: The template of an execution's page; None if none is set.
    :param unread: Unknown fields of Extra, perhaps misspelt.
    """

    access: Access
    project_id: str | None
    project_slug: str | None
    partner_id: str | None
    ui_url: UiUrl | None = None
    unread: tuple[str, ...] = ()

    @classmethod
    def read(cls, connection: Connection, extra: Mapping[str, Any]) -> IntegratorConnection:
        """Parse an Airflow connection.

        :param connection: The connection.
        :param extra: The connection's decoded Extra.
        :return: The parsed connection.
        :raises ConfigurationError: The connection has another type, or a field is missing or invalid; the
            message says what to set.
        """
        if connection.conn_type and connection.conn_type != CONN_TYPE:
            raise ConfigurationError(
                f"Connection {connection.conn_id} is of type {connection.conn_type}, not {CONN_TYPE}; correct "
                "the type, or name another connection. Its credentials were not sent."
            )
        base_url = _base_url(connection, extra)
        _check_plain_http(base_url, is_allowed=_flag(extra, "allow_plain_http"))
        return cls(
            access=Access(
                base_url=base_url,
                username=connection.login or None,
                password=connection.password or None,
                token=_text(extra, "token"),
                verify=_verify(extra.get("verify")),
                timeout=_seconds(extra, "timeout", Access.timeout),
                download_timeout=_seconds(extra, "download_timeout", Access.download_timeout),
                project_parameters=PROJECT_PARAMETERS[
                    _choice(extra, "project_parameter", tuple(PROJECT_PARAMETERS))
                ],
                auth_header=_choice(extra, "auth_header", AUTH_HEADERS),
            ),
            project_id=_text(extra, "project_id"),
            project_slug=_text(extra, "project_slug"),
            partner_id=_text(extra, "partner_id"),
            ui_url=UiUrl.read(template) if (template := _text(extra, "ui_url")) else None,
            unread=tuple(sorted(extra.keys() - CONN_FIELDS.keys())),
        )

    def complaint(self) -> str | None:
        """Return a warning about unknown fields of Extra; None if there are none."""
        if not self.unread:
            return None
        return (
            f"Unknown fields in the connection's Extra: {', '.join(map(_with_guess, self.unread))}. "
            f"The known ones: {', '.join(CONN_FIELDS)}."
        )

    def project(self, project_id: str | None) -> str:
        """Choose the project.

        :param project_id: The task's project; None: the connection's.
        :return: The project's id.
        :raises ConfigurationError: Neither the task nor the connection sets one.
        """
        return _chosen("project", project_id or self.project_id, "the task, or --project of a command")

    def partner(self, partner_id: str | None) -> str:
        """Choose the partner.

        :param partner_id: The partner of the call; None: the connection's.
        :return: The partner's id.
        :raises ConfigurationError: Neither the call nor the connection sets one.
        """
        return _chosen("partner", partner_id or self.partner_id, "the call")

    def known_slug(self, project_id: str, project_slug: str | None) -> str | None:
        """Choose the project's slug without a call.

        :param project_id: The project.
        :param project_slug: The task's slug; None if it sets none.
        :return: The task's slug, or the connection's if it is for this project; None if neither is known.
        """
        if project_slug:
            return project_slug
        return self.project_slug if self.project_id in (None, project_id) else None

    def execution_page(
        self, project_id: str, flow_id: str, execution: Execution, log_id: str | None = None
    ) -> str | None:
        """Build the URL of an execution's page in the Integrator.

        :param project_id: The project.
        :param flow_id: The flow.
        :param execution: The execution.
        :param log_id: The log to show; None: the execution's main log.
        :return: The URL; None if the connection has no ``ui_url``, or an id of it is unknown.
        """
        if self.ui_url is None:
            return None
        return self.ui_url.fill(
            project_id=project_id,
            flow_id=flow_id,
            execution_id=execution.execution_id,
            log_id=log_id or execution.log_id,
        )


def _chosen(what: str, value: str | None, place: str) -> str:
    if not value:
        raise ConfigurationError(f"No {what} is set: set {what}_id in the connection's Extra or in {place}.")
    return value


def _with_guess(name: str) -> str:
    guesses = get_close_matches(name, CONN_FIELDS, n=1)
    return f"{name} ({guesses[0]}?)" if guesses else name


def _text(extra: Mapping[str, Any], name: str) -> str | None:
    value = extra.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int, type(None))):
        raise ConfigurationError(f"{name} in the connection's Extra must be a string.")
    return _bare(value) or None


def _choice(extra: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """Parse a field with a fixed set of values; the first one is the default."""
    value = _text(extra, name) or choices[0]
    if value not in choices:
        raise ConfigurationError(
            f"{name} in the connection's Extra is {value!r}; set it to {' or '.join(choices)}."
        )
    return value


def _base_url(connection: Connection, extra: Mapping[str, Any]) -> str:
    environment = _choice(extra, "environment", tuple(BASE_URLS))
    host = (connection.host or "").strip()
    if not host:
        return BASE_URLS[environment]
    if isinstance(read_ip(host), IPv6Address):  # Airflow strips the brackets of a URI
        host = f"[{host}]"
    if connection.schema in ("http", "https") and "://" not in host:
        host = f"{connection.schema}://{host}"
    url = normalize_base_url(host)
    parts = urlsplit(url)
    if not connection.port or ":" in parts.netloc.rpartition("]")[2]:  # a port in Host takes precedence
        return url
    return parts._replace(netloc=f"{parts.netloc}:{connection.port}").geturl()


def _flag(extra: Mapping[str, Any], name: str) -> bool:
    """Parse a field that is true or false; false is the default."""
    text = _bare(extra.get(name)).lower()
    if text not in ("true", "false", ""):
        raise ConfigurationError(
            f"{name} in the connection's Extra is {extra[name]!r}; set it to true or false."
        )
    return text == "true"


def _check_plain_http(base_url: str, *, is_allowed: bool) -> None:
    """Keep credentials from crossing a network in the clear, unless the connection says so."""
    if urlsplit(base_url).scheme != "http" or is_loopback(base_url):
        return
    if not is_allowed:
        raise ConfigurationError(
            "The connection's Host begins with http://, so that password and token would cross the network in the "
            "clear. Begin it with https://; if the server has no TLS, set allow_plain_http to true in Extra."
        )
    _warn_of_plain_http(base_url)


@cache  # once a process
def _warn_of_plain_http(base_url: str) -> None:
    log.warning("Password and token cross the network to %s in the clear (allow_plain_http).", base_url)


def _verify(value: object) -> bool | str:
    text = _bare(value)
    if text.lower() in ("true", "false", ""):
        return text.lower() != "false"
    if not Path(text).exists():
        raise ConfigurationError(
            f"verify in the connection's Extra is {text!r}, and there is no such file on this machine; set it to "
            "true, false or the path of a CA bundle."
        )
    return text


def _seconds(extra: Mapping[str, Any], name: str, default: float) -> float:
    value = extra.get(name)
    if not _bare(value):
        return default
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 0.0
    if isinstance(value, bool) or not 0 < seconds < 86_400:
        raise ConfigurationError(
            f"{name} in the connection's Extra is {value!r}; set it to a number of seconds above 0."
        )
    return seconds


def _bare(value: object) -> str:
    return "" if value is None else str(value).strip()
