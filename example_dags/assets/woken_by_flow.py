"""Run when executions of a flow have finished, and keep the log of each. Unpause it to begin."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_integrator.assets import integrator_flow, new_executions
from airflow_provider_integrator.operators.log import IntegratorLogOperator

# Airflow 3.0 or later; on 3.3 executions that finish while no triggerer runs emit their events later.
STOCK = integrator_flow("stock", watch=True, poll_interval=5)


@task
def which(*, triggering_asset_events: Any = None) -> list[str]:
    """List the executions that started this run: several, if they finished between two polls."""
    return [execution["execution_id"] for execution in new_executions(triggering_asset_events)]


with DAG(
    dag_id="integrator_woken_by_flow",
    description=__doc__,
    schedule=[STOCK],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    is_paused_upon_creation=True,
    tags=["integrator", "example"],
):
    IntegratorLogOperator.partial(
        task_id="keep_stock_log",
        flow="stock",
        # Ends in /, so that each log gets a file of its own: <flow>/<execution id>/<log id>.json
        output_path="{{ var.value.get('integrator_log_folder', 'file:///tmp/integrator-logs/') }}",
    ).expand(execution_id=which())
