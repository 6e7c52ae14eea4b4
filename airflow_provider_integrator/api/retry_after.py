"""The header Retry-After: honoured up to a cap, ignored if it can't be read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

#: The longest Retry-After that is honoured, in seconds. Longer ones are cut to it, so that one answer can't stop
#: the polls of a flow for a day.
MAX_RETRY_AFTER = 300.0


def read_retry_after(headers: Mapping[str, str]) -> float:
    """Parse the header.

    :param headers: An answer's headers, with case-insensitive names.
    :return: The seconds that the server asks for, uncapped; 0 if there is no header, it can't be read, or its time is
        over.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # "-0000": UTC, from an unknown zone
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
