"""The embedded Integrator, in a process of its own."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import BigLog, Fault, IntegratorSimulator
from benchmarks.processes.talking import answer_requests

_STEPS = ("login", "read_data_from_erp", "write_data_to_omnitron")


class Integrator:
    """Answers what a benchmark asks of the simulator."""

    def __init__(self) -> None:
        self._simulator = IntegratorSimulator(seed=1)
        self._simulator.start()
        self._project = self._simulator.add_project("Benchmark")

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request names.

        :param request: ``do`` is a method's name, the rest its arguments.
        :return: What the method returns.
        """
        answer: dict[str, Any] = getattr(self, request.pop("do"))(**request)
        return answer

    def connection(self) -> dict[str, Any]:
        """Describe the Airflow connection."""
        return {"connection": self._simulator.connection()}

    def flows(self, count: int, history: list[float], order: str, steps: bool) -> dict[str, Any]:
        """Add flows.

        :param count: How many.
        :param history: How many seconds the executions lasted that each of them has had long ago.
        :param order: The order of List logs.
        :param steps: Whether these executions have steps.
        :return: The ids of the flows.
        """
        self._simulator.order = order  # type: ignore[assignment]
        # The last of them is a day old: what is still to come isn't shown.
        long_ago = datetime.now(timezone.utc) - timedelta(days=1, minutes=len(history))
        flows = []
        for number in range(count):
            flow = self._simulator.add_flow(self._project, f"Flow {len(self._simulator.flows)} {number}")
            for minute, lasts in enumerate(history):
                created = long_ago + timedelta(minutes=minute)
                self._simulator.add_execution(
                    flow, lasts=lasts, created=created, steps=_STEPS if steps else []
                )
            flows.append(flow.id)
        return {"flows": flows}

    def things(self, flows: list[str], ends: list[float | None], steps: bool) -> dict[str, Any]:
        """Add executions to wait for, to each flow in turn.

        :param flows: The ids of the flows.
        :param ends: When each of them finishes, in seconds since the epoch; None: never.
        :param steps: Whether these executions have steps.
        :return: Flow and execution of each.
        """
        known = {flow.id: flow for flow in self._simulator.flows}
        things = []
        for number, end in enumerate(ends):
            flow, begin = known[flows[number % len(flows)]], time.time()
            lasts = None if end is None else end - begin
            created = datetime.fromtimestamp(begin, timezone.utc)
            execution = self._simulator.add_execution(
                flow, lasts=lasts, created=created, steps=_STEPS if steps else []
            )
            things.append([flow.id, execution.id])
        return {"things": things}

    def log(self, size: int) -> dict[str, Any]:
        """Add a finished execution with a log of a size.

        :param size: Bytes of JSON.
        :return: The ids of the flow and of the log, and the bytes of its base64 text.
        """
        log = BigLog(size)
        flow = self._simulator.add_flow(self._project, f"Log {size}")
        execution = self._simulator.add_execution(flow, lasts=0, log=log, steps=[])
        return {"flow": flow.id, "log": execution.log_id, "encoded": log.pack().encoded_size}

    def lines(self, count: int, parts: int) -> dict[str, Any]:
        """Add a finished execution with failed lines.

        :param count: How many.
        :param parts: The number of parts that they are divided into: their field ``part``, from 0.
        :return: The ids of the flow and of the execution.
        """
        flow = self._simulator.add_flow(self._project, f"Lines {len(self._simulator.flows)}")
        execution = self._simulator.add_execution(flow, lasts=0)
        rows = ({"sku": f"SKU-{number:06d}", "part": number % parts} for number in range(count))
        self._simulator.add_lines(execution, rows, status=Status.FAILED)
        return {"flow": flow.id, "execution": execution.id}

    def delay(self, seconds: float, on: str = "logs") -> dict[str, Any]:
        """Answer a call late from now on.

        :param seconds: How late.
        :param on: The call, List logs by default.
        """
        self._simulator.clear_faults()
        if seconds:
            self._simulator.inject(Fault.delay(seconds, on=on))
        return {}

    def counts(self) -> dict[str, Any]:
        """Count what came so far: requests, List logs and downloads among them, bytes of answers, connections."""
        return {
            "requests": self._simulator.count(),
            "list_logs": self._simulator.count("logs"),
            "downloads": self._simulator.count("download"),
            "bytes": sum(request.size for request in self._simulator.requests),
            "connections": self._simulator.connections,
        }


if __name__ == "__main__":
    answer_requests(Integrator().answer)
