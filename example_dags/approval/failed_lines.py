"""Prepare a correction for each failed line of an execution, and send them once a person has approved."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, task

from airflow_provider_integrator.operators.lines import IntegratorLinesOperator

# Airflow 3.1 or later, which asks people.


@task
def prepare(line: dict[str, Any]) -> dict[str, Any]:
    """Make the correction of a line. Which fields a line has is up to the flow; its log has the reason."""
    errors = line["log"]["errors"] if line["log"] else [line["log_error"]]
    return {"row": line["fields"].get("sku", line["row_num"]), "reasons": errors}


@task
def send(correction: dict[str, Any]) -> dict[str, Any]:
    """Send a correction to whoever keeps the data."""
    return {"sent": correction["row"]}


with DAG(
    dag_id="integrator_failed_lines",
    description=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    tags=["integrator", "example"],
):
    failed = IntegratorLinesOperator(
        task_id="failed_lines",
        flow="price",
        with_logs=True,
        deferrable=True,
        poll_interval=5,
        timeout=15 * 60,
        max_lines=100,  # more aren't for a person to look at
    )
    corrections = prepare.expand(line=failed.output)
    approve = ApprovalOperator(
        task_id="approve",
        subject="Send {{ ti.xcom_pull('failed_lines', key='counts')['failed'] }} corrections of prices?",
        defaults="Reject",
        response_timeout=timedelta(hours=12),
    )
    corrections >> approve >> send.expand(correction=corrections)
