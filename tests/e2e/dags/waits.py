"""The same sensors in each of the three modes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from modes import MODES

from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

#: Seconds of a wait in vain. The scheduler has to know by then that a deferred one has left its worker, as in modes.py.
IN_VAIN = {"poke": 12, "reschedule": 12, "deferrable": 40}

for name, how in MODES.items():

    def sensor(task_id: str, name: str = name, how: dict[str, Any] = how, **kwargs: Any) -> Any:
        return IntegratorExecutionSensor(
            task_id=task_id,
            flow=f"{task_id}_{name}",
            retry_delay=timedelta(seconds=1),
            **{"timeout": 900, **how, **kwargs},
        )

    with DAG(dag_id=f"e2e_wait_{name}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        sensor("succeeds") >> IntegratorLogOperator(
            task_id="fetches",
            flow=f"succeeds_{name}",
            execution_id="{{ ti.xcom_pull('succeeds')['execution_id'] }}",
            wait=False,
        )
        sensor("sees_failure")
        sensor("fails_on_failed", fail_on_failed=True, retries=3)
        sensor("times_out", timeout=IN_VAIN[name], retries=3)
        sensor("skips", timeout=IN_VAIN[name], soft_fail=True)
