"""The asynchronous transport, over aiohttp."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TypeVar

import aiohttp
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from airflow_provider_integrator.api.access import USER_AGENT, Access
from airflow_provider_integrator.api.endpoints import (
    BrokenBodyError,
    Call,
    LogQuery,
    Receiver,
    Script,
    list_logs,
)
from airflow_provider_integrator.api.exchange import (
    MAX_ERROR_BYTES,
    Answer,
    Effect,
    Exchange,
    Fault,
    NeedToken,
    Retry,
    Send,
    carry_out,
    exchange,
)
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.pages import Paging
from airflow_provider_integrator.api.tls import is_passing, tls_error, trusting
from airflow_provider_integrator.api.tokens import token_store
from airflow_provider_integrator.exceptions import IntegratorError

T = TypeVar("T")

#: Bytes of a log that a thread is started for.
_CHUNK = 1024 * 1024


class AsyncClient:
    """Carries calls through, many at once, over one session and with one login.

    :param access: Where the Integrator is and who asks.
    :param retry: When a call that failed in passing is sent again.
    :param on_token: Is awaited with each token that a login brings, to mask it in logs.
    :param max_connections: Connections that are open at a time, at the most.
    """

    def __init__(
        self,
        access: Access,
        retry: Retry | None = None,
        on_token: Callable[[str], Awaitable[None]] | None = None,
        max_connections: int = 8,
    ) -> None:
        self._access = access
        self._retry = retry or Retry()
        self._on_token = on_token
        self._token = token_store(access)
        self._login_lock = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, call: Call[T]) -> T:
        """Carry one call through.

        :param call: What to ask.
        :return: What the answer holds.
        :raises IntegratorError: It could not be had; the kind of error says why.
        """
        return await self._drive(exchange(call, self._retry))

    async def run(self, script: Script[T]) -> T:
        """Carry a script of calls through.

        :param script: Yields calls and is sent their values, or gets their errors thrown in.
        :return: What the script returns.
        :raises IntegratorError: A call's error that the script lets through.
        """
        return await self._drive(carry_out(script, self._retry))

    async def logs(self, query: LogQuery) -> AsyncIterator[Fields]:
        """Read all pages of a query; the next page is fetched while the last one is worked on.

        :param query: Which logs.
        :return: The logs, unread, in the server's order; at most two pages are held at a time.
        """
        paging, number = Paging(), 1
        page = await self.call(list_logs(query, number))
        while True:
            fresh = paging.take(page)
            following = None
            if not paging.ended:
                number += 1
                following = asyncio.create_task(self.call(list_logs(query, number)))
            try:
                for fields in fresh:
                    yield fields
                if following is None:
                    return
                page = await following
            finally:
                if following is not None:
                    following.cancel()
                    # Its outcome is taken, or else asyncio complains about an error that nobody looked at.
                    await asyncio.gather(following, return_exceptions=True)

    async def log_in(self) -> None:
        """Log in, unless a token is at hand.

        :raises AuthenticationError: The credentials were refused.
        """
        await self._token_other_than(None)

    async def _drive(self, effects: Exchange[T]) -> T:
        try:
            effect = next(effects)
            while True:
                try:
                    outcome = await self._carry(effect)
                except IntegratorError as error:
                    effect = effects.throw(error)
                else:
                    effect = effects.send(outcome)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # an exchange returns a T

    async def _carry(self, effect: Effect) -> object:
        if isinstance(effect, Send):
            return await self._send(effect)
        if isinstance(effect, NeedToken):
            return await self._token_other_than(effect.stale)
        await asyncio.sleep(effect.seconds)
        return None

    async def _token_other_than(self, stale: str | None) -> str:
        async with self._login_lock:
            token = self._token.usable(stale)
            if token is None:
                token = await self._drive(self._token.login(self._retry))
                if self._on_token is not None:
                    await self._on_token(token)
            return token

    async def _send(self, send: Send[T]) -> Answer[T] | Fault:
        call = send.call
        try:
            async with _receiving(call) as receiver:
                return await self._exchange_bytes(send, receiver)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            if not is_passing(error):
                raise tls_error(call.name, error) from error
            return Fault(f"{type(error).__name__}: {error}")
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, BrokenBodyError) as error:
            return Fault(f"{type(error).__name__}: {error}".rstrip(": "))

    async def _exchange_bytes(self, send: Send[T], receiver: Receiver[T]) -> Answer[T]:
        call, timeout = send.call, self._access.timeout
        session = await self._opened()
        async with session.request(
            call.method,
            self._access.url(call.path),
            params=self._access.query(call),
            data=call.form,
            headers=self._access.headers(send.token),
            timeout=aiohttp.ClientTimeout(
                total=None if call.streamed else timeout, sock_connect=timeout, sock_read=timeout
            ),
            allow_redirects=False,
        ) as response:
            if not 200 <= response.status < 300:
                text = (await _beginning(response)).decode("utf-8", "replace")
                return Answer(response.status, response.headers, text)
            if call.streamed:
                value = await _receive_in_threads(response.content, receiver)
            else:
                async for chunk in response.content.iter_any():
                    receiver.feed(chunk)
                value = receiver.finish()
            return Answer(response.status, response.headers, value=value)

    async def _opened(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=self._max_connections, ssl=await self._tls()),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    headers={"User-Agent": USER_AGENT},
                    proxy=environment_proxy(self._access.base_url),
                )
            return self._session

    async def _tls(self) -> ssl.SSLContext | bool:
        verify = self._access.verify
        if verify is True:
            # What requests trusts, so that a wait ends alike in a worker and in the triggerer.
            environment = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
            verify = next(filter(None, environment), DEFAULT_CA_BUNDLE_PATH)
        if verify is False:
            return False
        # Reading a CA bundle takes milliseconds: not on the loop.
        return await asyncio.to_thread(trusting, verify)


@asynccontextmanager
async def _receiving(call: Call[T]) -> AsyncIterator[Receiver[T]]:
    receiver = call.receive()
    try:
        yield receiver
    except (Exception, asyncio.CancelledError):
        if call.streamed:
            await _in_thread(receiver.discard)
        else:
            receiver.discard()
        raise


async def _receive_in_threads(content: aiohttp.StreamReader, receiver: Receiver[T]) -> T:
    """Feed a receiver that writes to the disk, which may take its time: not on the loop."""
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
        # Or else the receiver would be discarded while it is fed.
        await asyncio.gather(work, return_exceptions=True)
        raise


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    # Up to the end where it is near, as a connection is of further use only then.
    body = b""
    while len(body) < MAX_ERROR_BYTES and (chunk := await response.content.read(MAX_ERROR_BYTES - len(body))):
        body += chunk
    return body


def environment_proxy(base_url: str) -> str | None:
    """Find the proxy that the environment names for a server, by requests' own rules.

    aiohttp's own ``trust_env`` reads .netrc for every request, and refuses one that carries a token.

    :param base_url: The server.
    :return: The proxy's URL, None where there is none.
    """
    proxy = select_proxy(base_url, get_environ_proxies(base_url))
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
