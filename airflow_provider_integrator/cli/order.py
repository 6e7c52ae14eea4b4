"""The order of List logs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime

NEWEST, OLDEST, NEITHER, UNKNOWN = (
    "newest first",
    "oldest first",
    "neither newest nor oldest first",
    "unknown",
)


def order_of(created: Sequence[datetime | None]) -> str:
    """Name the order of logs.

    :param created: When the logs were created, in their order; None if unknown.
    :return: One of the four names above.
    """
    times = [each for each in created if each is not None]
    pairs = list(itertools.pairwise(times))
    if len(set(times)) < 2:
        return UNKNOWN
    if all(one >= other for one, other in pairs):
        return NEWEST
    if all(one <= other for one, other in pairs):
        return OLDEST
    return NEITHER
