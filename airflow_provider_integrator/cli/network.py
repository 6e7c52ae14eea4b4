"""The first steps of a connection: the host's name, its port, and TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import replace
from urllib.parse import urlsplit

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.proxies import HTTP_PROXIES, SOCKS_PROXIES, environment_proxy
from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.api.tls import causes
from airflow_provider_integrator.cli.listening import Heard, ListeningClient
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError

#: The seconds after which a host that doesn't answer counts as out of reach.
CONNECT_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}
#: OpenSSL's codes of a faulty certificate: what is wrong, and what to change.
_UNKNOWN_CA = (
    "Its certificate is signed by a CA that this machine doesn't trust.",
    "Set verify in the connection's Extra to the path of a file with that CA's certificate, in PEM form.",
)
_OTHER_HOST = (
    "Its certificate is another host's.",
    "Set Host to the name that the server's certificate has.",
)
_CERTIFICATES = {
    9: ("Its certificate isn't valid yet.", "Check this machine's clock; ask who runs the server."),
    10: ("Its certificate has expired.", "Check this machine's clock; ask who runs the server to renew it."),
    **dict.fromkeys((2, 18, 19, 20, 21), _UNKNOWN_CA),
    **dict.fromkeys((62, 64), _OTHER_HOST),
}


class StepError(Exception):
    """A step that failed.

    :param text: What was found.
    :param advice: What to change.
    """

    def __init__(self, text: str, advice: str = "") -> None:
        super().__init__(text)
        self.advice = advice


def check_host(access: Access) -> str:
    """Resolve the host's name and connect to its port; to the proxy's, if the environment sets one.

    :param access: The Integrator's address.
    :return: What was found.
    :raises StepError: There is no such host, or nothing listens there.
    """
    proxy = environment_proxy(access.base_url, (*HTTP_PROXIES, *SOCKS_PROXIES))
    host, port = _address(proxy or access.base_url)
    where, setting = (
        ("The proxy", "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY or NO_PROXY in the environment")
        if proxy
        else ("The host", "Host in the connection")
    )
    seconds = min(access.timeout, CONNECT_SECONDS)
    try:
        socket.create_connection((host, port), seconds).close()
    except (socket.gaierror, UnicodeError) as error:
        raise StepError(
            f"{where} {host} isn't known: its name can't be resolved ({fit(str(error))}).",
            f"Correct {setting}, or this machine's DNS.",
        ) from None
    except TimeoutError:
        raise StepError(
            f"{where} {host} doesn't answer at port {port} within {seconds:g} s.",
            f"Correct {setting}; or a firewall has to let this machine through, or a proxy has to be set.",
        ) from None
    except OSError as error:
        raise StepError(
            f"{where} {host} can't be reached at port {port} ({fit(str(error))}).",
            f"Correct {setting}, its port above all; or see whether the server runs.",
        ) from None
    return f"{where} {host} takes connections at port {port}."


def check_tls(client: ListeningClient, access: Access, heard: list[Heard]) -> str:
    """Send a request without any credentials: List flows without a token.

    :param client: The client.
    :param access: The Integrator's address.
    :param heard: The answers of the client.
    :return: What was found.
    :raises StepError: There is no TLS connection, or no answer.
    """
    before, is_https = len(heard), access.base_url.startswith("https:")
    try:
        client.call(replace(endpoints.list_flows("none"), authorised=False))
    except ConfigurationError as error:
        raise _tls_fault(error) from None
    except IntegratorError as error:
        if len(heard) == before:
            raise _no_answer(error, access, is_https=is_https) from None
    if not is_https:
        return "The server answers plain http: nothing is encrypted."
    if access.verify is False:
        return "The server speaks TLS. Its certificate isn't checked (verify is false)."
    return "The server speaks TLS, and its certificate is trusted."


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 1080)


def _tls_fault(error: ConfigurationError) -> Exception:
    tls = [cause for cause in causes(error) if isinstance(cause, ssl.SSLError)]
    faulty = [cause for cause in tls if isinstance(cause, ssl.SSLCertVerificationError)]
    if faulty:
        known = _CERTIFICATES.get(faulty[0].verify_code)
        return StepError(*known) if known else error
    if tls:
        return StepError(
            "The server doesn't speak TLS at this port, or not a version of it that this machine knows.",
            "Correct the port in Host; if the server has no TLS, begin Host with http:// and set allow_plain_http "
            "in Extra.",
        )
    return error


def _no_answer(error: IntegratorError, access: Access, *, is_https: bool) -> Exception:
    if not is_https and _speaks_tls(*_address(access.base_url)):
        return StepError(
            "The server gives plain http no answer, but speaks TLS.",
            "Begin Host with https:// instead of http://.",
        )
    return error


def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent
    with contextlib.suppress(OSError), socket.create_connection((host, port), CONNECT_SECONDS) as sock:
        context.wrap_socket(sock, server_hostname=host).close()
        return True
    return False
