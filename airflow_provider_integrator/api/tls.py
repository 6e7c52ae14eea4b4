"""Faults of TLS: which of them last, and what to tell of those."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_integrator.exceptions import ConfigurationError

# The connection broke off, as any may; asking again may help.
_PASSING = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def is_passing(error: BaseException) -> bool:
    """Tell whether a TLS connection merely broke off, which has nothing to do with certificates.

    :param error: What an HTTP library raised.
    :return: Whether asking again may help.
    """
    return any(isinstance(cause, _PASSING) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    # The libraries wrap the TLS library's error in several of their own, not all of them as its cause.
    pending, seen = [error], set[int]()
    while pending:
        cause = pending.pop()
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            linked = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
            pending.extend(link for link in linked if isinstance(link, BaseException))


def tls_error(name: str, error: Exception) -> ConfigurationError:
    """Make the error for a TLS connection that can't be made; asking again wouldn't help.

    :param name: The call.
    :param error: What the TLS library said.
    :return: The error, to be raised.
    """
    return ConfigurationError(
        f"{name}: no TLS connection to the Integrator ({error}). Set verify in the connection's Extra to the "
        "path of the CA bundle that its certificate is from, or write http:// into Host where it has no TLS."
    )


def trusting(path: str) -> ssl.SSLContext:
    """Make the TLS settings that trust a CA bundle and nothing else.

    :param path: A file of certificates in PEM form, or a folder of them as OpenSSL names them.
    :return: The settings.
    :raises ConfigurationError: It can't be read.
    """
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ConfigurationError(
            f"The CA bundle {path} can't be read ({error}). Set verify in the connection's Extra to the path "
            "of a file of certificates in PEM form, or to true."
        ) from error
