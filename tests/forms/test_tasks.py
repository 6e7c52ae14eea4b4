"""Sensor, log operator, trigger and watch in every form: an execution that finishes is waited for, judged and delivered."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.triggers.execution import IntegratorExecutionTrigger
from tests.forms.conftest import described, each_form
from tests.stores import attached, uri
from tests.tasks import POLL, run_lines, run_operator, run_sensor

#: Seconds; a test that gets this far is wrong.
PATIENCE = 20.0
#: A deferrable task looks itself first, so that worker and triggerer read each form.
OF_SENSORS = each_form("mode", "deferrable", "poke", "reschedule")
OF_OPERATORS = each_form("mode", "deferrable", "poke")
LOG = {"errors": ["no such SKU"], "rows": [1]}


def begun(world, status, looks=4):
    """Add an execution that finishes once it has been looked for so often, beside one that goes on."""
    flow, add = world.new_flow(), world.integrator.add_execution
    now = datetime.now(timezone.utc)
    execution = add(flow, status=status, log=LOG, created=now - timedelta(seconds=20))
    add(flow, created=now - timedelta(seconds=10))
    world.after_looks(flow, looks, lambda: world.integrator.finish(execution))
    return flow, execution


@OF_SENSORS
def test_sensor(world, mode):
    flow, execution = begun(world, Status.SUCCESS)
    outcome = run_sensor(mode, flow=flow.slug, timeout=PATIENCE, fail_on_failed=True)
    assert outcome.state == "success", outcome.message
    assert described(outcome.value) == world.described(execution)


@OF_SENSORS
def test_sensor_that_judges(world, mode):
    flow, execution = begun(world, Status.FAILED)
    outcome = run_sensor(
        mode, flow=flow.slug, execution_id=execution.id, timeout=PATIENCE, fail_on_failed=True
    )
    assert isinstance(outcome.error, AirflowFailException)
    assert f"Execution {execution.id} of flow" in outcome.message


@OF_OPERATORS
def test_operator_to_xcom(world, mode):
    flow, execution = begun(world, Status.SUCCESS)
    outcome = run_operator(mode, flow=flow.slug, timeout=PATIENCE)
    assert outcome.value == LOG, outcome.message
    assert described(outcome.xcoms["execution"]) == world.described(execution)


@OF_OPERATORS
def test_operator_to_object_storage(world, mode):
    flow, execution = begun(world, Status.FAILED)
    store = attached()
    outcome = run_operator(mode, flow=flow.slug, timeout=PATIENCE, output_path=uri(store, "logs/"))
    assert isinstance(outcome.error, AirflowFailException)
    assert "no such SKU" in outcome.message
    ((path, stored),) = store.objects.items()
    assert path == f"/logs/{flow.slug}/{execution.id}/{execution.log_id}.json"
    assert json.loads(stored) == LOG
    assert described(outcome.xcoms["return_value"]["execution"]) == world.described(execution)


def test_lines_with_their_logs(world):
    outcome = run_lines(
        flow=world.flow.id,
        execution_id=world.executions[1].id,
        status="any",
        search={"shop": "x"},
        with_logs=True,
    )
    found = {line["id"]: (line["log"], line["fields"]["shop"]) for line in outcome.value if line["id"]}
    assert found == {line.log_id: ({"line": True}, "x") for line in world.lines}


@pytest.mark.parametrize("is_named", [False, True], ids=["next", "by id"])
def test_trigger(world, is_named):
    flow, execution = begun(world, Status.EMPTY)
    trigger = IntegratorExecutionTrigger(
        integrator_conn_id="integrator_default",
        project_id=None,
        flow=flow.slug,
        flow_id=None,
        execution_id=execution.id if is_named else None,
        created_after=None if is_named else "2020-01-01T00:00:00+00:00",
        poll_interval=POLL,
        end_time=None,
        adaptive=is_named,
    )

    async def first_event():
        return await anext(aiter(trigger.run()))

    event = asyncio.run(asyncio.wait_for(first_event(), PATIENCE))
    assert event.payload == {"status": "finished", "execution_id": execution.id}


def test_watch(world):
    pytest.importorskip("airflow.sdk", reason="asset watchers came with Airflow 3.0")
    from airflow_provider_integrator.triggers.flow import IntegratorFlowTrigger

    flow, execution = begun(world, Status.SUCCESS, looks=6)
    more = []

    def finish_more():
        more.append(world.integrator.add_execution(flow, lasts=0, status=Status.FAILED))
        world.integrator.add_execution(flow, lasts=0, status=Status.EMPTY)

    world.after_looks(flow, 9, finish_more)
    trigger = IntegratorFlowTrigger(flow=flow.slug, status=["success", "failed"], poll_interval=POLL)

    async def events():
        stream = trigger.run()
        first, second = await anext(stream), await anext(stream)
        await stream.aclose()
        return [first.payload, second.payload]

    first, second = asyncio.run(asyncio.wait_for(events(), PATIENCE))
    assert described(first) == world.described(execution)
    assert described(second) == world.described(more[0])
