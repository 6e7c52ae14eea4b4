"""A download of a log that may be stored only after its execution has finished."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import TypeVar

from airflow_provider_integrator.api.endpoints import Call, Pause, Script
from airflow_provider_integrator.api.fields import shown
from airflow_provider_integrator.api.models import Execution, Step
from airflow_provider_integrator.exceptions import RequestError

T = TypeVar("T")

log = logging.getLogger(__name__)


class LogPatience:
    """Decides whether to ask again for a log that the server refuses.

    A log may be stored only after its execution has finished: the samples show ``is_send_S3`` 0 first and 1 later. What
    Download log answers until then isn't documented: 400 or 404, one must assume.

    :param log: The execution or step whose log it is; None if only its id is known: patience then begins with the
        first refusal.
    :param finished: When the execution finished.
    :param log_timeout: Seconds after that in which a log may come to exist.
    :param poll_interval: Seconds between two tries.
    :param until: The end of the patience in seconds since the epoch, if it has begun in another process.
    """

    def __init__(
        self,
        log: Execution | Step | None,
        finished: datetime | None,
        log_timeout: float,
        poll_interval: float,
        until: float | None = None,
    ) -> None:
        self._log = log
        self._finished = finished
        self._log_timeout = log_timeout
        self._poll_interval = poll_interval
        self.until = until

    def pause_after(self, error: RequestError) -> float:
        """Choose the pause before the next try.

        :param error: The refusal of Download log.
        :return: Seconds.
        :raises RequestError: The log isn't expected any more; the message says what List logs says of it.
        """
        if error.status not in (400, 404):
            raise error
        now = time.time()
        if self.until is None:
            # An Integrator whose clock is ahead of ours doesn't prolong the patience.
            began = now if self._finished is None else min(now, self._finished.timestamp())
            self.until = began + self._log_timeout
        if now >= self.until:
            raise RequestError(f"{error} {self._explanation()}", error.status) from error
        pause = min(self._poll_interval, self.until - now)
        log.info(
            "The log isn't there yet. Next try in %.0f s; patience (log_timeout) ends in %.0f s. %s",
            pause,
            self.until - now,
            error,
        )
        return pause

    def _explanation(self) -> str:
        text = f"No log came within log_timeout ({self._log_timeout:g} s) of the execution's end."
        if self._log is None:
            return text
        return (
            f"{text} List logs says is_send_S3 {shown(self._log.is_send_s3)} of it (1: stored, by all signs)."
        )


def download_when_stored(call: Call[T], patience: LogPatience) -> Script[T]:
    """Download a log, again and again while it may still be stored.

    :param call: Download log.
    :param patience: When to ask again.
    :return: What the call's receiver makes of the body.
    :raises RequestError: The log is refused, and isn't expected any more.
    """
    while True:
        try:
            return (yield call)  # type: ignore[no-any-return]  # the value of a Call[T]
        except RequestError as error:
            yield Pause(patience.pause_after(error))
