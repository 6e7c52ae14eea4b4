"""A flow's asset in a real Airflow whose triggerer is killed and whose Integrator can't be reached for a while."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
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

CHECKOUT = Path(__file__).resolve().parents[2]
COUNT = "SELECT count(*) FROM asset_event"
UNREAD = "SELECT count(*) FROM asset_event WHERE id NOT IN (SELECT event_id FROM dagrun_asset_event)"
EXECUTIONS = 200
SECONDS = 130.0
KILLS = 5
OUTAGE = (60.0, 90.0)
WANTED = (Status.SUCCESS, Status.EMPTY)
#: Between an event's commit and the cursor's: Airflow confirms it in the triggerer's next round, a second later.
WINDOW = timedelta(seconds=6)


@pytest.fixture(scope="module")
def integrator() -> Iterator[IntegratorSimulator]:
    with IntegratorSimulator() as integrator:
        project = integrator.add_project("Acme", slug="acme")
        for name in ("Price", "Stock"):
            integrator.add_flow(project, name, slug=name.lower())
        yield integrator


@pytest.fixture(scope="module")
def airflow(
    integrator: IntegratorSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    folder = tmp_path_factory.mktemp("assets")
    (folder / "dags").mkdir()
    for source in ("tests/e2e/assets/woken.py", "example_dags/assets/woken_by_flow.py"):
        shutil.copy(CHECKOUT / source, folder / "dags")
    environment = {
        "AIRFLOW_VAR_INTEGRATOR_LOG_FOLDER": f"file://{folder}/logs/",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
        "AIRFLOW__CORE__PARALLELISM": "2",
    }
    with LocalAirflow(folder / "home", folder / "dags", environment) as airflow:
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
    failures = 0
    while True:
        try:
            page = airflow.api.get(
                "assets/events",
                asset_id=str(asset_id),
                limit="50",
                offset=str(len(found)),
                order_by="timestamp",
            )
        except requests.RequestException:
            # The API server drops idle connections; 3.3.2 answers 500 while a run that an event made is queued.
            failures += 1
            assert failures < 60
            time.sleep(1)
            continue
        found += page["asset_events"]
        if not page["asset_events"] or len(found) >= page["total_entries"]:
            return found


@dataclass
class Played:
    """What happened, and what Airflow's API says of it.

    :param wanted: The executions that are to be told.
    :param kills: When the triggerer had been killed.
    :param told: When events told of each execution.
    :param stored: When the cursor knew them as told.
    """

    wanted: set[str]
    kills: list[datetime]
    told: dict[str, list[datetime]]
    stored: dict[str, datetime]

    @property
    def twice(self) -> dict[str, list[datetime]]:
        return {each: moments for each, moments in self.told.items() if len(moments) > 1}


@pytest.fixture(scope="module")
def played(integrator: IntegratorSimulator, airflow: LocalAirflow) -> Played:
    chance = random.Random(20)
    flow = integrator.flows[0]
    for number in range(3):
        integrator.add_execution(flow, id=f"before-{number}", lasts=0)
    airflow.api.wait_for_dag("e2e_woken")
    until(lambda: bool(rows(airflow, "SELECT value FROM asset_state_store")), 120)
    cursor, kills = CursorWatch(airflow), []
    cursor.start()

    def kill() -> None:
        airflow.kill_triggerer()
        kills.append(datetime.now(timezone.utc))
        airflow.start_triggerer()

    def kill_in_window() -> None:
        """Kill just after an event was stored, before the cursor can be."""
        before = rows(airflow, COUNT)
        deadline = time.monotonic() + 20
        while rows(airflow, COUNT) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        kill()

    kinds = chance.choices((Status.SUCCESS, Status.FAILED, Status.EMPTY), (5, 3, 2), k=EXECUTIONS)
    statuses = {f"execution-{number}": kind for number, kind in enumerate(kinds)}
    plan = script(integrator, flow, statuses, chance)
    for number in range(KILLS):
        moment = (number + chance.uniform(0.4, 1.0)) * SECONDS / KILLS
        plan.append((moment, kill_in_window if number in (1, 4) else kill))
    began = time.monotonic()
    for moment, act in sorted(plan, key=lambda each: each[0]):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        act()

    wanted = {each for each, status in statuses.items() if status in WANTED}
    ((asset_id,),) = rows(airflow, "SELECT id FROM asset WHERE uri LIKE '%/price?%'")
    until(lambda: told_by(airflow, asset_id).keys() >= wanted, 60)
    time.sleep(10)  # for what is told twice to show
    cursor.stop()
    played = Played(wanted, kills, told_by(airflow, asset_id), cursor.told)
    # of those told twice, the second telling's window isn't known
    windows = [
        played.stored[each] - played.told[each][0]
        for each in played.stored.keys() - played.twice.keys()
        if each in wanted
    ]
    seconds = sorted(window.total_seconds() for window in windows)
    print(  # noqa: T201
        f"\n{EXECUTIONS} executions, {len(wanted)} wanted, {sum(map(len, played.told.values()))} events, "
        f"{len(played.twice)} told twice; {KILLS} kills; event to cursor: median {statistics.median(seconds):.2f} s, "
        f"largest {seconds[-1]:.2f} s; largest cursor {cursor.largest} bytes; {integrator.count('/logs')} requests"
    )
    return played


def told_by(airflow: LocalAirflow, asset_id: int) -> dict[str, list[datetime]]:
    told: dict[str, list[datetime]] = defaultdict(list)
    for event in events(airflow, asset_id):
        told[event["extra"]["payload"]["execution_id"]].append(datetime.fromisoformat(event["timestamp"]))
    return {each: sorted(moments) for each, moments in told.items()}


def test_none_is_lost_and_none_of_the_others_told(played: Played) -> None:
    assert len(played.kills) == KILLS
    assert played.told.keys() == played.wanted


def test_only_a_death_in_the_window_tells_twice(played: Played) -> None:
    for each, moments in played.twice.items():
        assert len(moments) == 2, each
        deaths = [killed - moments[0] for killed in played.kills]
        assert any(timedelta() <= death <= WINDOW for death in deaths), (each, moments, played.kills)


def test_a_task_can_tell_which_are_new(
    integrator: IntegratorSimulator, airflow: LocalAirflow, played: Played
) -> None:
    runs: list[dict[str, Any]] = []

    def noted(name: str) -> Counter[str]:
        values = [airflow.api.xcom("e2e_woken", run["dag_run_id"], "note") for run in runs]
        return Counter(each for value in values for each in value[name] if each in played.wanted)

    def all_told() -> bool:
        # One answer for all that is asked of it: the next may hold a run that has just begun.
        runs[:] = airflow.api.get("dags/e2e_woken/dagRuns", limit="100")["dag_runs"]
        return {run["state"] for run in runs} == {"success"} and noted("told").keys() == played.wanted

    # Airflow gives a run the events up to the one that queued it; the rest of a burst comes with the next event.
    print(f"{rows(airflow, UNREAD)[0][0]} events wait for the next")  # noqa: T201
    integrator.add_execution(integrator.flows[0], id="one-more", lasts=0)
    until(all_told, 90)
    assert noted("told") == {each: len(moments) for each, moments in played.told.items()}
    assert noted("new") == Counter(played.wanted)


def test_the_example_keeps_the_log_of_what_woke_it(
    integrator: IntegratorSimulator, airflow: LocalAirflow, played: Played
) -> None:
    stock = integrator.flows[1]
    airflow.cli("dags", "unpause", "integrator_woken_by_flow")
    until(lambda: bool(rows(airflow, "SELECT value FROM asset_state_store WHERE key LIKE '%:stock:%'")), 60)
    integrator.add_execution(stock, id="stock-1", lasts=0, log={"errors": [], "rows": [1]})
    kept = airflow.home.parent / "logs" / "stock" / "stock-1"
    until(lambda: kept.is_dir() and any(file.suffix == ".json" for file in kept.iterdir()), 90)
