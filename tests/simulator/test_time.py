"""How executions and their steps go with time, and what finishing one does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.api.enums import State, Status

if TYPE_CHECKING:
    from airflow_provider_integrator.simulator import Flow, IntegratorSimulator
    from tests.simulator.conftest import Caller, Clock


def numbers(log: dict[str, Any]) -> tuple[int, ...]:
    return tuple(log[name] for name in ("state", "status", "process_count", "success_count", "fail_count"))


def test_an_execution_advances_by_the_clock(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, clock: Clock
) -> None:
    integrator.add_execution(flow, status=Status.FAILED, lasts=60, process_count=5, fail_count=1)
    seen = []
    for _ in range(5):
        (log,) = caller.results(flow)
        steps = [(step["state"], step["status"]) for step in log["sub_flows"]]
        seen.append((numbers(log), log["finished"], steps))
        clock.now += 15
    start, working, done = (1, 1, 0, 0, 0), (2, 1, 0, 0, 0), (3, 3, 5, 4, 1)
    assert [log for log, _, _ in seen] == [start, start, working, working, done]
    assert [finished for _, finished, _ in seen] == [None] * 4 + ["1700000060123"]
    assert [steps for _, _, steps in seen] == [
        [(2, 1), (1, 1), (1, 1)],
        # 15 s: still the first of three steps.
        [(2, 1), (1, 1), (1, 1)],
        [(3, 2), (2, 1), (1, 1)],
        [(3, 2), (3, 2), (2, 1)],
        [(3, 2), (3, 2), (3, 3)],
    ]


def test_a_step_can_be_finished_while_its_execution_is_at_start(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, clock: Clock
) -> None:
    integrator.add_execution(flow, lasts=60)
    clock.now += 25
    (log,) = caller.results(flow)
    assert (log["state"], log["sub_flows"][0]["state"]) == (1, 3)
    assert log["sub_flows"][0]["finished"] is not None
    assert log["sub_flows"][1]["finished"] is None


@pytest.mark.parametrize(("held", "shown"), [(State.START, 1), (State.IN_PROGRESS, 2)])
def test_an_execution_without_an_end_waits_to_be_finished(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, clock: Clock, held: State, shown: int
) -> None:
    execution = integrator.add_execution(flow, state=held)
    clock.now += 10**6
    (log,) = caller.results(flow)
    assert (numbers(log), log["finished"]) == ((shown, 1, 0, 0, 0), None)
    assert [step["state"] for step in log["sub_flows"]] == [3, 2, 1]
    assert integrator.finish(execution, status=Status.FAILED, fail_count=3) is execution
    (log,) = caller.results(flow)
    assert (numbers(log), log["finished"]) == ((3, 3, 10, 7, 3), "1701000000123")
    assert [step["state"] for step in log["sub_flows"]] == [3, 3, 3]


@pytest.mark.parametrize(
    ("added", "finished", "shown"),
    [
        ({}, {}, (3, 2, 10, 10, 0)),
        ({"process_count": 40}, {}, (3, 2, 40, 40, 0)),
        ({"process_count": 40}, {"status": Status.FAILED}, (3, 3, 10, 7, 3)),
        ({"process_count": 40}, {"status": Status.EMPTY}, (3, 4, 0, 0, 0)),
        ({}, {"process_count": 5, "success_count": 2}, (3, 2, 5, 2, 3)),
        ({}, {"status": Status.FAILED, "process_count": 2}, (3, 3, 2, 0, 2)),
        ({"status": 9}, {}, (3, 9, 0, 0, 0)),
    ],
)
def test_counts_follow_from_what_is_given(
    integrator: IntegratorSimulator,
    flow: Flow,
    caller: Caller,
    added: dict[str, Any],
    finished: dict[str, Any],
    shown: tuple[int, ...],
) -> None:
    execution = integrator.add_execution(flow, **added)
    integrator.finish(execution.id, **finished)
    assert numbers(caller.results(flow)[0]) == shown


def test_an_unknown_execution_cannot_be_finished(integrator: IntegratorSimulator) -> None:
    with pytest.raises(KeyError, match="unknown"):
        integrator.finish("unknown")


def test_the_past_and_the_future(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, clock: Clock
) -> None:
    now = datetime.fromtimestamp(clock.now, timezone.utc)
    past = integrator.add_execution(flow, lasts=60, created=now - timedelta(hours=1))
    future = integrator.add_execution(flow, lasts=60, created=now + timedelta(hours=1))
    assert past.created == now - timedelta(hours=1)
    (log,) = caller.results(flow)
    assert (log["filename_uuid"], log["state"]) == (past.id, 3)
    assert caller.logs(flow, filename_uuid=future.id).status_code == 404
    clock.now += 3600
    assert [log["filename_uuid"] for log in caller.results(flow)] == [future.id, past.id]
    assert caller.results(flow, filename_uuid=future.id)[0]["state"] == 1
