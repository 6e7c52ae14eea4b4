"""As many waits as the environment says, none of which takes a worker while it waits."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

WAITS = int(os.environ["E2E_WAITS"])

with DAG(
    dag_id="e2e_many_waits",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_tasks=WAITS,
):
    for number in range(WAITS):
        IntegratorExecutionSensor(
            task_id=f"wait_{number}",
            flow=f"flow-{number % 10}",
            execution_id=f"execution-{number}",
            start_from_trigger=True,
            poke_interval=5,
            timeout=3600,
        )
