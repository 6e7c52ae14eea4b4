"""Every 15 minutes, check that five flows run well, and alarm through a callback if one doesn't."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_integrator.operators.check import IntegratorFlowCheckOperator

log = logging.getLogger("airflow.task")


def alarm(context: Any) -> None:
    """Alarm whoever is on call: here into the task's log, in earnest by a notifier of Slack, SMTP or PagerDuty."""
    error = context["exception"]
    for flow in getattr(error, "flows", []):  # another error, such as an outage, has none
        log.error("ALARM: %s: %s %s", flow["flow"], " ".join(flow["problems"]), flow["link"] or "")
    if not hasattr(error, "flows"):
        log.error("ALARM: the flows can't be checked: %s", error)


with DAG(
    dag_id="integrator_flows_run_well",
    description=__doc__,
    schedule="*/15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["integrator", "example"],
):
    IntegratorFlowCheckOperator(
        task_id="check",
        flow=["product", "price", "stock", "image", "order_status"],
        max_age=timedelta(hours=2),  # of the last Success
        max_fail_rate=0.01,  # of the rows of the last execution
        retries=2,  # for an outage: a flow that doesn't run well fails the task at once
        retry_delay=timedelta(minutes=1),
        on_failure_callback=alarm,
    )
