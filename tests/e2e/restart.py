"""A wait of each kind, one in an outage, and a crowd of waits, whose triggerer is killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Fault, IntegratorSimulator
from airflow_provider_integrator.triggers.outage_xcom import KEY
from tests.e2e.stage import IS_AIRFLOW_3_3, Part, Run, Stage

TASKS = ("sensor", "operator")
FLOWS = 10
#: As in dags/many_waits.py, both.
INTERVAL = 2.0
WAITS_IN_A_DAG = 25
#: Below Airflow 3.3 every wait begins in a worker, which takes seconds each on a small machine.
WAITS = int(os.environ.get("E2E_WAITS", "100" if IS_AIRFLOW_3_3 else "12"))
_CROWD = "FROM task_instance WHERE dag_id LIKE 'e2e_many_waits_%'"


@dataclass
class Restarted:
    """What was there before the triggerer's death, and what after.

    :param run: The run of the two waits.
    :param before: Their triggers before, by task.
    :param after: Their triggers after.
    :param deadlines: The crowd's deadlines, before and after.
    :param requests: The List logs requests for the crowd in a time without a kill.
    :param intervals: How many intervals that time had.
    :param logins: The crowd's logins until then.
    :param ended: The crowd's tasks that failed or are to be retried, and the number of those that saw the end.
    :param outage: The run of the wait whose flow had an outage from before the kill on.
    :param since: The outage's beginning as it was kept before the kill.
    """

    run: Run
    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    deadlines: tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]
    requests: int
    intervals: float
    logins: int
    ended: tuple[list[tuple[Any, ...]], int]
    outage: Run
    since: datetime


def crowd(integrator: IntegratorSimulator) -> None:
    """Add the flows that the crowd waits for, with their executions."""
    project = integrator.add_project("Acme", slug="acme")
    flows = [integrator.add_flow(project, f"Flow {n}", slug=f"flow-{n}") for n in range(FLOWS)]
    for n in range(WAITS):
        integrator.add_execution(flows[n % FLOWS], id=f"execution-{n}")


def run(stage: Stage, others_ended: Callable[[], None]) -> Restarted:
    """Begin the waits, kill the triggerer once nobody else needs it, let the waits end.

    :param stage: Airflow and the Integrators.
    :param others_ended: Returns once the triggerer may be killed.
    :return: What was seen.
    """
    crowd_dags = [f"e2e_many_waits_{first}" for first in range(0, WAITS, WAITS_IN_A_DAG)]
    for dag_id in crowd_dags:
        stage.begin(dag_id)
    run = stage.begin("e2e_restart", [Part(f"restart_{task_id}", task_id, "deferred") for task_id in TASKS])
    stage.until(lambda: set(stage.states(run).values()) == {"deferred"})
    stage.until(lambda: _deferred(stage) == WAITS)
    # Each wait's first poll comes an interval after its worker's; one of a burst finds out what a window would cost.
    stage.sleep(3 * INTERVAL)
    stage.until(_polled(stage, 2))
    began, before = time.monotonic(), stage.crowd.count("/logs")
    stage.until(_polled(stage, 8))
    requests, intervals = stage.crowd.count("/logs") - before, (time.monotonic() - began) / INTERVAL
    logins = stage.crowd.logins
    stage.until(_two_polled(stage))

    outage = stage.begin("e2e_restart_outage", [Part("restart_outage", "sensor", "deferred")])
    stage.until(lambda: stage.polls("restart_outage") > 1)

    others_ended()
    flow_id = stage.flows["restart_outage"].id
    stage.integrator.inject(
        Fault.status(503, on="logs", where=lambda asked: asked.param("flowId") == flow_id)
    )
    stage.until(lambda: len(kept_outages(stage, outage)) == 1)
    ((since,),) = kept_outages(stage, outage)
    triggers, promised = {task_id: stage.trigger_row(run, task_id) for task_id in TASKS}, _deadlines(stage)
    stage.restart_triggerer()
    for is_so in (_two_polled(stage), _polled(stage, 3)):
        stage.until(is_so)
    after, kept = {task_id: stage.trigger_row(run, task_id) for task_id in TASKS}, _deadlines(stage)

    # That each wait's end is seen is asked for, not that 200 workers conclude them, while others need the workers.
    for dag_id in crowd_dags:
        stage.pause(dag_id)
    for number in range(WAITS):
        stage.crowd.finish(f"execution-{number}", status=Status.SUCCESS)
    for execution in run.executions.values():
        stage.integrator.finish(execution)
    stage.until(lambda: _deferred(stage) == 0)
    failed = stage.rows(f"SELECT task_id {_CROWD} AND state IN ('failed', 'up_for_retry')")
    seen = f"SELECT count(*) {_CROWD} AND (next_kwargs LIKE '%finished%' OR state = 'success')"
    ended = failed, stage.rows(seen)[0][0]
    return Restarted(
        stage.conclude(run),
        triggers,
        after,
        (promised, kept),
        requests,
        intervals,
        logins,
        ended,
        stage.conclude(outage),
        datetime.fromisoformat(json.loads(since)),
    )


def kept_outages(stage: Stage, run: Run) -> list[tuple[Any, ...]]:
    """Read the beginnings of outages that are kept for a run's waits."""
    return stage.rows("SELECT value FROM xcom WHERE dag_id = ? AND key = ?", run.dag_id, KEY)


def _deferred(stage: Stage) -> int:
    return int(stage.rows(f"SELECT count(*) {_CROWD} AND state = 'deferred'")[0][0])


def _deadlines(stage: Stage) -> list[tuple[Any, ...]]:
    return stage.rows(f"SELECT task_id, trigger_timeout {_CROWD} AND state = 'deferred' ORDER BY task_id")


def _polled(stage: Stage, rounds: int) -> Callable[[], bool]:
    before = stage.crowd.count("/logs")
    return lambda: stage.crowd.count("/logs") >= before + rounds * FLOWS


def _two_polled(stage: Stage) -> Callable[[], bool]:
    before = [stage.polls(f"restart_{task_id}") for task_id in TASKS]
    return lambda: all(
        stage.polls(f"restart_{task_id}") > polls + 1 for task_id, polls in zip(TASKS, before, strict=True)
    )
