"""A flow's executions since a moment, whatever the order of List logs, which isn't documented."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, LogQuery, Script
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.pages import Page, Paging
from airflow_provider_integrator.exceptions import ResponseError

log = logging.getLogger(__name__)


class NewestFirst:
    """Observes whether all logs so far came newest first; the order of List logs isn't documented.

    :ivar is_possible: Whether no log so far contradicts it.
    """

    #: Younger logs in front of older ones that don't come about by chance: one order in some millions has so many.
    ENOUGH = 10

    def __init__(self) -> None:
        self._last: datetime | None = None
        self.is_possible = True
        self._descents = 0

    def see(self, created: datetime) -> None:
        """Take the next log's time."""
        if self._last is not None:
            self.is_possible = self.is_possible and created <= self._last
            self._descents += created < self._last
        self._last = created

    @property
    def is_shown(self) -> bool:
        """Whether the logs so far show it beyond doubt."""
        return self.is_possible and self._descents >= self.ENOUGH

    def all_before(self, moment: datetime) -> bool:
        """Return whether every log still to come must be older than a moment."""
        return self.is_possible and self._descents > 0 and self._last is not None and self._last < moment


@dataclass(frozen=True)
class Sighting:
    """What a history says of one execution.

    :param execution_id: The execution.
    :param timestamp: The time by which the history places it: created, or finished if that is unknown.
    :param is_created: Whether the timestamp is the time of its creation.
    :param execution: The execution; None if it can't be read.
    :param error: Why not.
    """

    execution_id: str
    timestamp: datetime
    is_created: bool
    execution: Execution | None
    error: ResponseError | None = None


@dataclass(frozen=True)
class History:
    """A flow's executions since a moment.

    :param sightings: Those created at or after the moment, oldest first.
    :param faults: What keeps logs from being among them: of those that were created then the missing execution id; the
        missing time, if no log has one.
    :param pages: How many pages were read.
    :param since: The moment.
    :param order: The order of the logs that were read.
    """

    sightings: tuple[Sighting, ...]
    faults: tuple[ResponseError, ...]
    pages: int
    since: datetime
    order: NewestFirst

    @property
    def executions(self) -> list[Execution]:
        """Those that can be read, oldest first."""
        return [seen.execution for seen in self.sightings if seen.execution is not None]

    @property
    def errors(self) -> list[ResponseError]:
        """Why the others can't."""
        return [*(seen.error for seen in self.sightings if seen.error is not None), *self.faults]

    def first_since(self, moment: datetime) -> Sighting | None:
        """Choose the first execution that was created at or after a moment.

        :param moment: With a time zone.
        :return: The execution, readable or not; None if there is none yet.
        :raises ResponseError: There may be one, which has no id to wait for, or no time to choose it by.
        """
        since = to_milliseconds(moment)
        for seen in self.sightings:
            if seen.is_created and seen.timestamp >= since:
                return seen
        if self.faults:
            raise self.faults[0]
        return None


def to_milliseconds(moment: datetime) -> datetime:
    """Cut a moment to the precision of List logs, so that an execution of the same millisecond counts.

    :param moment: Any moment.
    :return: The beginning of its millisecond.
    """
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class _HistoryReader:
    """Collects what the logs of some pages say of a flow's executions since a moment."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment
        self._order = NewestFirst()
        self._found: dict[str, Sighting] = {}
        self._faults: list[ResponseError] = []
        self._timeless: Fields | None = None
        self._is_dated = False

    def take(self, fields: Fields) -> None:
        created = fields.optional_time("created")
        if created is None:
            self._timeless = self._timeless or fields
        else:
            self._is_dated = True
            self._order.see(created)
        timestamp = created or fields.optional_time("finished")
        if timestamp is None or timestamp < self._moment:
            return
        try:
            seen = _sighting(fields, timestamp, is_created=created is not None)
        except ResponseError as error:
            self._faults.append(error)
        else:
            self._found[seen.execution_id] = seen

    def has_all(self) -> bool:
        return self._order.all_before(self._moment)

    def history(self, pages: int) -> History:
        if self._timeless is not None and not self._is_dated:
            self._faults.append(self._timeless.fault("created", "a time"))
        sightings = sorted(self._found.values(), key=lambda seen: seen.timestamp)
        return History(tuple(sightings), tuple(self._faults), pages, self._moment, self._order)


def read_since(
    project_id: str,
    flow_id: str,
    moment: datetime,
    first_limit: int = MAX_PAGE_SIZE,
    is_last: Callable[[Page], bool] = lambda page: False,
) -> Script[History]:
    """Read a flow's executions that were created at or after a moment.

    All pages are read, unless those read so far show that the newest come first. One log that can't be read hides no
    other.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: With a time zone.
    :param first_limit: The size of the first page. If a small one isn't enough, the history is read again from its
        beginning, in whole pages.
    :param is_last: Is called with each page; returns whether it is known to be the last one.
    :return: The executions, and how many pages it took.
    """
    moment, limit, number = to_milliseconds(moment), first_limit, 1
    reader, paging = _HistoryReader(moment), Paging()
    while True:
        page: Page = yield endpoints.list_logs(LogQuery(project_id, flow_id, limit=limit), number)
        is_end = is_last(page)
        for fields in paging.take(page):
            reader.take(fields)
        if is_end or paging.ended or reader.has_all():
            return reader.history(number)
        if limit < MAX_PAGE_SIZE:
            limit, reader, paging = MAX_PAGE_SIZE, _HistoryReader(moment), Paging()
        else:
            number += 1


def _sighting(fields: Fields, timestamp: datetime, *, is_created: bool) -> Sighting:
    execution_id = fields.identifier("filename_uuid")
    try:
        return Sighting(execution_id, timestamp, is_created, Execution.read(fields))
    except ResponseError as error:
        return Sighting(execution_id, timestamp, is_created, None, error)


def executions_since(project_id: str, flow_id: str, moment: datetime) -> Script[list[Execution]]:
    """Ask for a flow's executions that were created at or after a moment.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: With a time zone.
    :return: The executions, oldest first; those that can't be read are left out, with a warning.
    """
    history = yield from read_since(project_id, flow_id, moment)
    if errors := history.errors:
        log.warning(
            "Executions that can't be read and are left out: %d. The first: %s", len(errors), errors[0]
        )
    return history.executions


def first_execution_since(project_id: str, flow_id: str, moment: datetime) -> Script[Execution | None]:
    """Ask for a flow's first execution that was created at or after a moment.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: With a time zone.
    :return: The execution; None if there is none yet.
    :raises ResponseError: There is one, and it can't be read.
    """
    history = yield from read_since(project_id, flow_id, moment)
    first = history.first_since(moment)
    if first is not None and first.error is not None:
        raise first.error
    return None if first is None else first.execution
