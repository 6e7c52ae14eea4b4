"""The link to a stored log."""

from __future__ import annotations

import uuid

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.logs.storage import open_store
from tests.tasks import run_lines, run_operator

try:
    from airflow.sdk.io import attach
except ImportError:
    from airflow.io.store import attach

KEY = "_link_StoredLogLink"


@pytest.fixture
def bucket(monkeypatch):
    """A folder in a store that Airflow takes for S3."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    conn_id = f"conn{uuid.uuid4().hex}"
    attach("s3", conn_id, fs=MemoryFileSystem())
    path = f"s3://{conn_id}@logs/"
    try:
        open_store(path)
    except ConfigurationError as error:
        pytest.skip(f"This Airflow takes no other file system for S3's: {error}")
    return path


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILED])
@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_it_leads_to_the_store(mode, status, bucket, simulator, flow):
    execution = simulator.add_execution(flow, status=status, lasts=0)
    outcome = run_operator(mode, output_path=bucket)
    assert outcome.state == ("success" if status is Status.SUCCESS else "failed"), repr(outcome.error)
    key = f"price%2F{execution.id}%2F{execution.log_id}.json"
    assert outcome.xcoms[KEY] == f"https://s3.console.aws.amazon.com/s3/object/logs?prefix={key}"


def test_it_leads_to_the_lines(bucket, simulator, flow):
    execution = simulator.add_execution(flow, lasts=0)
    outcome = run_lines(output_path=bucket)
    key = f"price%2F{execution.id}%2Flines.jsonl"
    assert outcome.xcoms[KEY] == f"https://s3.console.aws.amazon.com/s3/object/logs?prefix={key}"


def test_a_local_file_has_none(tmp_path, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    outcome = run_operator(output_path=f"{tmp_path}/")
    assert outcome.state == "success", repr(outcome.error)
    assert KEY not in outcome.xcoms


def test_a_log_in_xcom_has_none(simulator, flow):
    simulator.add_execution(flow, lasts=0)
    assert KEY not in run_operator().xcoms
