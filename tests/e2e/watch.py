"""A watched flow whose triggerer is killed again and again, and whose Integrator can't be reached for a while."""

from __future__ import annotations

import json
import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.polling.cursor import to_epoch
from airflow_provider_integrator.simulator import Execution, Flow, IntegratorSimulator
from tests.e2e.stage import Stage

EXECUTIONS = 100
SECONDS = 60.0
KILLS = 3
OUTAGE = (25.0, 40.0)
WANTED = (Status.SUCCESS, Status.EMPTY)
_ASSET = "(SELECT id FROM asset WHERE uri LIKE 'integrator://integrator_watched/%')"
_COUNT = f"SELECT count(*) FROM asset_event WHERE asset_id = {_ASSET}"  # noqa: S608
_CURSOR = f"SELECT value, updated_at FROM asset_state_store WHERE asset_id = {_ASSET}"  # noqa: S608


@dataclass
class Played:
    """What happened, and what Airflow's API says of it.

    :param wanted: The executions that are to emit an event.
    :param emitted: When each execution's events were emitted.
    :param stored: When the stored cursor knew each execution as emitted.
    """

    wanted: set[str]
    emitted: dict[str, list[datetime]]
    stored: dict[str, datetime]

    @property
    def twice(self) -> dict[str, list[datetime]]:
        return {each: moments for each, moments in self.emitted.items() if len(moments) > 1}


def watched(integrator: IntegratorSimulator) -> None:
    """Add the flow that is watched, with executions that finished before the watch."""
    flow = integrator.add_flow(integrator.add_project("Acme", slug="acme"), "Price", slug="price")
    for number in range(3):
        integrator.add_execution(flow, id=f"before-{number}", lasts=0)


def run(stage: Stage, others_ended: Callable[[], None]) -> Played:
    """Let executions finish while the triggerer is killed and the Integrator stopped.

    :param stage: Airflow and the Integrators.
    :param others_ended: Returns once the triggerer may be killed.
    :return: What happened.
    """
    chance = random.Random(20)
    flow = stage.watched.flows[0]
    stage.pause("e2e_woken", is_paused=False)
    stage.until(lambda: bool(stage.rows(_CURSOR)))
    others_ended()

    def kill_in_window() -> None:
        """Kill just after an event was stored, before the cursor can be."""
        before = stage.rows(_COUNT)
        deadline = time.monotonic() + 20
        while stage.rows(_COUNT) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        stage.restart_triggerer()

    kinds = chance.choices((Status.SUCCESS, Status.FAILED, Status.EMPTY), (5, 3, 2), k=EXECUTIONS)
    statuses = {f"execution-{number}": kind for number, kind in enumerate(kinds)}
    begun: list[Execution] = []
    plan = _script(stage.watched, flow, statuses, chance, begun)
    for number in range(KILLS):
        moment = (number + chance.uniform(0.4, 1.0)) * SECONDS / KILLS
        plan.append((moment, kill_in_window if number in (0, 2) else stage.restart_triggerer))
    wanted = {each for each, status in statuses.items() if status in WANTED}
    with _CursorWatch(stage, begun) as cursor:
        began = time.monotonic()
        for moment, act in sorted(plan, key=lambda each: each[0]):
            stage.sleep(began + moment - time.monotonic())
            act()
        _until(stage, "No event was emitted of", lambda: wanted - emitted(stage).keys())
        # once the cursor knows them all, none is emitted again
        _until(stage, "The cursor doesn't know", lambda: wanted - cursor.seen.keys())
        stage.sleep(3)
    played = Played(wanted, emitted(stage), cursor.seen)
    # of those emitted twice, the second window isn't known
    windows = [
        played.stored[each] - played.emitted[each][0]
        for each in played.stored.keys() - played.twice.keys()
        if each in wanted
    ]
    seconds = sorted(window.total_seconds() for window in windows)
    print(  # noqa: T201
        f"\n{EXECUTIONS} executions, {len(wanted)} wanted, {sum(map(len, played.emitted.values()))} events, "
        f"{len(played.twice)} emitted twice; {len(stage.kills)} kills; event to cursor: median {statistics.median(seconds):.2f} s, "
        f"largest {seconds[-1]:.2f} s; largest cursor {cursor.largest} bytes; {stage.watched.count('/logs')} requests"
    )
    return played


def _until(stage: Stage, what: str, missing: Callable[[], Collection[str]]) -> None:
    try:
        stage.until(lambda: not missing())
    except TimeoutError as error:
        raise TimeoutError(f"{what} {sorted(missing())}: {stage.rows(_CURSOR)}") from error


def emitted(stage: Stage) -> dict[str, list[datetime]]:
    """Read when each execution's events were emitted."""
    ((asset_id,),) = stage.rows(f"SELECT {_ASSET}")
    moments: dict[str, list[datetime]] = defaultdict(list)
    for event in stage.events(asset_id=str(asset_id)):
        moments[event["extra"]["payload"]["execution_id"]].append(datetime.fromisoformat(event["timestamp"]))
    return {each: sorted(found) for each, found in moments.items()}


class _CursorWatch(threading.Thread):
    """Notes when the stored cursor first knows an execution as emitted.

    :param stage: Airflow and the Integrators.
    :param begun: The executions; it grows.
    """

    def __init__(self, stage: Stage, begun: list[Execution]) -> None:
        super().__init__(daemon=True)
        self._stage = stage
        self._begun = begun
        self._stop_now = threading.Event()
        self.seen: dict[str, datetime] = {}
        self.largest = 0

    def run(self) -> None:
        while not self._stop_now.wait(0.1):
            for value, updated in self._stage.rows(_CURSOR):
                moment = datetime.fromisoformat(updated).replace(tzinfo=timezone.utc)
                self.largest = max(self.largest, len(value))
                cursor = json.loads(value)
                # Of the executions that it has passed only the open ones are listed.
                passed = {each.id for each in self._begun.copy() if to_epoch(each.created) < cursor["since"]}
                for each in cursor["delivered"].keys() | passed - cursor["open"].keys():
                    self.seen.setdefault(each, moment)

    def __enter__(self) -> _CursorWatch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_now.set()
        self.join()


def _script(
    integrator: IntegratorSimulator,
    flow: Flow,
    statuses: Mapping[str, Status],
    chance: random.Random,
    begun: list[Execution],
) -> list[tuple[float, Callable[[], Any]]]:
    """Plan what happens when: half of the executions are there at once, and none ends in the order it began."""
    plan: list[tuple[float, Callable[[], Any]]] = []
    for number, (each, status) in enumerate(statuses.items()):
        begins = 0.0 if number < EXECUTIONS // 2 else chance.uniform(0, SECONDS * 0.8)
        ends = chance.choice(
            (chance.uniform(begins, SECONDS), max(begins, round(SECONDS * chance.random() / 10) * 10))
        )
        plan.append((begins, lambda each=each: begun.append(integrator.add_execution(flow, id=each))))
        plan.append((ends + 0.01, lambda each=each, status=status: integrator.finish(each, status=status)))
    plan += [(OUTAGE[0], integrator.stop), (OUTAGE[1], integrator.start)]
    return plan
