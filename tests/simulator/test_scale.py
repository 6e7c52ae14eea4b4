"""What a page costs where a flow has many executions: counted in work done, not in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.simulator import world as module
from airflow_provider_integrator.simulator.records import Log

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mock import MockerFixture

    from airflow_provider_integrator.simulator import Flow, IntegratorSimulator
    from airflow_provider_integrator.simulator.catalogue import Order
    from airflow_provider_integrator.simulator.world import World

EXECUTIONS = 5_000
ORDERS: list[Order] = ["newest", "oldest", "shuffled"]


@pytest.fixture
def work(mocker: MockerFixture) -> Callable[[], int]:
    """Count how often logs were compared or shown."""
    spies = [
        mocker.spy(owner, name) for owner, name in ((Log, "by_time"), (Log, "by_hash"), (module, "log_json"))
    ]
    return lambda: sum(spy.call_count for spy in spies)


@pytest.fixture
def world(integrator: IntegratorSimulator, flow: Flow) -> World:
    for _ in range(EXECUTIONS):
        integrator.add_execution(flow, lasts=0)
    return integrator._world


@pytest.mark.parametrize("order", ORDERS)
def test_a_page_costs_its_own_length(
    integrator: IntegratorSimulator, flow: Flow, world: World, order: Order, work: Callable[[], int]
) -> None:
    def cost(number: int, limit: int, **filters: Any) -> int:
        before = work()
        page = world.page(flow, order, number, limit, **{"kind": LogType.MAIN, **filters})
        assert len(page.results) == (1 if filters else limit)
        return work() - before

    # The first look arranges the logs, each later one costs the logs it shows.
    assert cost(1, 100) > EXECUTIONS
    assert cost(1, 100) == cost(EXECUTIONS // 100, 100) == cost(33, 100) == 100
    assert cost(EXECUTIONS, 1) == 1
    integrator.add_execution(flow, lasts=0)
    assert cost(1, 25) < 100
    wanted = integrator.add_execution(flow, lasts=0)
    assert cost(1, 25, filename_uuid=wanted.id) < 100


@pytest.mark.parametrize("order", ORDERS)
def test_all_pages_hold_every_execution_once(flow: Flow, world: World, order: Order) -> None:
    pages = [
        world.page(flow, order, number, 100, kind=LogType.MAIN) for number in range(1, EXECUTIONS // 100 + 2)
    ]
    assert pages[0].total == EXECUTIONS
    assert len({log["id"] for page in pages for log in page.results}) == EXECUTIONS
    assert pages[-1].results == []
