"""The log operator, killed while it stores a log: in a store that is slow, and on the disk."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from airflow_provider_integrator.operators.log import IntegratorLogOperator

try:
    from airflow.sdk.io import attach
except ImportError:
    from airflow.io.store import attach

FOLDER = Path(os.environ["AIRFLOW_HOME"]) / "killed"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOW: dict[str, Any] = {"deferrable": False, "poll_interval": 1, "timeout": 600}


class Upload(AbstractBufferedFile):
    """An upload that takes a second for each part once its task is marked, and leaves a file for each of its steps."""

    def _initiate_upload(self):
        (FOLDER / "pid").write_text(str(os.getpid()))
        (FOLDER / "begun").touch()

    def _upload_chunk(self, final=False):
        while not (FOLDER / "marked").exists():
            time.sleep(0.1)
        time.sleep(1)
        if final:
            (FOLDER / "object").touch()
        return True

    def discard(self):
        (FOLDER / "aborted").touch()


class Store(AbstractFileSystem):
    """A store that shows an object once all of it is there."""

    protocol = "s3"
    cachable = False

    def _open(self, path, mode="rb", **options):
        return Upload(self, path, mode, **options)


attach("s3", "slow", fs=Store())
(FOLDER / "temporary").mkdir(parents=True, exist_ok=True)
tempfile.tempdir = str(FOLDER / "temporary")

with DAG(dag_id="e2e_killed_upload", schedule=None, start_date=START):
    IntegratorLogOperator(task_id="save", flow="killed_upload", output_path="s3://slow@bucket/x.json", **HOW)

with DAG(dag_id="e2e_killed_write", schedule=None, start_date=START):
    IntegratorLogOperator(
        task_id="save",
        flow="killed_write",
        output_path=f"file://{FOLDER}/target/x.json",
        retries=2,
        retry_delay=timedelta(seconds=1),
        **HOW,
    )
