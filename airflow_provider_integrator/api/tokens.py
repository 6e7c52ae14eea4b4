"""The tokens of a process: one login for all clients with the same credentials."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import lru_cache

from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.endpoints import Call, log_in
from airflow_provider_integrator.api.exchange import Token
from airflow_provider_integrator.exceptions import AuthenticationError, IntegratorError

#: Seconds for which a process doesn't repeat a refused login, as that could lock the account. They double with
#: each further refusal in a row.
REFUSAL_SECONDS = 300.0
#: The maximum of these seconds.
MAX_REFUSAL_SECONDS = 3600.0


class TokenStore:
    """The token shared by all clients of a process with the same credentials, and the memory of refused logins.

    One client logs in while the others wait for its outcome, whatever thread or event loop they run in.

    :param base_url: The Integrator, which sets stores of equal credentials apart.
    :param username: The e-mail address to log in with.
    :param password: The password.
    :param token: A token to use instead of a login.
    """

    def __init__(
        self, base_url: str, username: str | None, password: str | None, token: str | None = None
    ) -> None:
        self._credentials = (username or "", password or "")
        self._is_given = token is not None
        self._token = None if token is None else Token(token, time.monotonic())
        self._lock = threading.Lock()
        self._login: Future[None] | None = None
        self._refusal: AuthenticationError | None = None
        self._refusal_seconds = REFUSAL_SECONDS
        self._refused_until = 0.0

    @property
    def login(self) -> Call[str]:
        """The call of Login with these credentials."""
        return log_in(*self._credentials)

    def take(self, stale: str | None) -> Token | Future[None] | None:
        """Take the current token, or the turn to log in.

        :param stale: A token that was refused; None if none was.
        :return: The token; a future, if another client is logging in: wait for it, then call this again; None, if
            the caller is to log in, within :meth:`logging_in`.
        :raises AuthenticationError: A login can't help: the token was set by hand, or the credentials were
            refused a short time ago.
        """
        with self._lock:
            if self._token is not None and self._token.value != stale:
                return self._token
            if self._is_given:
                raise AuthenticationError(
                    "The Integrator refuses the connection's token (401); it may have expired. Set a new token "
                    "in Extra, or Login (e-mail) and Password, which renew it automatically. If the token is "
                    "valid, set auth_header to Authentication in Extra."
                )
            if self._login is not None:
                return self._login
            if self._refusal is not None and time.monotonic() < self._refused_until:
                raise AuthenticationError(str(self._refusal))
            self._token = None
            self._login = Future()
            self._login.set_running_or_notify_cancel()  # so that a waiting client can't cancel it for the others
            return None

    @contextmanager
    def logging_in(self) -> Iterator[None]:
        """Log in, as a context manager; :meth:`keep` the token inside.

        An error of the login is raised in the waiting clients too. If the login is cancelled, one of them takes
        the turn.

        :raises AuthenticationError: The credentials were refused. They aren't tried again for
            ``REFUSAL_SECONDS``, twice as long after each further refusal, up to ``MAX_REFUSAL_SECONDS``.
        """
        error: IntegratorError | None = None
        try:
            yield
        except IntegratorError as failure:
            error = failure
            raise
        finally:
            with self._lock:
                login, self._login = self._login, None
                if isinstance(error, AuthenticationError):
                    self._refusal, self._refused_until = error, time.monotonic() + self._refusal_seconds
                    self._refusal_seconds = min(2.0 * self._refusal_seconds, MAX_REFUSAL_SECONDS)
            if login is not None and error is None:
                login.set_result(None)
            elif login is not None:
                login.set_exception(error)

    def keep(self, token: str) -> None:
        """Keep a new token."""
        with self._lock:
            self._token = Token(token, time.monotonic())
            self._refusal, self._refusal_seconds = None, REFUSAL_SECONDS


_stores = lru_cache(maxsize=256)(TokenStore)
_stores_lock = threading.Lock()  # lru_cache alone may make two stores for two threads


def token_store(access: Access) -> TokenStore:
    """Return the process's token store for some credentials, whatever the other settings are."""
    with _stores_lock:
        return _stores(access.base_url, access.username, access.password, access.token)
