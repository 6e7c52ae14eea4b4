"""Which of a flow's executions were told: what survives a restart. No I/O."""

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

#: Told executions that are remembered at the least: one may show up in List logs after this many younger ones.
KEPT = 50
#: Executions that are told between two readings at the most.
BATCH = 250
#: Old unfinished executions that are remembered at the most, and for how long.
MAX_OPEN = 500
MAX_AGE = timedelta(days=7)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Seen(NamedTuple):
    """What a reading says of one execution.

    :param execution_id: The execution.
    :param created: In epoch milliseconds.
    :param execution: The execution where it has finished, None where it hasn't or can't be read.
    """

    execution_id: str
    created: int
    execution: Execution | None

    @classmethod
    def of(cls, execution: Execution) -> Seen:
        """Shorten an execution."""
        finished = execution if execution.is_finished else None
        return cls(execution.execution_id, to_epoch(execution.timestamp or _EPOCH), finished)


@dataclass
class FlowCursor:
    """Remembers which executions were told, so that each is told once, in whatever order they come.

    Of what was created before ``since`` all has been told but ``open``; of the rest, ``told``. ``since`` rises
    as executions are told, from the second reading on: what slid from page to page during one is in the next.

    Its size is bounded: ``told`` by ``KEPT`` and ``BATCH``, ``open`` by ``MAX_OPEN``.

    :param since: In epoch milliseconds.
    :param told: Executions that were told, with their time of creation.
    :param open: Executions that weren't told when ``since`` passed them, with their time of creation.
    """

    since: int
    told: dict[str, int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)
    _pending: dict[str, int] = field(default_factory=dict, repr=False)
    _has_read: bool = field(default=False, repr=False)

    @classmethod
    def read(cls, stored: Any) -> FlowCursor:
        """Read what ``as_json`` made.

        :raises ConfigurationError: It is something else.
        """
        try:
            told, unfinished = dict(stored["told"]), dict(stored["open"])
            return cls(int(stored["since"]), told, unfinished)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                "The cursor in the asset's state store can't be read; delete its key there to start anew."
            ) from error

    def as_json(self) -> dict[str, Any]:
        """Make the JSON object to store."""
        return {"since": self.since, "told": dict(self.told), "open": dict(self.open)}

    def start(self, reading: Iterable[Seen]) -> None:
        """Take what has finished before the first start as told."""
        for seen in self._untold(reading):
            self.tell(seen.execution_id, seen.created)
        self._rise(bound=None)

    def choose(self, reading: Iterable[Seen]) -> list[Seen]:
        """Choose what is to be told next.

        :param reading: All executions created since ``since``, and of the open ones those that were looked at.
            All that was chosen before was told or is chosen again.
        :return: Finished executions that weren't told, oldest first, ``BATCH`` at the most.
        """
        news = self._untold(reading)
        if self._has_read:
            bound = (seen.created for seen in news if seen.execution_id not in self.open)
            self._rise(min(bound, default=None))
        self._has_read = True
        return news[:BATCH]

    def _untold(self, reading: Iterable[Seen]) -> list[Seen]:
        news: dict[str, Seen] = {}
        for seen in reading:
            is_open = seen.execution_id in self.open
            if seen.execution_id in self.told or (seen.created < self.since and not is_open):
                continue
            if seen.execution is not None:
                news[seen.execution_id] = seen
            if not is_open:
                self._pending[seen.execution_id] = seen.created
        return sorted(news.values(), key=lambda seen: (seen.created, seen.execution_id))

    def tell(self, execution_id: str, created: int) -> None:
        """Take note that an execution was told."""
        self.open.pop(execution_id, None)
        self._pending.pop(execution_id, None)
        if created >= self.since:
            self.told[execution_id] = created

    def _rise(self, bound: int | None) -> None:
        """Raise ``since`` as far as it may: not above what is still to be told, nor the youngest that were."""
        youngest = sorted(self.told.values(), reverse=True)
        if len(youngest) > KEPT:
            since = youngest[KEPT - 1]
            if sum(created >= since for created in youngest) > 2 * KEPT:
                since += 1  # too many of the same millisecond
            self.since = max(self.since, since if bound is None else min(since, bound))
            self.told = {each: created for each, created in self.told.items() if created >= self.since}
        passed = [each for each, created in self._pending.items() if created < self.since]
        for each in passed:
            self.open[each] = self._pending.pop(each)
        self._give_up()

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


def is_wanted(execution: Execution, statuses: Iterable[str]) -> bool:
    """Tell whether a finished execution's status is among some."""
    return execution.status.name.lower() in statuses


def read_statuses(status: str | Iterable[str]) -> tuple[str, ...]:
    """Read a filter on the status.

    :param status: One or more of ``success``, ``failed`` and ``empty``.
    :return: They, sorted, each once.
    :raises ConfigurationError: There is none, or another.
    """
    known = [each.name.lower() for each in Status if each is not Status.IN_PROGRESS]
    wanted = {status} if isinstance(status, str) else set(status)
    if not wanted or not wanted <= set(known):
        raise ConfigurationError(f"status is {status!r}; set it to some of {', '.join(known)}.")
    return tuple(sorted(wanted))


def to_epoch(moment: datetime) -> int:
    """Make epoch milliseconds of a moment, rounded down."""
    # By its parts, as the difference of Airflow's own times can't be divided.
    return timegm(moment.utctimetuple()) * 1000 + moment.microsecond // 1000


def from_epoch(milliseconds: int) -> datetime:
    """Make a moment of epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
