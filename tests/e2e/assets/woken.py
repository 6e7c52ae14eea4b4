"""A DAG that runs when executions have finished, and notes which."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_integrator.assets import integrator_flow, new_executions

PRICE = integrator_flow(
    "price",
    integrator_conn_id="integrator_watched",
    watch=True,
    status=("success", "empty"),
    poll_interval=1,
)


@task
def note(*, triggering_asset_events: Any = None) -> dict[str, list[str]]:
    events = [event for events in triggering_asset_events.values() for event in events]
    return {
        "events": [event.extra["payload"]["execution_id"] for event in events],
        "new": [execution["execution_id"] for execution in new_executions(triggering_asset_events)],
    }


with DAG(
    dag_id="e2e_woken",
    schedule=[PRICE],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
):
    note()
