"""What a page costs where a flow has many executions: counted in work done, not in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.simulator.records import Log

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_integrator.simulator import Flow, IntegratorSimulator
    from airflow_provider_integrator.simulator.catalogue import Order
    from airflow_provider_integrator.simulator.world import World

EXECUTIONS = 20_000
ORDERS: list[Order] = ["newest", "oldest", "shuffled"]


class Work:
    """Counts how often logs were compared or shown."""

    def __init__(self) -> None:
        self.done = 0

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any) -> Any:
            self.done += 1
            return function(*arguments)

        return count


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    monkeypatch.setattr(Log, "by_time", work.counted(Log.by_time))
    monkeypatch.setattr(Log, "by_hash", work.counted(Log.by_hash))
    home = "airflow_provider_integrator.simulator.world.log_json"
    from airflow_provider_integrator.simulator.views import log_json

    monkeypatch.setattr(home, work.counted(log_json))
    return work


@pytest.fixture
def world(integrator: IntegratorSimulator, flow: Flow) -> World:
    for _ in range(EXECUTIONS):
        integrator.add_execution(flow, lasts=0)
    return integrator._world


@pytest.mark.parametrize("order", ORDERS)
def test_a_page_costs_its_own_length(
    integrator: IntegratorSimulator, flow: Flow, world: World, order: Order, work: Work
) -> None:
    def cost(number: int, limit: int, **filters: Any) -> int:
        before = work.done
        page = world.page(flow, order, number, limit, **{"kind": LogType.MAIN, **filters})
        assert len(page.results) == (1 if filters else limit)
        return work.done - before

    # The first look arranges the logs, each later one costs the logs it shows.
    assert cost(1, 100) > EXECUTIONS
    assert cost(1, 100) == cost(EXECUTIONS // 100, 100) == cost(77, 100) == 100
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
