"""The one Airflow of all end-to-end tests, the embedded Integrators that it talks to, and DAG runs on them."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import requests
from airflow.triggers.base import BaseTrigger
from airflow_api import AIRFLOW_VERSION, IS_AIRFLOW_3
from cryptography.fernet import Fernet

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Execution, Flow, IntegratorSimulator
from airflow_provider_integrator.simulator.demo import DemoWorld

if TYPE_CHECKING:
    from airflow_api import TaskRun
    from local_airflow import LocalAirflow

# The password must be found nowhere, so it must not be there by chance. Its forms differ: percent-encoded, escaped, …
PASSWORD = 'e2e-5ecret "<&/+é> pa55word'
FERNET_KEY = Fernet.generate_key().decode()
LOG = {"errors": [], "rows": [{"sku": "SKU-1"}, {"sku": "SKU-2"}]}
FAILED_LOG = {
    "errors": [{"row": 1, "message": "The price isn't allowed."}, "Row 2: no such currency"],
    "rows": [],
}
#: Airflow 3.1 asks people.
IS_AIRFLOW_3_1 = tuple(map(int, AIRFLOW_VERSION.split(".")[:2])) >= (3, 1)
#: Airflow 3.3 keeps an asset's state, and begins a wait in the triggerer.
IS_AIRFLOW_3_3 = hasattr(BaseTrigger, "on_kill")
# Generous, for 2.11 runs one task at a time.
RUN_SECONDS = 600.0
T = TypeVar("T")
_ENDED = ("success", "failed")


class Part(NamedTuple):
    """A task and the flow that it waits for.

    :param flow: The flow's slug.
    :param task_id: The task.
    :param waiting: The task's state while it waits; None: there is no execution, and the wait times out.
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
    executions: dict[str, Execution] = field(default_factory=dict)
    state: str = ""
    tasks: dict[tuple[str, int], TaskRun] = field(default_factory=dict)

    @property
    def states(self) -> dict[str, str | None]:
        """Map the ids of tasks that aren't mapped to their states."""
        return {task.task_id: task.state for task in self.tasks.values() if task.map_index < 0}


@dataclass
class Stage:
    """Airflow and the Integrators; scenarios use it from several threads at the same time.

    :param airflow: Airflow.
    :param integrator: The Integrator of the connections integrator_default and integrator_pages.
    :param demo: The demo's flows on it.
    :param crowd: The Integrator of the connection integrator_crowd.
    :param watched: The Integrator of the connection integrator_watched.
    :param stormy: The Integrator of the connection integrator_stormy.
    :param locked: The Integrator of the connection integrator_locked, whose password is wrong.
    :param kills: When the triggerer was killed, or was seen to have ended.
    :param is_over: Ends all waits, once set.
    """

    airflow: LocalAirflow
    integrator: IntegratorSimulator
    demo: DemoWorld
    crowd: IntegratorSimulator
    watched: IntegratorSimulator
    stormy: IntegratorSimulator
    locked: IntegratorSimulator
    flows: dict[str, Flow] = field(default_factory=dict)
    kills: list[datetime] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _one_change: threading.Lock = field(default_factory=threading.Lock)
    _one_kill: threading.Lock = field(default_factory=threading.Lock)

    @property
    def tokens(self) -> list[str]:
        """All tokens of all Integrators."""
        integrators = (self.integrator, self.crowd, self.watched, self.stormy, self.locked)
        return [token for integrator in integrators for token in integrator.tokens]

    def until(self, is_so: Callable[[], bool], seconds: float = RUN_SECONDS) -> None:
        """Wait for something.

        :raises TimeoutError: It takes too long, or all is over.
        """
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError("that took too long")
            self.sleep(0.5)

    def sleep(self, seconds: float) -> None:
        """Let time pass.

        :raises TimeoutError: All is over.
        """
        if self.is_over.wait(max(0.0, seconds)):
            raise TimeoutError("all is over")

    def change(self, ask: Callable[[], T]) -> T:
        """Change something by Airflow's API, one thing at a time.

        On SQLite its server may wait for a lock that only it could release, and then answers 500.

        :param ask: Asks for it.
        :return: What that returns.
        """
        with self._one_change:
            for _ in range(10):
                try:
                    return ask()
                except requests.HTTPError as error:
                    if error.response is None or error.response.status_code != 500:
                        raise
                self.sleep(1)
            return ask()

    def pause(self, dag_id: str, *, is_paused: bool = True) -> None:
        """Pause a DAG, or let it run again."""
        self.change(lambda: self.airflow.api.pause(dag_id, is_paused=is_paused))
        if not is_paused:
            # Airflow begins to watch a DAG's assets when its file is parsed again, as it is once it changes.
            ((file,),) = self.rows("SELECT fileloc FROM dag WHERE dag_id = ?", dag_id)
            Path(file).touch()

    def restart_triggerer(self) -> None:
        """Kill the triggerer with SIGKILL, and start another."""
        with self._one_kill:
            self.airflow.kill_triggerer()
            self.kills.append(datetime.now(timezone.utc))
            self.airflow.start_triggerer()

    def keep_triggerer(self) -> None:
        """Start a triggerer whenever one has ended, as a deployment does, until all is over."""
        while not self.is_over.wait(5):
            with self._one_kill:
                if not self.airflow.has_triggerer():
                    self.kills.append(datetime.now(timezone.utc))
                    self.airflow.start_triggerer()

    def run(self, dags: Mapping[str, Iterable[Part]]) -> dict[str, Run]:
        """Run DAGs at the same time, each part's execution finishing once its task is seen to wait for it.

        :param dags: The parts of each DAG.
        :return: The runs, all of them ended.
        :raises TimeoutError: Some haven't ended in time.
        """
        parts = {dag_id: list(parts) for dag_id, parts in dags.items()}
        runs = {dag_id: self.begin(dag_id, parts[dag_id]) for dag_id in parts}

        def all_ended() -> bool:
            ended = [self._go_on(run, parts[dag_id]) for dag_id, run in runs.items()]
            return all(ended)

        self.until(all_ended)
        for run in runs.values():
            self.conclude(run)
        return runs

    def begin(self, dag_id: str, parts: Iterable[Part] = ()) -> Run:
        """Start a DAG run, and then its executions, which go on until ``IntegratorSimulator.finish``.

        :param dag_id: The DAG.
        :param parts: Its parts.
        :return: The run.
        """
        waits = [part for part in parts if part.waiting is not None]
        for part in parts:
            self._add_flow(part)
        run_id = self.change(lambda: self.airflow.api.trigger(dag_id))
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

    def conclude(self, run: Run) -> Run:
        """Wait until a run has ended, and read what Airflow's API says of it.

        :return: The run.
        :raises TimeoutError: It hasn't ended in time.
        """
        self.until(lambda: self.has_ended(run))
        run.state = self.airflow.api.run_state(run.dag_id, run.run_id)
        found = self.airflow.api.tasks(run.dag_id, run.run_id)
        run.tasks = {(task.task_id, task.map_index): task for task in found}
        return run

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

    def events(self, **filters: str) -> list[dict[str, Any]]:
        """List asset events as Airflow's API shows them.

        :param filters: Which, as the API names its parameters.
        """
        path, key = ("assets/events", "asset") if IS_AIRFLOW_3 else ("datasets/events", "dataset")
        found: list[dict[str, Any]] = []
        while True:
            page = self.airflow.api.get(
                path, limit="50", offset=str(len(found)), order_by="timestamp", **filters
            )
            found += page[f"{key}_events"]
            if not page[f"{key}_events"] or len(found) >= page["total_entries"]:
                return found

    def has_ended(self, run: Run) -> bool:
        """Look whether a run has ended."""
        query = "SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?"
        return self.rows(query, run.dag_id, run.run_id)[0][0] in _ENDED

    def waits(self, run: Run, part: Part) -> bool:
        """Look whether a part's task waits, and the scheduler knows it."""
        state = self.states(run).get((part.task_id, part.map_index))
        return state == part.waiting and self.has_left_worker(run, part)

    def has_left_worker(self, run: Run, part: Part) -> bool:
        """Look whether the scheduler knows that a waiting task has left its worker.

        If it hears that only after the task was queued again it takes it for killed, which is an old race
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
        ((number, triggerer, arguments),) = self.rows(
            """SELECT trigger.id, trigger.triggerer_id, trigger.kwargs
            FROM trigger JOIN task_instance ON task_instance.trigger_id = trigger.id
            WHERE task_instance.dag_id = ? AND task_instance.run_id = ? AND task_instance.task_id = ?""",
            run.dag_id,
            run.run_id,
            task_id,
        )
        # some versions encrypt them
        plain = arguments if arguments.startswith("{") else Fernet(FERNET_KEY).decrypt(arguments).decode()
        return {"id": number, "triggerer": triggerer, "arguments": plain}

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Ask Airflow's database, which is sooner answered than its API."""
        with closing(self.database()) as database:
            return database.execute(query, arguments).fetchall()

    def database(self) -> sqlite3.Connection:
        """Open Airflow's database to read from it."""
        return sqlite3.connect(f"file:{self.airflow.home / 'airflow.db'}?mode=ro", uri=True, timeout=60)

    def states(self, run: Run) -> dict[tuple[str, int], str | None]:
        """Map a run's task ids and map indexes to states."""
        query = "SELECT task_id, map_index, state FROM task_instance WHERE dag_id = ? AND run_id = ?"
        rows = self.rows(query, run.dag_id, run.run_id)
        return {(task_id, map_index): state for task_id, map_index, state in rows}

    def _add_flow(self, part: Part) -> None:
        flow = self.integrator.add_flow(
            self.demo.project, f"E2E {next(self._numbers)}", slug=part.flow, id=f"e2e-{part.flow}"
        )
        self.flows[part.flow] = flow
        # An execution from before the run, which would give the wrong outcome.
        before = datetime.now(timezone.utc) - timedelta(minutes=10)
        other = Status.SUCCESS if part.status is Status.FAILED else Status.FAILED
        self.integrator.add_execution(flow, status=other, lasts=5, created=before)

    def _go_on(self, run: Run, parts: list[Part]) -> bool:
        for part in parts:
            execution = run.executions.get(part.flow)
            if execution is None or execution.ends is not None:
                continue
            if self.polls(part.flow) and self.waits(run, part):
                self.integrator.finish(execution)
        return self.has_ended(run)
