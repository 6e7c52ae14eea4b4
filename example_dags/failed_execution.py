"""A failed execution fails the DAG, with the reasons in the task's log; the execution's log is kept."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

with DAG(
    dag_id="integrator_failed_execution",
    description=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["integrator", "example"],
):
    # Succeeds when the execution has finished, whatever its status …
    wait = IntegratorExecutionSensor(
        task_id="wait_for_price",
        flow="price",
        deferrable=True,
        poke_interval=5,
        timeout=15 * 60,
    )
    # … because this task judges it: it delivers the log first, and then fails without retries.
    judge = IntegratorLogOperator(
        task_id="judge_price",
        flow="price",
        execution_id="{{ ti.xcom_pull('wait_for_price')['execution_id'] }}",
        output_path="{{ var.value.get('integrator_log_folder', 'file:///tmp/integrator-logs/') }}",
        on_failed="fail",
        retries=3,
    )
    wait >> judge
