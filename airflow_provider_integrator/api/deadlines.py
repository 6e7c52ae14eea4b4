"""A time limit on the whole of a request for requests, whose own timeout limits each silence only.

A server that sends one byte a second, in the body, in the headers or in endless ``100 Continue``, would never end
a request otherwise. Before each operation of a connection its socket's timeout is set to what is left of the limit,
so there is no thread and no timer for it.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from urllib3 import ProxyManager


class Deadline:
    """The time limit of one request, from now on.

    :param silence: The maximum seconds without data.
    :param total: The maximum seconds for the whole of the request.
    """

    def __init__(self, silence: float, total: float) -> None:
        self._silence = silence
        self._end = time.monotonic() + total

    @property
    def is_over(self) -> bool:
        """Whether the request's time is over, or so nearly that a timer of its end may have rung."""
        return self._end - time.monotonic() < 0.01

    def timeout(self) -> float:
        """Return the timeout of the request's next operation.

        :return: The seconds, above 0.
        :raises TimeoutError: The request's time is over.
        """
        left = self._end - time.monotonic()
        if left <= 0.0:
            raise TimeoutError("the time limit of the whole request is over")
        return min(self._silence, left)


_current: ContextVar[Deadline] = ContextVar("deadline")


@contextmanager
def within(deadline: Deadline) -> Iterator[None]:
    """Apply a time limit to the request that a session with a :class:`DeadlineAdapter` sends in this context."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


class _Reader(io.RawIOBase):
    """The reading side of a socket, within a time limit."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        self._sock.settimeout(self._deadline.timeout())
        return self._raw.readinto(buffer)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer, or a proxy's to CONNECT, that is read within the time limit of its request."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, _current.get()))


class _Within:
    """Connects and sends within the time limit of the request: a mixin for urllib3's connections."""

    response_class: Any = _Response
    sock: socket.socket | None

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]  # the connection has it
        sock.settimeout(_current.get().timeout())  # for the TLS handshake
        return sock

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(_current.get().timeout())
        super().send(data)  # type: ignore[misc]  # the connection has it


class _HTTPConnection(_Within, HTTPConnection):
    pass


class _HTTPSConnection(_Within, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class DeadlineAdapter(HTTPAdapter):
    """An adapter whose requests, direct or through an HTTP proxy, are sent :func:`within` a time limit."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        """Make the pools of connections through a proxy.

        :param proxy: The proxy's URL.
        :return: The pools; a SOCKS proxy's have their own connections, which limit each silence only.
        """
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager
