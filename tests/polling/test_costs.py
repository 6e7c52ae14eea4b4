"""The cost of a poll: never more than a request by id for each wait, less if the executions stand together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.async_client import AsyncClient
from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.exceptions import UnavailableError
from airflow_provider_integrator.polling import lookup
from airflow_provider_integrator.polling.lookup import CONCURRENCY
from airflow_provider_integrator.polling.poller import FlowPoller
from airflow_provider_integrator.polling.subscription import Subscription
from airflow_provider_integrator.polling.waits import Wait
from airflow_provider_integrator.simulator import Fault, Flow, IntegratorSimulator
from airflow_provider_integrator.simulator.recording import RecordedRequest
from tests.polling.making import make_wait

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

PATIENCE = 60.0
LONG_AGO = datetime.now(timezone.utc) - timedelta(days=30)


@pytest.fixture
def simulator() -> Iterator[IntegratorSimulator]:
    with IntegratorSimulator(seed=1) as simulator:  # the same shuffled order in each run
        simulator.add_flow(simulator.add_project("Acme", slug="acme"), "Price", slug="price")
        yield simulator


@pytest.fixture
def flow(simulator: IntegratorSimulator) -> Flow:
    return simulator.flows[0]


def add_history(simulator: IntegratorSimulator, flow: Flow, count: int) -> None:
    for minute in range(count):
        simulator.add_execution(flow, created=LONG_AGO + timedelta(minutes=minute), lasts=30)


def add_running(simulator: IntegratorSimulator, flow: Flow, count: int) -> list[str]:
    """Add running executions; their times differ, so that the order shows."""
    begin = datetime.now(timezone.utc) - timedelta(hours=1)
    return [simulator.add_execution(flow, created=begin + timedelta(seconds=n)).id for n in range(count)]


async def poll(
    simulator: IntegratorSimulator,
    flow: Flow,
    waits: list[Wait],
    polls: int,
    subscription: Subscription | None = None,
) -> list[RecordedRequest]:
    """Let a poller make some polls for waits of which none ends, and return its requests for List logs."""
    access = Access(simulator.url, simulator.username, simulator.password)
    async with AsyncClient(access, Retry(attempts=1)) as client:
        poller = FlowPoller(client, flow.project.id, flow.id)
        async with nullcontext() if subscription is None else poller.serving(subscription):
            for wait in waits:
                poller.join(wait)
            deadline = asyncio.get_running_loop().time() + PATIENCE
            while waits[0].polls <= polls:
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.01)
            requests = [request for request in simulator.requests if request.path == "/logs"]
        for wait in waits:
            await poller.leave(wait)
    return requests


def polled(
    simulator: IntegratorSimulator, flow: Flow, ids: list[str], polls: int = 4
) -> list[RecordedRequest]:
    async def scenario() -> list[RecordedRequest]:
        return await poll(simulator, flow, [make_wait(each, 0.05) for each in ids], polls)

    return asyncio.run(scenario())


def by_id(requests: list[RecordedRequest]) -> list[str | None]:
    return [request.param("filename_uuid") for request in requests if request.param("filename_uuid")]


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
def test_one_execution_is_looked_up_by_its_id(simulator: IntegratorSimulator, flow: Flow, order: Any) -> None:
    simulator.order = order
    add_history(simulator, flow, 150)
    (running,) = add_running(simulator, flow, 1)
    requests = polled(simulator, flow, [running])
    assert set(by_id(requests)) == {running}
    assert len(requests) <= 5
    assert max(request.size for request in requests) < 4000


def test_an_execution_that_does_not_exist_yet_costs_one_request_a_poll(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    add_history(simulator, flow, 5)
    assert len(polled(simulator, flow, ["later"])) <= 5


@pytest.mark.parametrize("count", [2, 10, 100])
def test_the_newest_executions_are_read_together(
    simulator: IntegratorSimulator, flow: Flow, count: int
) -> None:
    add_history(simulator, flow, 150)
    ids = add_running(simulator, flow, count)
    requests = polled(simulator, flow, ids)
    assert by_id(requests) == []
    assert len(requests) <= 6  # the first window of a hundred has a second page
    simulator.clear_requests()
    answer = polled(simulator, flow, ids[:1], polls=1)[0].size
    assert sum(request.size for request in requests) <= 5 * count * answer


@pytest.mark.parametrize("order", ["oldest", "shuffled"])
@pytest.mark.parametrize("count", [2, 10, 50])
def test_executions_that_do_not_stand_together_cost_hardly_more_than_look_ups(
    simulator: IntegratorSimulator, flow: Flow, order: Any, count: int
) -> None:
    simulator.order = order
    add_history(simulator, flow, 1000)
    ids = add_running(simulator, flow, count)
    requests = polled(simulator, flow, ids, polls=6)
    windows = [request for request in requests if not request.param("filename_uuid")]
    assert len(windows) == 1  # to see that it doesn't pay
    assert set(by_id(requests)) == set(ids)
    # the first poll of as many waits by id, at most twice; then one request for each
    assert len(requests) <= 7 * count + 1
    answers = [request.size for request in requests if request.param("filename_uuid")]
    assert windows[0].size <= count * max(answers) * 1.2


@pytest.mark.parametrize("order", ["newest", "shuffled"])
def test_many_executions_take_few_requests_wherever_they_stand(
    simulator: IntegratorSimulator, flow: Flow, order: Any
) -> None:
    simulator.order = order
    add_history(simulator, flow, 1000)
    ids = add_running(simulator, flow, 300)
    requests = polled(simulator, flow, ids, polls=5)
    assert by_id(requests) == []
    assert len(requests) <= 6 * 16


def test_a_search_that_takes_many_requests_is_made_in_every_second_poll(
    simulator: IntegratorSimulator, flow: Flow, mocker: MockerFixture
) -> None:
    mocker.patch.object(lookup, "MANY", 5)
    simulator.order = "shuffled"
    add_history(simulator, flow, 1000)
    ids = add_running(simulator, flow, 300)
    made = [len(polled(simulator, flow, ids, polls)) for polls in (1, 7)]
    assert made[1] - made[0] <= 5 * 16


@pytest.mark.parametrize("end", ["end-404", "end-empty", "end-repeat", "no-next", "no-next-field"])
def test_many_executions_that_do_not_exist_are_not_looked_up_one_by_one(
    simulator: IntegratorSimulator, flow: Flow, end: str
) -> None:
    simulator.forms = end
    add_history(simulator, flow, 250)
    requests = polled(simulator, flow, [f"later-{n}" for n in range(150)], polls=2)
    assert by_id(requests) == []
    assert len(requests) <= 3 * 4


def test_an_execution_that_younger_ones_push_out_is_found(simulator: IntegratorSimulator, flow: Flow) -> None:
    add_history(simulator, flow, 150)
    ids = add_running(simulator, flow, 10)

    async def scenario() -> None:
        access = Access(simulator.url, simulator.username, simulator.password)
        async with AsyncClient(access, Retry(attempts=1)) as client:
            poller = FlowPoller(client, flow.project.id, flow.id)
            waits = [make_wait(each, 0.2) for each in ids]
            for wait in waits:
                poller.join(wait)
            while waits[0].polls < 3:  # noqa: ASYNC110 - polls have no event
                await asyncio.sleep(0.01)
            for _ in range(20):
                simulator.add_execution(flow, lasts=0)
            seen = waits[0].polls
            for each in ids:
                simulator.finish(each, status=Status.SUCCESS)
            await asyncio.wait([wait.done for wait in waits], timeout=PATIENCE)
            assert all(wait.done.result().is_finished for wait in waits)
            assert max(wait.polls for wait in waits) - seen <= 2
            for wait in waits:
                await poller.leave(wait)

    asyncio.run(scenario())


def test_an_outage_is_not_met_with_a_request_for_each_wait(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    simulator.order = "shuffled"
    add_history(simulator, flow, 500)
    ids = add_running(simulator, flow, 40)

    async def scenario() -> None:
        access = Access(simulator.url, simulator.username, simulator.password)
        async with AsyncClient(access, Retry(attempts=1)) as client:
            poller = FlowPoller(client, flow.project.id, flow.id)
            waits = [make_wait(each, 0.3, tolerance=0.2) for each in ids]
            for wait in waits:
                poller.join(wait)
            while waits[0].polls < 2:  # noqa: ASYNC110 - polls have no event
                await asyncio.sleep(0.01)
            simulator.inject(Fault.status(503, on="logs"))
            before = simulator.count("logs")
            await asyncio.wait([wait.done for wait in waits], timeout=PATIENCE)
            assert all(isinstance(wait.done.exception(), UnavailableError) for wait in waits)
            # a poll may have been under way; each that fails makes as many requests as a poller has at once
            assert simulator.count("logs") - before <= 40 + 3 * CONCURRENCY
            for wait in waits:
                await poller.leave(wait)

    asyncio.run(scenario())


def test_a_window_that_cannot_be_read_gives_way_to_look_ups(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    add_history(simulator, flow, 150)
    ids = add_running(simulator, flow, 10)
    simulator.inject(Fault.status(503, on="logs", where=lambda request: not request.param("filename_uuid")))
    requests = polled(simulator, flow, ids, polls=4)
    assert len(requests) - len(by_id(requests)) == 1
    assert set(by_id(requests)) == set(ids)


def test_the_next_execution_is_waited_for_with_small_pages(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    add_history(simulator, flow, 150)

    async def scenario() -> list[RecordedRequest]:
        wait = make_wait(None, 0.1, created_after=datetime.now(timezone.utc))
        return await poll(simulator, flow, [wait], 5)

    limits = [request.param("limit") for request in asyncio.run(scenario())]
    assert limits[0] == "100"
    assert len(limits) >= 5
    assert set(limits[1:]) == {"2"}


@pytest.mark.parametrize("order", ["oldest", "shuffled"])
def test_the_next_execution_is_searched_for_in_whole_pages_in_another_order(
    simulator: IntegratorSimulator, flow: Flow, order: Any
) -> None:
    simulator.order = order
    add_history(simulator, flow, 150)

    async def scenario() -> list[RecordedRequest]:
        wait = make_wait(None, 0.1, created_after=datetime.now(timezone.utc))
        return await poll(simulator, flow, [wait], 4)

    assert {request.param("limit") for request in asyncio.run(scenario())} == {"100"}


@pytest.mark.parametrize(
    ("forms", "requests"), [("end-404", 1), ("no-next", 1), (("end-404", "unlimited"), 2)]
)
def test_a_flow_of_one_page_takes_one_request_a_poll(
    simulator: IntegratorSimulator, flow: Flow, forms: Any, requests: int
) -> None:
    """Every page hints at another; where the server doesn't name its page size, that hint is followed."""

    def unlimited(page: Any) -> None:
        del page["limit"]

    if "unlimited" in forms:
        simulator.inject(Fault.mutate(unlimited, on="logs", times=None))
    else:
        simulator.forms = forms
    add_history(simulator, flow, 5)

    async def scenario() -> list[RecordedRequest]:
        wait = make_wait("later", 0.1)
        subscription = Subscription(wait.spec, LONG_AGO)
        made = await poll(simulator, flow, [wait], 6, subscription)
        assert (await subscription.next_reading())[0].executions
        assert not subscription.failed_polls
        return made

    made = asyncio.run(scenario())
    assert by_id(made) == []
    assert 6 * requests <= len(made) <= 7 * requests + 1
