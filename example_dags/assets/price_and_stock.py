"""Run when both flows, price and stock, have finished since the last run. Unpause it to begin."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_integrator.assets import integrator_flow, new_executions

# Use the same arguments in every DAG file that names the flow: Airflow keeps the watcher that it read last.
PRICE = integrator_flow("price", watch=True, poll_interval=5)
STOCK = integrator_flow("stock", watch=True, poll_interval=5)


@task
def compare(*, triggering_asset_events: Any = None) -> dict[str, int]:
    """Count the rows that each flow has processed; one flow may have run several times, the other once."""
    rows: dict[str, int] = {}
    for execution in new_executions(triggering_asset_events):
        flow = execution["flow_slug"]
        rows[flow] = rows.get(flow, 0) + (execution["process_count"] or 0)
    return rows


with DAG(
    dag_id="integrator_price_and_stock",
    description=__doc__,
    schedule=PRICE & STOCK,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    is_paused_upon_creation=True,
    tags=["integrator", "example"],
):
    compare()
