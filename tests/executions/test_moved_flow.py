"""A flow that is deleted and created again under the same slug, while something waits for it."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_integrator.polling.flow_watcher import FlowWatcher, WatchedFlow
from airflow_provider_integrator.simulator import Fault
from tests.tasks import MODES, after_looks, run_operator, run_sensor
from tests.triggers.test_execution import a_trigger, event_of

TASKS = [(run_sensor, mode) for mode in MODES] + [(run_operator, mode) for mode in ("poke", "deferrable")]
#: What List logs answers for a flow that is gone isn't documented.
ANSWERS = [400, 404]


@pytest.fixture(params=TASKS, ids=lambda task: f"{task[0].__name__}-{task[1]}")
def run(request):
    call, mode = request.param
    return lambda **arguments: call(mode, **arguments)


def created_again(simulator, flow, answer):
    """Delete a flow after some looks and create it again, with an execution; the server answers so for the old id."""
    gone = []

    def create():
        simulator.delete_flow(flow)
        again = simulator.add_flow(flow.project, flow.name, slug=flow.slug, id="created-again")
        simulator.add_execution(again, lasts=0, log=[], id="wanted")
        gone.append(flow.id)

    if answer == 404:
        is_gone = lambda request: bool(gone) and flow.id in str(request.query)  # noqa: E731
        simulator.inject(Fault.status(404, on="logs", where=is_gone))
    after_looks(simulator, 4, create)


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_wait_goes_on_with_the_new_one(answer, run, simulator, flow, logged):
    created_again(simulator, flow, answer)
    outcome = run()
    assert outcome.state == "success", outcome.message
    assert "wanted" in str(outcome.xcoms)


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_watch_goes_on_with_the_new_one(answer, simulator, flow):
    created_again(simulator, flow, answer)

    async def first():
        watched = WatchedFlow("price", "integrator_default", None, ("success",), None, 0.02)
        executions = FlowWatcher(watched, None).executions()
        try:
            return (await asyncio.wait_for(anext(executions), 60)).execution_id
        finally:
            await executions.aclose()

    assert asyncio.run(first()) == "wanted"


def test_a_wait_for_one_that_stays_deleted_fails(run, simulator, flow):
    after_looks(simulator, 4, lambda: simulator.delete_flow(flow))
    outcome = run()
    assert "flowId is wrong" in outcome.message or "has no flow 'price'" in outcome.message

    assert outcome.state == "failed"


@pytest.mark.parametrize(("call", "mode"), [each for each in TASKS if each[1] != "reschedule"])
def test_looking_it_up_again_is_rare(call, mode, simulator, flow):
    execution = []
    after_looks(simulator, 70, lambda: execution.append(simulator.add_execution(flow, lasts=0, log=[])))
    assert call(mode).state == "success"
    workers_and_triggerers = 3
    assert simulator.count("flows") <= workers_and_triggerers + 2


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_trigger_that_looked_the_flow_up_itself_goes_on_with_the_new_one(answer, simulator, flow):
    created_again(simulator, flow, answer)
    event = event_of(a_trigger(flow_id=None, poll_interval=0.02))
    assert event == {"status": "finished", "execution_id": "wanted"}
