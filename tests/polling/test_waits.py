from __future__ import annotations

import asyncio
import random

from airflow_provider_integrator.exceptions import WaitTimeoutError
from airflow_provider_integrator.polling.waits import Deadlines
from tests.polling.making import make_wait


def a_wait(seconds):
    return make_wait("e", seconds=seconds)


def over(wait):
    return wait.done.done() and isinstance(wait.done.exception(), WaitTimeoutError)


def test_each_wait_ends_in_its_time_whatever_the_order_they_came_in():
    async def wait_for_all():
        deadlines, loop = Deadlines(), asyncio.get_running_loop()
        waits = [a_wait(number / 100) for number in range(30)]
        random.Random(1).shuffle(waits)
        for wait in waits:
            deadlines.add(wait)
        early = []
        for wait in sorted(waits, key=lambda wait: wait.deadline):
            await asyncio.wait([wait.done], timeout=5)
            early.append(over(wait) and loop.time() < wait.deadline - 0.01)
        assert all(over(wait) for wait in waits)
        assert not any(early)

    asyncio.run(wait_for_all())


def test_a_wait_that_left_or_has_no_deadline_is_not_woken():
    async def leave():
        deadlines = Deadlines()
        leaving, staying, endless = a_wait(0.02), a_wait(0.04), a_wait(None)
        for wait in (leaving, staying, endless):
            deadlines.add(wait)
        deadlines.discard(leaving)
        await asyncio.wait([staying.done], timeout=5)
        assert over(staying)
        assert not leaving.done.done()
        assert not endless.done.done()

    asyncio.run(leave())


def test_a_deadline_that_has_passed_ends_the_wait_at_once():
    async def late():
        deadlines, wait = Deadlines(), a_wait(-1)
        deadlines.add(wait)
        await asyncio.wait([wait.done], timeout=5)
        assert over(wait)

    asyncio.run(late())


def test_the_last_wait_takes_the_timer_with_it():
    async def come_and_go():
        loop = asyncio.get_running_loop()
        deadlines, waits = Deadlines(), [a_wait(3600) for _ in range(50)]
        for wait in waits:
            deadlines.add(wait)
        timers = [timer for timer in loop._scheduled if not timer.cancelled()]
        assert len(timers) == 1
        for wait in waits:
            deadlines.discard(wait)
        assert all(timer.cancelled() for timer in loop._scheduled)

    asyncio.run(come_and_go())
