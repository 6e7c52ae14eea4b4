"""A flow's asset in a real Airflow whose triggerer is killed and whose Integrator can't be reached for a while."""

from __future__ import annotations

import json
import random
import sqlite3
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger
from local_airflow import LocalAirflow

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Flow, IntegratorSimulator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not hasattr(BaseTrigger, "on_kill"), reason="needs the asset state store of Airflow 3.3"
    ),
]

EXECUTIONS = 200
SECONDS = 150.0
KILLS = 5
OUTAGE = (70.0, 100.0)
WANTED = (Status.SUCCESS, Status.EMPTY)
#: Between an event's commit and the cursor's: Airflow confirms it in the triggerer's next round, a second later.
WINDOW = timedelta(seconds=6)


@pytest.fixture
def integrator() -> Iterator[IntegratorSimulator]:
    with IntegratorSimulator() as integrator:
        integrator.add_flow(integrator.add_project("Acme", slug="acme"), "Price", slug="price")
        yield integrator


@pytest.fixture
def airflow(integrator: IntegratorSimulator, tmp_path: Path) -> Iterator[LocalAirflow]:
    environment = {
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
        "AIRFLOW__CORE__PARALLELISM": "2",
    }
    with LocalAirflow(tmp_path / "home", Path(__file__).parent / "assets", environment) as airflow:
        airflow.api.set_connection("integrator_default", integrator.connection())
        yield airflow


def rows(airflow: LocalAirflow, query: str) -> list[tuple[Any, ...]]:
    with closing(
        sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True, timeout=60)
    ) as database:
        return database.execute(query).fetchall()


def until(is_so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "that took too long"
        time.sleep(0.5)


class CursorWatch(threading.Thread):
    """Notes when the stored cursor first knows an execution as told."""

    def __init__(self, airflow: LocalAirflow) -> None:
        super().__init__(daemon=True)
        self._airflow = airflow
        self._stop_now = threading.Event()
        self.told: dict[str, datetime] = {}
        self.largest = 0

    def run(self) -> None:
        while not self._stop_now.wait(0.1):
            for value, updated in rows(self._airflow, "SELECT value, updated_at FROM asset_state_store"):
                moment = datetime.fromisoformat(updated).replace(tzinfo=timezone.utc)
                self.largest = max(self.largest, len(value))
                for each in json.loads(value)["told"]:
                    self.told.setdefault(each, moment)

    def stop(self) -> None:
        self._stop_now.set()
        self.join()


def script(
    integrator: IntegratorSimulator, flow: Flow, statuses: Mapping[str, Status], chance: random.Random
) -> list[tuple[float, Callable[[], Any]]]:
    """Plan what happens when: half of the executions are there at once, and none ends in the order it began."""
    plan: list[tuple[float, Callable[[], Any]]] = []
    for number, (each, status) in enumerate(statuses.items()):
        begins = 0.0 if number < EXECUTIONS // 2 else chance.uniform(0, SECONDS * 0.8)
        ends = chance.choice(
            (chance.uniform(begins, SECONDS), max(begins, round(SECONDS * chance.random() / 20) * 20))
        )
        plan.append((begins, lambda each=each: integrator.add_execution(flow, id=each)))
        plan.append((ends + 0.01, lambda each=each, status=status: integrator.finish(each, status=status)))
    plan += [(OUTAGE[0], integrator.stop), (OUTAGE[1], integrator.start)]
    return plan


def events(airflow: LocalAirflow, asset_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = airflow.api.get(
            "assets/events", asset_id=str(asset_id), limit="50", offset=str(len(found)), order_by="timestamp"
        )
        found += page["asset_events"]
        if not page["asset_events"] or len(found) >= page["total_entries"]:
            return found


def test_each_execution_is_told_once_whatever_dies(integrator: IntegratorSimulator, airflow: LocalAirflow):
    chance = random.Random(20)
    flow = integrator.flows[0]
    for number in range(3):
        integrator.add_execution(flow, id=f"before-{number}", lasts=0)
    airflow.api.wait_for_dag("e2e_woken")
    until(lambda: bool(rows(airflow, "SELECT value FROM asset_state_store")), 90)
    cursor = CursorWatch(airflow)
    cursor.start()

    kills: list[datetime] = []

    def kill() -> None:
        kills.append(datetime.now(timezone.utc))
        airflow.kill_triggerer()
        airflow.start_triggerer()

    kinds = chance.choices((Status.SUCCESS, Status.FAILED, Status.EMPTY), (5, 3, 2), k=EXECUTIONS)
    statuses = {f"execution-{number}": kind for number, kind in enumerate(kinds)}
    plan = script(integrator, flow, statuses, chance)
    plan += [((number + chance.uniform(0.4, 1.0)) * SECONDS / KILLS, kill) for number in range(KILLS)]
    began = time.monotonic()
    for moment, act in sorted(plan, key=lambda each: each[0]):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        act()

    wanted = {each for each, status in statuses.items() if status in WANTED}
    (asset_id,) = rows(airflow, "SELECT id FROM asset")[0]

    def told() -> Counter[str]:
        return Counter(event["extra"]["payload"]["execution_id"] for event in events(airflow, asset_id))

    until(lambda: told().keys() >= wanted, 60)
    time.sleep(10)  # for what is told twice to show
    cursor.stop()
    assert told().keys() == wanted, "none is lost, none of the others told"

    at: dict[str, list[datetime]] = defaultdict(list)
    for event in events(airflow, asset_id):
        at[event["extra"]["payload"]["execution_id"]].append(datetime.fromisoformat(event["timestamp"]))
    twice = {each: moments for each, moments in at.items() if len(moments) > 1}
    windows = sorted(
        (cursor.told[each] - min(at[each])).total_seconds()
        for each in at.keys() - twice.keys() & cursor.told.keys()
    )
    print(  # noqa: T201
        f"\n{EXECUTIONS} executions, {len(wanted)} wanted, {sum(map(len, at.values()))} events, "
        f"{len(twice)} told twice; {KILLS} kills; event to cursor: median {statistics.median(windows):.2f} s, "
        f"largest {windows[-1]:.2f} s; largest cursor {cursor.largest} bytes; {integrator.count('/logs')} requests"
    )
    for each, moments in twice.items():
        assert len(moments) == 2, each
        assert any(timedelta() <= killed - moments[0] <= WINDOW for killed in kills), (each, moments, kills)

    def runs() -> list[dict[str, Any]]:
        return list(airflow.api.get("dags/e2e_woken/dagRuns", limit="100")["dag_runs"])

    until(lambda: {run["state"] for run in runs()} == {"success"} and noted()["told"].keys() >= wanted, 120)

    def noted() -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {"told": Counter(), "new": Counter()}
        for run in runs():
            value = airflow.api.xcom("e2e_woken", run["dag_run_id"], "note", "return_value", -1)
            for name in found:
                found[name].update(value[name])
        return found

    assert noted()["told"] == told(), "the runs got every event"
    assert noted()["new"] == Counter(wanted), "the helper knows which were told before"
