"""The synchronous transport, over requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import requests

from airflow_provider_integrator.api.access import USER_AGENT, Access, unsendable
from airflow_provider_integrator.api.deadlines import Deadline, DeadlineAdapter, within
from airflow_provider_integrator.api.endpoints import BrokenBodyError, Call, LogQuery, Script, list_logs
from airflow_provider_integrator.api.exchange import (
    MAX_ERROR_BYTES,
    Answer,
    Effect,
    Exchange,
    Fault,
    NeedToken,
    Observer,
    Retry,
    Send,
    Token,
    carry_out,
    exchange,
)
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.pages import Page, Paging
from airflow_provider_integrator.api.proxies import HTTP_PROXIES, SOCKS_PROXIES, environment_proxy
from airflow_provider_integrator.api.tls import environment_bundle, is_passing, tls_error, trusting
from airflow_provider_integrator.api.tokens import token_store
from airflow_provider_integrator.exceptions import IntegratorError

T = TypeVar("T")

_CHUNK = 256 * 1024


class Client:
    """A client that makes calls one after the other. Clients of a process with equal access share one login.

    :param access: The Integrator's address and the credentials.
    :param retry: The retry policy for transient faults.
    :param on_token: Called with each new token, to mask it in logs.
    :param observer: Called after each HTTP request; None: nobody is.
    :raises ConfigurationError: The CA bundle can't be read, or the environment's proxy can't be used.
    """

    def __init__(
        self,
        access: Access,
        retry: Retry | None = None,
        on_token: Callable[[str], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        if isinstance(access.verify, str):
            trusting(access.verify)  # else requests reports an unreadable bundle as a fault of the call
        self._access = access
        self._retry = retry or Retry()
        self._on_token = on_token
        self._observer = observer
        self._tokens = token_store(access)
        self._session = requests.Session()
        self._session.mount("http://", DeadlineAdapter())
        self._session.mount("https://", DeadlineAdapter())
        # The environment is read once, here: requests reads it, and .netrc, for every request.
        self._session.trust_env = False
        if proxy := environment_proxy(access.base_url, (*HTTP_PROXIES, *SOCKS_PROXIES)):
            self._session.proxies = {"http": proxy, "https": proxy}
        self._session.verify = (access.verify is True and environment_bundle()) or access.verify
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def call(self, call: Call[T]) -> T:
        """Make one call.

        :param call: The call.
        :return: The value of the answer.
        :raises IntegratorError: The call failed; the subclass says how.
        """
        return self._drive(exchange(call, self._retry, observer=self._observer))

    def run(self, script: Script[T], retry: Retry | None = None) -> T:
        """Run a script of calls.

        :param script: A generator that yields calls and receives their values or errors.
        :param retry: The retry policy of its calls; None: the client's.
        :return: The script's return value.
        :raises IntegratorError: A call's error that the script doesn't handle.
        """
        return self._drive(carry_out(script, retry or self._retry, self._observer))

    def logs(self, query: LogQuery) -> Iterator[Fields]:
        """Fetch all pages of a query, prefetching the next one while one is processed.

        :param query: The query.
        :return: The unparsed logs, in the server's order; at most two pages are in memory at a time.
        """
        paging, number = Paging(), 1
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="integrator-page") as executor:
            page = self.call(list_logs(query, number))
            while True:
                new = paging.take(page)
                next_page: Future[Page] | None = None
                if not paging.ended:
                    number += 1
                    # In the caller's context, so that a span of the request belongs to the caller's.
                    next_page = executor.submit(copy_context().run, self.call, list_logs(query, number))
                yield from new
                if next_page is None:
                    return
                page = next_page.result()

    def log_in(self) -> None:
        """Log in, unless there is a token already.

        :raises AuthenticationError: The credentials were refused.
        """
        self._get_token(None)

    def _drive(self, effects: Exchange[T]) -> T:
        try:
            effect = next(effects)
            while True:
                try:
                    outcome = self._carry(effect)
                except IntegratorError as error:
                    effect = effects.throw(error)
                else:
                    effect = effects.send(outcome)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # an exchange returns a T

    def _carry(self, effect: Effect) -> object:
        if isinstance(effect, Send):
            return self._send(effect)
        if isinstance(effect, NeedToken):
            return self._get_token(effect.stale)
        time.sleep(effect.seconds)
        return None

    def _get_token(self, stale: str | None) -> Token:
        while not isinstance(taken := self._tokens.take(stale), Token):
            if taken is not None:
                taken.result()
                continue
            with self._tokens.logging_in():
                token = self.call(self._tokens.login)
                if self._on_token is not None:
                    self._on_token(token)
                self._tokens.keep(token)
        return taken

    def _send(self, send: Send[T]) -> Answer[T] | Fault:
        call, access = send.call, self._access
        receiver = call.receive()
        deadline = Deadline(access.timeout, access.time_limit(call))
        try:
            try:
                with within(deadline):
                    return self._exchange_bytes(send, receiver)
            except BaseException:
                receiver.discard()
                raise
        except requests.exceptions.SSLError as error:
            if not is_passing(error):
                raise tls_error(call.name, error) from None  # its own message buries the advice
            return Fault(f"{type(error).__name__}: {error}")
        except ValueError as error:  # requests' errors of addresses are ValueErrors, too
            raise unsendable(call.name, error) from None
        except (requests.RequestException, OSError, BrokenBodyError) as error:
            return Fault(access.out_of_time(call) if deadline.is_over else f"{type(error).__name__}: {error}")

    def _exchange_bytes(self, send: Send[T], receiver: Any) -> Answer[T]:
        call, access = send.call, self._access
        with self._session.request(
            call.method,
            f"{access.base_url}{call.path}",
            params=access.query(call.name, call.query),
            data=call.form,
            headers=access.headers(send.token),
            timeout=access.timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            if not 200 <= response.status_code < 300:
                text = _beginning(response).decode("utf-8", "replace")
                return Answer(response.status_code, response.headers, text)
            for chunk in response.iter_content(_CHUNK):
                receiver.feed(chunk)
            return Answer(response.status_code, response.headers, value=receiver.finish())


def _beginning(response: requests.Response) -> bytes:
    # A short body is read to its end, so that the connection can be reused.
    body = b""
    for chunk in response.iter_content(MAX_ERROR_BYTES):
        body += chunk
        if len(body) >= MAX_ERROR_BYTES:
            break
    return body[:MAX_ERROR_BYTES]
