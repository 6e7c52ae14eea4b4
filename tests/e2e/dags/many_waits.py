"""As many waits as the environment says, and none takes a worker while it waits."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

WAITS = int(os.environ["E2E_WAITS"])

# The triggerer of Airflow 3.3 reads a DAG again for each of its triggers: many small DAGs are read sooner.
WAITS_IN_A_DAG = 25

for first in range(0, WAITS, WAITS_IN_A_DAG):
    with DAG(
        dag_id=f"e2e_many_waits_{first}",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_tasks=WAITS_IN_A_DAG,
    ):
        for number in range(first, min(first + WAITS_IN_A_DAG, WAITS)):
            IntegratorExecutionSensor(
                task_id=f"wait_{number}",
                flow=f"flow-{number % 10}",
                execution_id=f"execution-{number}",
                integrator_conn_id="integrator_crowd",
                start_from_trigger=True,
                poke_interval=2,
                timeout=3600,
            )
