"""The log operator: what it waits for, and what it makes of its arguments."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    IntegratorError,
    WaitTimeoutError,
)
from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.simulator import Fault
from tests.operators.conftest import RAW, WAITS
from tests.tasks import a_context, after_looks, an_operator, run_operator


@pytest.mark.parametrize("mode", WAITS)
class TestWait:
    def test_for_the_finish(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, log={"rows": 3})
        after_looks(simulator, 3, lambda: simulator.finish(execution))
        outcome = run_operator(mode)
        assert outcome.value == {"rows": 3}
        assert outcome.xcoms["return_value"] == {"rows": 3}
        assert outcome.xcoms["execution"]["execution_id"] == execution.id
        assert outcome.xcoms["execution"]["state"] == "finished"
        assert len(outcome.deferrals) == (mode == "deferrable")

    def test_for_one_that_is_not_there_yet(self, mode, simulator, flow):
        after_looks(simulator, 3, lambda: simulator.add_execution(flow, lasts=0, log=[1]))
        assert run_operator(mode).value == [1]

    def test_by_id(self, mode, simulator, flow):
        simulator.add_execution(flow, lasts=0, log="another")
        after_looks(simulator, 3, lambda: simulator.add_execution(flow, lasts=0, log="mine", id="mine"))
        assert run_operator(mode, execution_id="mine").value == "mine"

    def test_ends_in_time(self, mode, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_operator(mode, timeout=0.3)
        assert isinstance(outcome.error, WaitTimeoutError)
        assert execution.id in outcome.message
        assert "0.3 s" in outcome.message
        assert outcome.xcoms["execution"]["execution_id"] == execution.id
        assert "return_value" not in outcome.xcoms

    def test_ends_in_time_where_nothing_is_there(self, mode, simulator, flow):
        outcome = run_operator(mode, timeout=0.3)
        assert isinstance(outcome.error, WaitTimeoutError)
        assert "no execution that was created at or after" in outcome.message
        assert set(outcome.xcoms) == {"failure"}

    def test_puts_up_with_faults(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, log=[1])
        simulator.inject(Fault.status(503, on="logs", times=8))
        after_looks(simulator, 10, lambda: simulator.finish(execution))
        assert run_operator(mode, outage_tolerance=60).value == [1]

    def test_but_not_for_ever(self, mode, simulator, flow):
        simulator.add_execution(flow)
        simulator.inject(Fault.status(503, on="logs"))
        outcome = run_operator(mode, outage_tolerance=0.3)
        assert isinstance(outcome.error, IntegratorError)
        assert "503" in outcome.message

    def test_fails_at_once_where_it_is_refused(self, mode, simulator, flow):
        simulator.inject(Fault.status(400, on="logs", body="flowId is odd"))
        outcome = run_operator(mode)
        assert "flowId is odd" in outcome.message
        assert simulator.count("logs") == 1

    def test_that_is_not_needed(self, mode, simulator, execution):
        outcome = run_operator(mode)
        assert outcome.value == json.loads(RAW)
        assert outcome.deferrals == []

    def test_token_expires(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, log=[1])
        after_looks(simulator, 2, simulator.expire_tokens)
        after_looks(simulator, 4, lambda: simulator.finish(execution))
        assert run_operator(mode).value == [1]

    def test_token_expires_before_the_download(self, mode, simulator, execution):
        after_looks(simulator, 1, simulator.expire_tokens)
        assert run_operator(mode).state == "success"
        assert simulator.logins == 2


class TestAfterTheTriggerersWait:
    def resume(self, event, **arguments):
        return an_operator("deferrable", **arguments).execute_complete(a_context(), event=event)

    def test_execution_is_pushed_where_it_timed_out(self, simulator, flow):
        def meanwhile(moment):
            if moment == "deferred":
                simulator.add_execution(flow, id="late")

        outcome = run_operator("deferrable", timeout=0.4, between=meanwhile)
        assert isinstance(outcome.error, WaitTimeoutError)
        assert outcome.xcoms["execution"]["execution_id"] == "late"

    def test_a_look_that_fails_in_passing_is_repeated(self, simulator, execution):
        simulator.inject(Fault.status(503, on="logs", times=7))
        assert self.resume({"status": "finished", "execution_id": execution.id}) == json.loads(RAW)

    def test_a_last_look_that_fails_leaves_it_a_timeout(self, simulator, flow):
        simulator.inject(Fault.status(503, on="logs"))
        with pytest.raises(WaitTimeoutError, match="503"):
            self.resume({"status": "timeout", "execution_id": None})

    def test_unknown_event_fails(self, simulator, execution):
        with pytest.raises(IntegratorError, match="unknown event"):
            self.resume({"status": "success"})

    def test_error_event_fails(self, simulator, execution):
        with pytest.raises(IntegratorError, match="List logs: no"):
            self.resume({"status": "error", "execution_id": None, "message": "List logs: no"})


@pytest.mark.parametrize("mode", WAITS)
class TestWithoutWait:
    def test_unfinished_is_an_error(self, mode, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_operator(mode, wait=False)
        assert outcome.state == "failed"
        assert execution.id in outcome.message
        assert "wait=True" in outcome.message
        assert outcome.xcoms["execution"]["state"] == "in_progress"
        assert outcome.deferrals == []

    def test_unknown_is_an_error(self, mode, simulator, flow):
        outcome = run_operator(mode, wait=False, execution_id="nobody")
        assert "doesn't know an execution nobody" in outcome.message

    def test_finished_is_none(self, mode, simulator, execution):
        assert run_operator(mode, wait=False).value == json.loads(RAW)


class TestBeforeTheWait:
    """What can be known at once is said at once: nothing is waited for."""

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"flow": "prize"}, "Set flow to a slug, name or id of: price"),
            ({"flow": "{{ '' }}"}, "flow is empty"),
            ({"execution_id": "{{ none }}"}, "execution_id is empty"),
            ({"log_id": "{{ none }}"}, "log_id is empty"),
            ({"output_path": "{{ '' }}"}, "output_path is empty"),
            ({"project_slug": ""}, "project_slug is empty"),
            ({"created_after": "{{ 'soon' }}"}, "created_after is 'soon'"),
            ({"output_path": "{{ 'nostore' }}://bucket/x"}, "path 'nostore://bucket/x' can't be used"),
        ],
    )
    @pytest.mark.parametrize("mode", WAITS)
    def test_wrong_argument(self, mode, arguments, says, simulator, flow):
        outcome = run_operator(mode, **arguments)
        assert isinstance(outcome.error, AirflowFailException), repr(outcome.error)
        assert says in outcome.message
        assert simulator.count("logs") == 0

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"on_failed": "ignore"}, "set it to fail or continue"),
            ({"on_empty": "ignore"}, "set it to succeed, skip or fail"),
            ({"adaptive": True, "deferrable": False}, "set deferrable=True"),
            ({"timeout": "1h"}, "timeout is '1h'; set it to a timedelta"),
            ({"timeout": -1}, "at least 0"),
            ({"poll_interval": 0}, "poll_interval is 0"),
            ({"outage_tolerance": -1}, "outage_tolerance is -1"),
            ({"max_xcom_bytes": 1.5}, "max_xcom_bytes is 1.5"),
            ({"max_log_bytes": "1 GB"}, "max_log_bytes is '1 GB'"),
        ],
    )
    def test_wrong_choice_is_told_when_the_dag_is_read(self, arguments, says):
        with pytest.raises(ConfigurationError, match=says):
            IntegratorLogOperator(task_id="log", flow="price", **arguments)

    def test_durations_may_be_timedeltas(self):
        task = IntegratorLogOperator(
            task_id="log", flow="price", timeout=timedelta(hours=1), poll_interval=timedelta(seconds=5)
        )
        assert (task.timeout, task.poll_interval) == (3600.0, 5.0)

    def test_output_path_is_a_folder(self, simulator, flow, tmp_path):
        outcome = run_operator(output_path=str(tmp_path))
        assert "end it in /" in outcome.message
        assert simulator.count("logs") == 0

    @pytest.mark.parametrize("end", ["log.json", "deep/er/log.json", "folder/", ""])
    def test_output_path_is_below_a_file(self, end, simulator, flow, tmp_path):
        (tmp_path / "file").write_text("")
        outcome = run_operator(output_path=f"{tmp_path}/file/{end}")
        assert isinstance(outcome.error, AirflowFailException)
        assert "can't be written" in outcome.message
        assert simulator.count("logs") == 0

    @pytest.mark.skipif(
        not Path("/proc").is_dir(), reason="the system has no folder that even root can't write to"
    )
    def test_folder_may_not_be_written(self, simulator, flow):
        outcome = run_operator(output_path="/proc/log.json")
        assert "The folder /proc can't be written" in outcome.message
        assert simulator.count("logs") == 0

    @pytest.mark.parametrize("path", [None, "{}/log.json"])
    def test_temporary_folder_may_not_be_written(self, path, simulator, flow, tmp_path, mocker):
        mocker.patch.object(tempfile, "tempdir", str(tmp_path / "missing"))
        outcome = run_operator(output_path=path and path.format(tmp_path))
        assert isinstance(outcome.error, AirflowFailException)
        assert (
            f"The temporary folder {tmp_path}/missing can't be written (No such file or directory)"
            in outcome.message
        )
        assert simulator.count("logs") == 0

    def test_project_missing(self, simulator, flow, connect):
        connect(project_id=None)
        assert "set project_id" in run_operator().message

    def test_slug_missing(self, simulator, flow, connect):
        connect(project_slug=None)
        outcome = run_operator()
        assert "set project_slug" in outcome.message
        assert simulator.count("logs") == 0

    def test_slug_from_list_projects(self, simulator, execution, connect):
        connect(project_slug=None, partner_id="partner-1")
        assert run_operator().state == "success"

    def test_wrong_slug_is_told_before_the_wait(self, simulator, execution, connect):
        connect(project_slug=None, partner_id="partner-1")
        outcome = run_operator(project_slug="acne")
        assert isinstance(outcome.error, AirflowFailException)
        assert "has the slug acme in List projects" in outcome.message
        assert simulator.count("logs") == 0

    @pytest.mark.parametrize("fault", [Fault.status(403, on="projects"), Fault.status(404, on="projects")])
    def test_a_slug_that_cannot_be_checked_is_taken(self, fault, simulator, execution, connect):
        connect(partner_id="partner-1")
        simulator.inject(fault)
        assert run_operator().state == "success"

    def test_slug_of_the_task(self, simulator, execution, connect):
        connect(project_slug=None)
        assert run_operator(project_slug="{{ 'ac' }}me").state == "success"


class TestTemplatesAndMapping:
    def test_fields_are_attributes(self):
        operator = an_operator()
        assert all(hasattr(operator, name) for name in operator.template_fields)

    def test_execution_id_from_an_xcom(self, simulator, flow):
        simulator.add_execution(flow, lasts=0, log="another")
        simulator.add_execution(flow, lasts=0, log="mine", id="mine")
        xcom = {"execution_id": "mine"}
        assert run_operator(execution_id="{{ xcom.execution_id }}", context={"xcom": xcom}).value == "mine"

    def test_mapped(self, simulator, execution):
        with DAG("mapped", schedule=None):
            mapped = IntegratorLogOperator.partial(task_id="log", on_empty="skip").expand(
                flow=["price", "stock"]
            )
        operator = mapped.unmap({"flow": "price"})
        assert operator.on_empty == "skip"
        assert operator.execute(a_context()) == json.loads(RAW)

    def test_created_after(self, simulator, flow):
        past = datetime(2026, 1, 1, tzinfo=timezone.utc)
        simulator.add_execution(flow, lasts=0, created=past, log="long ago")
        simulator.add_execution(flow, lasts=0, log="now")
        assert run_operator().value == "now"
        assert run_operator(created_after=past).value == "long ago"


class TestDeferral:
    def test_trigger_is_small_and_holds_no_secret(self, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_operator("deferrable", between=lambda _: simulator.finish(execution))
        (deferral,) = outcome.deferrals
        text = json.dumps(deferral.trigger.serialize()) + json.dumps(outcome.events)
        assert len(text) < 1000
        for secret in (simulator.password, *simulator.tokens):
            assert secret not in text

    def test_airflow_waits_longer_than_the_trigger(self, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_operator("deferrable", timeout=50, between=lambda _: simulator.finish(execution))
        assert outcome.deferrals[0].timeout.total_seconds() > 50
