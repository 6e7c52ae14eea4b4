"""One task, mapped over several flows, waits for an execution, fetches its log and judges it."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.operators.log import IntegratorLogOperator

with DAG(
    dag_id="integrator_many_flows",
    description=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["integrator", "example"],
):
    IntegratorLogOperator.partial(
        task_id="wait_and_fetch",
        map_index_template="{{ task.flow }}",  # Airflow's pages show it instead of 0, 1, 2
        wait=True,
        deferrable=True,
        poll_interval=5,
        timeout=15 * 60,
        on_empty="skip",  # so that the tasks after this one are skipped, too
    ).expand(flow=["product", "stock", "order"])
