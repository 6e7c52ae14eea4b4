"""A stand-in for the services of the peers, in a process of its own: it says of each thing whether it still runs.

Its answers have the form of dbt Cloud's, Databricks', Fivetran's and HttpSensor's services, and no more fields
than their triggers read, so that these have as little work as can be.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from aiohttp import web

from benchmarks.processes.talking import answer_requests

_BACKLOG = 4096
_NEVER = "1970-01-01T00:00:00Z"


class StandIn:
    """Serves in a thread of its own."""

    def __init__(self) -> None:
        self._ends: list[float | None] = []
        self._requests = 0
        self._connections = 0
        self._routes: list[tuple[re.Pattern[str], Callable[[int], web.Response]]] = [
            (re.compile(r"/api/v2/accounts/1/runs/(\d+)/"), self._dbt_cloud),
            (re.compile(r"/v1/connectors/c(\d+)"), self._fivetran),
            (re.compile(r"/things/(\d+)"), self._http),
        ]
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True).start()
        ready.wait()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request names.

        :param request: ``do`` is a method's name, the rest its arguments.
        :return: What the method returns.
        """
        answer: dict[str, Any] = getattr(self, request.pop("do"))(**request)
        return answer

    def connection(self) -> dict[str, Any]:
        """Say which port it listens on."""
        return {"connection": {"port": self._port}}

    def flows(self, count: int, history: list[float], order: str, steps: bool) -> dict[str, Any]:
        """Do nothing: a peer's things belong to no flow."""
        return {"flows": []}

    def things(self, flows: list[str], ends: list[float | None], steps: bool) -> dict[str, Any]:
        """Add things to wait for.

        :param flows: Of no use.
        :param ends: When each of them finishes, in seconds since the epoch; None: never.
        :param steps: Of no use.
        :return: A number for each.
        """
        first = len(self._ends)
        self._ends += ends
        return {"things": list(range(first, len(self._ends)))}

    def counts(self) -> dict[str, Any]:
        """Count the requests and connections that came so far."""
        return {"requests": self._requests, "list_logs": 0, "connections": self._connections}

    async def _serve(self, ready: threading.Event) -> None:
        server = web.Server(self._handle)

        def accept() -> asyncio.Protocol:
            self._connections += 1
            return server()

        listener = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0, backlog=_BACKLOG)
        self._port = listener.sockets[0].getsockname()[1]
        ready.set()
        await listener.serve_forever()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        self._requests += 1
        if request.path.endswith("/jobs/runs/get"):
            return self._databricks(json.loads(await request.read())["run_id"])
        for pattern, answer in self._routes:
            if match := pattern.fullmatch(request.path):
                return answer(int(match[1]))
        return web.Response(status=400, text=f"The stand-in doesn't know {request.path}")

    def _has_finished(self, number: int) -> bool:
        end = self._ends[number]
        return end is not None and end <= time.time()

    def _dbt_cloud(self, number: int) -> web.Response:
        return web.json_response({"data": {"id": number, "status": 10 if self._has_finished(number) else 3}})

    def _databricks(self, number: int) -> web.Response:
        state = {"life_cycle_state": "RUNNING", "state_message": ""}
        if self._has_finished(number):
            state = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS", "state_message": ""}
        return web.json_response({"run_id": number, "state": state})

    def _fivetran(self, number: int) -> web.Response:
        finished = self._has_finished(number)
        end = self._ends[number] if finished else None
        data = {
            "id": f"c{number}",
            "succeeded_at": _NEVER if end is None else datetime.fromtimestamp(end, timezone.utc).isoformat(),
            "failed_at": _NEVER,
            "status": {"sync_state": "scheduled" if finished else "syncing"},
        }
        return web.json_response({"data": data})

    def _http(self, number: int) -> web.Response:
        return web.Response(status=200 if self._has_finished(number) else 404)


if __name__ == "__main__":
    answer_requests(StandIn().answer)
