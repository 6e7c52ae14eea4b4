"""The hook's downloads of a log that is stored only after its execution has finished."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from airflow_provider_integrator.exceptions import ConfigurationError, RequestError
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from tests.tasks import after_looks

LOG = {"rows": [1, 2]}


def synchronous(name, *arguments, **options):
    with IntegratorHook() as hook:
        return getattr(hook, name)(*arguments, **options)


def asynchronous(name, *arguments, **options):
    async def call():
        async with IntegratorHook() as hook:
            return await getattr(hook, f"a{name}")(*arguments, **options)

    return asyncio.run(call())


@pytest.fixture(params=[synchronous, asynchronous], ids=["sync", "async"])
def call(request):
    return request.param


@pytest.fixture(params=["id", "execution"])
def log(request, simulator, flow):
    """A log that has just been written, by its id or by its execution."""
    simulator.late_log_status, simulator.log_delay = 404, 3600.0
    execution = simulator.add_execution(flow, lasts=0, log=LOG)
    if request.param == "id":
        return execution.log_id
    with IntegratorHook() as hook:
        return hook.get_execution(flow.id, execution.id)


@pytest.fixture
def _stored_meanwhile(simulator, log):
    after_looks(simulator, 2, lambda: setattr(simulator, "log_delay", 0.0), on="download")


@pytest.mark.usefixtures("_stored_meanwhile")
def test_it_is_loaded_once_it_is_there(call, log, simulator, flow):
    assert call("load_log", flow.id, log, log_timeout=60, poll_interval=0.01) == LOG
    assert simulator.count("download") == 3


@pytest.mark.usefixtures("_stored_meanwhile")
def test_it_is_saved_once_it_is_there(call, log, simulator, flow, tmp_path):
    path = tmp_path / "log.json"
    call("save_log", flow.id, log, path, log_timeout=60, poll_interval=0.01)
    assert path.exists()
    assert simulator.count("download") == 3


def test_it_never_comes(call, log, simulator, flow):
    simulator.log_delay = 3600
    began = time.monotonic()
    with pytest.raises(RequestError, match=r"log_timeout \(0.3 s\)") as caught:
        call("load_log", flow.id, log, log_timeout=0.3, poll_interval=0.05)
    assert time.monotonic() - began < 30
    assert ("is_send_S3 in List logs is 0" in str(caught.value)) == (not isinstance(log, str))


@pytest.mark.parametrize("method", ["load_log", "download_log"])
@pytest.mark.parametrize(
    ("name", "value"), [("log_timeout", value) for value in (-1, "soon", True, None)] + [("poll_interval", 0)]
)
def test_what_is_no_duration_is_refused_before_anything_is_downloaded(
    call, log, simulator, flow, method, name, value
):
    with pytest.raises(ConfigurationError, match=f"^{name} is "):
        call(method, flow.id, log, **{name: value})
    assert simulator.count("download") == 0


def test_durations_may_be_timedeltas(call, log, simulator, flow):
    simulator.log_delay = 0.0
    seconds = timedelta(seconds=1)
    assert call("load_log", flow.id, log, log_timeout=seconds, poll_interval=seconds) == LOG


def test_no_patience(call, log, simulator, flow):
    simulator.log_delay = 3600
    with pytest.raises(RequestError):
        call("load_log", flow.id, log, log_timeout=0)
    assert simulator.count("download") == 1
