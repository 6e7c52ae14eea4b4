"""Waits in each mode through an outage of their Integrator, and tasks with a wrong password."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_integrator.simulator import Fault, IntegratorSimulator
from tests.e2e.stage import Part, Run, Stage

#: Waits in each mode, seconds of the outage, and seconds between two polls; as in dags/storm.py.
WAITS, OUTAGE, INTERVAL = map(float, os.environ.get("E2E_STORM", "1,12,2").split(","))
MODES = 3
REFUSED = 10
FAILED_POLL = "A poll failed; the wait goes on"


@dataclass
class Weathered:
    """How the runs ended, and what was asked of the Integrators.

    :param before: The run that began during the outage.
    :param during: The run that had begun before the outage.
    :param ended: The state and the tries of each task of the two, by the run's name.
    :param refused: The run with a wrong password.
    :param logins: The logins of that one.
    """

    before: Run
    during: Run
    ended: dict[str, list[tuple[str, int]]]
    refused: Run
    logins: int


def stormy(integrator: IntegratorSimulator) -> None:
    """Add the flows that the tasks wait for."""
    project = integrator.add_project("Acme", slug="acme")
    for name in ("before", "during"):
        integrator.add_flow(project, name, slug=name)


def run(stage: Stage, _: Callable[[], None]) -> Weathered:
    """Run the DAGs of storm.py.

    :param stage: Airflow and the Integrators.
    :return: What was seen.
    """
    locked = stage.begin("e2e_refused")
    before = _weather(stage, "before", is_first=True)
    during = _weather(stage, "during", is_first=False)
    refused = stage.conclude(locked)
    query = "SELECT state, try_number FROM task_instance WHERE dag_id = ?"
    ended = {run.dag_id.rpartition("_")[2]: stage.rows(query, run.dag_id) for run in (before, during)}
    return Weathered(before, during, ended, refused, stage.locked.logins)


def _weather(stage: Stage, name: str, *, is_first: bool) -> Run:
    storm, flow = stage.stormy, next(flow for flow in stage.stormy.flows if flow.slug == name)
    if is_first:
        storm.inject(Fault.status(503))
    run = stage.begin(f"e2e_storm_{name}")
    execution = storm.add_execution(flow)
    stage.until(lambda: _waiting(stage, run) == MODES * WAITS)
    if not is_first:
        storm.inject(Fault.status(503))
    stage.sleep(OUTAGE)
    stage.until(lambda: all(_weathers(stage, run, *task) for task in stage.states(run).items()))
    storm.clear_faults()
    storm.finish(execution)
    return stage.conclude(run)


def _weathers(stage: Stage, run: Run, task: tuple[str, int], state: str | None) -> bool:
    """Look whether a wait has met the outage, and whether the scheduler knows that a deferred one left its worker."""
    if state in ("success", "failed"):
        return True
    part = Part(run.dag_id, task[0], "deferred" if task[0].startswith("deferrable") else "running")
    return FAILED_POLL in stage.log(run, task[0]) and stage.has_left_worker(run, part)


def _waiting(stage: Stage, run: Run) -> int:
    """Count the tasks that have begun; of many rescheduled ones some are always queued again."""
    query = "SELECT count(*) FROM task_instance WHERE dag_id = ? AND start_date IS NOT NULL"
    return int(stage.rows(query, run.dag_id)[0][0])
