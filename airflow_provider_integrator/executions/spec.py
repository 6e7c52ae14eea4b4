"""The specification of a wait, shared by task, deferral, trigger and poller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.arguments import read_window
from airflow_provider_integrator.exceptions import ConfigurationError

if TYPE_CHECKING:
    from pendulum import DateTime

#: The default time in seconds for which all polls of a wait may fail.
DEFAULT_OUTAGE_TOLERANCE = 600.0
#: The margin of Airflow's timeout for a deferral over the wait's own deadline, which should come first.
DEFERRAL_GRACE = timedelta(minutes=5)


#: What is found out about a wait: a task's attribute of such a name means something else.
_FOUND = frozenset({"flow_id", "end_time", "outage_began", "polled_at", "usual_duration"})


@dataclass(frozen=True, slots=True)
class WaitSpec:
    """A wait for an execution to finish. Its fields are a trigger's arguments: small, JSON, without secrets.

    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; the connection's if None.
    :param flow: The flow's slug, name or id.
    :param flow_id: The flow's id; None: not looked up yet.
    :param execution_id: The execution; None: the flow's first one of the window that the next two describe.
    :param created_after: The window's beginning, ISO 8601 with an offset; used if ``execution_id`` is None.
    :param created_before: The window's end, ISO 8601 or seconds after its beginning; None: it has no end.
    :param poll_interval: Seconds between two polls.
    :param end_time: The deadline in seconds since the epoch, so that a restart doesn't reset it. None if the
        task started in the triggerer: the deadline is then derived from Airflow's own, in its database.
    :param outage_tolerance: Seconds for which all polls may fail before the wait gives up.
    :param outage_began: When the first of the polls failed that have failed since the last successful one, in
        seconds since the epoch; None: the last poll succeeded.
    :param polled_at: When a worker polled last, in seconds since the epoch; None: none has.
    :param usual_duration: The flow's usual duration in seconds, if a worker has read a page of it; None: unknown.
    :param adaptive: Whether to poll rarely at first and often near the flow's usual duration.
    """

    integrator_conn_id: str
    project_id: str | None
    flow: str
    flow_id: str | None = None
    execution_id: str | None = None
    created_after: str | None = None
    created_before: str | float | None = None
    poll_interval: float = 60.0
    end_time: float | None = None
    outage_tolerance: float = DEFAULT_OUTAGE_TOLERANCE
    outage_began: float | None = None
    polled_at: float | None = None
    usual_duration: float | None = None
    adaptive: bool = False

    @classmethod
    def of(cls, task: Any, **resolved: Any) -> WaitSpec:
        """Make the specification of a task's wait.

        :param task: The task, or a watched flow: each argument that it has as an attribute is taken from it.
        :param resolved: The fields with another value than its attribute's, and what has been found out.
        :return: The specification.
        """
        names = [name for name in cls.__slots__ if name not in _FOUND and hasattr(task, name)]
        given = {name: getattr(task, name) for name in names}
        return cls(**{**given, **resolved})

    def as_arguments(self) -> dict[str, Any]:
        """Return the fields as a trigger's arguments."""
        return {name: getattr(self, name) for name in self.__slots__}

    def within(self) -> str:
        """Describe the window, as the end of a clause."""
        since, before = self.window()
        text = f"at or after {since.isoformat()}"
        return text if before is None else f"{text} and before {before.isoformat()}"

    def missing(self) -> str:
        """Describe in a sentence that the window has passed without an execution."""
        return (
            f"Flow {self.flow} has no execution that was created {self.within()}, and that time has passed."
        )

    def window(self) -> tuple[DateTime, DateTime | None]:
        """Return the window in which the awaited execution is created.

        :return: The beginning, and the end, which doesn't belong to it; None: it has no end.
        :raises ConfigurationError: One can't be read, or the end isn't after the beginning.
        """
        if self.created_after is None:
            raise ConfigurationError("Neither execution_id nor created_after is set.")
        return read_window(self.created_after, self.created_before)
