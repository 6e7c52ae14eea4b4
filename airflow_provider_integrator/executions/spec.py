"""The specification of a wait, shared by task, deferral, trigger and poller."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

#: The default number of consecutive failed polls that a wait tolerates.
DEFAULT_MAX_FAILED_POLLS = 10
#: The margin of Airflow's timeout for a deferral over the wait's own deadline, which should come first.
DEFERRAL_GRACE = timedelta(minutes=5)


@dataclass(frozen=True)
class WaitSpec:
    """A wait for an execution to finish. Its fields are a trigger's arguments: small, JSON, without secrets.

    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; the connection's if None.
    :param flow: The flow: its id if ``is_flow_id``, else its slug, name or id.
    :param is_flow_id: Whether ``flow`` is known to be an id.
    :param execution_id: The execution; None: the flow's first one created at or after ``created_after``.
    :param created_after: ISO 8601 with an offset; used if ``execution_id`` is None.
    :param poll_interval: Seconds between two polls.
    :param end_time: The deadline in seconds since the epoch, so that a restart doesn't reset it. None if the
        task started in the triggerer: the deadline is then derived from Airflow's own, in its database.
    :param max_failed_polls: The number of consecutive failed polls that are tolerated.
    :param adaptive: Whether to poll rarely at first and often near the flow's usual duration.
    """

    integrator_conn_id: str
    project_id: str | None
    flow: str
    is_flow_id: bool
    execution_id: str | None
    created_after: str | None
    poll_interval: float
    end_time: float | None
    max_failed_polls: int = DEFAULT_MAX_FAILED_POLLS
    adaptive: bool = False

    def as_arguments(self) -> dict[str, Any]:
        """Return the fields as a trigger's arguments."""
        return asdict(self)
