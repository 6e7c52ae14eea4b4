"""What a task resolved before it deferred travels in the deferral; nothing is done twice."""

from __future__ import annotations

import zipfile

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.logs import storage
from tests.tasks import run_operator


def test_a_deferred_log_task_asks_for_everything_once(simulator, flow, connect, tmp_path, mocker):
    connect(project_slug=None, partner_id=simulator.projects[0].partner_id)
    execution = simulator.add_execution(flow)
    opened = mocker.spy(zipfile.ZipFile, "open")
    stores = mocker.spy(storage, "open_store")

    def meanwhile(moment):
        if moment == "deferred":
            assert stores.call_count == 1
            simulator.finish(execution, status=Status.FAILED)
        else:
            stores.reset_mock()  # the worker that goes on is another process

    outcome = run_operator("deferrable", output_path=f"{tmp_path}/", between=meanwhile)

    assert len(outcome.deferrals) == 1
    assert "Its log is in file://" in outcome.message
    assert (simulator.logins, simulator.count("flows"), simulator.count("projects")) == (1, 1, 1)
    assert simulator.count("download") == 1
    inflated = [call for call in opened.call_args_list if "w" not in (*call.args, *call.kwargs.values())]
    assert len(inflated) == 1, "for the file and for the first errors"
    assert [call.args[0] for call in stores.call_args_list if isinstance(call.args[0], str)] == [
        f"{tmp_path}/"
    ]


def test_what_is_carried_holds_ids_only(simulator, flow, connect):
    connect(project_slug=None, partner_id=simulator.projects[0].partner_id)
    execution = simulator.add_execution(flow)
    outcome = run_operator("deferrable", between=lambda _: simulator.finish(execution))
    carried = outcome.deferrals[0].kwargs["carried"]
    assert carried.keys() == {"spec", "project_slug", "is_checked"}
    assert carried["project_slug"] == "acme"
    assert (carried["spec"]["flow_id"], carried["spec"]["execution_id"]) == (flow.id, execution.id)
