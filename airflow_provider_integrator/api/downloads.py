"""Downloads of logs, which may be stored only some time after their execution has finished."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_integrator.api.lines import Line
from airflow_provider_integrator.api.models import Execution, Step
from airflow_provider_integrator.api.values import shown
from airflow_provider_integrator.exceptions import RequestError

log = logging.getLogger(__name__)


@dataclass
class LogPatience:
    """Decides whether to retry the download of a log that the server refuses.

    A log may be stored only after its execution has finished: the samples show ``is_send_S3`` 0 first and 1
    later. The answer of Download log until then isn't documented; 400 and 404 are assumed.

    :param log: The execution, step or line of the log; None if only the log's id is known.
    :param finished: When the execution finished; None: ``log_timeout`` counts from the first refusal.
    :param log_timeout: Seconds after that for which a refused download is retried.
    :param poll_interval: Seconds between two attempts.
    :param until: The deadline in seconds since the epoch, if another process has set it.
    """

    log: Execution | Step | Line | None
    finished: datetime | None
    log_timeout: float
    poll_interval: float
    until: float | None = None

    def pause_after(self, error: RequestError) -> float:
        """Choose the pause before the next attempt.

        :param error: The refusal of Download log.
        :return: The seconds to pause.
        :raises RequestError: The refusal is final, or ``log_timeout`` is over; the message has the log's
            state.
        """
        if error.status not in (400, 404):
            raise error
        if self.until is None:
            self.until = retries_end(self.finished, self.log_timeout)
        now = time.time()
        if now >= self.until:
            raise RequestError(f"{error} {self._explanation()}", error.status) from None
        pause = min(self.poll_interval, self.until - now)
        log.info(
            "The log isn't available yet. Next attempt in %.0f s; retries end in %.0f s (log_timeout). %s",
            pause,
            self.until - now,
            error,
        )
        return pause

    def _explanation(self) -> str:
        text = (
            f"The log was not available within log_timeout ({self.log_timeout:g} s) of the execution's end."
        )
        if self.log is None:
            return text
        return (
            f"{text} Its is_send_S3 in List logs is {shown(self.log.is_send_s3)} (1 seems to mean: stored)."
        )


def retries_end(finished: datetime | None, log_timeout: float) -> float:
    """Choose when a refused download is retried no more.

    :param finished: When the execution finished; None: ``log_timeout`` counts from now.
    :param log_timeout: Seconds after that.
    :return: Seconds since the epoch. A server's clock that is ahead of ours doesn't extend them.
    """
    now = time.time()
    return (now if finished is None else min(now, finished.timestamp())) + log_timeout
