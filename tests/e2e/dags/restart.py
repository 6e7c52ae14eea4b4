"""Two waits that outlive their triggerer, and one that doesn't outlive an outage of its flow."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

with DAG(dag_id="e2e_restart", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    IntegratorExecutionSensor(
        task_id="sensor", flow="restart_sensor", deferrable=True, poke_interval=1, timeout=1800
    )
    IntegratorLogOperator(
        task_id="operator", flow="restart_operator", deferrable=True, poll_interval=1, timeout=1800
    )

with DAG(dag_id="e2e_restart_outage", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    IntegratorExecutionSensor(
        task_id="sensor",
        flow="restart_outage",
        deferrable=True,
        poke_interval=1,
        timeout=1800,
        outage_tolerance=30,
    )
