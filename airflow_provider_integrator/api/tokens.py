"""The tokens of a process: one login for everybody who uses the same credentials."""

from __future__ import annotations

import threading
import time
from functools import lru_cache

from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.endpoints import log_in
from airflow_provider_integrator.api.exchange import Exchange, Retry, exchange
from airflow_provider_integrator.exceptions import AuthenticationError

#: Seconds for which a refused login isn't tried again by the same process: an account may get locked.
REFUSAL_SECONDS = 300.0


class TokenStore:
    """The token that all users of the same credentials in a process share, and the memory of a refused login.

    :param access: Whose token.
    :ivar lock: Held by the thread that logs in, while the others wait.
    """

    def __init__(self, access: Access) -> None:
        self.lock = threading.Lock()
        self._given = access.token
        self._credentials = (access.username or "", access.password or "")
        self._token: str | None = access.token
        self._refusal: tuple[float, str] | None = None

    def usable(self, stale: str | None) -> str | None:
        """Return the token at hand.

        :param stale: A token that was refused; None if none was.
        :return: The token; None if a login is due.
        :raises AuthenticationError: A login is of no use: the token was given by hand, or the
            credentials were refused a short while ago.
        """
        if self._token is not None and self._token != stale:
            return self._token
        if self._given is not None:
            raise AuthenticationError(
                "The Integrator refuses the connection's token (401); it may have expired. Set a new token "
                "in Extra, or Login (e-mail) and Password, which get new tokens by themselves. If the token is "
                "good, set auth_header to Authentication in Extra."
            )
        if self._refusal is not None and time.monotonic() - self._refusal[0] < REFUSAL_SECONDS:
            raise AuthenticationError(self._refusal[1])
        return None

    def login(self, retry: Retry) -> Exchange[str]:
        """Log in.

        :param retry: When to ask again.
        :return: A generator like :func:`exchange`'s; it returns the new token and keeps it.
        :raises AuthenticationError: The credentials were refused; they aren't tried again for a while.
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
    """Return the process's store for some credentials; it outlives the clients that use it.

    :param access: Whose token.
    :return: The store.
    """
    return TokenStore(access)
