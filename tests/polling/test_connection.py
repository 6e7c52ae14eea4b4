"""What the waits of a process share, through an Airflow connection."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.polling import connection as sharing
from airflow_provider_integrator.polling.connection import shared_connection
from airflow_provider_integrator.polling.waiting import TriggerWait
from airflow_provider_integrator.simulator import IntegratorSimulator
from tests.polling.making import make_wait


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[IntegratorSimulator]:
    with IntegratorSimulator() as simulator:
        project = simulator.add_project("Acme", slug="acme")
        simulator.add_flow(project, "Price", slug="price")
        simulator.add_flow(project, "Stock", slug="stock")
        monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT", json.dumps(simulator.connection()))
        yield simulator


async def wait_for(flow: str, execution_id: str) -> str:
    async with shared_connection("integrator_default") as shared:
        poller = await asyncio.shield(shared.find_poller(None, flow))
        wait = make_wait(execution_id)
        poller.join(wait)
        try:
            return (await asyncio.wait_for(wait.done, 60)).execution_id
        finally:
            await poller.leave(wait)


def test_one_session_one_login_one_lookup_one_poller_a_flow(simulator: IntegratorSimulator) -> None:
    running = {flow.slug: [simulator.add_execution(flow) for _ in range(50)] for flow in simulator.flows}

    async def scenario() -> None:
        tasks = [
            asyncio.create_task(wait_for(slug, each.id)) for slug, made in running.items() for each in made
        ]
        while simulator.count("/logs") < 6:  # noqa: ASYNC110 - the server's count has no event
            await asyncio.sleep(0.01)
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert sum(name.startswith("integrator-poll") for name in names) == 2
        for made in running.values():
            for each in made:
                simulator.finish(each, status=Status.SUCCESS)
        assert len(await asyncio.gather(*tasks)) == 100
        assert not any(sharing._connections.values())

    asyncio.run(scenario())
    assert simulator.logins == 1
    assert simulator.count("/api/nifi/flow/list") == 1
    assert simulator.connections <= 8


def test_the_last_one_closes_the_session_and_the_next_begins_anew(simulator: IntegratorSimulator) -> None:
    done = simulator.add_execution(simulator.flows[0], lasts=0)
    made: list[socket.socket] = []
    real = socket.socket.__init__

    def counted(self: socket.socket, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        made.append(self)

    async def scenario() -> None:
        for _ in range(3):
            assert await wait_for("price", done.id) == done.id

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "__init__", counted)
        asyncio.run(scenario())
    assert simulator.logins == 1  # the token outlives the session
    port = int(simulator.url.rpartition(":")[2])
    assert [each for each in made if each.fileno() != -1 and each.getsockname()[1] != port] == []


def test_an_unknown_flow_is_told_and_leaves_nothing_behind(simulator: IntegratorSimulator) -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigurationError, match="price, stock"):
            await wait_for("prices", "any")
        assert not any(sharing._connections.values())
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def test_a_search_for_a_flow_ends_with_the_last_who_wants_it(simulator: IntegratorSimulator) -> None:
    async def scenario() -> None:
        async with shared_connection("integrator_default") as shared:
            finding = shared.find_poller(None, "price")
            assert shared.find_poller(None, "price") is finding
            await asyncio.sleep(0)
        assert finding.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def test_a_burst_of_waits_is_searched_for_together(simulator: IntegratorSimulator) -> None:
    ids = [simulator.add_execution(simulator.flows[0]).id for _ in range(60)]

    async def scenario() -> None:
        tasks = []
        for each in ids:  # one by one, as a triggerer starts them: the oldest executions first
            tasks.append(asyncio.create_task(TriggerWait(make_wait(each, 0.1).spec).until_finished()))
            await asyncio.sleep(0)
        while simulator.count("/logs") < 5:  # noqa: ASYNC110 - the server's count has no event
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())
    by_id = [each for each in simulator.requests if each.param("filename_uuid")]
    assert len(by_id) <= 3
