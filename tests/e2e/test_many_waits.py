"""Many waits in a real triggerer: what they cost the Integrator, and that none is lost with the triggerer."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from airflow.triggers.base import BaseTrigger
from local_airflow import LocalAirflow

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import IntegratorSimulator

pytestmark = pytest.mark.e2e

FLOWS = 10
INTERVAL = 5.0
#: Below Airflow 3.3 every wait begins in a worker, which takes seconds each on a small machine.
BEGINS_IN_TRIGGERER = hasattr(BaseTrigger, "render_template_fields")
#: As in many_waits/many_waits.py.
WAITS_IN_A_DAG = 25
WAITS = int(os.environ.get("E2E_WAITS", "200" if BEGINS_IN_TRIGGERER else "12"))


@pytest.fixture
def integrator() -> Iterator[IntegratorSimulator]:
    with IntegratorSimulator() as integrator:
        project = integrator.add_project("Acme", slug="acme")
        flows = [integrator.add_flow(project, f"Flow {n}", slug=f"flow-{n}") for n in range(FLOWS)]
        for n in range(WAITS):
            integrator.add_execution(flows[n % FLOWS], id=f"execution-{n}")
        yield integrator


@pytest.fixture
def airflow(integrator: IntegratorSimulator, tmp_path: Path) -> Iterator[LocalAirflow]:
    environment = {
        "E2E_WAITS": str(WAITS),
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "12",
    }
    with LocalAirflow(tmp_path / "home", Path(__file__).parent / "many_waits", environment) as airflow:
        airflow.api.set_connection("integrator_default", integrator.connection())
        yield airflow


def until(is_so: Callable[[], bool], seconds: float = 600.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "that took too long"
        time.sleep(0.5)


def rows(airflow: LocalAirflow, query: str) -> list[tuple[str, ...]]:
    with closing(
        sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True, timeout=60)
    ) as database:
        return database.execute(query).fetchall()


def deferred(airflow: LocalAirflow) -> int:
    return int(rows(airflow, "SELECT count(*) FROM task_instance WHERE state = 'deferred'")[0][0])


def deadlines(airflow: LocalAirflow) -> list[tuple[str, ...]]:
    return rows(
        airflow,
        "SELECT task_id, trigger_timeout FROM task_instance WHERE state = 'deferred' ORDER BY task_id",
    )


def test_many_waits_share_their_polls_and_outlive_the_triggerer(
    integrator: IntegratorSimulator, airflow: LocalAirflow
) -> None:
    for first in range(0, WAITS, WAITS_IN_A_DAG):
        airflow.api.trigger(f"e2e_many_waits_{first}")
    until(lambda: deferred(airflow) == WAITS)

    def polled(rounds: int) -> Callable[[], bool]:
        before = integrator.count("/logs")
        return lambda: integrator.count("/logs") >= before + rounds * FLOWS

    until(polled(2))
    began, before = time.monotonic(), integrator.count("/logs")
    until(polled(8))
    intervals = (time.monotonic() - began) / INTERVAL
    assert integrator.count("/logs") - before <= 1.2 * FLOWS * intervals
    assert integrator.logins <= 2 + WAITS * (not BEGINS_IN_TRIGGERER)

    promised = deadlines(airflow)
    airflow.kill_triggerer()
    airflow.start_triggerer()
    until(polled(3))
    assert deadlines(airflow) == promised

    for number in range(WAITS):
        integrator.finish(f"execution-{number}", status=Status.SUCCESS)
    until(lambda: deferred(airflow) == 0)
    # Each was told by the triggerer; whether its worker has come to conclude it is not asked for.
    assert rows(airflow, "SELECT task_id FROM task_instance WHERE state IN ('failed', 'up_for_retry')") == []
    told = rows(
        airflow, "SELECT count(*) FROM task_instance WHERE next_kwargs LIKE '%finished%' OR state = 'success'"
    )
    assert told == [(WAITS,)]
