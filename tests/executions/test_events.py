"""Asset events of sensor, log and lines operator: what they say, and that nobody gets one who didn't ask."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.executions.events import EXTRA_FIELDS, file_asset_uri
from tests.tasks import MODES, after_looks, run_lines, run_operator, run_sensor

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
except ImportError:
    from airflow.utils.context import OutletEventAccessors

PRICE = Asset("price")


@pytest.fixture
def events():
    return OutletEventAccessors()


@pytest.fixture
def context(events):
    return {"outlet_events": events}


@pytest.fixture
def execution(simulator, flow):
    return simulator.add_execution(flow, lasts=60, process_count=10, success_count=9, fail_count=1)


def alias_events(accessor):
    """List the events of an alias: the URI of each one's asset, and its extra."""
    try:
        return [(event.dest_asset_key.uri, event.extra) for event in accessor.asset_alias_events]
    except AttributeError:  # Airflow 2
        return [(event["dest_dataset_uri"], event["extra"]) for event in accessor.dataset_alias_events]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("run", [run_sensor, run_operator, run_lines])
def test_id_status_and_counts(run, mode, events, context, simulator, flow):
    execution = simulator.add_execution(flow, process_count=10, success_count=9, fail_count=1)
    after_looks(simulator, 3, lambda: simulator.finish(execution))
    outcome = run(mode, outlets=[PRICE], context=context)
    assert outcome.state == "success", repr(outcome.error)
    extra = events[PRICE].extra
    assert tuple(extra) == EXTRA_FIELDS
    assert (extra["execution_id"], extra["log_id"]) == (execution.id, execution.log_id)
    assert (extra["flow_id"], extra["flow_slug"]) == (flow.id, "price")
    assert extra["status"] == "success"
    assert [extra[f"{kind}_count"] for kind in ("process", "success", "fail")] == [10, 9, 1]
    assert json.loads(json.dumps(extra)) == extra


@pytest.mark.parametrize("run", [run_sensor, run_operator])
def test_nothing_unless_asked(run, events, context, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    assert run("poke", context=context, inlets=[PRICE]).state == "success"
    assert len(events) == 0


@pytest.mark.parametrize("run", [run_sensor, run_operator])
def test_every_asset_is_told(run, events, context, simulator, flow):
    execution = simulator.add_execution(flow, lasts=0)
    stock = Asset("stock")
    run("poke", outlets=[PRICE, stock], context=context)
    assert {events[asset].extra["execution_id"] for asset in (PRICE, stock)} == {execution.id}


def test_what_others_have_said_stays(events, context, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    events[PRICE].extra["by"] = "a callback"
    run_sensor("poke", outlets=[PRICE], context=context)
    assert events[PRICE].extra["by"] == "a callback"
    assert events[PRICE].extra["status"] == "success"


@pytest.mark.parametrize(("run", "arguments"), [(run_sensor, {}), (run_operator, {"on_failed": "continue"})])
def test_a_failed_execution_that_fails_no_task(run, arguments, events, context, simulator, flow):
    simulator.add_execution(flow, status=Status.FAILED, lasts=0)
    run("poke", outlets=[PRICE], context=context, **arguments)
    assert events[PRICE].extra["status"] == "failed"


@pytest.mark.parametrize(
    ("run", "arguments"),
    [(run_sensor, {"fail_on_failed": True}), (run_operator, {})],
)
def test_a_failing_task_says_nothing(run, arguments, events, context, simulator, flow):
    simulator.add_execution(flow, status=Status.FAILED, lasts=0)
    assert run("poke", outlets=[PRICE], context=context, **arguments).state == "failed"
    assert len(events) == 0


@pytest.mark.parametrize("run", [run_operator, run_lines])
def test_a_stored_log(run, tmp_path, events, context, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    outcome = run(output_path=f"{tmp_path}/", outlets=[PRICE], context=context)
    extra = events[PRICE].extra
    assert {name: extra[name] for name in ("uri", "bytes", "sha256")} == {
        name: outcome.value[name] for name in ("uri", "bytes", "sha256")
    }
    assert extra["status"] == "success"


@pytest.mark.parametrize("run", [run_operator, run_lines])
def test_an_alias_stands_for_the_stored_log(run, tmp_path, events, context, simulator, flow):
    execution = simulator.add_execution(flow, lasts=0)
    logs = AssetAlias("logs")
    outcome = run(output_path=f"{tmp_path}/", outlets=[logs], context=context)
    ((uri, extra),) = alias_events(events[logs])
    assert uri == outcome.value["uri"]
    assert (extra["execution_id"], extra["bytes"]) == (execution.id, outcome.value["bytes"])


@pytest.mark.parametrize(
    ("uri", "asset"),
    [
        ("s3://bucket/price/1.json", "s3://bucket/price/1.json"),
        ("s3://bucket/günlük/a b.json", "s3://bucket/g%C3%BCnl%C3%BCk/a%20b.json"),
        ("gs://bucket/what?#1.json", "gs://bucket/what%3F%231.json"),
        ("file:///logs/a%20b.json", "file:///logs/a%20b.json"),
    ],
)
def test_the_asset_of_a_file(uri, asset):
    assert file_asset_uri(uri) == asset
    assert Asset(uri=asset).uri == asset


@pytest.mark.parametrize(
    ("status", "arguments", "uri"),
    [
        (Status.SUCCESS, {}, "integrator://integrator_default/price"),
        (Status.FAILED, {}, "integrator://integrator_default/price?status=failed"),
        (Status.EMPTY, {"flow": "{{ 'pri' }}ce"}, "integrator://integrator_default/price?status=empty"),
    ],
)
def test_a_sensors_alias_stands_for_the_flow(status, arguments, uri, events, context, simulator, flow):
    execution = simulator.add_execution(flow, status=status, lasts=0)
    flows = AssetAlias("flows")
    outcome = run_sensor("poke", outlets=[flows], context=context, **arguments)
    assert outcome.state == "success", repr(outcome.error)
    ((told, extra),) = alias_events(events[flows])
    assert (told, extra["execution_id"]) == (uri, execution.id)


def test_an_alias_names_the_tasks_project(events, context, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    flows, project_id = AssetAlias("flows"), simulator.projects[0].id
    run_sensor("poke", outlets=[flows], context=context, project_id=project_id)
    ((uri, _),) = alias_events(events[flows])
    assert uri == f"integrator://integrator_default/{project_id}/price"


def test_an_alias_of_nothing_emits_nothing(events, context, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    logs = AssetAlias("logs")
    assert run_operator(outlets=[logs], context=context).state == "success"
    assert alias_events(events[logs]) == []


def test_other_outlets_are_left_alone(events, context, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    assert run_sensor("poke", outlets=[object()], context=context).state == "success"
    assert len(events) == 0


def test_a_reference_to_an_asset(events, context, simulator, flow, mocker):
    if not hasattr(Asset, "ref"):
        pytest.skip("Airflow 2 has none")
    mocker.patch.object(OutletEventAccessors, "_get_asset_from_db", return_value=PRICE)
    execution = simulator.add_execution(flow, lasts=0)
    run_sensor("poke", outlets=[Asset.ref(name="price")], context=context)
    assert events[PRICE].extra["execution_id"] == execution.id
