"""Parsing a DAG file stays cheap: no heavy module, no look at a connection, no socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import airflow

SCRIPT = """
import json, socket, sys, time
from datetime import datetime
try:
    import airflow.sdk
    from airflow.sdk import BaseHook, BaseOperator, BaseSensorOperator, ObjectStoragePath
    from airflow.sdk.bases import operator, sensor
except ImportError:
    import airflow.hooks.base, airflow.models, airflow.models.baseoperator, airflow.sensors.base, airflow.io.path

calls = []

def refuse(name):
    def refused(*arguments, **options):
        calls.append(name)
        raise AssertionError(name)
    return refused

for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse(name))
socket.getaddrinfo = refuse("getaddrinfo")

before, began = set(sys.modules), time.perf_counter()
from airflow_provider_integrator.operators.lines import IntegratorLinesOperator
from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor
took = time.perf_counter() - began
found = {"took": took, "added": sorted(set(sys.modules) - before), "all": sorted(sys.modules), "calls": calls}

from airflow.providers.common.compat.sdk import DAG, BaseHook
BaseHook.get_connection = classmethod(refuse("get_connection"))
with DAG("parsed", schedule=None, start_date=datetime(2026, 1, 1)):
    wait = IntegratorExecutionSensor(task_id="wait", flow="price", deferrable=True)
    log = IntegratorLogOperator(
        task_id="log",
        flow="price",
        execution_id="{{ ti.xcom_pull('wait')['execution_id'] }}",
        output_path="s3://conn@bucket/logs/",
    )
    wait >> log
    IntegratorLogOperator.partial(task_id="many", deferrable=True).expand(flow=["price", "stock"])
print(json.dumps(found))
"""
HEAVY = ("requests", "aiohttp", "pendulum", "zipfile", "msgspec", "openlineage")
NOT_EVEN_BY_AIRFLOW = (
    "airflow_provider_integrator.api.async_client",
    "airflow_provider_integrator.api.client",
    "airflow_provider_integrator.lineage",
    "airflow_provider_integrator.simulator",
    "openlineage.client",
    # Airflow 2's tasks import its models
    *(() if airflow.__version__.startswith("2.") else ("airflow.models.xcom",)),
)


def test_parsing_pulls_in_nothing_heavy_and_asks_nobody(record_property):
    # An address where nobody is, so that a look at it could not go unnoticed.
    environment = {**os.environ, "AIRFLOW_CONN_INTEGRATOR_DEFAULT": "integrator://a:b@nobody.invalid"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    record_property("seconds", found["took"])
    print(  # noqa: T201 - pytest -rP shows it
        f"importing sensor and operators: {found['took'] * 1000:.1f} ms, {len(found['added'])} modules"
    )
    assert "airflow_provider_integrator.sensors.execution" in found["added"]
    assert [name for name in found["added"] if name.partition(".")[0] in HEAVY] == []
    assert [name for name in NOT_EVEN_BY_AIRFLOW if name in found["all"]] == []
    assert found["calls"] == []
