"""The flow trigger against the simulator, in Airflow's own machinery of shared streams and their confirmations."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.simulator import Fault, Flow, IntegratorSimulator

pytest.importorskip("airflow.sdk", reason="asset watchers came with Airflow 3.0")

from airflow_provider_integrator.polling import flow_watcher
from airflow_provider_integrator.polling.connection import shared_connection
from airflow_provider_integrator.triggers.flow import IntegratorFlowTrigger

if TYPE_CHECKING:
    from pytest_mock import MockerFixture
from tests.polling.making import make_wait

try:
    from airflow.triggers.shared_stream import SharedStreamManager
except ImportError:
    SharedStreamManager = None

PATIENCE = 60.0
has_store = pytest.mark.skipif(
    SharedStreamManager is None, reason="the asset state store came with Airflow 3.3"
)


@pytest.fixture
def simulator(
    hasty: None, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> Iterator[IntegratorSimulator]:
    mocker.patch.object(flow_watcher, "PAUSE", 0.02)
    with IntegratorSimulator() as simulator:
        project = simulator.add_project("Acme", slug="acme")
        simulator.add_flow(project, "Price", slug="price")
        monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT", json.dumps(simulator.connection()))
        yield simulator


@pytest.fixture
def flow(simulator: IntegratorSimulator) -> Flow:
    return simulator.flows[0]


class Store:
    """An asset's state store."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.broken = False
        self._delivered: set[str] = set()
        self._opened: set[str] = set()

    async def aget(self, key: str, default: Any = None) -> Any:
        if self.broken:
            raise RuntimeError("no such asset")
        return json.loads(self.values[key]) if key in self.values else default

    async def aset(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)
        self._delivered |= set(value["delivered"])
        self._opened |= set(value["open"])

    @property
    def settled(self) -> set[str]:
        """The executions that aren't delivered again: in time they leave the cursor, some without having been there."""
        still_open = {each for value in self.values.values() for each in json.loads(value)["open"]}
        return self._delivered | (self._opened - still_open)

    @property
    def delivered(self) -> set[str]:
        return {each for value in self.values.values() for each in json.loads(value)["delivered"]}


class Triggerer:
    """Does what Airflow's does: runs triggers, stores their events, confirms that a round later."""

    def __init__(self, *triggers: IntegratorFlowTrigger, store: Store, confirms: bool = True) -> None:
        self._triggers = triggers
        self._store = store
        self._confirms = confirms
        self._manager = SharedStreamManager(ack_timeout=300)
        self._tasks: list[asyncio.Task[None]] = []
        self._fired: list[tuple[Any, int | None]] = []
        self._unconfirmed: list[int] = []
        self.events: list[dict[str, Any]] = []

    @property
    def delivered(self) -> Counter[str]:
        return Counter(event["execution_id"] for event in self.events)

    async def __aenter__(self) -> Triggerer:
        for number, trigger in enumerate(self._triggers):
            trigger.asset_state_store = self._store  # type: ignore[assignment]
            self._tasks.append(asyncio.create_task(self._run(number, trigger)))
        self._tasks.append(asyncio.create_task(self._sync()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._manager.stop_all()

    async def _run(self, number: int, trigger: IntegratorFlowTrigger) -> None:
        key = trigger.shared_stream_key()
        stream = self._manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                seq = self._manager.bind_pending_event(trigger_id=number, key=key)
                self._fired.append((event.payload, seq))
        finally:
            await self._manager.unsubscribe(number, key)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            fired, self._fired = self._fired, []
            self.events += [json.loads(json.dumps(payload)) for payload, _ in fired]
            self._unconfirmed += [seq for _, seq in fired if seq is not None]
            if self._confirms:
                await asyncio.sleep(0.005)
                self.confirm()

    def confirm(self) -> None:
        seqs, self._unconfirmed = self._unconfirmed, []
        self._manager.confirm_persisted(seqs)


def price(**arguments: Any) -> IntegratorFlowTrigger:
    return IntegratorFlowTrigger(**{"flow": "price", "poll_interval": 0.02, **arguments})


async def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.01)


def run(scenario: Any) -> None:
    asyncio.run(asyncio.wait_for(scenario, 3 * PATIENCE))


def polled(simulator: IntegratorSimulator, rounds: int) -> Callable[[], bool]:
    before = simulator.count("/logs")
    return lambda: simulator.count("/logs") >= before + rounds


def test_a_first_watch_looks_back_from_its_own_beginning(
    simulator: IntegratorSimulator, flow: Flow, mocker: MockerFixture
) -> None:
    """An outage before it, however long, makes no older execution a new one."""
    begun = datetime.now(timezone.utc) - timedelta(days=5)
    simulator.add_execution(flow, id="stuck", created=begun)
    mocker.patch.object(flow_watcher, "LOOK_BACK", timedelta(days=9))
    watcher = flow_watcher.FlowWatcher(price().watched, None)  # as if it had been made long ago
    mocker.patch.object(flow_watcher, "LOOK_BACK", timedelta(days=1))

    async def scenario() -> None:
        executions = watcher.executions()
        first = asyncio.ensure_future(anext(executions))
        await until(polled(simulator, 4))
        simulator.finish("stuck")
        await until(polled(simulator, 4))
        simulator.add_execution(flow, id="next", lasts=0)
        assert (await first).execution_id == "next"
        await executions.aclose()

    run(scenario())


@has_store
def test_from_now_on_each_is_delivered_once_and_survives_the_triggerer(
    simulator: IntegratorSimulator, flow: Flow
) -> None:
    simulator.add_execution(flow, id="done", lasts=0)
    simulator.add_execution(flow, id="running")
    store = Store()

    async def scenario() -> None:
        async with Triggerer(price(), store=store) as triggerer:
            await until(lambda: bool(store.values))
            simulator.finish("running")
            simulator.add_execution(flow, id="next", lasts=0)
            simulator.add_execution(flow, id="failed", lasts=0, status=Status.FAILED)
            await until(lambda: store.delivered >= {"running", "next", "failed"})
            assert triggerer.delivered == Counter(["running", "next"])
            assert {event["status"] for event in triggerer.events} == {"success"}
        simulator.add_execution(flow, id="meanwhile", lasts=0)
        async with Triggerer(price(), store=store) as triggerer:
            await until(lambda: "meanwhile" in store.delivered)
            await until(polled(simulator, 3))
            assert triggerer.delivered == Counter(["meanwhile"])

    run(scenario())


@has_store
@pytest.mark.parametrize("is_confirmed", [False, True])
def test_the_cursor_waits_for_the_events_to_be_stored(
    is_confirmed: bool, simulator: IntegratorSimulator, flow: Flow
) -> None:
    """Airflow confirms, but doesn't store, the last events of a watcher that a change of the DAG removes."""
    store = Store()

    async def scenario() -> None:
        async with Triggerer(price(), store=store, confirms=False) as triggerer:
            await until(lambda: bool(store.values))
            simulator.add_execution(flow, id="one", lasts=0)
            await until(lambda: bool(triggerer.events))
            if is_confirmed:
                triggerer.confirm()
            else:
                await until(polled(simulator, 5))
        assert store.delivered == set()
        async with Triggerer(price(poll_interval=0.05), store=store) as triggerer:
            await until(lambda: store.delivered == {"one"})
            assert triggerer.delivered == Counter(["one"])

    run(scenario())


@has_store
def test_a_store_that_fails_is_tried_again(
    simulator: IntegratorSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    store.broken = True

    async def scenario() -> None:
        async with Triggerer(price(), store=store):
            await until(lambda: "Flow price isn't watched; another try in 0.02 s." in caplog.text)
            store.broken = False
            await until(lambda: bool(store.values))

    run(scenario())


@has_store
@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
def test_more_than_a_page_finishes_at_once_in_any_order(
    simulator: IntegratorSimulator, flow: Flow, order: Any
) -> None:
    simulator.order = order
    chance, store = random.Random(1), Store()
    names = [f"e{number}" for number in range(240)]
    start = datetime.now(timezone.utc) - timedelta(hours=6)

    async def scenario() -> None:
        for number, each in enumerate(names[:120]):
            simulator.add_execution(flow, id=each, created=start + timedelta(seconds=number))
        async with Triggerer(price(since=start.isoformat()), store=store):
            await until(lambda: bool(store.values))
            await until(polled(simulator, 4))
        for number, each in enumerate(names[120:], 120):
            simulator.add_execution(flow, id=each, created=start + timedelta(seconds=number // 7))
        chance.shuffle(names)
        delivered: Counter[str] = Counter()
        for part in (names[:5], names[5:190], names[190:]):
            async with Triggerer(price(since="2020-01-01"), store=store) as triggerer:
                for each in part:
                    simulator.finish(each, status=Status.SUCCESS)
                await until(lambda part=part: triggerer.delivered.keys() >= set(part))
                await until(lambda part=part: store.settled >= set(part))
                await until(polled(simulator, 4))
                delivered.update(triggerer.delivered)
        assert delivered == Counter(names)

    run(scenario())
    assert all(len(value) < 65_536 for value in store.values.values())


@has_store
def test_a_network_cut_is_reported_once_and_nothing_is_lost(
    simulator: IntegratorSimulator, flow: Flow, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()

    async def scenario() -> None:
        async with Triggerer(price(), store=store) as triggerer:
            await until(lambda: bool(store.values))
            simulator.inject(Fault.status(503, on="/logs", times=12))
            simulator.add_execution(flow, id="one", lasts=0)
            await until(lambda: bool(triggerer.events))

    caplog.set_level("INFO")
    run(scenario())
    said = [record.getMessage() for record in caplog.records if record.name.endswith("polling.subscription")]
    assert len(said) == 2
    assert said[0].startswith("Flow price can't be read; nothing is lost")
    assert said[1].startswith("Flow price is read again after")


@has_store
def test_a_log_that_cannot_be_read_does_not_hide_the_others(
    simulator: IntegratorSimulator, flow: Flow, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()

    def spoil(page: Any) -> None:
        for log in page["results"]:
            if log["filename_uuid"] == "strange":
                log["status"] = 7

    async def scenario() -> None:
        async with Triggerer(price(), store=store) as triggerer:
            await until(lambda: bool(store.values))
            simulator.inject(Fault.mutate(spoil, on="/logs", times=None))
            simulator.add_execution(flow, id="strange", lasts=0)
            await until(polled(simulator, 3))
            simulator.add_execution(flow, id="other", lasts=0)  # the strange one's place changes
            await until(lambda: bool(triggerer.events))
            await until(polled(simulator, 3))
            assert triggerer.delivered == Counter(["other"])
            simulator.clear_faults()  # once it makes sense it is delivered
            await until(lambda: triggerer.delivered == Counter(["other", "strange"]))

    run(scenario())
    (said,) = [text for text in caplog.messages if "can't be read" in text]
    assert said.startswith(
        "Execution strange of flow price can't be read yet: List logs: field results[0].status"
    )


@has_store
def test_what_is_set_wrong_is_reported_and_tried_again(
    simulator: IntegratorSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()

    async def scenario() -> None:
        async with Triggerer(price(flow="order"), store=store):
            await until(lambda: "Project" in caplog.text)
            simulator.add_flow(simulator.projects[0], "Order", slug="order")
            await until(lambda: bool(store.values))

    run(scenario())
    assert "Flow order isn't watched; another try in 0.02 s: Project" in caplog.text


@has_store
def test_fifty_assets_cost_one_reading_per_flow_and_interval(simulator: IntegratorSimulator) -> None:
    project = simulator.projects[0]
    flows = [simulator.add_flow(project, f"Flow {n}", slug=f"flow-{n}") for n in range(50)]
    store, running = Store(), [simulator.add_execution(each) for each in flows]
    interval, rounds = 0.2, 5

    async def scenario() -> None:
        triggers = [price(flow=each.slug, poll_interval=interval) for each in flows]
        async with (
            Triggerer(*triggers, store=store) as triggerer,
            shared_connection("integrator_default") as shared,
        ):
            await until(lambda: len(store.values) == 50)
            # a task that waits for one of them costs nothing more
            poller = await shared.find_poller(None, "flow-7")
            wait = make_wait(running[7].id, interval)
            poller.join(wait)
            await until(polled(simulator, 60))
            began, before = time.monotonic(), simulator.count("/logs")
            await asyncio.sleep(rounds * interval)
            made = simulator.count("/logs") - before
            # one a flow and interval, and a second one now and then to see that the page is still the last
            assert made <= 50 * ((time.monotonic() - began) / interval * 1.15 + 1)
            simulator.finish(running[7], status=Status.SUCCESS)
            assert (await asyncio.wait_for(wait.done, PATIENCE)).execution_id == running[7].id
            await poller.leave(wait)
            await until(lambda: triggerer.delivered == Counter([running[7].id]))
        print(f"\n50 flows, {rounds} intervals: {made} requests")  # noqa: T201

    run(scenario())
    assert simulator.logins == 1
    assert simulator.count("/api/nifi/flow/list") == 1


def test_without_a_store_it_delivers_from_its_start_as_long_as_it_lives(
    simulator: IntegratorSimulator, flow: Flow, caplog: pytest.LogCaptureFixture
) -> None:
    """What Airflow 3.0 to 3.2 can hold."""
    delivered: list[str] = []

    async def live(trigger: IntegratorFlowTrigger) -> None:
        async for event in trigger.run():
            delivered.append(event.payload["execution_id"])

    async def scenario() -> None:
        simulator.add_execution(flow, id="before", lasts=0)
        for each in ("one", "two"):
            task = asyncio.create_task(live(price(since="2020-01-01")))
            await until(polled(simulator, 2))
            simulator.add_execution(flow, id=each, lasts=0)
            await until(lambda each=each: each in delivered)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            simulator.add_execution(flow, id=f"after-{each}", lasts=0)

    run(scenario())
    assert delivered == ["one", "two"]
    assert "since needs the asset state store of Airflow 3.3" in caplog.text
    assert price().shared_stream_key() is None


def test_it_is_made_again_from_what_it_serialises_to() -> None:
    trigger = price(status=["success", "empty"], project_id="acme", since="2026-01-01T00:00:00+00:00")
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_integrator.triggers.flow.IntegratorFlowTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    # Airflow takes one whose arguments come in another order for another trigger, and starts that one.
    assert list(arguments) == ["flow", "integrator_conn_id", "project_id", "status", "since", "poll_interval"]
    assert IntegratorFlowTrigger(**arguments).serialize() == (path, arguments)


def test_what_cannot_be_watched_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="set it to some of success, failed, empty"):
        price(status="in_progress")
