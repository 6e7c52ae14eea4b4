"""The asynchronous transport, over aiohttp."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache, partial
from typing import TypeVar

import aiohttp
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from yarl import URL

from airflow_provider_integrator.api.access import USER_AGENT, Access, unsendable
from airflow_provider_integrator.api.endpoints import (
    LARGE_BYTES,
    BrokenBodyError,
    Call,
    LogQuery,
    Query,
    Receiver,
    Script,
    list_logs,
)
from airflow_provider_integrator.api.exchange import (
    MAX_ERROR_BYTES,
    Answer,
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
from airflow_provider_integrator.api.pages import Paging
from airflow_provider_integrator.api.proxies import environment_proxy
from airflow_provider_integrator.api.tls import environment_bundle, is_passing, tls_error, trusting
from airflow_provider_integrator.api.tokens import token_store
from airflow_provider_integrator.exceptions import IntegratorError

T = TypeVar("T")

#: Bytes of a log that are passed to a thread at once.
_CHUNK = 1024 * 1024
#: The maximum number of open connections.
_MAX_CONNECTIONS = 8


class AsyncClient:
    """A client that makes many calls at once, over one session and with one login.

    :param access: The Integrator's address and the credentials.
    :param retry: The retry policy for transient faults.
    :param on_token: Awaited with each new token, to mask it in logs.
    :param observer: Called after each HTTP request; None: nobody is.
    """

    def __init__(
        self,
        access: Access,
        retry: Retry | None = None,
        on_token: Callable[[str], Awaitable[None]] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._access = access
        self._retry = retry or Retry()
        self._on_token = on_token
        self._observer = observer
        self._tokens = token_store(access)
        self._session_lock = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        # Of a call that isn't streamed the whole takes no longer than its parts may, so that they need no timers.
        self._timeout = aiohttp.ClientTimeout(total=access.timeout)
        self._streamed_timeout = aiohttp.ClientTimeout(
            total=access.download_timeout, sock_connect=access.timeout, sock_read=access.timeout
        )
        # Most polls repeat the last one's requests.
        self._url = lru_cache(maxsize=1024)(partial(_url, access))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, call: Call[T]) -> T:
        """Make one call.

        :param call: The call.
        :return: The value of the answer.
        :raises IntegratorError: The call failed; the subclass says how.
        """
        return await self._drive(exchange(call, self._retry, observer=self._observer))

    async def run(self, script: Script[T]) -> T:
        """Run a script of calls.

        :param script: A generator that yields calls and receives their values or errors.
        :return: The script's return value.
        :raises IntegratorError: A call's error that the script doesn't handle.
        """
        return await self._drive(carry_out(script, self._retry, self._observer))

    async def logs(self, query: LogQuery) -> AsyncIterator[Fields]:
        """Fetch all pages of a query, prefetching the next one while one is processed.

        :param query: The query.
        :return: The unparsed logs, in the server's order; at most two pages are in memory at a time.
        """
        paging, number = Paging(), 1
        page = await self.call(list_logs(query, number))
        while True:
            new = paging.take(page)
            next_page = None
            if not paging.ended:
                number += 1
                next_page = asyncio.create_task(self.call(list_logs(query, number)))
            try:
                for fields in new:
                    yield fields
                if next_page is None:
                    return
                page = await next_page
            finally:
                if next_page is not None:
                    next_page.cancel()
                    # Retrieve its outcome, as asyncio logs errors that are never retrieved.
                    await asyncio.gather(next_page, return_exceptions=True)

    async def log_in(self) -> None:
        """Log in, unless there is a token already.

        :raises AuthenticationError: The credentials were refused.
        """
        await self._get_token(None)

    async def _drive(self, effects: Exchange[T]) -> T:
        try:
            effect = next(effects)
            while True:
                outcome: object = None
                try:
                    if isinstance(effect, Send):
                        outcome = await self._send(effect)
                    elif isinstance(effect, NeedToken):
                        outcome = await self._get_token(effect.stale)
                    else:
                        await asyncio.sleep(effect.seconds)
                except IntegratorError as error:
                    effect = effects.throw(error)
                else:
                    effect = effects.send(outcome)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # an exchange returns a T

    async def _get_token(self, stale: str | None) -> Token:
        while not isinstance(taken := self._tokens.take(stale), Token):
            if taken is not None:
                await asyncio.wrap_future(taken)
                continue
            with self._tokens.logging_in():
                token = await self.call(self._tokens.login)
                if self._on_token is not None:
                    await self._on_token(token)
                self._tokens.keep(token)
        return taken

    async def _send(self, send: Send[T]) -> Answer[T] | Fault:
        call, receiver = send.call, send.call.receive()
        try:
            try:
                return await self._exchange_bytes(send, receiver)
            except (Exception, asyncio.CancelledError):
                if call.streamed:
                    await _in_thread(receiver.discard)
                raise
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            if not is_passing(error):
                raise tls_error(call.name, error) from None  # its own message buries the advice
            return Fault(f"{type(error).__name__}: {error}")
        except ValueError as error:  # aiohttp's errors of addresses are ValueErrors, too
            raise unsendable(call.name, error) from None
        # On Python 3.10 asyncio's TimeoutError isn't the builtin one.
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, BrokenBodyError) as error:
            is_timeout = isinstance(error, (TimeoutError, asyncio.TimeoutError))
            if is_timeout and not isinstance(error, aiohttp.ClientError):
                return Fault(self._access.out_of_time(call))
            return Fault(f"{type(error).__name__}: {error}".rstrip(": "))

    async def _exchange_bytes(self, send: Send[T], receiver: Receiver[T]) -> Answer[T]:
        call = send.call
        session = self._session or await self._get_session()
        async with session.request(
            call.method,
            self._url(call.name, call.path, call.query),
            data=call.form,
            headers=self._access.headers(send.token),
            timeout=self._streamed_timeout if call.streamed else self._timeout,
            allow_redirects=False,
        ) as response:
            if not 200 <= response.status < 300:
                text = (await _beginning(response)).decode("utf-8", "replace")
                return Answer(response.status, response.headers, text)
            if call.streamed:
                value = await _receive_in_threads(response.content, receiver)
            else:
                size = 0
                async for chunk in response.content.iter_any():
                    size += len(chunk)
                    receiver.feed(chunk)
                value = await _in_thread(receiver.finish) if size > LARGE_BYTES else receiver.finish()
            return Answer(response.status, response.headers, value=value)

    async def _get_session(self) -> aiohttp.ClientSession:
        async with self._session_lock:
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, ssl=await self._tls()),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    headers={"User-Agent": USER_AGENT},
                    proxy=environment_proxy(self._access.base_url),
                )
            return self._session

    async def _tls(self) -> ssl.SSLContext | bool:
        verify = self._access.verify
        if verify is True:
            # The same CA bundle as requests, so that worker and triggerer behave alike.
            verify = environment_bundle() or DEFAULT_CA_BUNDLE_PATH
        if verify is False:
            return False
        if environment_proxy(self._access.base_url) is None and self._access.base_url.startswith("http:"):
            return True  # there is no TLS
        # Reading a CA bundle takes milliseconds, so not on the event loop.
        return await asyncio.to_thread(trusting, verify)


def _url(access: Access, call: str, path: str, query: Query) -> URL:
    return URL(f"{access.base_url}{path}").extend_query(access.query(call, query))


async def _receive_in_threads(content: aiohttp.StreamReader, receiver: Receiver[T]) -> T:
    """Feed a receiver in threads, as its writes to disk would block the event loop."""
    gathered: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        gathered.append(chunk)
        size += len(chunk)
        if size >= _CHUNK:
            await _in_thread(receiver.feed, b"".join(gathered))
            gathered, size = [], 0
    await _in_thread(receiver.feed, b"".join(gathered))
    return await _in_thread(receiver.finish)


async def _in_thread(function: Callable[..., T], *arguments: object) -> T:
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        # Wait, so that the receiver isn't discarded while it is fed.
        await asyncio.gather(work, return_exceptions=True)
        raise


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    # A short body is read to its end, so that the connection can be reused.
    body = b""
    while len(body) < MAX_ERROR_BYTES and (chunk := await response.content.read(MAX_ERROR_BYTES - len(body))):
        body += chunk
    return body
