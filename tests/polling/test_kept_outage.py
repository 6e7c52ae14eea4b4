"""An outage that goes on in another process, over a store in memory."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest

from airflow_provider_integrator.exceptions import RequestError, UnavailableError, WaitTimeoutError
from airflow_provider_integrator.executions.spec import WaitSpec
from airflow_provider_integrator.polling import kept_outage as module
from airflow_provider_integrator.polling.connection import SharedConnection
from airflow_provider_integrator.polling.kept_outage import KeptOutage
from airflow_provider_integrator.polling.waiting import TriggerWait
from tests.polling.making import make_wait

ERROR = UnavailableError("no answer")


class Store:
    """Keeps one moment; ``asked`` has the names of the requests, and each of ``faults`` fails one of them."""

    def __init__(self, began: float | None = None, *, seconds: float = 0.0) -> None:
        self.began = began
        self.seconds = seconds
        self.active = True
        self.asked: list[str] = []
        self.faults: list[Exception] = []

    async def _ask(self, name: str) -> None:
        self.asked.append(name)
        await asyncio.sleep(self.seconds)
        if self.faults:
            raise self.faults.pop()

    async def read(self) -> float | None:
        await self._ask("read")
        return self.began

    async def write(self, began: float) -> None:
        await self._ask("write")
        self.began = began

    async def delete(self) -> None:
        await self._ask("delete")
        self.began = None

    async def is_active(self) -> bool:
        await self._ask("is_active")
        return self.active


async def settled() -> None:
    """Wait until nothing is left to keep."""
    while module._keeper()._task is not None:  # noqa: ASYNC110 - its end has no event
        await asyncio.sleep(0)


async def fail(outage: KeptOutage) -> None:
    """Record a failed poll as a wait does."""
    if (recalled := outage.recall(ERROR)) is not None:
        await recalled
    outage.add(ERROR)


def test_its_beginning_is_kept_once_and_deleted_at_the_first_good_poll():
    store = Store()

    async def scenario():
        outage = KeptOutage(60, store)
        for _ in range(3):
            await fail(outage)
            await settled()
        assert store.began == outage.began
        for _ in range(3):
            outage.end()
            await settled()

    asyncio.run(scenario())
    assert store.asked == ["write", "delete"]


@pytest.mark.parametrize("began", [None, 1000.0])
def test_polls_that_succeed_ask_for_nothing_but_the_deletion_of_a_workers_outage(began):
    store = Store(began)

    async def scenario():
        outage = KeptOutage(60, store, began)
        for _ in range(3):
            outage.end()
            await settled()
        await outage.close()

    asyncio.run(scenario())
    assert store.asked == ([] if began is None else ["delete"])


def test_a_worker_s_outage_goes_on_without_a_request():
    now = time.time()
    store = Store(now - 50)
    outage = KeptOutage(60, store, now - 50)
    asyncio.run(fail(outage))
    assert (outage.began, store.asked) == (now - 50, [])


def test_a_restart_goes_on_with_it(logged):
    began = time.time() - 50
    store = Store(began)

    async def scenario():
        outage = KeptOutage(60, store, is_restart=True)
        await fail(outage)
        await fail(outage)
        assert outage.began == began
        await settled()
        with pytest.raises(UnavailableError):
            await fail(KeptOutage(49, store, is_restart=True))

    asyncio.run(scenario())
    assert store.asked == ["read", "read"]
    assert "10 s from now" in logged.text


def test_after_a_restart_the_first_failure_counts_if_nothing_is_kept():
    store = Store()

    async def scenario():
        outage = KeptOutage(60, store, is_restart=True)
        before = time.time()
        await fail(outage)
        await settled()
        assert before <= outage.began <= time.time()
        assert store.began == outage.began

    asyncio.run(scenario())
    assert store.asked == ["read", "write"]


def test_a_beginning_that_another_try_has_left_does_not_count():
    store = Store(time.time() - 3600)

    async def scenario():
        outage = KeptOutage(60, store, is_restart=True, earliest=time.time() - 600)
        await fail(outage)
        await settled()
        assert store.began == outage.began

    asyncio.run(scenario())


def test_an_outage_that_ended_while_the_triggerer_was_down_does_not_count_later():
    store = Store(time.time() - 3600)

    async def scenario():
        KeptOutage(60, store, is_restart=True).end()  # its first poll succeeds, and it dies
        await settled()
        await fail(KeptOutage(60, store, is_restart=True))

    asyncio.run(scenario())
    assert store.asked == ["delete", "read"]


def test_a_success_while_it_is_read_ends_it():
    store = Store(time.time() - 3600)

    async def scenario():
        wait = make_wait("e", tolerance=60)
        wait.outage = KeptOutage(60, store, is_restart=True)
        wait.fail(ERROR)
        wait.outage.end()
        await settled()
        assert wait.outage.began is None
        assert not wait.done.done()

    asyncio.run(scenario())
    assert store.began is None


def test_a_wait_counts_its_failure_once_it_is_read():
    async def scenario():
        wait = make_wait("e", tolerance=60)
        wait.outage = KeptOutage(60, Store(time.time() - 61), is_restart=True)
        wait.fail(ERROR)
        assert not wait.done.done()
        with pytest.raises(UnavailableError):
            await wait.done

    asyncio.run(scenario())


def test_the_polls_that_fail_while_it_is_read_count_once(logged):
    async def scenario():
        wait = make_wait("e", tolerance=60)
        wait.outage = KeptOutage(60, Store(time.time() - 50), is_restart=True)
        for number in range(3):
            wait.fail(UnavailableError(f"no answer to poll {number}"))
        await settled()
        assert "poll 2" in logged.text
        wait.fail(ERROR)

    asyncio.run(scenario())
    assert logged.text.count("A poll failed") == 2


@pytest.mark.parametrize("error", [RequestError("no", 400), ValueError("a mistake of ours")])
def test_what_is_permanent_waits_for_no_reading(error):
    store = Store()

    async def scenario():
        wait = make_wait("e", tolerance=60)
        wait.outage = KeptOutage(60, store, is_restart=True)
        wait.fail(error)
        assert wait.done.exception() is error

    asyncio.run(scenario())
    assert store.asked == []


def test_zero_keeps_nothing():
    store = Store()

    async def scenario():
        outage = KeptOutage(0, store, is_restart=True)
        outage.end()
        with pytest.raises(UnavailableError):
            await fail(outage)
        await outage.close()

    asyncio.run(scenario())
    assert store.asked == []


@pytest.mark.parametrize("is_restart", [False, True])
def test_a_store_that_fails_ends_no_wait_and_is_logged_once(is_restart, logged):
    store = Store()
    store.faults = [OSError("down")] * 4

    async def scenario():
        outage = KeptOutage(60, store, is_restart=is_restart)
        for _ in range(6):
            await fail(outage)
            await settled()
        assert store.began == outage.began

    asyncio.run(scenario())
    assert logged.text.count("could not be read or kept in Airflow") == 1


def test_a_write_whose_outcome_is_unknown_is_deleted():
    class Odd(Store):
        async def write(self, began: float) -> None:
            await super().write(began)
            raise OSError("the answer was lost")

    store = Odd()

    async def scenario():
        outage = KeptOutage(60, store)
        outage.add(ERROR)
        await settled()
        outage.end()
        await settled()

    asyncio.run(scenario())
    assert store.asked == ["write", "delete"]


def test_the_end_of_a_wait_deletes_it():
    store = Store(seconds=0.01)

    async def scenario():
        outage = KeptOutage(60, store)
        outage.add(ERROR)
        await asyncio.sleep(0)  # the request is under way
        await outage.close()
        assert store.began is None

    asyncio.run(scenario())
    assert store.asked == ["write", "delete"]


def test_the_end_of_a_wait_is_not_held_back_for_long(mocker):
    mocker.patch.object(module, "END_PATIENCE", 0.01)

    async def scenario():
        outage = KeptOutage(60, Store(1000.0, seconds=60), 1000.0)
        await asyncio.wait_for(outage.close(), 30)

    asyncio.run(scenario())


@pytest.mark.parametrize("is_active", [False, True])
def test_a_cancelled_wait_deletes_it_only_if_its_task_no_longer_waits(is_active, mocker):
    mocker.patch.object(module, "CANCEL_DELAY", 0)
    store = Store()
    store.active = is_active

    async def scenario():
        outage = KeptOutage(60, store)
        outage.add(ERROR)
        await settled()
        outage.abandon()
        await asyncio.sleep(0.01)
        await settled()
        assert store.began == (outage.began if is_active else None)

    asyncio.run(scenario())


def test_a_request_that_takes_long_holds_back_the_next_one_only_for_a_second(mocker):
    mocker.patch.object(module, "LONGEST_PAUSE", 0)
    clock = mocker.patch.object(module, "time")
    clock.monotonic.side_effect = itertools.count(0, 3600)
    clock.time.side_effect = time.time
    store = Store()

    async def scenario():
        outage = KeptOutage(60, store)
        outage.add(ERROR)
        await asyncio.sleep(0)  # the request is under way
        await asyncio.wait_for(outage.close(), 30)

    asyncio.run(scenario())
    assert store.asked == ["write", "delete"]


def test_one_that_is_cancelled_while_it_is_read_leaves_the_others_to_go_on(mocker):
    mocker.patch.object(module, "CANCEL_DELAY", 0.01)

    async def scenario():
        outages = [KeptOutage(60, Store(7.0, seconds=0.1), is_restart=True) for _ in range(4)]
        waits = [asyncio.ensure_future(outage.recall(ERROR)) for outage in outages]
        await asyncio.sleep(0.01)
        waits[0].cancel()
        outages[0].abandon()
        await asyncio.wait_for(asyncio.gather(*waits[1:]), 10)
        return [outage.began for outage in outages[1:]]

    assert asyncio.run(scenario()) == [7.0] * 3


def test_a_wait_ends_in_time_while_it_is_read(mocker):
    async def fail_later():
        await asyncio.sleep(0.01)
        raise ERROR

    def find_poller(*_):
        return asyncio.create_task(fail_later())

    mocker.patch.object(SharedConnection, "find_poller", find_poller)
    spec = WaitSpec(
        integrator_conn_id="integrator_default",
        project_id=None,
        flow="price",
        flow_id=None,
        execution_id="e-1",
        created_after=None,
        poll_interval=0.1,
        end_time=time.time() + 0.3,
        outage_tolerance=60.0,
        adaptive=False,
    )
    with pytest.raises(WaitTimeoutError):
        asyncio.run(asyncio.wait_for(TriggerWait(spec, Store(seconds=3600)).until_finished(), 10))


def test_a_thousand_waits_ask_one_after_the_other_and_those_whose_outage_is_over_not_at_all():
    most = running = 0

    class Counting(Store):
        async def _ask(self, name: str) -> None:
            nonlocal most, running
            running += 1
            most = max(most, running)
            await super()._ask(name)
            running -= 1

    stores: list[Any] = [Counting() for _ in range(1000)]

    async def scenario():
        outages = [KeptOutage(60, store) for store in stores]
        for outage in outages:
            outage.add(ERROR)
        for outage in outages[500:]:
            outage.end()
        await settled()

    asyncio.run(scenario())
    assert most == 1
    assert [len(store.asked) for store in stores] == [1] * 500 + [0] * 500
