"""The search for executions by id, on a client that answers at once."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.pages import EMPTY_PAGE, Page
from airflow_provider_integrator.polling.lookup import ExecutionLookup


class Client:
    """Remembers the calls by their execution, but doesn't keep them."""

    def __init__(self) -> None:
        self.calls: dict[str, weakref.ref[Any]] = {}

    async def call(self, call: Any) -> Page:
        (execution_id,) = [value for value in map(str, dict(call.query).values()) if value in ("one", "two")]
        self.calls[execution_id] = weakref.ref(call)
        return EMPTY_PAGE


def test_a_call_lives_as_long_as_its_wait() -> None:
    """The call knows its last answer, which nobody needs once the wait has ended."""
    client = Client()
    lookup = ExecutionLookup(client, LogQuery("project", "flow"), lambda waits, outcome: None)  # type: ignore[arg-type]

    async def search(execution_id: str) -> None:
        lookup.start({execution_id: []})
        await lookup.find_rest()

    for execution_id in ("one", "two"):
        asyncio.run(search(execution_id))
    first = client.calls["two"]()
    asyncio.run(search("two"))
    gc.collect()
    assert client.calls["one"]() is None
    assert client.calls["two"]() is first is not None
