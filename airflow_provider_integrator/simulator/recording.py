"""What the simulator was asked: each request as it came, and what was answered."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Enough for every test; a load test of hours doesn't fill the memory.
_KEPT = 200_000


@dataclass(eq=False)
class RecordedRequest:
    """One request that reached the simulator.

    Headers and form hold the token and the password, so ``repr`` leaves them out. ``time`` is the simulator's
    clock in seconds since the epoch, ``connection`` the number of the TCP connection (from 1), ``status``
    what was answered (None until then, and if the connection was cut instead of an answer), ``size`` the bytes
    of the answer's body.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str] = field(repr=False)
    form: dict[str, str] = field(repr=False)
    time: float
    connection: int
    status: int | None = None
    size: int = 0

    def param(self, name: str) -> str | None:
        """Look up a query parameter.

        :param name: Its name, as it is spelled in the URL.
        :return: Its first value, None if it is absent.
        """
        return next((value for key, value in self.query if key == name), None)


class Recorder:
    """The requests in order of arrival, and how many there were for each path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[RecordedRequest] = deque(maxlen=_KEPT)
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, request: RecordedRequest) -> None:
        """Record a request.

        :param request: The request.
        """
        with self._lock:
            self._requests.append(request)
            self._counts[request.method, request.path] += 1

    def all(self) -> list[RecordedRequest]:
        """The latest requests (at most 200,000).

        :return: A list of its own, in order of arrival.
        """
        with self._lock:
            return list(self._requests)

    def count(self, path: str | None, method: str | None) -> int:
        """Count requests, also those that are too long ago to be kept.

        :param path: Only requests for this path.
        :param method: Only requests with this method.
        :return: How many there were.
        """
        with self._lock:
            return sum(
                number
                for (of_method, of_path), number in self._counts.items()
                if path in (None, of_path) and method in (None, of_method)
            )

    def clear(self) -> None:
        """Forget all requests and counts."""
        with self._lock:
            self._requests.clear()
            self._counts.clear()
