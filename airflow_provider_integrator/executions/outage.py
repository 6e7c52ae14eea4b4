"""The tolerance of failed polls, by time: an outage is as long in a worker as in a triggerer."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timezone

from airflow_provider_integrator.exceptions import TransientError

log = logging.getLogger(__name__)


class Outage:
    """The time for which all polls of a wait have failed.

    :param tolerance: Seconds after which the wait gives up; 0: at the first failed poll.
    :param began: When the first of the polls failed, in seconds since the epoch, if another process saw it.
    """

    __slots__ = ("began", "tolerance")

    def __init__(self, tolerance: float, began: float | None = None) -> None:
        self.tolerance = tolerance
        self.began = began

    def end(self) -> None:
        """Record a successful poll."""
        self.began = None

    def add(self, error: Exception) -> None:
        """Record a failed poll, and log that the wait goes on.

        :param error: Its error.
        :raises Exception: The error, if it is permanent or if polls have failed for too long.
        """
        if not isinstance(error, TransientError):
            raise error
        now = time.time()
        if self.began is None:
            self.began = now
        lasted = max(0.0, now - self.began)  # another machine's clock may be ahead
        if lasted >= self.tolerance:
            if lasted:
                log.error("%s", self.described())
            raise error
        log.warning(
            "A poll failed; the wait goes on, as polls may fail for %g s (outage_tolerance),\n%.0f s from now. %s",
            self.tolerance,
            self.tolerance - lasted,
            error,
        )

    def described(self) -> str:
        """Describe in a sentence since when polls have failed; empty if the last poll succeeded."""
        if self.began is None:
            return ""
        since = datetime.fromtimestamp(self.began, timezone.utc).isoformat(timespec="seconds")
        lasted = max(0.0, time.time() - self.began)
        return (
            f"All polls have failed since {since}, for {lasted:.0f} s;\n"
            f"outage_tolerance is {self.tolerance:g} s."
        )
