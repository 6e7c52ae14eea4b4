"""Waits that an outage finds in each mode, and tasks whose password is wrong."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG
from modes import MODES

from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

# As in storm.py of the tests.
WAITS, _, INTERVAL = map(float, os.environ.get("E2E_STORM", "1,12,2").split(","))
START = datetime(2026, 1, 1, tzinfo=timezone.utc)

for name in ("before", "during"):
    with DAG(dag_id=f"e2e_storm_{name}", schedule=None, start_date=START, max_active_tasks=3 * int(WAITS)):
        for number in range(int(WAITS)):
            for mode, how in MODES.items():
                IntegratorExecutionSensor(
                    task_id=f"{mode}_{number}",
                    flow=name,
                    integrator_conn_id="integrator_stormy",
                    timeout=900,
                    **{**how, "poke_interval": INTERVAL},
                )

with DAG(dag_id="e2e_refused", schedule=None, start_date=START):
    IntegratorExecutionSensor.partial(
        task_id="wait",
        flow="price",
        integrator_conn_id="integrator_locked",
        poke_interval=1,
        retries=2,
        retry_delay=timedelta(seconds=1),
    ).expand_kwargs(
        [{"mode": "poke"}] * 4 + [{"mode": "reschedule"}] * 3 + [{"mode": "poke", "deferrable": True}] * 3
    )
