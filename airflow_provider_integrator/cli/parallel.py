"""Several scripts of calls at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_integrator.exceptions import RequestError, ResponseError
from airflow_provider_integrator.hooks.integrator import IntegratorHook

if TYPE_CHECKING:
    from airflow_provider_integrator.api.endpoints import Script

T = TypeVar("T")

#: The scripts that run at the same time, as many as the client has connections.
CONCURRENT = 8


def run_all(
    hook: IntegratorHook,
    scripts: Sequence[Script[T]],
    done: Callable[[int], None],
    is_enough: Callable[[T], bool] = lambda value: False,
) -> list[T | RequestError | ResponseError | None]:
    """Run scripts at the same time.

    :param hook: The hook, whose connection has been read.
    :param scripts: The scripts.
    :param done: Called with 1 as each script ends.
    :param is_enough: Called with each value; returns whether the other scripts needn't be run.
    :return: For each script its value, or the error that concerns it alone; None: it wasn't run to its end.
    :raises IntegratorError: A script failed in a way that the others would, too.
    """

    async def run_them() -> list[T | RequestError | ResponseError | None]:
        gate = asyncio.Semaphore(CONCURRENT)
        found: list[T | RequestError | ResponseError | None] = [None] * len(scripts)

        async def run(number: int) -> int:
            async with gate:
                try:
                    found[number] = await client.run(scripts[number])
                except (RequestError, ResponseError) as error:
                    found[number] = error
            return number

        async with hook:
            client = await hook.aget_conn()
            tasks = [asyncio.create_task(run(number)) for number in range(len(scripts))]
            try:
                for ended in asyncio.as_completed(tasks):
                    value = found[await ended]
                    done(1)
                    if not isinstance(value, (RequestError, ResponseError)) and is_enough(value):  # type: ignore[arg-type]
                        break
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return found

    return asyncio.run(run_them())
