"""The tokens of a process: one login for all clients with the same credentials."""

from __future__ import annotations

import threading
import time
from functools import lru_cache

from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.endpoints import log_in
from airflow_provider_integrator.api.exchange import Exchange, Retry, exchange
from airflow_provider_integrator.exceptions import AuthenticationError

#: Seconds for which a process doesn't repeat a refused login, as that could lock the account.
REFUSAL_SECONDS = 300.0


class TokenStore:
    """The token shared by all clients of a process with the same credentials, and the last refused login.

    :param access: The Integrator and the credentials.
    :ivar lock: Held by the thread that logs in, while the others wait.
    """

    def __init__(self, access: Access) -> None:
        self.lock = threading.Lock()
        self._given = access.token
        self._credentials = (access.username or "", access.password or "")
        self._token: str | None = access.token
        self._refusal: tuple[float, str] | None = None

    def usable(self, stale: str | None) -> str | None:
        """Return the current token.

        :param stale: A token that was refused; None if none was.
        :return: The token; None if a login is needed.
        :raises AuthenticationError: A login can't help: the token was set by hand, or the credentials were
            refused less than ``REFUSAL_SECONDS`` ago.
        """
        if self._token is not None and self._token != stale:
            return self._token
        if self._given is not None:
            raise AuthenticationError(
                "The Integrator refuses the connection's token (401); it may have expired. Set a new token "
                "in Extra, or Login (e-mail) and Password, which renew it automatically. If the token is "
                "valid, set auth_header to Authentication in Extra."
            )
        if self._refusal is not None and time.monotonic() - self._refusal[0] < REFUSAL_SECONDS:
            raise AuthenticationError(self._refusal[1])
        return None

    def login(self, retry: Retry) -> Exchange[str]:
        """Log in.

        :param retry: The retry policy.
        :return: A generator like :func:`exchange`'s; it stores and returns the new token.
        :raises AuthenticationError: The credentials were refused; they aren't tried again for
            ``REFUSAL_SECONDS``.
        """
        self._token = None
        try:
            self._token = yield from exchange(log_in(*self._credentials), retry)
        except AuthenticationError as error:
            self._refusal = (time.monotonic(), str(error))
            raise
        self._refusal = None
        return self._token


@lru_cache(maxsize=64)
def token_store(access: Access) -> TokenStore:
    """Return the process's token store for some credentials.

    :param access: The Integrator and the credentials.
    :return: The store.
    """
    return TokenStore(access)
