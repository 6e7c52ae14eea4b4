"""Makes the waits of these tests."""

from __future__ import annotations

import time
from datetime import datetime

from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.polling.kept_outage import KeptOutage
from airflow_provider_integrator.polling.waits import Wait


def make_wait(
    execution_id: str | None,
    interval: float = 0.02,
    tolerance: float = 60.0,
    *,
    created_after: datetime | None = None,
    seconds: float | None = 3600.0,
    adaptive: bool = False,
) -> Wait:
    """Make a wait, in a running event loop.

    :param tolerance: Seconds for which its polls may fail.
    :param seconds: How long it lasts at most; None: for ever.
    """
    return Wait(
        WaitSpec(
            integrator_conn_id="integrator_default",
            project_id=None,
            flow="price",
            execution_id=execution_id,
            created_after=None if created_after is None else created_after.isoformat(),
            poll_interval=interval,
            end_time=None if seconds is None else time.time() + seconds,
            outage_tolerance=tolerance,
            adaptive=adaptive,
        ),
        KeptOutage(tolerance),
    )
