"""What a task waits for, as one value: the task makes it, the deferral carries it, the poller follows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

#: Failed polls in a row that a wait tolerates by default.
DEFAULT_MAX_FAILED_POLLS = 10
#: By how much Airflow's own limit on a deferral outlasts the wait's deadline, which is to come first.
DEFERRAL_GRACE = timedelta(minutes=5)


@dataclass(frozen=True)
class WaitSpec:
    """A wait for an execution to finish. Its fields are the trigger's arguments: small, JSON, without a secret.

    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; the connection's if None.
    :param flow: The flow: its id if ``is_flow_id``, else its slug, name or id.
    :param is_flow_id: Whether ``flow`` is known to be an id.
    :param execution_id: The execution; None: the flow's first one created since ``created_after``.
    :param created_after: ISO 8601 with an offset; used if no execution is named.
    :param poll_interval: Seconds between two polls.
    :param end_time: The deadline in seconds since the epoch, so that a restart doesn't reset it. None if the task
        began in the triggerer: the deadline is then derived from Airflow's own, which is in its database.
    :param max_failed_polls: Failed polls in a row that are tolerated.
    :param adaptive: Whether to poll seldom early and often near the flow's usual duration.
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
        """Return the fields by name, as a trigger takes them and a deferral carries them."""
        return asdict(self)
