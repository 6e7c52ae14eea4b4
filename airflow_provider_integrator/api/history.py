"""A flow's executions since a point in time, in whatever order List logs returns them (undocumented)."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, LogQuery, Script
from airflow_provider_integrator.api.enums import State
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.pages import Page, Paging
from airflow_provider_integrator.exceptions import ResponseError

log = logging.getLogger(__name__)

#: A point in time before every execution.
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class NewestFirst:
    """Detects whether List logs, whose order isn't documented, returns the newest logs first.

    :param before: What the logs of other flows have shown, which holds until a log contradicts it; None: nothing.
    :ivar is_possible: Whether no log so far contradicts it.
    """

    #: Logs of one flow that each follow a younger one, of which one random order in millions has so many.
    ENOUGH = 10

    def __init__(self, before: NewestFirst | None = None) -> None:
        self.is_possible = True
        self._last: datetime | None = None
        self._descents = 0
        #: The number of equally likely orders of which only one looks like this.
        self._orders: int = before._orders if before is not None and before.is_possible else 1

    def see(self, created: datetime) -> None:
        """Record the creation time of the next log."""
        if self._last is not None:
            self.is_possible = self.is_possible and created <= self._last
            if created < self._last and self._orders < _NO_DOUBT:
                self._descents += 1
                self._orders *= self._descents + 1
        self._last = created

    @property
    def is_shown(self) -> bool:
        """Whether the logs so far leave no doubt about it."""
        return self.is_possible and self._orders >= _NO_DOUBT

    def all_before(self, moment: datetime) -> bool:
        """Return whether all logs so far came newest first, and the last one, like all further ones, is older."""
        return self.is_possible and self._orders > 1 and self._last is not None and self._last < moment


#: The number of orders that as many logs of one flow may have.
_NO_DOUBT = math.factorial(NewestFirst.ENOUGH + 1)


@dataclass(frozen=True)
class Sighting:
    """One execution of a history, parsed or not.

    :param execution_id: The execution.
    :param timestamp: The time that it is sorted by: created, or finished if that is unknown.
    :param is_created: Whether the timestamp is the creation time.
    :param execution: The execution; None if it can't be read.
    :param error: Why it can't be read; None if it can.
    """

    execution_id: str
    timestamp: datetime
    is_created: bool
    execution: Execution | None
    error: ResponseError | None = None


@dataclass(frozen=True)
class History:
    """A flow's executions since a point in time.

    :param sightings: The executions created at or after it, oldest first.
    :param faults: Errors of logs that can't be listed: a missing execution id, or missing times if no log has
        one.
    :param since: The point in time.
    :param pages: The number of pages read.
    :param is_complete: Whether all pages of the flow were read.
    :param order: The order of the logs read.
    """

    sightings: tuple[Sighting, ...]
    faults: tuple[ResponseError, ...]
    since: datetime
    pages: int
    is_complete: bool
    order: NewestFirst

    @property
    def executions(self) -> list[Execution]:
        """The readable executions, oldest first."""
        return [seen.execution for seen in self.sightings if seen.execution is not None]

    @property
    def errors(self) -> list[ResponseError]:
        """The errors of the unreadable logs."""
        return [*(seen.error for seen in self.sightings if seen.error is not None), *self.faults]

    def first_since(self, moment: datetime, before: datetime | None = None) -> Sighting | None:
        """Choose the first execution created within a window.

        :param moment: The window's beginning, with a time zone.
        :param before: Its end, which doesn't belong to it; None: it has no end.
        :return: The execution, readable or not; None if there is none yet.
        :raises ResponseError: There may be one, but it has no id or no creation time.
        """
        since, end = to_milliseconds(moment), None if before is None else to_milliseconds(before)
        for seen in self.sightings:
            if seen.is_created and seen.timestamp >= since and (end is None or seen.timestamp < end):
                return seen
        if self.faults:
            raise self.faults[0]
        return None


def to_milliseconds(moment: datetime) -> datetime:
    """Truncate a time to milliseconds, the precision of List logs."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class HistoryReader:
    """Collects a flow's executions since a point in time from the logs of several pages.

    :param moment: The point in time.
    :param before: What the logs of other flows have shown of their order; None: nothing.
    """

    def __init__(self, moment: datetime, before: NewestFirst | None = None) -> None:
        self._moment = moment
        self._order = NewestFirst(before)
        self._found: dict[str, Sighting] = {}
        self._faults: list[ResponseError] = []
        self._undated: Fields | None = None
        self._has_dated = False

    def take(self, fields: Fields) -> None:
        """Take the next log, unparsed."""
        created = fields.optional_time("created")
        if created is None:
            self._undated = self._undated or fields
        else:
            self._has_dated = True
            self._order.see(created)
        timestamp = created or fields.optional_time("finished")
        if timestamp is None or timestamp < self._moment:
            return
        try:
            seen = _sighting(fields, timestamp, is_created=created is not None)
        except ResponseError as error:
            self._faults.append(error)
        else:
            if seen.execution is not None or seen.execution_id not in self._found:
                self._found[seen.execution_id] = seen

    @property
    def is_newest_first(self) -> bool:
        """Whether the logs so far leave no doubt that the newest ones come first."""
        return self._order.is_shown

    def has_all(self) -> bool:
        """Return whether all further logs must be older than the point in time."""
        return self._order.all_before(self._moment)

    def history(self, pages: int, *, is_complete: bool) -> History:
        """Make the history of the logs so far."""
        if self._undated is not None and not self._has_dated:
            self._faults.append(self._undated.fault("created", "a time"))
        # Of those of one millisecond a readable one comes first: an unreadable one doesn't hide it from a wait.
        sightings = sorted(self._found.values(), key=lambda seen: (seen.timestamp, seen.execution is None))
        return History(tuple(sightings), tuple(self._faults), self._moment, pages, is_complete, self._order)


def read_since(
    project_id: str,
    flow_id: str,
    moment: datetime,
    *,
    first_limit: int = MAX_PAGE_SIZE,
    is_last: Callable[[Page], bool | None] = lambda page: False,
) -> Script[History]:
    """Read a flow's executions created at or after a point in time.

    All pages are read, unless those read so far come newest first. An unreadable log doesn't hide the others.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: The point in time, with a time zone.
    :param first_limit: The size of the first page. If a smaller one than usual isn't enough, the history is read
        again from its beginning, in pages of the usual size.
    :param is_last: Called with each page; returns true if it is known to be the last one.
    :return: The history.
    """
    moment, limit, number = to_milliseconds(moment), first_limit, 1
    reader, paging = HistoryReader(moment), Paging()
    while True:
        page: Page = yield endpoints.list_logs(LogQuery(project_id, flow_id, limit=limit), number)
        is_end = bool(is_last(page))
        for fields in paging.take(page):
            reader.take(fields)
        is_end = is_end or paging.ended
        if is_end or reader.has_all():
            return reader.history(number, is_complete=is_end)
        if limit < MAX_PAGE_SIZE:
            limit, reader, paging = MAX_PAGE_SIZE, HistoryReader(moment), Paging()
        else:
            number += 1


def _sighting(fields: Fields, timestamp: datetime, *, is_created: bool) -> Sighting:
    execution_id = fields.identifier("filename_uuid")
    try:
        return Sighting(execution_id, timestamp, is_created, Execution.read(fields))
    except ResponseError as error:
        return Sighting(execution_id, timestamp, is_created, None, error)


def usual_duration(logs: Iterable[Fields]) -> float | None:
    """Compute the median duration of the finished ones of some main logs, in seconds; None if no log has both times."""
    durations = []
    for fields in logs:
        created, finished = fields.optional_time("created"), fields.optional_time("finished")
        is_finished = fields.optional_member("state", State) is State.FINISHED
        if is_finished and created is not None and finished is not None:
            durations.append((finished - created).total_seconds())
    return statistics.median(durations) if durations else None


def executions_since(project_id: str, flow_id: str, moment: datetime) -> Script[list[Execution]]:
    """Fetch a flow's executions since a point in time, oldest first; unreadable ones are skipped, with a warning."""
    history = yield from read_since(project_id, flow_id, moment)
    if errors := history.errors:
        log.warning("Skipped %d executions that can't be read. The first: %s", len(errors), errors[0])
    return history.executions


def first_execution_since(
    project_id: str,
    flow_id: str,
    moment: datetime,
    before: datetime | None = None,
    see: Callable[[Page], None] = lambda page: None,
) -> Script[Execution | None]:
    """Fetch a flow's first execution created within a window.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: The window's beginning, with a time zone.
    :param before: Its end, which doesn't belong to it; None: it has no end.
    :param see: Called with each page.
    :return: The execution; None if there is none yet.
    :raises ResponseError: There is one, but it can't be read.
    """
    history = yield from read_since(project_id, flow_id, moment, is_last=see)
    first = history.first_since(moment, before)
    if first is not None and first.error is not None:
        raise first.error
    return None if first is None else first.execution
