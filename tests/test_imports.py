"""Parsing a DAG file stays cheap: no heavy module, no look at a connection, no socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys

BASE = """
import json, sys, time
try:
    import airflow.sdk
    from airflow.sdk import BaseHook, BaseOperator, BaseSensorOperator, ObjectStoragePath
    from airflow.sdk.bases import operator, sensor
except ImportError:
    import airflow.hooks.base, airflow.models, airflow.models.baseoperator, airflow.sensors.base, airflow.io.path
"""
OURS = """
before, began = set(sys.modules), time.perf_counter()
import airflow_provider_integrator.sensors.execution
import airflow_provider_integrator.operators.log
took = time.perf_counter() - began
print(json.dumps({"took": took, "added": sorted(set(sys.modules) - before), "all": sorted(sys.modules)}))
"""
HEAVY = ("requests", "aiohttp", "pendulum", "zipfile", "msgspec")


def run(script, **environment):
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_operators_pull_in_nothing_heavy(record_property):
    found = run(BASE + OURS)
    record_property("seconds", found["took"])
    print(  # noqa: T201 - pytest -rP shows it
        f"importing sensor and operator: {found['took'] * 1000:.1f} ms, {len(found['added'])} modules"
    )
    assert [name for name in found["added"] if name.partition(".")[0] in HEAVY] == []
    assert "airflow_provider_integrator.sensors.execution" in found["added"]
    assert "airflow_provider_integrator.simulator" not in found["all"]
    assert "airflow_provider_integrator.api.client" not in found["all"]
    assert "airflow_provider_integrator.api.async_client" not in found["all"]


PARSE = """
import json, socket, sys
from datetime import datetime
sys.argv = ["parse"]
import airflow
from airflow.providers.common.compat.sdk import DAG, BaseHook
from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor

calls = []

def refuse(name):
    def refused(*arguments, **options):
        calls.append(name)
        raise AssertionError(name)
    return refused

for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse(name))
socket.getaddrinfo = refuse("getaddrinfo")
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
print(json.dumps(calls))
"""


def test_parsing_asks_nobody(tmp_path):
    # An address where nobody is, so that a look at it could not go unnoticed.
    assert run(PARSE, AIRFLOW_CONN_INTEGRATOR_DEFAULT="integrator://a:b@nobody.invalid") == []
