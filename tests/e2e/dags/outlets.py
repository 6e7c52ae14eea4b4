"""Tasks with asset events, links and lineage."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG, Asset, AssetAlias
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from modes import MODES

try:
    from airflow.sdk.io import attach
except ImportError:
    from airflow.io.store import attach

from airflow_provider_integrator.operators.lines import IntegratorLinesOperator
from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

# its Extra has a ui_url
CONNECTION = "integrator_pages"
FOLDER = os.environ["AIRFLOW_VAR_INTEGRATOR_LOG_FOLDER"]
# A store with pages of its own, as far as Airflow knows: what lies in it lies in a folder.
attach("gs", fs=DirFileSystem(f"{FOLDER.removeprefix('file://')}/stores", LocalFileSystem(auto_mkdir=True)))

with DAG(dag_id="e2e_outlets", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
    for mode, how in MODES.items():
        IntegratorExecutionSensor(
            task_id=f"sees_{mode}",
            flow=f"sees_{mode}",
            integrator_conn_id=CONNECTION,
            timeout=900,
            outlets=[Asset(f"e2e_sees_{mode}"), AssetAlias(f"e2e_flow_{mode}")],
            **how,
        )
    keeps = IntegratorLogOperator(
        task_id="keeps",
        flow="keeps",
        output_path=FOLDER,
        integrator_conn_id=CONNECTION,
        deferrable=True,
        poll_interval=3,
        timeout=900,
        outlets=[Asset("e2e_keeps"), AssetAlias("e2e_logs")],
    )
    keeps >> IntegratorLinesOperator(
        task_id="lists",
        flow="keeps",
        execution_id="{{ ti.xcom_pull('keeps', key='execution')['execution_id'] }}",
        output_path=f"{FOLDER}/lists.jsonl",
        integrator_conn_id=CONNECTION,
    )
    IntegratorLogOperator(
        task_id="stores",
        flow="stores",
        output_path="gs://bucket/daily logs/",
        integrator_conn_id=CONNECTION,
        deferrable=False,
        poll_interval=3,
        timeout=900,
    )
    IntegratorLogOperator(
        task_id="fails",
        flow="fails",
        output_path=FOLDER,
        integrator_conn_id=CONNECTION,
        deferrable=False,
        poll_interval=3,
        timeout=900,
        outlets=[Asset("e2e_fails")],
    )

try:
    from airflow.providers.openlineage.utils.selective_enable import enable_lineage
except ImportError:
    pass
else:
    enable_lineage(dag)
