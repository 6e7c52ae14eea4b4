"""Wait for a flow's next execution, then keep its log in object storage."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

with DAG(
    dag_id="integrator_wait_and_keep_log",
    description=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["integrator", "example"],
):
    wait = IntegratorExecutionSensor(
        task_id="wait_for_product",
        flow="product",
        deferrable=True,
        poke_interval=5,
        timeout=15 * 60,
    )
    keep = IntegratorLogOperator(
        task_id="keep_product_log",
        flow="product",
        execution_id="{{ ti.xcom_pull('wait_for_product')['execution_id'] }}",
        # It ends in /, so that each log gets a file of its own: <flow>/<execution id>/<log id>.json
        output_path="{{ var.value.get('integrator_log_folder', 'file:///tmp/integrator-logs/') }}",
    )
    wait >> keep
