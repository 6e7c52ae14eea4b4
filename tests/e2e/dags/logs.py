"""The log operator, waiting in a worker and in the triggerer, mapped and not."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.operators.log import IntegratorLogOperator

HOW: dict[str, Any] = {
    "wait": True,
    "poll_interval": 3,
    "timeout": 900,
    "retries": 3,
    "retry_delay": timedelta(seconds=1),
}

with DAG(dag_id="e2e_log", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    for task_id in ("fetches_in_worker", "fails_in_worker"):
        IntegratorLogOperator(task_id=task_id, flow=task_id, deferrable=False, **HOW)
    for task_id in ("fetches_deferred", "fails_deferred"):
        IntegratorLogOperator(task_id=task_id, flow=task_id, deferrable=True, **HOW)
    IntegratorLogOperator.partial(task_id="mapped", deferrable=True, **HOW).expand(
        flow=["mapped_0", "mapped_1", "mapped_2"]
    )
