"""The recipes of docs/tonight.md, each run for scheduled, backfilled and manual runs as Airflow makes them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

from tests.tasks import Outcome, Runner, a_sensor

PAGE = Path(__file__).resolve().parents[1] / "docs/tonight.md"
SAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
ISTANBUL = "Europe/Istanbul"
IS_AIRFLOW_3 = find_spec("airflow.sdk") is not None
HOUR, MILLISECOND = timedelta(hours=1), timedelta(milliseconds=1)
#: The afternoon of yesterday, so that the window of each recipe has passed.
NOW = pendulum.now(ISTANBUL).start_of("day").subtract(days=1).add(hours=14, minutes=37)
OLD = NOW.subtract(days=5)


@dataclass(frozen=True)
class DagRun:
    """The dates of a DAG run."""

    interval: DataInterval | None
    run_after: datetime

    @property
    def moment(self) -> Any:
        return pendulum.instance(self.interval.end if self.interval else self.run_after).in_timezone(ISTANBUL)


@dataclass(frozen=True)
class Recipe:
    """A recipe, and what the page says of it: the schedule and the window of a run."""

    dag_id: str
    timetable: Any
    window: Callable[[DagRun], tuple[datetime, datetime]]
    missing: type[Exception] = AirflowFailException

    def task(self) -> Any:
        """Make the task of the page's DAG."""
        (code,) = (code for code in SAMPLES if f'"{self.dag_id}"' in code)
        variables: dict[str, Any] = {"__name__": "sample"}
        exec(compile(code, "sample", "exec"), variables)  # noqa: S102 - our own text
        (task,) = variables["dag"].tasks
        return task

    def runs(self) -> dict[str, DagRun]:
        """Make a run of each kind, with the dates that Airflow gives it."""
        scheduled, backfilled, inferred = self._scheduled(NOW), self._scheduled(OLD), self._inferred(OLD)
        runs = {
            "scheduled": scheduled,
            "backfilled": backfilled,
            "manual-of-an-old-date": DagRun(inferred, NOW),
        }
        if IS_AIRFLOW_3:
            runs["manual-without-a-date"] = DagRun(None, NOW)
        return runs

    def _scheduled(self, before: datetime) -> DagRun:
        restriction = TimeRestriction(earliest=before.subtract(days=3), latest=before, catchup=True)
        info = self.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
        return DagRun(info.data_interval, info.run_after)

    def _inferred(self, moment: datetime) -> DataInterval:
        return self.timetable.infer_manual_data_interval(run_after=moment)


def of_the_interval(run: DagRun) -> tuple[datetime, datetime]:
    if run.interval is None:
        return run.moment.subtract(days=1), run.moment
    assert run.interval.end - run.interval.start == timedelta(days=1)
    return run.interval.start, run.interval.end


def night(run: DagRun) -> tuple[datetime, datetime]:
    return run.moment.start_of("day"), run.moment.start_of("day").add(hours=6)


def daily(cron: str) -> Any:
    """Return the timetable of a DAG whose schedule is a cron expression."""
    return (CronTriggerTimetable if IS_AIRFLOW_3 else CronDataIntervalTimetable)(cron, timezone=ISTANBUL)


RECIPES = [
    Recipe("after_the_run", daily("0 22 * * *"), lambda run: (run.moment, run.moment + 6 * HOUR)),
    Recipe(
        "before_the_run",
        daily("0 6 * * *"),
        lambda run: (run.moment - 8 * HOUR, run.moment),
        AirflowSkipException,
    ),
    Recipe("each_interval", CronDataIntervalTimetable("0 0 * * *", timezone=ISTANBUL), of_the_interval),
    Recipe("calendar_night", daily("30 6 * * *"), night),
]
CASES = [
    pytest.param(recipe, run, id=f"{recipe.dag_id}-{kind}")
    for recipe in RECIPES
    for kind, run in recipe.runs().items()
]


@dataclass
class RunOf(Runner):
    """Runs a task with the context that Airflow makes for a DAG run."""

    dag_run: DagRun | None = None

    def _context(self, task: Any, ti: Any) -> dict[str, Any]:
        assert self.dag_run is not None
        make = context_of_airflow_3 if IS_AIRFLOW_3 else context_of_airflow_2
        return {**make(task, self.dag_run), "ti": ti}


def context_of_airflow_3(task: Any, run: DagRun) -> dict[str, Any]:
    """Let Airflow make the context from what its API server sends to a worker."""
    from airflow.sdk.api.datamodels._generated import DagRun as SentDagRun
    from airflow.sdk.api.datamodels._generated import TIRunContext
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    begin, end = (run.interval.start, run.interval.end) if run.interval else (None, None)
    dates = {"data_interval_start": begin, "data_interval_end": end, "run_after": run.run_after}
    ids = {"dag_id": task.dag_id, "run_id": "run"}
    sent = SentDagRun.model_construct(
        **ids,
        **dates,
        logical_date=begin,
        run_type="manual",
        consumed_asset_events=[],
        **{name: None for name in ("partition_key",) if name in SentDagRun.model_fields},
    )
    ti = RuntimeTaskInstance.model_construct(
        **ids,
        id=uuid.uuid4(),
        task_id=task.task_id,
        try_number=1,
        map_index=-1,
        task=task,
        _ti_context_from_server=TIRunContext.model_construct(dag_run=sent, max_tries=0),
    )
    return dict(ti.get_template_context())


def context_of_airflow_2(task: Any, run: DagRun) -> dict[str, Any]:
    from airflow import macros

    assert run.interval is not None  # there is always one
    begin, end = run.interval.start, run.interval.end
    dates = {"data_interval_start": begin, "data_interval_end": end, "logical_date": begin}
    return {"dag": task.dag, "task": task, "dag_run": SimpleNamespace(**dates), "macros": macros, **dates}


def run_recipe(recipe: Recipe, run: DagRun) -> Outcome:
    return RunOf(recipe.task, dag_run=run).run()


@pytest.fixture
def others(simulator, flow):
    """Add executions around a window: just before it, at its end, and today."""

    def add(begin: datetime, end: datetime) -> None:
        for created in (begin - MILLISECOND, end, pendulum.now("UTC") - HOUR):
            simulator.add_execution(flow, lasts=0, created=created, log=[])

    return add


@pytest.mark.parametrize(("recipe", "run"), CASES)
class TestRecipe:
    def test_the_first_execution_of_the_window_is_taken(self, recipe, run, simulator, flow, others):
        begin, end = recipe.window(run)
        others(begin, end)
        simulator.add_execution(flow, lasts=0, created=end - MILLISECOND, log=[], id="second")
        simulator.add_execution(flow, lasts=0, created=begin, log=[], id="first")
        outcome = run_recipe(recipe, run)
        assert outcome.state == "success", outcome.message
        assert "'first'" in str(outcome.xcoms)

    def test_so_is_one_at_its_very_end(self, recipe, run, simulator, flow, others):
        begin, end = recipe.window(run)
        others(begin, end)
        simulator.add_execution(flow, lasts=0, created=end - MILLISECOND, log=[], id="last")
        outcome = run_recipe(recipe, run)
        assert outcome.state == "success", outcome.message
        assert "'last'" in str(outcome.xcoms)

    def test_no_other_one_is_taken(self, recipe, run, simulator, others):
        others(*recipe.window(run))
        outcome = run_recipe(recipe, run)
        assert isinstance(outcome.error, recipe.missing), repr(outcome.error)
        assert "that time has passed" in outcome.message
        assert set(outcome.xcoms) == ({"failure"} if outcome.state == "failed" else set())
        assert outcome.deferrals == []


def test_each_sample_of_the_page_is_a_recipe():
    assert len(SAMPLES) == len(RECIPES)


def test_the_kinds_of_runs_differ():
    """The windows of a recipe are those of different days, so that one run's execution isn't another's."""
    for recipe in RECIPES:
        days = {kind: recipe.window(run)[0].date() for kind, run in recipe.runs().items()}
        assert days["backfilled"] < days["scheduled"]
        assert days["manual-of-an-old-date"] < days["scheduled"]


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="Airflow 2 has an interval of some length in each run")
class TestWhatGoesWrong:
    def run(self, run: DagRun, **window: Any) -> Outcome:
        def make() -> Any:
            from airflow.providers.common.compat.sdk import DAG

            with DAG("wrong", schedule=None):
                return a_sensor(**window)

        return RunOf(make, dag_run=run).run()

    def test_an_interval_is_undefined_in_a_manual_run(self, simulator, flow):
        outcome = self.run(DagRun(None, NOW), created_after="{{ data_interval_start }}")
        assert isinstance(outcome.error, jinja2.UndefinedError)
        assert outcome.message == "'data_interval_start' is undefined"

    def test_the_interval_of_a_cron_schedule_has_no_length(self, simulator, flow):
        outcome = self.run(
            RECIPES[1].runs()["scheduled"],
            created_after="{{ data_interval_start }}",
            created_before="{{ data_interval_end }}",
        )
        assert "isn't after created_after" in outcome.message
