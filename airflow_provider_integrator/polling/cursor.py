"""The record of a flow's delivered executions, which survives a restart. No I/O."""

from __future__ import annotations

import logging
from calendar import timegm
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import ConfigurationError

log = logging.getLogger(__name__)

#: Delivered executions that are remembered at least: one may show up in List logs after so many younger ones.
KEPT = 50
#: The youngest of them, which every reading covers: most of those that show up late do so soon.
NEAR = 5
#: Executions that are delivered between two readings at most.
BATCH = 250
#: Old unfinished executions that are remembered at most, and for how long.
MAX_OPEN = 500
MAX_AGE = timedelta(days=7)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Seen(NamedTuple):
    """One execution of a reading.

    :param execution_id: The execution.
    :param created: The creation time in epoch milliseconds.
    :param execution: The execution if it has finished; None if it hasn't, or can't be read.
    """

    execution_id: str
    created: int
    execution: Execution | None

    @classmethod
    def of(cls, execution: Execution) -> Seen:
        """Make it from an execution.

        :param execution: The execution.
        :return: Its id and times, and the execution if it has finished.
        """
        finished = execution if execution.is_finished else None
        return cls(execution.execution_id, to_epoch(execution.timestamp or _EPOCH), finished)


@dataclass
class FlowCursor:
    """Remembers which executions have been delivered, so that each is delivered once, in whatever order they come.

    Of the executions created before ``since``, all but ``open`` have been delivered; of the others, ``delivered``.
    ``since`` rises as executions are delivered, from the second whole reading on: an execution that moved from page to
    page during one is in the next.

    Its size is bounded: ``delivered`` by ``KEPT`` and ``BATCH``, ``open`` by ``MAX_OPEN``.

    :param since: In epoch milliseconds.
    :param delivered: Delivered executions, with their creation times.
    :param open: Executions that hadn't been delivered when ``since`` passed them, with their creation times.
    """

    since: int
    delivered: dict[str, int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)
    _pending: dict[str, int] = field(default_factory=dict, repr=False)
    _has_read: bool = field(default=False, repr=False)

    @classmethod
    def read(cls, stored: Any) -> FlowCursor:
        """Parse a stored cursor.

        :param stored: The JSON object that :meth:`as_json` made.
        :return: The cursor.
        :raises ConfigurationError: The value is something else.
        """
        try:
            delivered, unfinished = dict(stored["delivered"]), dict(stored["open"])
            return cls(int(stored["since"]), delivered, unfinished)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                "The cursor in the asset's state store can't be read; delete its key there to start again."
            ) from error

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object to store."""
        return {"since": self.since, "delivered": dict(self.delivered), "open": dict(self.open)}

    def start(self, reading: Iterable[Seen]) -> None:
        """Take the executions that finished before the first start as delivered.

        :param reading: All executions created since ``since``.
        """
        for seen in self._undelivered(reading):
            self.mark_delivered(seen.execution_id, seen.created)
        self._rise(bound=None)
        self._give_up()

    def recent(self) -> int | None:
        """Choose the latest time since which the next reading may read.

        :return: The time in epoch milliseconds; None if it must read since ``since``, which is to rise.
        """
        if not self._has_read or len(self.delivered) > 2 * KEPT:
            return None
        youngest = sorted(self.delivered.values(), reverse=True)[:NEAR]
        return max(self.since, min([*self._pending.values(), *youngest], default=self.since))

    def choose(self, reading: Iterable[Seen], *, is_whole: bool = True) -> list[Seen]:
        """Choose the executions to deliver next. Those chosen before have been delivered, or are chosen again.

        :param reading: The executions created since ``since`` or ``recent``, and of the open ones those that were
            looked up.
        :param is_whole: Whether it has all executions created since ``since``.
        :return: Finished executions that haven't been delivered, oldest first, at most ``BATCH``.
        """
        undelivered = self._undelivered(reading)
        if is_whole:
            if self._has_read:
                bound = (seen.created for seen in undelivered if seen.execution_id not in self.open)
                self._rise(min(bound, default=None))
            self._has_read = True
        self._give_up()
        return undelivered[:BATCH]

    def _undelivered(self, reading: Iterable[Seen]) -> list[Seen]:
        finished: dict[str, Seen] = {}
        for seen in reading:
            is_open = seen.execution_id in self.open
            if seen.execution_id in self.delivered or (seen.created < self.since and not is_open):
                continue
            if seen.execution is not None:
                finished[seen.execution_id] = seen
            if not is_open:
                self._pending[seen.execution_id] = seen.created
        return sorted(finished.values(), key=lambda seen: (seen.created, seen.execution_id))

    def mark_delivered(self, execution_id: str, created: int) -> None:
        """Record that an execution has been delivered.

        :param execution_id: The execution.
        :param created: Its creation time in epoch milliseconds.
        """
        self.open.pop(execution_id, None)
        self._pending.pop(execution_id, None)
        if created >= self.since:
            self.delivered[execution_id] = created

    def _rise(self, bound: int | None) -> None:
        """Raise ``since``, but not above an execution to be delivered nor the youngest delivered ones.

        :param bound: The creation time of the oldest execution to be delivered; None if there is none.
        """
        youngest = sorted(self.delivered.values(), reverse=True)
        if len(youngest) > KEPT:
            since = youngest[KEPT - 1]
            if sum(created >= since for created in youngest) > 2 * KEPT:
                since += 1  # too many of the same millisecond
            self.since = max(self.since, since if bound is None else min(since, bound))
            self.delivered = {
                each: created for each, created in self.delivered.items() if created >= self.since
            }
        passed = [each for each, created in self._pending.items() if created < self.since]
        for each in passed:
            self.open[each] = self._pending.pop(each)

    def _give_up(self) -> None:
        youngest = sorted(self.open, key=lambda each: self.open[each], reverse=True)
        too_old = to_epoch(datetime.now(timezone.utc) - MAX_AGE)
        for place, each in enumerate(youngest):
            if place >= MAX_OPEN or self.open[each] < too_old:
                log.warning(
                    "Execution %s, created %s, isn't waited for any longer: it isn't finished after %d days, "
                    "or one of more than %d.",
                    each,
                    from_epoch(self.open.pop(each)).isoformat(),
                    MAX_AGE.days,
                    MAX_OPEN,
                )


def read_statuses(status: str | Iterable[str]) -> tuple[str, ...]:
    """Parse a filter on the status.

    :param status: One or more of ``success``, ``failed`` and ``empty``.
    :return: The statuses, sorted, each once.
    :raises ConfigurationError: No status is given, or an unknown one.
    """
    known = [each.name.lower() for each in Status if each is not Status.IN_PROGRESS]
    wanted = {status} if isinstance(status, str) else set(status)
    if not wanted or not wanted <= set(known):
        raise ConfigurationError(f"status is {status!r}; set it to some of {', '.join(known)}.")
    return tuple(sorted(wanted))


def to_epoch(moment: datetime) -> int:
    """Convert a time to epoch milliseconds, rounded down.

    :param moment: The time, with a time zone.
    :return: The milliseconds.
    """
    # By its parts, as the difference of Airflow's own times can't be divided.
    return timegm(moment.utctimetuple()) * 1000 + moment.microsecond // 1000


def from_epoch(milliseconds: int) -> datetime:
    """Convert epoch milliseconds to a time.

    :param milliseconds: The milliseconds.
    :return: The time, in UTC.
    """
    return _EPOCH + timedelta(milliseconds=milliseconds)
