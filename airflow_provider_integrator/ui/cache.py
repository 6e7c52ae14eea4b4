"""A small cache: what was asked a moment ago isn't asked again, and what is being asked isn't asked twice."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent import futures
from concurrent.futures import Future
from typing import Any, TypeVar

from airflow_provider_integrator.exceptions import UnavailableError

T = TypeVar("T")


class Cache:
    """Values and errors by key, each for some seconds. Callers of a value that is being loaded share the load.

    :param seconds: How long a value is kept after it has been loaded.
    :param entries: The maximum number of values; the ones used longest ago are forgotten.
    :param patience: The maximum seconds that a caller waits for another one's load.
    """

    def __init__(self, seconds: float, entries: int, patience: float) -> None:
        self._seconds = seconds
        self._entries = entries
        self._patience = patience
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, tuple[Future[Any], list[float]]] = OrderedDict()

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        """Return the value of a key, loading it if it isn't known or too old.

        :param key: The key.
        :param load: Loads the value; what it raises is kept, too, and raised to all callers.
        :return: The value.
        :raises UnavailableError: Another caller's load takes too long.
        """
        with self._lock:
            future, expires = self._known.get(key, (None, []))
            is_mine = future is None or bool(expires and expires[0] <= time.monotonic())
            if future is None or is_mine:
                future, expires = Future(), []
                self._known[key] = future, expires
            self._known.move_to_end(key)
            while len(self._known) > self._entries:
                self._known.popitem(last=False)
        if is_mine:
            try:
                future.set_result(load())
            except BaseException as error:  # noqa: BLE001 - raised below, to all who wait for it
                future.set_exception(error)
            expires.append(time.monotonic() + self._seconds)
        try:
            return future.result(self._patience)  # type: ignore[no-any-return]  # what load returned
        except (TimeoutError, futures.TimeoutError):  # two, on Python 3.10
            if future.done():  # the load's own error
                raise
            raise UnavailableError("Others are waiting for the same answer, which takes long.") from None
