"""The header Retry-After: honoured up to a cap, ignored if it can't be read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime

#: The longest Retry-After that is honoured, in seconds. Longer ones are cut to it, so that one answer can't stop
#: the polls of a flow for a day.
MAX_RETRY_AFTER = 300.0


@dataclass(frozen=True)
class RetryAfter:
    """A server's request to wait before the next attempt.

    :param asked: The seconds that the server asked for, above 0.
    """

    asked: float

    @property
    def seconds(self) -> float:
        """The seconds to wait, at most ``MAX_RETRY_AFTER``."""
        return min(self.asked, MAX_RETRY_AFTER)

    def __str__(self) -> str:
        cut = f" (at most {MAX_RETRY_AFTER:g} s are honoured)" if self.asked > MAX_RETRY_AFTER else ""
        return f"{self.asked:.10g} s{cut}"

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> RetryAfter | None:
        """Parse the header.

        :param headers: An answer's headers, with case-insensitive names.
        :return: The request; None if there is no header, it can't be read, or its time is over.
        """
        value = headers.get("Retry-After", "").strip()
        asked = float(value) if value.isdecimal() else _seconds_until(value)
        return cls(asked) if asked > 0 else None


def _seconds_until(date: str) -> float:
    """Return the seconds until an HTTP date; 0 if it can't be read."""
    try:
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:  # "-0000": UTC, from an unknown zone
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
