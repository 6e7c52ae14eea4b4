"""TLS settings, and the classification of TLS errors as transient or permanent."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.exceptions import ConfigurationError

# Broken connections, which are transient.
_TRANSIENT = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def is_passing(error: BaseException) -> bool:
    """Return whether an HTTP library's error is transient: the connection broke, whatever its certificate."""
    return any(isinstance(cause, _TRANSIENT) for cause in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """Find an error and all errors that led to it, the outermost one first."""
    # HTTP libraries wrap the TLS library's error several times, not always with __cause__.
    pending, seen = [error], set[int]()
    while pending:
        cause = pending.pop()
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            linked = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
            pending.extend(link for link in linked if isinstance(link, BaseException))


def tls_error(name: str, error: Exception) -> ConfigurationError:
    """Build the error for a permanent TLS failure."""
    return ConfigurationError(
        f"{name}: no TLS connection to the Integrator ({fit(str(error))}). Set verify in the connection's Extra to the "
        "path of a CA bundle for its certificate; if the server has no TLS, begin Host with http:// and set "
        "allow_plain_http."
    )


def environment_bundle() -> str | None:
    """Return the CA bundle that the environment names, by the rules of requests; None if it names none."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def trusting(path: str) -> ssl.SSLContext:
    """Make an SSL context that trusts a CA bundle and nothing else.

    :param path: A file of certificates in PEM form, or a folder of them with OpenSSL's hashed names.
    :return: The SSL context.
    :raises ConfigurationError: The bundle can't be read.
    """
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ConfigurationError(
            f"The CA bundle {path} can't be read ({error}). Set verify in the connection's Extra to the path "
            "of a file of certificates in PEM form, or to true."
        ) from None
