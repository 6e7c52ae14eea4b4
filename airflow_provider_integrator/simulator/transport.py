"""HTTP over TCP: a server in a thread of its own, which counts connections and can cut an answer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
import weakref
from typing import TYPE_CHECKING, cast

from aiohttp import web

from airflow_provider_integrator.simulator.recording import RecordedRequest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from airflow_provider_integrator.simulator.answers import Answer, Cut

# Linger of 0 s: closing such a socket sends RST.
_RESET = struct.pack("ii", 1, 0)
_BACKLOG = 4096
# How long a stop waits for answers that are being written, in seconds.
_GRACE = 0.2
_START_TIMEOUT = 30.0

# Bytes of a request's first line: a search for a long text, each character of which may take twelve bytes.
_MAX_LINE = 128 * 1024


class HttpServer:
    """Serves one function over HTTP.

    :param answer: Makes the answer to a request; called in a worker thread, so it may take its time.
    :param clock: Gives the requests their ``time``.
    :param host: The address to bind to.
    :param port: The port; 0 for any free one, which a later start keeps.
    :param ssl_context: Serves https if given.
    """

    def __init__(
        self,
        answer: Callable[[RecordedRequest], Answer],
        clock: Callable[[], float],
        host: str,
        port: int,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self.host = host
        self.port = port
        self.connections = 0
        self._answer = answer
        self._clock = clock
        self._ssl_context = ssl_context
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._numbers: weakref.WeakKeyDictionary[asyncio.BaseTransport, int] = weakref.WeakKeyDictionary()
        self._next_number = itertools.count(1)

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        scheme = "http" if self._ssl_context is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    def start(self) -> None:
        """Serve until :meth:`stop`.

        :raises RuntimeError: If the server runs already or doesn't come up.
        :raises OSError: If the port can't be bound.
        """
        if self._thread is not None:
            raise RuntimeError("the server runs already")
        ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="integrator-simulator")
        self._thread.daemon = True
        self._thread.start()
        came_up = ready.wait(_START_TIMEOUT)
        if self._failure is not None or not came_up:
            failure = self._failure or RuntimeError("the server didn't start")
            self.stop()
            raise failure

    def stop(self) -> None:
        """Close every socket and end the thread; does nothing if the server doesn't run."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stopping is not None:
            # The loop is closed already if the server failed to start.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:  # noqa: BLE001 - raised again where start() was called
            self._failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = web.Server(self._handle, access_log=None, max_line_size=_MAX_LINE)

        def accept() -> asyncio.Protocol:
            self.connections += 1
            return server()

        listener = await self._loop.create_server(
            accept, self.host, self.port, ssl=self._ssl_context, backlog=_BACKLOG
        )
        self.port = listener.sockets[0].getsockname()[1]
        ready.set()
        try:
            await self._stopping.wait()
        finally:
            await _close(server, listener)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        record = await self._record(request)
        # In a worker thread: a large log is packed there while other requests go on.
        answer = await asyncio.get_running_loop().run_in_executor(None, self._answer, record)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.cut is not None:
            return await _break_off(request, answer, answer.cut)
        record.status, record.size = answer.status, answer.length
        if isinstance(answer.body, bytes):
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response = await _head(request, answer)
        for chunk in answer.chunks():
            await response.write(chunk)
        await response.write_eof()
        return response

    async def _record(self, request: web.BaseRequest) -> RecordedRequest:
        form: dict[str, str] = {}
        if request.content_type == "application/x-www-form-urlencoded":
            form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        return RecordedRequest(
            method=request.method,
            path=request.path,
            query=list(request.query.items()),
            headers=request.headers,
            form=form,
            time=self._clock(),
            connection=self._number_of(request.transport),
        )

    def _number_of(self, transport: asyncio.BaseTransport | None) -> int:
        # None if the client has gone already.
        if transport is None:
            return 0
        if transport not in self._numbers:
            self._numbers[transport] = next(self._next_number)
        return self._numbers[transport]


async def _close(server: web.Server, listener: asyncio.Server) -> None:
    listener.close()
    transports = [connection.transport for connection in server.connections]
    # Idle connections first, so that only answers that are being written are waited for.
    server.pre_shutdown()
    await server.shutdown(_GRACE)
    for transport in transports:
        # TLS would wait half a minute for the client's goodbye.
        if transport is not None:
            transport.abort()
    await listener.wait_closed()


async def _head(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = max(answer.length, 1)
    await response.prepare(request)
    return response


async def _break_off(request: web.BaseRequest, answer: Answer, cut: Cut) -> web.StreamResponse:
    response = web.StreamResponse()
    if cut.after == "half":
        response = await _head(request, answer)
        left = answer.length // 2
        for chunk in answer.chunks():
            await response.write(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                break
    transport = cast("asyncio.WriteTransport", request.transport)
    if cut.ending == "reset":
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    else:
        transport.close()
    return response
