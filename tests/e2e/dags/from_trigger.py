"""A wait that takes no worker until it is over, where Airflow can do that."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

with DAG(dag_id="e2e_from_trigger", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    IntegratorExecutionSensor(
        task_id="sensor", flow="from_trigger", start_from_trigger=True, poke_interval=2, timeout=900
    )
