"""The lines of an execution or a flow: which ones, how many, and how much of them a task takes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.enums import LogType, Status
from airflow_provider_integrator.api.lines import UNKNOWN, Line
from airflow_provider_integrator.api.queries import LogReader
from airflow_provider_integrator.api.values import is_encodable, shown
from airflow_provider_integrator.arguments import rendered
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError, ResponseError
from airflow_provider_integrator.executions.progress import Rate

if TYPE_CHECKING:
    from airflow_provider_integrator.api.client import Client

log = logging.getLogger(__name__)

#: The name for all statuses.
ANY = "any"
#: The names of the statuses that a line may have.
STATUSES = (*(status.name.lower() for status in Status), UNKNOWN)


def read_statuses(status: object) -> frozenset[str]:
    """Read the argument ``status``.

    :param status: The name of a status, ``any``, or several names.
    :return: The names of the chosen statuses.
    :raises ConfigurationError: A name is unknown, or there is none.
    """
    several = [status] if isinstance(status, str) else status
    names = list(several) if isinstance(several, Iterable) and not isinstance(several, Mapping) else []
    if ANY in names:
        names = [*names, *STATUSES]
    chosen = frozenset(name for name in names if name != ANY)
    if not chosen or not chosen.issubset(STATUSES):
        raise ConfigurationError(
            f"status is {status!r}; set it to {ANY}, or to one or more of {', '.join(STATUSES)}."
        )
    return chosen


def read_search(search: object) -> tuple[tuple[str, str], ...]:
    """Read the rendered argument ``search``.

    :param search: Names of fields and the values that a line must have in them; None: no search.
    :return: The names and values, as texts.
    :raises ConfigurationError: It is no such mapping, or a name or a value is empty.
    """
    if search is None:
        return ()
    if not isinstance(search, Mapping) or not search:
        raise ConfigurationError(
            f"search is {shown(search)}; set it to a dict of field names and values, or leave it out."
        )
    return tuple(
        (_text("a name", name), _text(f"the value of {shown(name)}", value)) for name, value in search.items()
    )


def _text(what: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or not is_encodable(str(value)):
        raise ConfigurationError(f"search: {what} is {shown(value)}; set it to a text.")
    rendered(f"search: {what}", str(value))
    return str(value)


@dataclass
class Allowance:
    """How many lines a task takes, and how many bytes of JSON if they go to XCom.

    :param max_lines: The maximum number of lines.
    :param max_bytes: The maximum size of their JSON; None: no limit.
    :param max_map_length: The maximum number of tasks that Airflow maps over the lines; None: none are mapped.
    """

    max_lines: int
    max_bytes: int | None = None
    max_map_length: int | None = None
    lines: int = field(init=False, default=0)
    bytes: int = field(init=False, default=2)  # the brackets of the list

    def clear(self) -> None:
        """Begin again with nothing."""
        self.lines, self.bytes = 0, 2

    def take_line(self, size: int) -> None:
        """Take one more line.

        :param size: Bytes of its JSON.
        :raises ConfigurationError: It is one too many, or too large.
        """
        self.lines += 1
        if self.lines > self.max_lines:
            raise ConfigurationError(
                f"There are more than {self.max_lines} lines (max_lines).\n"
                "Choose fewer by status or search, or raise max_lines. Nothing was stored."
            )
        if self.max_map_length is not None and self.lines > self.max_map_length:
            raise ConfigurationError(
                f"There are more than {self.max_map_length} lines, and Airflow maps no more tasks over them\n"
                "([core] max_map_length). Choose fewer by status or search, set output_path, or raise that "
                "setting. Nothing was pushed."
            )
        self.take(size + 1)

    def take(self, size: int) -> None:
        """Take more of a line: its log.

        :param size: Bytes of its JSON.
        :raises ConfigurationError: It is too large.
        """
        self.bytes += size
        if self.max_bytes is not None and self.bytes > self.max_bytes:
            raise ConfigurationError(
                f"The lines take more than {self.max_bytes} bytes of JSON (max_xcom_bytes), too many for XCom.\n"
                "Set output_path, choose fewer by status or search, or raise max_xcom_bytes if an object storage "
                "XCom backend is in use. Nothing was pushed."
            )


@dataclass
class LineList:
    """The lines of an execution or a whole flow, read page by page.

    :param client: Makes the calls.
    :param query: What is asked for.
    :param statuses: The names of the statuses of the lines that are wanted.
    :param expected: The number of lines that there should be, for the log; None: unknown.
    :ivar counts: The number of lines of each status, of all that were read.
    :ivar logs_missing: The number of those whose logs can't be had.
    """

    client: Client
    query: LogQuery
    statuses: frozenset[str]
    expected: int | None = None
    counts: Counter[str] = field(init=False, default_factory=Counter)
    logs_missing: int = field(init=False, default=0)

    def __iter__(self) -> Iterator[Line]:
        """Read the wanted lines, in the server's order.

        :return: The lines.
        :raises ResponseError: A line is another execution's.
        :raises IntegratorError: No line has a status that can be read, and not all are wanted.
        """
        rate, reader = Rate("lines read", self.expected), LogReader(LogType.LINE)
        for fields in self.client.logs(self.query):
            line = reader.read(fields)
            if not isinstance(line, Line):
                continue
            check_execution(line, self.query.original_filename_uuid)
            self.counts[line.outcome] += 1
            if line.outcome in self.statuses:
                yield line
            rate.add()
        self._check_statuses()

    @property
    def read(self) -> int:
        """The number of lines that were read."""
        return sum(self.counts.values())

    @property
    def chosen(self) -> int:
        """The number of those that are wanted."""
        return sum(self.counts[status] for status in self.statuses)

    def described(self) -> str:
        """Describe in a sentence how many lines were read, and how many of them are wanted."""
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        return f"{self.read} lines read ({counts or 'there are none'}), {self.chosen} taken."

    def _check_statuses(self) -> None:
        unknown = self.counts[UNKNOWN]
        if not unknown or UNKNOWN in self.statuses:
            return
        if unknown == self.read:
            raise IntegratorError(
                f"None of the {unknown} lines has a status that can be read, so status can't choose among them.\n"
                f"Set status to {ANY}, and choose by their fields."
            )
        log.warning(
            "%d of %d lines have no status that can be read, and are left out; status=%r takes them, too.",
            unknown,
            self.read,
            UNKNOWN,
        )


def check_execution(line: Line, wanted: str | None) -> None:
    """Check that List logs has applied the filter by an execution.

    :param line: A line of its answer.
    :param wanted: The execution; None: there was no filter.
    :raises ResponseError: The line is another execution's.
    """
    if wanted is not None and line.execution_id not in (None, wanted):
        raise ResponseError(
            f"List logs: original_filename_uuid should be {wanted!r} but is {shown(line.execution_id)}; the "
            "filter was not applied."
        )


def line_json(line: Line) -> bytes:
    """Write a line as JSON.

    :param line: The line.
    :return: The JSON text; without its fields if they are nested too deeply, with a warning.
    """
    from airflow_provider_integrator.logs.json_lines import encode

    known = line.as_dict()
    try:
        return encode(known)
    except RecursionError:
        log.warning("Line %s: its fields are left out, as they are nested too deeply.", line.log_id)
        return encode({**known, "row_num": None, "fields": {}})
