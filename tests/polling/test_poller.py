"""The life of a poller: start, share, find, fail, cancel, end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.async_client import AsyncClient
from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    RequestError,
    ResponseError,
    UnavailableError,
)
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.waits import Wait
from airflow_provider_integrator.simulator import Fault, Flow, IntegratorSimulator
from tests.polling.making import make_wait

#: Seconds in which anything that is to happen surely has, on a busy machine.
PATIENCE = 60.0


@pytest.fixture
def simulator() -> Any:
    with IntegratorSimulator() as simulator:
        yield simulator


@pytest.fixture
def flow(simulator: IntegratorSimulator) -> Flow:
    project = simulator.add_project("Acme", slug="acme")
    return simulator.add_flow(project, "Price", slug="price")


@asynccontextmanager
async def polling(
    simulator: IntegratorSimulator, flow: Flow, transport: type[AsyncClient] = AsyncClient
) -> AsyncIterator[FlowPoller]:
    before = asyncio.all_tasks()
    access = Access(simulator.url, simulator.username, simulator.password)
    async with transport(access, Retry(attempts=1)) as client:
        yield FlowPoller(client, flow.project.id, flow.id)
    assert asyncio.all_tasks() <= before, "a task is left"
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    assert [timer for timer in timers if not timer.cancelled() and "Deadlines" in repr(timer)] == []


async def waited(poller: FlowPoller, wait: Wait) -> Execution:
    poller.join(wait)
    try:
        return await asyncio.wait_for(wait.done, PATIENCE)
    finally:
        await poller.leave(wait)


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.01)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 2 * PATIENCE))


def test_a_finished_execution_is_found_by_the_first_poll(simulator: IntegratorSimulator, flow: Flow) -> None:
    done = simulator.add_execution(flow, status=Status.FAILED, lasts=0)

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            execution = await waited(poller, make_wait(done.id))
            assert execution.status is Status.FAILED

    run(scenario())
    assert simulator.count("/logs") == 1


def test_all_waits_on_a_flow_share_one_request_an_interval(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    running = [simulator.add_execution(flow) for _ in range(80)]

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            tasks = [asyncio.create_task(waited(poller, make_wait(each.id))) for each in running]
            await until(lambda: simulator.count("/logs") >= 5)
            before = simulator.count("/logs")
            for each in running:
                simulator.finish(each, status=Status.SUCCESS)
            found = await asyncio.gather(*tasks)
            assert {each.execution_id for each in found} == {each.id for each in running}
            # whatever poll finds them, it is the same for many
            assert simulator.count("/logs") - before <= 5

    run(scenario())
    assert simulator.connections <= 2
    assert simulator.logins == 1


def test_polling_begins_with_the_first_wait_and_ends_with_the_last(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    running = [simulator.add_execution(flow) for _ in range(3)]

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            waits = [make_wait(each.id) for each in running]
            for wait in waits:
                poller.join(wait)
            await until(lambda: simulator.count("/logs") >= 2)
            for wait in waits:
                await poller.leave(wait)
            assert len(poller) == 0
            ended = simulator.count("/logs")
            await asyncio.sleep(0.2)
            assert simulator.count("/logs") == ended
            # and it can begin again
            simulator.finish(running[0], status=Status.EMPTY)
            assert (await waited(poller, make_wait(running[0].id))).status is Status.EMPTY

    run(scenario())


class SlowToEnd(AsyncClient):
    """Takes its time with what follows a request, and another time for each."""

    async def call(self, call: Any) -> Any:
        try:
            return await super().call(call)
        finally:
            await asyncio.sleep(random.uniform(0.01, 0.1))


def test_who_leaves_last_waits_until_no_request_is_under_way(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    for _ in range(200):
        simulator.add_execution(flow, lasts=0)
    looked_up = Fault.delay(
        PATIENCE, on="/logs", where=lambda request: request.param("filename_uuid") is not None
    )
    simulator.inject(looked_up)

    async def scenario() -> None:
        async with polling(simulator, flow, SlowToEnd) as poller:
            before = asyncio.all_tasks()
            waits = [make_wait(f"missing-{n}") for n in range(8)]
            for wait in waits:
                poller.join(wait)
            await until(lambda: looked_up.hits >= 2)
            for wait in waits:
                await poller.leave(wait)
            assert asyncio.all_tasks() == before

    run(scenario())


class Mistaken(AsyncClient):
    """Has a mistake in it that comes to light with one of several questions that are under way."""

    calls = 0

    async def call(self, call: Any) -> Any:
        self.calls += 1
        if self.calls == 2:
            raise RuntimeError("a mistake")
        return await super().call(call)


def test_a_mistake_of_ours_ends_the_waits_and_leaves_nothing_behind(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    for _ in range(200):
        simulator.add_execution(flow, lasts=0)

    async def scenario() -> None:
        async with polling(simulator, flow, Mistaken) as poller:
            waits = (waited(poller, make_wait(f"missing-{n}")) for n in range(8))
            ended = await asyncio.gather(*waits, return_exceptions=True)
            assert [repr(each) for each in ended] == ["RuntimeError('a mistake')"] * 8

    run(scenario())


def test_a_cancelled_wait_harms_no_other(simulator: IntegratorSimulator, flow: Flow) -> None:
    running = [simulator.add_execution(flow) for _ in range(2)]

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            first, second = (asyncio.create_task(waited(poller, make_wait(each.id))) for each in running)
            await until(lambda: simulator.count("/logs") >= 1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            simulator.finish(running[1], status=Status.SUCCESS)
            assert (await second).execution_id == running[1].id

    run(scenario())


def test_the_shortest_interval_counts(simulator: IntegratorSimulator, flow: Flow) -> None:
    running = [simulator.add_execution(flow) for _ in range(2)]

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            slow = asyncio.create_task(waited(poller, make_wait(running[0].id, interval=3600.0)))
            await until(lambda: simulator.count("/logs") == 1)
            quick = asyncio.create_task(waited(poller, make_wait(running[1].id, interval=0.02)))
            await until(lambda: simulator.count("/logs") >= 5)
            simulator.finish(running[0], status=Status.SUCCESS)
            assert (await slow).execution_id == running[0].id
            quick.cancel()
            await asyncio.gather(quick, return_exceptions=True)

    run(scenario())


def test_nothing_yet_is_waited_for(simulator: IntegratorSimulator, flow: Flow) -> None:
    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            task = asyncio.create_task(waited(poller, make_wait("later", tolerance=0)))
            await until(lambda: simulator.count("/logs") >= 3)  # all of them answered 404
            simulator.add_execution(flow, id="later", lasts=0)
            assert (await task).execution_id == "later"

    run(scenario())


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
@pytest.mark.parametrize(("count", "within"), [(60, 1), (240, 2)])
def test_an_execution_is_found_within_two_polls_wherever_it_stands(
    simulator: IntegratorSimulator, flow: Flow, order: Any, count: int, within: int
) -> None:
    simulator.order = order
    began = datetime.now(timezone.utc) - timedelta(days=30)
    awaited = set(random.Random(7).sample(range(3000), count))
    made = [
        simulator.add_execution(
            flow,
            id=f"e{n}",
            created=began + timedelta(minutes=n),
            lasts=None if n in awaited else 0,
            steps=(),
        )
        for n in range(3000)
    ]

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            waits = {n: make_wait(f"e{n}") for n in awaited}
            for wait in waits.values():
                poller.join(wait)
            await until(lambda: all(wait.polls >= 5 for wait in waits.values()))
            polls = {n: wait.polls for n, wait in waits.items()}
            for n in awaited:
                simulator.finish(made[n], status=Status.SUCCESS)
            await asyncio.wait([wait.done for wait in waits.values()], timeout=PATIENCE)
            # the poll that was under way when they finished doesn't count
            assert max(wait.polls - polls[n] for n, wait in waits.items()) <= within + 1
            for wait in waits.values():
                assert wait.done.result().is_finished
                await poller.leave(wait)

    run(scenario())


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
def test_the_first_execution_since_a_moment_is_waited_for(
    simulator: IntegratorSimulator, flow: Flow, order: Any
) -> None:
    simulator.order = order
    moment = datetime.now(timezone.utc)
    for n in range(300):
        simulator.add_execution(flow, created=moment - timedelta(minutes=n + 1), lasts=0)

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            waits = [make_wait(None, created_after=moment), make_wait(None, created_after=moment)]
            tasks = [asyncio.create_task(waited(poller, wait)) for wait in waits]
            await until(lambda: simulator.count("/logs") >= 3)
            first = simulator.add_execution(flow, created=moment, id="first")
            simulator.add_execution(flow, created=moment + timedelta(seconds=5), id="second", lasts=0)
            await until(lambda: all(wait.execution_id == "first" for wait in waits))
            simulator.finish(first, status=Status.SUCCESS)
            assert {execution.execution_id for execution in await asyncio.gather(*tasks)} == {"first"}

    run(scenario())


def test_a_failed_poll_counts_against_each_waits_own_bound(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    running = [simulator.add_execution(flow) for _ in range(2)]

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            strict = asyncio.create_task(waited(poller, make_wait(running[0].id, tolerance=0.1)))
            patient = asyncio.create_task(waited(poller, make_wait(running[1].id, tolerance=3600)))
            await until(lambda: simulator.count("/logs") >= 1)
            fault = Fault.status(503, on="/logs")
            simulator.inject(fault)
            with pytest.raises(UnavailableError, match="List logs"):
                await strict
            await until(lambda: fault.hits >= 4)
            assert not patient.done()
            simulator.clear_faults()
            simulator.finish(running[1], status=Status.SUCCESS)
            assert (await patient).execution_id == running[1].id

    run(scenario())


def test_a_good_poll_ends_a_row_of_failed_ones(simulator: IntegratorSimulator, flow: Flow) -> None:
    running = simulator.add_execution(flow)
    # one bad poll, one good one, again and again
    for n in range(6):
        simulator.inject(Fault.status(503, on="/logs", times=1, after=n))

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            task = asyncio.create_task(waited(poller, make_wait(running.id, tolerance=60)))
            await until(lambda: simulator.count("/logs") >= 14)
            simulator.finish(running, status=Status.SUCCESS)
            await task

    run(scenario())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(400, body="flowId is wrong", on="/logs"), RequestError),
        (Fault.status(401, on="/logs"), AuthenticationError),
    ],
)
def test_what_no_further_poll_can_help_ends_all_waits_at_once(
    simulator: IntegratorSimulator, flow: Flow, fault: Fault, error: type[Exception]
) -> None:
    simulator.inject(fault)

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            waits = [waited(poller, make_wait(name, tolerance=3600)) for name in ("a", "b")]
            ended = await asyncio.gather(*waits, return_exceptions=True)
            assert [type(each) for each in ended] == [error, error]

    run(scenario())
    assert simulator.logins <= 2


def test_anothers_malformed_log_harms_no_wait(simulator: IntegratorSimulator, flow: Flow) -> None:
    running = simulator.add_execution(flow)
    broken = simulator.add_execution(flow)

    def spoil(answer: Any) -> Any:
        for each in answer["results"]:
            if each["filename_uuid"] == broken.id:
                each["state"] = 99
        return answer

    simulator.inject(Fault.mutate(spoil, on="/logs"))

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            good = asyncio.create_task(waited(poller, make_wait(running.id, tolerance=0)))
            with pytest.raises(ResponseError, match=r"state should be .* but is 99"):
                await waited(poller, make_wait(broken.id, tolerance=0.1))
            simulator.finish(running, status=Status.SUCCESS)
            assert (await good).execution_id == running.id

    run(scenario())


def test_an_expired_token_is_renewed_once_for_all(simulator: IntegratorSimulator, flow: Flow) -> None:
    project = flow.project
    flows = [simulator.add_flow(project, f"Flow {n}", slug=f"flow-{n}") for n in range(8)]
    running = [simulator.add_execution(each) for each in flows]

    async def scenario() -> None:
        access = Access(simulator.url, simulator.username, simulator.password)
        async with AsyncClient(access, Retry(attempts=1)) as client:
            pollers = [FlowPoller(client, project.id, each.id) for each in flows]
            tasks = [
                asyncio.create_task(waited(poller, make_wait(each.id, tolerance=0)))
                for poller, each in zip(pollers, running, strict=True)
            ]
            await until(lambda: simulator.count("/logs") >= 16)
            simulator.expire_tokens()
            seen = simulator.count("/logs")
            await until(lambda: simulator.count("/logs") >= seen + 24)
            for each in running:
                simulator.finish(each, status=Status.SUCCESS)
            await asyncio.gather(*tasks)

    run(scenario())
    assert simulator.logins == 2


def test_a_thousand_random_joins_and_leaves_leave_nothing_behind(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    chance = random.Random(11)
    running = [simulator.add_execution(flow) for _ in range(20)]

    async def scenario() -> None:
        async with polling(simulator, flow) as poller:
            joined: list[Wait] = []
            for _ in range(1000):
                if joined and chance.random() < 0.5:
                    await poller.leave(joined.pop(chance.randrange(len(joined))))
                else:
                    wait = make_wait(chance.choice(running).id, chance.choice([0.01, 0.02, 10.0]))
                    poller.join(wait)
                    joined.append(wait)
                if chance.random() < 0.1:
                    await asyncio.sleep(0)
                pollers = [
                    task for task in asyncio.all_tasks() if task.get_name().startswith("integrator-poll")
                ]
                assert len(pollers) == bool(joined)
            while joined:
                await poller.leave(joined.pop())
            assert len(poller) == 0

    run(scenario())
    assert simulator.connections <= 500
