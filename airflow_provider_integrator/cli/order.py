"""The order of List logs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime


def order_of(created: Sequence[datetime | None]) -> str:
    """Name the order of logs.

    :param created: When the logs were created, in their order; None if unknown.
    :return: ``newest first``, ``oldest first``, ``neither newest nor oldest first`` or ``unknown``.
    """
    times = [each for each in created if each is not None]
    pairs = list(itertools.pairwise(times))
    if len(set(times)) < 2:
        return "unknown"
    if all(one >= other for one, other in pairs):
        return "newest first"
    if all(one <= other for one, other in pairs):
        return "oldest first"
    return "neither newest nor oldest first"
