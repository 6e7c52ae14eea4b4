"""The one Airflow and the one embedded Integrator of all end-to-end tests, and DAG runs against them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.fernet import Fernet

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Execution, Flow, IntegratorSimulator
from airflow_provider_integrator.simulator.demo import DemoWorld

if TYPE_CHECKING:
    from airflow_api import TaskRun
    from local_airflow import LocalAirflow

# The password must be found nowhere, so it must not be there by chance.
PASSWORD = "e2e-5ecret-pa55word"
FERNET_KEY = Fernet.generate_key().decode()
LOG = {"errors": [], "rows": [{"sku": "SKU-1"}, {"sku": "SKU-2"}]}
FAILED_LOG = {
    "errors": [{"row": 1, "message": "The price isn't allowed."}, "Row 2: no such currency"],
    "rows": [],
}
# Generous, for 2.11 runs one task at a time.
RUN_SECONDS = 600.0


class Part(NamedTuple):
    """A task and the flow that it waits for.

    :param flow: The flow's slug.
    :param task_id: The task.
    :param waiting: The task's state while it waits; None: there is no execution, it waits in vain.
    :param status: How the execution goes.
    :param map_index: Which of a mapped task's instances.
    """

    flow: str
    task_id: str
    waiting: str | None
    status: Status = Status.SUCCESS
    map_index: int = -1


@dataclass
class Run:
    """A DAG run: its tasks by id and map index once it has ended, and its executions by the flow's slug."""

    dag_id: str
    run_id: str
    executions: dict[str, Execution]
    state: str = ""
    tasks: dict[tuple[str, int], TaskRun] = field(default_factory=dict)

    @property
    def states(self) -> dict[str, str | None]:
        """Map the ids of tasks that aren't mapped to their states."""
        return {task.task_id: task.state for task in self.tasks.values() if task.map_index < 0}


@dataclass
class Stage:
    """Airflow, the Integrator, and the demo's flows on it."""

    airflow: LocalAirflow
    integrator: IntegratorSimulator
    demo: DemoWorld
    flows: dict[str, Flow] = field(default_factory=dict)

    def run(self, dags: Mapping[str, Iterable[Part]]) -> dict[str, Run]:
        """Run DAGs at the same time, each part's execution finishing once its task is seen to wait for it.

        :param dags: The parts of each DAG.
        :return: The runs, all of them ended.
        :raises TimeoutError: Some haven't ended in time.
        """
        parts = {dag_id: list(parts) for dag_id, parts in dags.items()}
        runs = {dag_id: self.begin(dag_id, parts[dag_id]) for dag_id in parts}
        deadline = time.monotonic() + RUN_SECONDS
        while not all(run.state in ("success", "failed") for run in runs.values()):
            for dag_id, run in runs.items():
                self._go_on(run, parts[dag_id])
            if time.monotonic() > deadline:
                raise TimeoutError(f"These runs have not ended: {runs}")
            time.sleep(0.5)
        return runs

    def begin(self, dag_id: str, parts: Iterable[Part]) -> Run:
        """Start a DAG run, and then its executions, which go on until they are told to finish.

        :param dag_id: The DAG.
        :param parts: Its parts.
        :return: The run.
        """
        waits = [part for part in parts if part.waiting is not None]
        for part in parts:
            self._add_flow(part)
        run_id = self.airflow.api.trigger(dag_id)
        return Run(
            dag_id,
            run_id,
            {
                part.flow: self.integrator.add_execution(
                    self.flows[part.flow],
                    status=part.status,
                    log=FAILED_LOG if part.status is Status.FAILED else LOG,
                )
                for part in waits
            },
        )

    def polls(self, flow: str) -> int:
        """Count the calls of List logs for a flow."""
        return sum(
            request.path == "/logs" and request.param("flowId") == self.flows[flow].id
            for request in self.integrator.requests
        )

    def xcom(self, run: Run, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Read what a run's task pushed."""
        return self.airflow.api.xcom(run.dag_id, run.run_id, task_id, key, map_index)

    def log(self, run: Run, task_id: str, map_index: int = -1) -> str:
        """Read what a run's task logged."""
        return self.airflow.task_log(run.dag_id, run.run_id, task_id, map_index)

    def _add_flow(self, part: Part) -> None:
        flow = self.integrator.add_flow(
            self.demo.project, f"E2E {len(self.flows)}", slug=part.flow, id=f"e2e-{part.flow}"
        )
        self.flows[part.flow] = flow
        # One that was there before the run is none of the run's business; it would give the wrong outcome.
        before = datetime.now(timezone.utc) - timedelta(minutes=10)
        other = Status.SUCCESS if part.status is Status.FAILED else Status.FAILED
        self.integrator.add_execution(flow, status=other, lasts=5, created=before)

    def has_let_go(self, run: Run, part: Part) -> bool:
        """Tell whether the scheduler knows that a waiting task has left its worker.

        Where it hears that only after the task was queued again it takes it for killed, which is an old race
        of Airflow's own, and waits as short as a test's lose it now and then.

        :param run: The run.
        :param part: The part whose task waits.
        :return: Whether it knows.
        """
        if part.waiting == "running":
            return True
        key = (
            f"TaskInstanceKey(dag_id='{run.dag_id}', task_id='{part.task_id}', run_id='{run.run_id}', "
            f"try_number=1, map_index={part.map_index})"
        )
        heard = "Received executor event with state success for task instance "
        return heard + key in self.airflow.output.read_text("utf-8", "replace")

    def trigger_row(self, run: Run, task_id: str) -> dict[str, Any]:
        """Read the trigger that a task waits by: its id, triggerer and arguments, as the database has them."""
        query = """SELECT trigger.id, trigger.triggerer_id, trigger.kwargs
            FROM trigger JOIN task_instance ON task_instance.trigger_id = trigger.id
            WHERE task_instance.dag_id = ? AND task_instance.run_id = ? AND task_instance.task_id = ?"""
        with closing(self.database()) as database:
            ((number, triggerer, arguments),) = database.execute(query, (run.dag_id, run.run_id, task_id))
        # some versions encrypt them
        plain = arguments if arguments.startswith("{") else Fernet(FERNET_KEY).decrypt(arguments).decode()
        return {"id": number, "triggerer": triggerer, "arguments": plain}

    def database(self) -> sqlite3.Connection:
        """Open Airflow's database to read from it."""
        return sqlite3.connect(f"file:{self.airflow.home / 'airflow.db'}?mode=ro", uri=True)

    def _go_on(self, run: Run, parts: list[Part]) -> None:
        found = self.airflow.api.tasks(run.dag_id, run.run_id)
        run.tasks = {(task.task_id, task.map_index): task for task in found}
        for part in parts:
            task = run.tasks.get((part.task_id, part.map_index))
            execution = run.executions.get(part.flow)
            if execution is None or execution.ends is not None or task is None:
                continue
            if task.state == part.waiting and self.polls(part.flow) and self.has_let_go(run, part):
                self.integrator.finish(execution)
        run.state = self.airflow.api.run_state(run.dag_id, run.run_id)
        if run.state in ("success", "failed"):
            # some of them ended after they were listed
            found = self.airflow.api.tasks(run.dag_id, run.run_id)
            run.tasks = {(task.task_id, task.map_index): task for task in found}
