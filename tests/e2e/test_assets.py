"""A flow's asset in a real Airflow whose triggerer is killed and whose Integrator can't be reached for a while."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import IS_AIRFLOW_3_3, Stage
from tests.e2e.watch import KILLS, Played

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not IS_AIRFLOW_3_3, reason="needs the asset state store of Airflow 3.3"),
]

UNREAD = """SELECT count(*) FROM asset_event JOIN asset ON asset_event.asset_id = asset.id
    WHERE uri LIKE 'integrator://integrator_watched/%'
    AND asset_event.id NOT IN (SELECT event_id FROM dagrun_asset_event)"""


def test_the_example_keeps_the_log_of_what_woke_it(woken_example: Path) -> None:
    assert [file.suffix for file in woken_example.iterdir()] == [".json"]


def test_each_wanted_execution_emits_an_event_and_no_other_does(stage: Stage, played: Played) -> None:
    assert len(stage.kills) >= KILLS
    assert played.emitted.keys() == played.wanted


def test_only_a_death_before_the_cursor_is_stored_emits_again(stage: Stage, played: Played) -> None:
    for each, moments in played.twice.items():
        for first, again in pairwise(moments):
            window = first, min(again, played.stored[each])
            assert any(window[0] <= killed <= window[1] for killed in stage.kills), (each, moments, window)


def test_a_task_sees_which_are_new(stage: Stage, played: Played) -> None:
    runs: list[dict[str, Any]] = []

    def noted(name: str) -> Counter[str]:
        values = [stage.airflow.api.xcom("e2e_woken", run["dag_run_id"], "note") for run in runs]
        return Counter(each for value in values for each in value[name] if each in played.wanted)

    def all_noted() -> bool:
        # One answer for all that is asked of it: the next may hold a run that has just begun.
        runs[:] = stage.airflow.api.get("dags/e2e_woken/dagRuns", limit="100")["dag_runs"]
        return {run["state"] for run in runs} == {"success"} and noted("events").keys() == played.wanted

    # Airflow gives a run the events up to the one that queued it; the rest of a burst comes with the next event.
    print(f"{stage.rows(UNREAD)[0][0]} events wait for the next")  # noqa: T201
    stage.watched.add_execution(stage.watched.flows[0], id="one-more", lasts=0)
    stage.until(all_noted)
    assert noted("events") == {each: len(moments) for each, moments in played.emitted.items()}
    assert noted("new") == Counter(played.wanted)
