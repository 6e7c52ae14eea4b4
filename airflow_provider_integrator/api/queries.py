"""What takes more than one call, or a choice from an answer. Sans-I/O: yields calls and pauses, is sent the calls' values."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import Call, LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.fields import Fields, shown
from airflow_provider_integrator.api.models import Execution, Flow, Line, Project, Step
from airflow_provider_integrator.api.pages import Page, Paging
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError, ResponseError

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Asks for a pause; nothing comes back.

    :param seconds: How long.
    """

    seconds: float


Script = Generator[Call[Any] | Pause, Any, T]

log = logging.getLogger(__name__)

_MODELS: dict[LogType, type[Execution] | type[Step] | type[Line]] = {
    LogType.MAIN: Execution,
    LogType.SUB: Step,
    LogType.LINE: Line,
}


class LogReader:
    """Reads the logs of a query one by one; one that can't be read hides no other.

    :param log_type: What was asked for.
    """

    def __init__(self, log_type: LogType) -> None:
        self._model = _MODELS[log_type]
        self._has_warned = False

    def read(self, fields: Fields) -> Execution | Step | Line | None:
        """Read one log.

        :param fields: The log, unread.
        :return: An execution, a step or a line; None, with a warning for the first one, if it can't be read.
        """
        try:
            return self._model.read(fields)
        except ResponseError as error:
            log.log(logging.DEBUG if self._has_warned else logging.WARNING, "A log is left out: %s", error)
            self._has_warned = True
            return None


def choose_flow(flows: Iterable[Flow], wanted: str, project_id: str) -> Flow:
    """Find a flow by its id, slug or name; an id goes before the others.

    :param flows: The project's flows.
    :param wanted: An id, a slug or a name.
    :param project_id: The project, for messages.
    :return: The one flow that is meant.
    :raises ConfigurationError: None is, or more than one.
    """
    known = list(flows)
    for flow in known:
        if flow.id == wanted:
            return flow
    found = [flow for flow in known if wanted in (flow.slug, flow.name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{flow.id} (slug {flow.slug}, name {flow.name})" for flow in found)
        raise ConfigurationError(
            f"Flow {wanted!r} is ambiguous in project {project_id}; set flow to one of these ids: {ids}."
        )
    labels = ", ".join(sorted(flow.label for flow in known)) or "none at all"
    raise ConfigurationError(
        f"Project {project_id} has no flow {wanted!r}. Set flow to a slug, name or id of: {labels}."
    )


def find_flow(project_id: str, wanted: str) -> Script[Flow]:
    """Find a flow in List flows.

    :param project_id: The project.
    :param wanted: An id, a slug or a name.
    :return: The flow. Where the call is refused, ``wanted`` is taken as an id, with a warning.
    :raises ConfigurationError: No flow is meant, or more than one.
    :raises RequestError: The project is wrong (400).
    """
    try:
        flows = yield endpoints.list_flows(project_id)
    except RequestError as error:
        if error.status == 400:  # says that the project is wrong, not that it may not be listed
            raise
        log.warning("%s Taking %r as a flow's id.", error, wanted)
        return Flow(wanted, None, wanted, project_id, None, None, None, None, None, None, {})
    return choose_flow(flows, wanted, project_id)


def find_project_slug(project_id: str, partner_id: str | None) -> Script[str]:
    """Find the slug that Download log needs.

    :param project_id: The project.
    :param partner_id: The partner whose projects are searched, None where it isn't known.
    :return: The slug.
    :raises ConfigurationError: The partner isn't known, or the project isn't among its projects.
    """
    if not partner_id:
        raise ConfigurationError(
            "Download log needs the project's slug: set project_slug in the connection's Extra or in the "
            "task, or partner_id in the connection's Extra, so that it can be looked up."
        )
    projects: list[Project] = yield endpoints.list_projects(partner_id)
    for project in projects:
        if project.id == project_id and project.slug:
            return project.slug
    known = ", ".join(sorted(f"{project.id} ({project.slug})" for project in projects)) or "none at all"
    raise ConfigurationError(
        f"Partner {partner_id} has no project {project_id} with a slug. Set project_id or project_slug; "
        f"its projects: {known}."
    )


def get_execution(project_id: str, flow_id: str, execution_id: str) -> Script[Execution | None]:
    """Ask for one execution.

    :param project_id: The project.
    :param flow_id: The flow.
    :param execution_id: The execution (``filename_uuid``).
    :return: The execution; None while List logs doesn't know it.
    :raises ResponseError: The answer holds other executions instead, or this one can't be read.
    """
    page: Page = yield endpoints.list_logs(LogQuery(project_id, flow_id, filename_uuid=execution_id))
    others, error = [], None
    for fields in page.logs:
        found = fields.optional_identifier("filename_uuid")
        if found != execution_id:
            others.append(found)
            continue
        try:
            return Execution.read(fields)
        except ResponseError as fault:
            error = error or fault
    if error is not None:
        raise error
    if any(others):
        raise ResponseError(
            f"List logs: filename_uuid should be {execution_id!r} but is {shown(next(filter(None, others)))}; "
            "the filter was not applied."
        )
    if others:
        raise page.logs[0].fault("filename_uuid", "the id of the execution that was asked for")
    return None


class NewestFirst:
    """Observes whether all logs so far came newest first; the order of List logs isn't documented."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._ordered = True
        self._descended = False

    def see(self, created: datetime) -> None:
        """Take the next log's time."""
        if self._last is not None:
            self._ordered = self._ordered and created <= self._last
            self._descended = self._descended or created < self._last
        self._last = created

    def all_before(self, moment: datetime) -> bool:
        """Return whether every log still to come must be older than a moment."""
        return self._ordered and self._descended and self._last is not None and self._last < moment


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
    """

    sightings: tuple[Sighting, ...]
    faults: tuple[ResponseError, ...]
    pages: int

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


def read_since(
    project_id: str, flow_id: str, moment: datetime, first_page: Page | None = None
) -> Script[History]:
    """Read a flow's executions that were created at or after a moment.

    All pages are read, unless those read so far show that the newest come first. One log that can't be read hides no
    other.

    :param project_id: The project.
    :param flow_id: The flow.
    :param moment: With a time zone.
    :param first_page: The first page, if it has just been fetched.
    :return: The executions, and how many pages it took.
    """
    query, moment = LogQuery(project_id, flow_id), to_milliseconds(moment)
    found: dict[str, Sighting] = {}
    faults: list[ResponseError] = []
    timeless: Fields | None = None
    is_dated = False
    order, paging, number = NewestFirst(), Paging(), 1
    page = first_page
    while True:
        if page is None:
            page = yield endpoints.list_logs(query, number)
        for fields in paging.take(page):
            created = fields.optional_time("created")
            if created is not None:
                order.see(created)
                is_dated = True
            elif timeless is None:
                timeless = fields
            timestamp = created or fields.optional_time("finished")
            if timestamp is None or timestamp < moment:
                continue
            try:
                seen = _sighting(fields, timestamp, is_created=created is not None)
            except ResponseError as error:
                faults.append(error)
            else:
                found[seen.execution_id] = seen
        if paging.ended or order.all_before(moment):
            if timeless is not None and not is_dated:
                faults.append(timeless.fault("created", "a time"))
            sightings = sorted(found.values(), key=lambda seen: seen.timestamp)
            return History(tuple(sightings), tuple(faults), number)
        page, number = None, number + 1


def _sighting(fields: Fields, timestamp: datetime, *, is_created: bool) -> Sighting:
    execution_id = fields.identifier("filename_uuid")
    try:
        return Sighting(execution_id, timestamp, is_created, Execution.read(fields))
    except ResponseError as error:
        return Sighting(execution_id, timestamp, is_created, None, error)


class LogPatience:
    """Decides whether to ask again for a log that the server refuses.

    A log may be stored only after its execution has finished: the samples show ``is_send_S3`` 0 first and 1 later. What
    Download log answers until then isn't documented: 400 or 404, one must assume.

    :param log: The execution or step whose log it is; None if only its id is known: patience then begins with the
        first refusal.
    :param finished: When the execution finished.
    :param log_timeout: Seconds after that in which a log may come to exist.
    :param poll_interval: Seconds between two tries.
    :param until: The end of the patience in seconds since the epoch, if it has begun in another process.
    """

    def __init__(
        self,
        log: Execution | Step | None,
        finished: datetime | None,
        log_timeout: float,
        poll_interval: float,
        until: float | None = None,
    ) -> None:
        self._log = log
        self._finished = finished
        self._log_timeout = log_timeout
        self._poll_interval = poll_interval
        self.until = until

    def pause_after(self, error: RequestError) -> float:
        """Choose the pause before the next try.

        :param error: The refusal of Download log.
        :return: Seconds.
        :raises RequestError: The log isn't expected any more; the message says what List logs says of it.
        """
        if error.status not in (400, 404):
            raise error
        now = time.time()
        if self.until is None:
            # An Integrator whose clock is ahead of ours doesn't prolong the patience.
            began = now if self._finished is None else min(now, self._finished.timestamp())
            self.until = began + self._log_timeout
        if now >= self.until:
            raise RequestError(f"{error} {self._explanation()}", error.status) from error
        pause = min(self._poll_interval, self.until - now)
        log.info(
            "The log isn't there yet. Next try in %.0f s; patience (log_timeout) ends in %.0f s. %s",
            pause,
            self.until - now,
            error,
        )
        return pause

    def _explanation(self) -> str:
        text = f"No log came within log_timeout ({self._log_timeout:g} s) of the execution's end."
        if self._log is None:
            return text
        return (
            f"{text} List logs says is_send_S3 {shown(self._log.is_send_s3)} of it (1: stored, by all signs)."
        )


def download_when_stored(call: Call[T], patience: LogPatience) -> Script[T]:
    """Download a log, again and again while it may still be stored.

    :param call: Download log.
    :param patience: When to ask again.
    :return: What the call's receiver makes of the body.
    :raises RequestError: The log is refused, and isn't expected any more.
    """
    while True:
        try:
            return (yield call)  # type: ignore[no-any-return]  # the value of a Call[T]
        except RequestError as error:
            yield Pause(patience.pause_after(error))


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
