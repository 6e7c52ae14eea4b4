"""A log that is stored only after its execution has finished."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_integrator.api.downloads import LogPatience
from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError
from airflow_provider_integrator.simulator import Fault
from tests.operators.conftest import WAITS
from tests.tasks import after_looks, an_operator, run_operator

LOG = {"errors": ["no such SKU"]}
#: Seconds from the end of an execution until its log is stored, and patience enough on a busy machine.
DELAY, PATIENCE = 0.05, 60.0


@pytest.fixture(params=[400, 404])
def late(request, simulator):
    simulator.log_delay, simulator.late_log_status = DELAY, request.param
    return simulator


@pytest.mark.parametrize("mode", WAITS)
class TestComes:
    def test_into_xcom(self, mode, late, flow, logged):
        late.log_delay = 3600.0
        after_looks(late, 3, lambda: setattr(late, "log_delay", 0.0), on="download")
        late.add_execution(flow, lasts=0, log=LOG)
        outcome = run_operator(mode, log_timeout=PATIENCE)
        assert outcome.value == LOG, outcome.message
        assert "The log isn't available yet" in logged.text
        assert str(late.late_log_status) in logged.text
        assert len(outcome.deferrals) >= (2 if mode == "deferrable" else 0)

    def test_into_a_file(self, mode, late, flow, tmp_path):
        execution = late.add_execution(flow, lasts=0, log=LOG)
        outcome = run_operator(mode, log_timeout=PATIENCE, output_path=f"{tmp_path}/")
        path = tmp_path / "price" / execution.id / f"{execution.log_id}.json"
        assert json.loads(path.read_text("utf-8")) == LOG, outcome.message

    def test_of_a_failed_execution(self, mode, late, flow):
        late.add_execution(flow, status=Status.FAILED, lasts=0, log=LOG)
        outcome = run_operator(mode, log_timeout=PATIENCE)
        assert isinstance(outcome.error, AirflowFailException)
        assert "- no such SKU" in outcome.message

    def test_of_a_step(self, mode, late, flow):
        execution = late.add_execution(flow, lasts=0, steps=[{"name": "Login", "log": {"step": 1}}])
        outcome = run_operator(mode, log_timeout=PATIENCE, log_id=execution.steps[0].log_id)
        assert outcome.value == {"step": 1}, outcome.message


@pytest.mark.parametrize("mode", WAITS)
class TestNeverComes:
    @pytest.fixture(autouse=True)
    def _never(self, late):
        late.log_delay = 3600.0

    def test_the_error_names_what_the_server_said(self, mode, late, flow):
        late.add_execution(flow, lasts=0)
        outcome = run_operator(mode, log_timeout=0.1)
        assert isinstance(outcome.error, RequestError)
        assert outcome.error.status == late.late_log_status
        assert "is_send_S3 in List logs is 0" in outcome.message
        assert "log_timeout (0.1 s)" in outcome.message

    def test_a_failed_execution_says_so(self, mode, late, flow):
        late.add_execution(flow, status=Status.FAILED, lasts=0)
        outcome = run_operator(mode, log_timeout=0.1)
        assert isinstance(outcome.error, AirflowFailException)
        assert "Its log was not delivered" in outcome.message
        assert "is_send_S3 in List logs is 0" in outcome.message

    def test_no_patience(self, mode, late, flow):
        late.add_execution(flow, lasts=0)
        outcome = run_operator(mode, log_timeout=0)
        assert isinstance(outcome.error, RequestError)
        assert (late.count("download"), outcome.deferrals) == (1, [])

    def test_no_patience_with_an_execution_that_ended_long_ago(self, mode, late, flow):
        late.add_execution(flow, lasts=1, created=datetime.now(timezone.utc) - timedelta(minutes=30))
        outcome = run_operator(mode, log_timeout=300)
        assert isinstance(outcome.error, RequestError)
        assert (late.count("download"), outcome.deferrals) == (1, [])


@pytest.mark.parametrize("value", [-1, timedelta(seconds=-1), "soon", True, None])
def test_what_is_no_log_timeout(value):
    with pytest.raises(ConfigurationError, match="log_timeout is"):
        an_operator(log_timeout=value)


@pytest.mark.parametrize("status", [401, 403, 500])
def test_another_refusal_is_not_waited_out(status):
    with pytest.raises(RequestError, match="no"):
        LogPatience(None, None, 300, 60).pause_after(RequestError("no", status))


def test_an_integrator_whose_clock_is_ahead_does_not_prolong_the_patience():
    ahead = datetime.now(timezone.utc) + timedelta(hours=1)
    patience = LogPatience(None, ahead, 300, 60)
    patience.pause_after(RequestError("no", 404))
    assert patience.until <= time.time() + 300


@pytest.mark.parametrize("finished", [None, "soon"])
def test_a_deferral_does_not_prolong_the_patience(finished, late, flow):
    """Without a time of its end, the patience for an execution's log begins with the first refusal."""

    def without_end(page):
        for log in page["results"]:
            log["finished"] = finished

    late.log_delay = 3600.0
    late.inject(Fault.mutate(without_end, on="logs"))
    late.add_execution(flow, lasts=0)
    outcome = run_operator("deferrable", log_timeout=0.8, poll_interval=0.05)
    assert isinstance(outcome.error, RequestError)
    assert len(outcome.deferrals) >= 2
    assert len({each.kwargs["carried"]["log_until"] for each in outcome.deferrals}) == 1
