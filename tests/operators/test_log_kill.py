"""The log operator is killed: what it is writing ends, and no object appears afterwards."""

from __future__ import annotations

import copy
import os
import signal
import tempfile

import pytest

from airflow_provider_integrator.exceptions import LogCancelledError
from airflow_provider_integrator.logs.archive import LogArchive
from airflow_provider_integrator.simulator import BigLog, Fault
from tests.operators.conftest import files
from tests.stores import attached
from tests.tasks import Runner, an_operator

LARGE = BigLog(30_000_000)


class TerminatedError(BaseException):
    """What Airflow 2's handler raises after it called on_kill."""


@pytest.fixture
def execution(simulator, flow):
    return simulator.add_execution(flow, lasts=0, log=LARGE)


@pytest.fixture(params=["Airflow 2", "Airflow 3"])
def kill(request, mocker):
    """Let the operator be killed as Airflow does it: a handler of SIGTERM calls on_kill, and may raise."""
    made = []

    def handle(signum, frame):
        made[0].on_kill()
        if request.param == "Airflow 2":
            raise TerminatedError

    before = signal.signal(signal.SIGTERM, handle)
    yield lambda operator: made.append(operator) or operator
    signal.signal(signal.SIGTERM, before)


def terminate(*_):
    os.kill(os.getpid(), signal.SIGTERM)


def run(kill, path):
    operator = kill(an_operator(output_path=path))
    try:
        outcome = Runner(lambda: operator).run()
    except TerminatedError:
        return
    assert outcome.state == "failed"
    assert isinstance(outcome.error, LogCancelledError)
    assert "killed or has timed out" in outcome.message


@pytest.mark.parametrize("protocol", ["s3", "memory"])
def test_during_an_upload(protocol, kill, simulator, execution):
    store = attached(protocol)
    store.between = lambda upload: len(upload.parts) == 3 and terminate()
    run(kill, f"{protocol}://{store.conn_id}@bucket/logs/x.json")
    assert len(store.uploads) == 1
    assert store.objects == {}
    assert store.unfinished == []


@pytest.mark.parametrize("form", ["{}/target/x.json", "memory://{}@/x.json"])
def test_while_it_is_unpacked(form, kill, simulator, execution, tmp_path, mocker):
    mocker.patch.object(tempfile, "tempdir", str(tmp_path))
    store = attached()
    pieces = []

    def check_size(archive, count, max_bytes):
        pieces.append(count)
        if len(pieces) == 5:
            terminate()

    mocker.patch.object(LogArchive, "_check_size", check_size)
    run(kill, form.format(store.conn_id if form.startswith("memory") else tmp_path))
    assert 5 <= len(pieces) <= 6
    assert files(tmp_path) == []
    assert store.uploads == []


def test_while_the_disk_is_slow_at_the_end(kill, simulator, execution, tmp_path, mocker):
    mocker.patch.object(os, "fsync", terminate)
    run(kill, f"{tmp_path}/x.json")
    assert files(tmp_path) == []


def test_while_it_is_downloaded(kill, simulator, execution, tmp_path):
    simulator.inject(Fault.delay(0.0, on="download", where=terminate))
    run(kill, f"{tmp_path}/x.json")
    assert files(tmp_path) == []


def test_after_its_end(simulator, execution, tmp_path):
    operator = an_operator(output_path=f"{tmp_path}/x.json")
    assert Runner(lambda: operator).run().state == "success"
    operator.on_kill()
    assert files(tmp_path) == [tmp_path / "x.json"]


def test_before_it_begins():
    operator = an_operator(execution_id="{{ missing }}")
    operator.on_kill()
    copy.deepcopy(operator).on_kill()  # as Airflow copies tasks
