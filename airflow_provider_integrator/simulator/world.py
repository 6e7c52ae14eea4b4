"""The state behind the server: projects, flows and their logs, changed by tests while the server reads it."""

from __future__ import annotations

import random
import threading
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_integrator.api.enums import LogType, State, Status
from airflow_provider_integrator.simulator.archives import BigLog
from airflow_provider_integrator.simulator.catalogue import Catalogue, Index, Order
from airflow_provider_integrator.simulator.log_ids import LogIds
from airflow_provider_integrator.simulator.records import Counts, Execution, Flow, Line, Log, Project, Step
from airflow_provider_integrator.simulator.views import log_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

STEPS: tuple[str, ...] = ("Login", "Read data from ERP", "Write data to Omnitron")
_NAME_LENGTH = 20
# Log ids grow by 1 to this much, as in a database that others write to as well.
_FIRST_LOG_ID, _LOG_ID_GAP = 1_000_000, 9
_STEP_KEYS = {"name", "slug", "status", "log", "process_count", "success_count", "fail_count"}
# Ids of projects and flows derive from their names, so that they are the same in every run.
_NAMES = uuid.UUID("6f0c2f4e-5b1d-4c35-9a53-0d2f6f3f1a77")


class Page(NamedTuple):
    """One page of List logs: how many logs match in all, and this page's, as they are shown."""

    total: int
    results: list[dict[str, Any]]


class World:
    """Everything that exists, by the clock. Every method may be called from any thread."""

    def __init__(self, clock: Callable[[], float], seed: int | None = None) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.projects: dict[str, Project] = {}
        self.flows: dict[str, Flow] = {}
        self._catalogues: dict[str, Catalogue] = {}
        self._executions: dict[str, Execution] = {}
        self.ids = LogIds()
        self.log_delay = 0.0
        self._random = random.Random(seed)  # noqa: S311 - ids that must be repeatable, no secrets
        self._number = _FIRST_LOG_ID

    def add_project(self, project: Project) -> Project:
        """Add a project.

        :param project: The project.
        :return: The same project.
        :raises ValueError: If its id is taken.
        """
        with self.lock:
            if project.id in self.projects:
                raise ValueError(f"there is a project {project.id!r} already")
            self.projects[project.id] = project
            return project

    def add_flow(self, flow: Flow) -> Flow:
        """Add a flow.

        :param flow: The flow.
        :return: The same flow.
        :raises ValueError: If id or name is taken, or the name too long, as on the real Integrator.
        """
        with self.lock:
            if flow.id in self.flows:
                raise ValueError(f"there is a flow {flow.id!r} already")
            if any(other.name == flow.name for other in self.flows_of(flow.project.id)):
                raise ValueError(f"project {flow.project.slug} has a flow {flow.name!r} already")
            if len(flow.name) > _NAME_LENGTH:
                raise ValueError(f"a flow's name has at most {_NAME_LENGTH} characters: {flow.name!r}")
            self.flows[flow.id] = flow
            self._catalogues[flow.id] = Catalogue()
            return flow

    def delete_flow(self, flow: Flow) -> None:
        """Delete a flow with its executions.

        :param flow: The flow.
        """
        with self.lock:
            del self.flows[flow.id], self._catalogues[flow.id]

    def flows_of(self, project_id: str) -> list[Flow]:
        """List a project's flows.

        :param project_id: The project's id.
        :return: Its flows in the order in which they were added.
        """
        with self.lock:
            return [flow for flow in self.flows.values() if flow.project.id == project_id]

    def add_execution(
        self,
        flow: Flow,
        *,
        status: int,
        lasts: float | None,
        created: datetime | None,
        counts: Counts,
        steps: Sequence[str | Mapping[str, Any]] | None,
        log: object,
        state: State,
        is_triggered: bool,
        triggered_by: str,
        id: str | None,
    ) -> Execution:
        """Add an execution; :meth:`IntegratorSimulator.add_execution` explains what goes in.

        :return: The execution.
        :raises ValueError: If the id is taken, ``created`` has no offset, or a step has an unknown key.
        """
        if created is not None and created.tzinfo is None:
            raise ValueError(f"created needs an offset from UTC: {created!r}")
        if isinstance(log, BigLog):
            log.pack()
        with self.lock:
            if id is not None and id in self._executions:
                raise ValueError(f"there is an execution {id!r} already")
            begun = self.clock() if created is None else created.timestamp()
            execution = Execution(
                **self._identity(flow, begun, id),
                status=status,
                counts=counts,
                ends=None if lasts is None else begun + lasts,
                held=state,
                is_triggered=is_triggered,
                triggered_by=triggered_by,
                contents=log,
            )
            for wanted in STEPS if steps is None else steps:
                self._add_step(execution, {"name": wanted} if isinstance(wanted, str) else wanted)
            self._executions[execution.id] = execution
            self._catalogues[flow.id].add_execution(execution)
            return execution

    def add_line(self, execution: Execution, fields: Mapping[str, object], status: int, log: object) -> Line:
        """Add a line log.

        :param execution: Whose row it is.
        :param fields: The row.
        :param status: How it went.
        :param log: What its log holds, None for a believable one.
        :return: The line.
        """
        with self.lock:
            catalogue = self._catalogues[execution.flow.id]
            line = Line(
                **self._identity(execution.flow, self.clock(), None),
                execution=execution,
                row_num=len(catalogue.find(LogType.LINE, None, execution.id)) + 1,
                fields=dict(fields),
                status=status,
                contents=log,
            )
            catalogue.add_line(line)
            return line

    def execution(self, execution: Execution | str) -> Execution:
        """Look up an execution.

        :param execution: The execution or its id.
        :return: The execution.
        :raises KeyError: If there is none with this id.
        """
        with self.lock:
            return self._executions[execution if isinstance(execution, str) else execution.id]

    def page(self, flow: Flow, order: Order, number: int, limit: int, **filters: Any) -> Page:
        """Show one page of a flow's logs, at a cost that doesn't grow with the number of logs.

        :param flow: The flow.
        :param order: Which logs come first.
        :param number: The page's number, from 1.
        :param limit: Logs on a page.
        :param filters: As :meth:`Catalogue.find` takes them.
        :return: The page.
        """
        with self.lock:
            now = self.clock()
            catalogue = self._catalogues[flow.id]
            catalogue.reveal(now)
            found: Index[Log] = catalogue.find(**filters)
            shown = found.page(order, number, limit)
            return Page(len(found), [log_json(log, now, self.log_delay) for log in shown])

    def log(self, flow: Flow, log_id: str) -> Log | None:
        """Look up a log.

        :param flow: The flow it must belong to.
        :param log_id: Its log id, as Download log takes it.
        :return: The execution, step or line, None if the flow has no such log.
        """
        number = self.ids.number(log_id)
        with self.lock:
            catalogue = self._catalogues[flow.id]
            catalogue.reveal(self.clock())
            return None if number is None else catalogue.by_number.get(number)

    def is_stored(self, log: Log) -> bool:
        """Check whether Download log has a log's file by now.

        :param log: The execution, step or line.
        :return: True once it is stored.
        """
        with self.lock:
            return log.is_stored_at(self.clock(), self.log_delay)

    def _add_step(self, execution: Execution, wanted: Mapping[str, Any]) -> None:
        unknown = set(wanted) - _STEP_KEYS
        if unknown:
            raise ValueError(f"a step has no {', '.join(sorted(unknown))}")
        status = wanted.get("status")
        given = [wanted.get(f"{of}_count") for of in ("process", "success", "fail")]
        slug = wanted.get("slug") or wanted["name"].lower().replace(" ", "_")
        execution.steps.append(
            Step(
                **self._identity(execution.flow, execution.begun, None),
                execution=execution,
                position=len(execution.steps),
                slug=slug,
                name=wanted.get("name") or slug,
                status=status,
                counts=None if given == [None] * 3 else Counts.filled(status or Status.SUCCESS, *given),
                contents=wanted.get("log"),
            )
        )

    def _identity(self, flow: Flow, begun: float, wanted_id: str | None) -> dict[str, Any]:
        self._number += self._random.randint(1, _LOG_ID_GAP)
        return {
            "id": wanted_id or str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "number": self._number,
            "flow": flow,
            "begun": begun,
            "ids": self.ids,
        }


def stable_id(*names: str) -> str:
    """Derive an id from names.

    :param names: What is named, from the outside in.
    :return: A UUID that is the same in every run.
    """
    return str(uuid.uuid5(_NAMES, "/".join(names)))
