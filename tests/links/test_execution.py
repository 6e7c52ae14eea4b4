"""The link to an execution: pushed as soon as the execution is known, in each mode, and found again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat import sdk

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.links import IntegratorExecutionLink, StoredLogLink
from tests.tasks import (
    MODES,
    TIMEOUT,
    a_context,
    a_sensor,
    after_looks,
    an_operator,
    run_operator,
    run_sensor,
)

KEY = "_link_IntegratorExecutionLink"
UI_URL = "https://ui.example/{project_id}/{flow_id}/{execution_id}/{log_id}"


@pytest.fixture
def execution(simulator, flow, connect):
    connect(ui_url=UI_URL)
    return simulator.add_execution(flow, lasts=0)


def url(simulator, flow, execution, log_id=None):
    return (
        f"https://ui.example/{simulator.projects[0].id}/{flow.id}/{execution.id}/{log_id or execution.log_id}"
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("run", [run_sensor, run_operator])
def test_finished_execution(run, mode, simulator, flow, execution):
    outcome = run(mode)
    assert outcome.state == "success", repr(outcome.error)
    assert outcome.xcoms[KEY] == url(simulator, flow, execution)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("run", [run_sensor, run_operator])
def test_execution_that_finishes_during_the_wait(run, mode, simulator, flow, connect):
    connect(ui_url=UI_URL)
    execution = simulator.add_execution(flow)
    after_looks(simulator, 3, lambda: simulator.finish(execution))
    outcome = run(mode)
    assert outcome.state == "success", repr(outcome.error)
    assert outcome.pushes[0 if run is run_sensor else 1] == (KEY, url(simulator, flow, execution))


def test_it_is_pushed_once_a_process(simulator, flow, connect):
    connect(ui_url=UI_URL)
    execution = simulator.add_execution(flow)
    after_looks(simulator, 3, lambda: simulator.finish(execution))
    assert [key for key, _ in run_sensor("poke").pushes].count(KEY) == 1


@pytest.mark.parametrize("run", [run_sensor, run_operator])
def test_without_template_there_is_none(run, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    assert KEY not in run("poke").xcoms


def test_a_failing_task_has_it(simulator, flow, connect):
    connect(ui_url=UI_URL)
    execution = simulator.add_execution(flow, status=Status.FAILED, lasts=0)
    for outcome in (run_operator(), run_sensor("poke", fail_on_failed=True)):
        assert outcome.state == "failed"
        assert outcome.xcoms[KEY] == url(simulator, flow, execution)


def test_it_leads_to_the_log_that_the_operator_names(simulator, flow, execution):
    step = execution.steps[0]
    outcome = run_operator(log_id=step.log_id)
    assert outcome.state == "success", repr(outcome.error)
    assert outcome.xcoms[KEY] == url(simulator, flow, execution, step.log_id)


def test_the_worker_knows_it_without_asking(mocker, simulator, flow, execution):
    mocker.patch.object(sdk, "XCom", None)
    task, context = a_sensor(timeout=TIMEOUT), a_context()
    link = IntegratorExecutionLink()
    assert link.get_link(task, ti_key=context["ti"]) == ""
    task.poke(context)
    assert link.get_link(task, ti_key=context["ti"]) == url(simulator, flow, execution)


@pytest.mark.parametrize(("kept", "found"), [("https://ui.example/1", "https://ui.example/1"), (None, "")])
def test_airflow_2s_web_server_reads_it_from_xcom(kept, found, mocker):
    xcom = mocker.patch.object(sdk, "XCom")
    xcom.get_value.return_value = kept
    # all that it knows of a task is what stands in its database
    serialized = SimpleNamespace(task_id="wait")
    assert IntegratorExecutionLink().get_link(serialized, ti_key="the task instance") == found
    xcom.get_value.assert_called_once_with(key=KEY, ti_key="the task instance")


def test_links_of_the_tasks():
    names = [[link.name for link in task.operator_extra_links] for task in (a_sensor(), an_operator())]
    assert names == [["Integrator execution"], ["Integrator execution", "Stored log"]]
    keys = {link.xcom_key for link in (IntegratorExecutionLink(), StoredLogLink())}
    assert keys == {KEY, "_link_StoredLogLink"}
