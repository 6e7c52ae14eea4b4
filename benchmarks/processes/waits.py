"""A process that waits as the triggerer does: one event loop, one task for each trigger."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measuring import BEAT, Collections, Heartbeat, cpu_seconds, quantile, resident_bytes
from benchmarks.processes.talking import answer_requests
from benchmarks.subjects import named

_WARM_UP_SECONDS = 1.0
_IDLE_SECONDS = 1.0
_START_INTERVALS = 0.5


class Waits:
    """Runs one subject's triggers."""

    def __init__(self) -> None:
        self._make: Callable[[Any, float], Any] | None = None
        self._idle = 0.0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Prepare a subject, or wait with one that is prepared."""
        if "subject" in request:
            return asyncio.run(self._prepare(**request))
        return asyncio.run(self._wait(**request))

    async def _prepare(self, subject: str, environment: dict[str, str], thing: Any) -> dict[str, Any]:
        """Import all that is needed and wait once, so that what is measured later is waiting alone.

        :param subject: The subject's name.
        :param environment: What tells it of its server.
        :param thing: Something to wait for.
        """
        os.environ.update(environment)
        self._make = named(subject).triggers()
        # What a trigger logs costs CPU too, which depends on where logs go: left out, in the peers' favour.
        logging.disable(logging.WARNING)
        task = asyncio.create_task(_first_event(self._make(thing, 5)))
        await asyncio.sleep(_WARM_UP_SECONDS)
        if task.done():
            raise RuntimeError(f"{subject} doesn't wait: {task.result()}")
        await _end([task])
        self._idle = await _idle_cpu_rate(BEAT)
        return {}

    async def _wait(self, things: list[Any], interval: float, seconds: float, beat: float) -> dict[str, Any]:
        """Wait for things.

        :param things: The things.
        :param interval: Seconds between two polls of one.
        :param seconds: How long; less where all have finished.
        :param beat: Seconds between two looks at the event loop's lag.
        :return: What it took, and when the event of each came (None where none did).
        """
        if self._make is None:
            raise RuntimeError("no subject is prepared")
        triggers = [self._make(thing, interval) for thing in things]
        gc.collect()
        memory = resident_bytes()
        events: list[float | None] = [None] * len(things)

        async def wait(number: int) -> None:
            event = await _first_event(triggers[number])
            if isinstance(event, dict) and event.get("status") == "error":
                raise RuntimeError(event.get("message"))
            events[number] = time.time()

        async with Heartbeat(beat) as heartbeat:
            with Collections() as collections:
                began, cpu = time.perf_counter(), cpu_seconds()
                tasks = []
                for number in range(len(triggers)):
                    tasks.append(asyncio.create_task(wait(number)))
                    await asyncio.sleep(0)
                await asyncio.wait(tasks, timeout=min(seconds, _START_INTERVALS * interval))
                start_seconds, start_cpu = time.perf_counter() - began, cpu_seconds() - cpu
                if seconds > start_seconds:
                    await asyncio.wait(tasks, timeout=seconds - start_seconds)
                all_seconds, all_cpu = time.perf_counter() - began, cpu_seconds() - cpu
        mistakes = [repr(error) for error in await _end(tasks) if isinstance(error, Exception)]
        # The lesser of two looks, as other processes make a look dearer.
        idle = min(self._idle, await _idle_cpu_rate(beat))
        return {
            "seconds": all_seconds,
            "cpu": max(0.0, all_cpu - idle * all_seconds),
            "cpu_after_start": max(0.0, all_cpu - start_cpu - idle * (all_seconds - start_seconds)),
            "seconds_after_start": all_seconds - start_seconds,
            "idle_cpu_rate": idle,
            "lag_max": max(heartbeat.lags),
            "lag_p99": quantile(heartbeat.lags, 0.99),
            "longest_collection": collections.longest,
            "memory": max(0, heartbeat.peak_bytes - memory),
            "events": events,
            "mistakes": mistakes[:3],
        }


async def _idle_cpu_rate(beat: float) -> float:
    """Measure what the heartbeat itself takes: CPU seconds per second."""
    async with Heartbeat(beat):
        cpu, began = cpu_seconds(), time.perf_counter()
        await asyncio.sleep(_IDLE_SECONDS)
        return (cpu_seconds() - cpu) / (time.perf_counter() - began)


async def _first_event(trigger: Any) -> Any:
    async with contextlib.aclosing(trigger.run()) as events:
        return (await anext(events)).payload


async def _end(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    answer_requests(Waits().answer)
