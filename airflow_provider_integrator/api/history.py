"""A flow's executions since a point in time, in whatever order List logs returns them (undocumented)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import LogQuery, Script
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.pages import Page, Paging
from airflow_provider_integrator.exceptions import ResponseError

log = logging.getLogger(__name__)


class NewestFirst:
    """Detects whether List logs, whose order isn't documented, returns the newest logs first."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._ordered = True
        self._descended = False

    def see(self, created: datetime) -> None:
        """Record the creation time of the next log.

        :param created: The time.
        """
        if self._last is not None:
            self._ordered = self._ordered and created <= self._last
            self._descended = self._descended or created < self._last
        self._last = created

    def all_before(self, moment: datetime) -> bool:
        """Return whether all further logs must be older than a point in time.

        :param moment: The point in time.
        :return: True only if all logs so far came newest first, and the last one is older.
        """
        return self._ordered and self._descended and self._last is not None and self._last < moment


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
    :param pages: The number of pages read.
    """

    sightings: tuple[Sighting, ...]
    faults: tuple[ResponseError, ...]
    pages: int

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
        since = to_milliseconds(moment)
        for seen in self.sightings:
            if seen.is_created and seen.timestamp >= since and (before is None or seen.timestamp < before):
                return seen
        if self.faults:
            raise self.faults[0]
        return None


def to_milliseconds(moment: datetime) -> datetime:
    """Truncate a time to milliseconds, the precision of List logs.

    :param moment: The time.
    :return: The truncated time.
    """
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class _HistoryReader:
    """Collects a flow's executions since a point in time from the logs of several pages."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment
        self._order = NewestFirst()
        self._found: dict[str, Sighting] = {}
        self._faults: list[ResponseError] = []
        self._undated: Fields | None = None
        self._has_dated = False

    def take(self, fields: Fields) -> None:
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

    def has_all(self) -> bool:
        return self._order.all_before(self._moment)

    def history(self, pages: int) -> History:
        if self._undated is not None and not self._has_dated:
            self._faults.append(self._undated.fault("created", "a time"))
        # Of those of one millisecond a readable one comes first: an unreadable one doesn't hide it from a wait.
        sightings = sorted(self._found.values(), key=lambda seen: (seen.timestamp, seen.execution is None))
        return History(tuple(sightings), tuple(self._faults), pages)


def read_since(
    project_id: str, flow_id: str, moment: datetime, first_page: Page | None = None
) -> Script[History]:
    """Read a flow's executions created at or after a point in time.

    All pages are read, unless those read so far come newest first. An unreadable log doesn't hide the others.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: The point in time, with a time zone.
    :param first_page: The first page, if it has already been fetched.
    :return: The history.
    """
    query, moment = LogQuery(project_id, flow_id), to_milliseconds(moment)
    reader, paging, number = _HistoryReader(moment), Paging(), 1
    page = first_page
    while True:
        if page is None:
            page = yield endpoints.list_logs(query, number)
        for fields in paging.take(page):
            reader.take(fields)
        if paging.ended or reader.has_all():
            return reader.history(number)
        page, number = None, number + 1


def _sighting(fields: Fields, timestamp: datetime, *, is_created: bool) -> Sighting:
    execution_id = fields.identifier("filename_uuid")
    try:
        return Sighting(execution_id, timestamp, is_created, Execution.read(fields))
    except ResponseError as error:
        return Sighting(execution_id, timestamp, is_created, None, error)


def executions_since(project_id: str, flow_id: str, moment: datetime) -> Script[list[Execution]]:
    """Fetch a flow's executions created at or after a point in time.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: The point in time, with a time zone.
    :return: The executions, oldest first; unreadable ones are skipped, with a warning.
    """
    history = yield from read_since(project_id, flow_id, moment)
    if errors := history.errors:
        log.warning("Skipped %d executions that can't be read. The first: %s", len(errors), errors[0])
    return history.executions


def first_execution_since(
    project_id: str, flow_id: str, moment: datetime, before: datetime | None = None
) -> Script[Execution | None]:
    """Fetch a flow's first execution created within a window.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: The window's beginning, with a time zone.
    :param before: Its end, which doesn't belong to it; None: it has no end.
    :return: The execution; None if there is none yet.
    :raises ResponseError: There is one, but it can't be read.
    """
    history = yield from read_since(project_id, flow_id, moment)
    first = history.first_since(moment, before)
    if first is not None and first.error is not None:
        raise first.error
    return None if first is None else first.execution
