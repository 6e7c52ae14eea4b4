"""What a rescheduled sensor knows of its earlier pokes, on each Airflow."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_integrator.executions import progress
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.executions.wait import ExecutionWait
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.sensors.pokes import KEY, Pokes
from tests.tasks import RESCHEDULED_CONTEXTS, Runner, StateStore, TaskInstance, a_sensor, after_looks

SPEC = WaitSpec("conn", None, "price", created_after="2026-11-27T02:00:00+00:00", end_time=5000.0)


def pokes(store: Any, spec: WaitSpec = SPEC, count: int = 1) -> Pokes:
    context: Any = {"ti": TaskInstance(), "task_reschedule_count": count, "task_state_store": store}
    return Pokes(context, spec)


def a_wait(**changes: Any) -> ExecutionWait:
    """Return the wait of a poke that found the flow and an execution."""
    resolved = {"flow_id": "f", "execution_id": "e", "end_time": 4000.0, "polled_at": 3000.0}
    spec = WaitSpec(**{**SPEC.as_arguments(), **resolved, **changes})
    return ExecutionWait(IntegratorHook(), spec, 60.0, lambda _: None, carried={"is_checked": True})


def kept(**changes: Any) -> StateStore:
    """Return a store with what such a poke kept."""
    store = StateStore()
    pokes(store).keep(a_wait(**changes))
    return store


def run(context: str, **arguments: Any) -> Any:
    return Runner(lambda: a_sensor("reschedule", **arguments), rescheduled_context=context).run()


def test_what_was_resolved_is_recalled_with_a_deadline_of_its_own():
    recalled = pokes(kept()).recall()
    assert recalled is not None
    assert recalled["is_checked"]
    found = WaitSpec(**recalled["spec"])
    assert (found.flow_id, found.execution_id, found.end_time) == ("f", "e", 5000.0)


def test_another_try_recalls_nothing():
    assert pokes(kept(), count=0).recall() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"flow": "stock"},
        {"project_id": "p"},
        {"integrator_conn_id": "other"},
        {"created_after": "2026-11-26T02:00:00+00:00"},
        {"created_before": 60.0},
        {"adaptive": True},
    ],
)
def test_what_was_kept_for_other_arguments_is_not_recalled(changes):
    assert pokes(kept(**changes)).recall() is None


def test_another_execution_is_not_recalled():
    named = WaitSpec(**{**SPEC.as_arguments(), "execution_id": "e"})
    assert pokes(kept(), named).recall() is not None
    assert pokes(kept(execution_id="other"), named).recall() is None


@pytest.mark.parametrize(
    "stored",
    [
        None,
        1,
        "x",
        [],
        {},
        {"spec": None},
        {"spec": {"flow": "price"}},
        {"spec": {**SPEC.as_arguments(), "x": 1}},
    ],
)
def test_a_value_of_another_provider_is_not_recalled(stored):
    store = StateStore()
    store.set(KEY, stored)
    assert pokes(store).recall() is None


def test_the_same_values_are_stored_once():
    store = StateStore()
    for number in range(3):
        poke, wait = pokes(store), a_wait(end_time=4000.0 + number, polled_at=3000.0 + number)
        recalled = poke.recall()
        if recalled is not None:
            wait = ExecutionWait(wait.hook, wait.spec, 60.0, lambda _: None, carried=recalled)
        poke.keep(wait)
    assert len(store.sets) == 1


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        ({"poke_interval": 5}, 30),
        ({"poke_interval": 0.01}, 30),
        ({"poke_interval": 40}, 40),
        ({"poke_interval": 5, "exponential_backoff": True}, 30),
        ({"poke_interval": 40, "exponential_backoff": True, "max_wait": 7}, 30),
    ],
)
def test_a_poke_comes_no_sooner_than_the_scheduler_hears_of_the_last(
    simulator, flow, logged, arguments, seconds
):
    execution = simulator.add_execution(flow)
    after_looks(simulator, 2, lambda: simulator.finish(execution))
    outcome = Runner(lambda: a_sensor("reschedule", **arguments), min_reschedule=30.0).run()
    assert outcome.state == "success"
    assert outcome.pauses
    assert all(seconds - 1 < pause <= seconds for pause in outcome.pauses)
    assert f"a poll every {max(30, arguments['poke_interval'])} s, for at most" in logged.text


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_other_modes_poll_as_often_as_they_are_to(mode):
    assert a_sensor(mode, poke_interval=5).poll_interval == 5.0


@pytest.mark.parametrize("context", RESCHEDULED_CONTEXTS)
def test_the_lines_of_the_log(context, simulator, flow, logged, mocker):
    mocker.patch.object(progress, "QUIET", 0.001)
    execution = simulator.add_execution(flow, triggered_by="someone@example.com")
    after_looks(simulator, 6, lambda: simulator.finish(execution))
    outcome = run(context)
    assert outcome.state == "success"
    lines = logged.text
    is_kept = "store" in context
    assert "Poll 4: " in lines
    assert lines.count("Waiting for the first execution of flow price") == 1
    assert lines.count(f"Found execution {execution.id}: created") == 1
    assert lines.count(f"The state of execution {execution.id} is finished.") == is_kept
    assert (f": execution {execution.id}, created" in lines) == (not is_kept)
    assert lines.count("by someone@example.com") == (1 if is_kept else outcome.reschedules + 1)


@pytest.mark.parametrize("context", RESCHEDULED_CONTEXTS)
def test_what_was_resolved_is_not_asked_for_again(context, simulator, flow):
    execution = simulator.add_execution(flow)
    after_looks(simulator, 6, lambda: simulator.finish(execution))
    outcome = run(context)
    assert outcome.state == "success"
    by_id = [request for request in simulator.requests if request.param("filename_uuid") == execution.id]
    is_kept = "store" in context
    assert simulator.count("/api/nifi/flow/list") == (1 if is_kept else outcome.reschedules + 1)
    assert len(by_id) == (outcome.reschedules if is_kept else 0)


@pytest.mark.parametrize("context", RESCHEDULED_CONTEXTS)
def test_the_end_of_the_wait_is_the_same(context, simulator, flow):
    outcome = run(context, timeout=0.3, created_after=datetime.now(timezone.utc))
    assert outcome.state == "failed"
    assert "flow price has no execution" in outcome.message or "Sensor has timed out" in outcome.message
