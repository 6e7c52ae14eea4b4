"""What happens in the one Airflow: each scenario in a thread of its own, all at the same time.

The tests look at what came of them. A scenario that needs the triggerer, or the scheduler, for itself names
those that have to be over before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

from airflow_api import IS_AIRFLOW_3

from airflow_provider_integrator.api.enums import Status
from tests.e2e import restart, storm, watch
from tests.e2e.stage import IS_AIRFLOW_3_1, IS_AIRFLOW_3_3, Part, Run, Stage

MODES = ("poke", "reschedule", "deferrable")
WAITING = {"poke": "running", "reschedule": "up_for_reschedule", "deferrable": "deferred"}
EXAMPLES = {
    "integrator_wait_and_keep_log": [Part("product", "wait_for_product", "deferred")],
    "integrator_failed_execution": [Part("price", "wait_for_price", "deferred")],
    "integrator_many_flows": [
        Part(flow, "wait_and_fetch", "deferred", map_index=index)
        for index, flow in enumerate(("product", "stock", "order"))
    ],
    "integrator_flows_run_well": [],
}
#: The example DAG that asks a person.
APPROVED = "integrator_failed_lines"
if IS_AIRFLOW_3_1:
    EXAMPLES[APPROVED] = [Part("price", "failed_lines", "deferred")]


def waits(stage: Stage, _: Callable[[], None]) -> dict[str, Run]:
    """Run the DAGs of waits.py and logs.py.

    :return: The runs, by DAG.
    """
    return stage.run({f"e2e_wait_{mode}": _wait_parts(mode) for mode in MODES} | {"e2e_log": _LOG_PARTS})


def outlets(stage: Stage, _: Callable[[], None]) -> Run:
    """Run the DAG of outlets.py.

    :return: The run.
    """
    parts = [
        *(Part(f"sees_{mode}", f"sees_{mode}", state) for mode, state in WAITING.items()),
        Part("keeps", "keeps", "deferred"),
        Part("stores", "stores", "running"),
        Part("fails", "fails", "running", Status.FAILED),
    ]
    return stage.run({"e2e_outlets": parts})["e2e_outlets"]


def examples(stage: Stage, _: Callable[[], None]) -> dict[str, Run]:
    """Run the example DAGs on the demo's flows, whose executions finish once all tasks wait.

    :return: The runs, by DAG.
    """
    runs = {dag_id: stage.begin(dag_id) for dag_id in EXAMPLES}
    flows = {part.flow for parts in EXAMPLES.values() for part in parts}
    executions = [stage.demo.run(flow, lasts=3600) for flow in flows]
    waiting = [(runs[dag_id], part) for dag_id, parts in EXAMPLES.items() for part in parts]
    stage.until(lambda: all(stage.has_ended(run) or stage.waits(run, part) for run, part in waiting))
    for execution in executions:
        stage.integrator.finish(execution)
    if APPROVED in runs:
        _approve(stage, runs[APPROVED])
    return {dag_id: stage.conclude(run) for dag_id, run in runs.items()}


def woken_example(stage: Stage, others_ended: Callable[[], None]) -> Path:
    """Let the example DAG run that is woken by a flow.

    :return: The folder of the log that it is to keep.
    """
    others_ended()
    cursor = "SELECT value FROM asset_state_store WHERE key LIKE '%:stock:%'"
    stage.pause("integrator_woken_by_flow", is_paused=False)
    stage.until(lambda: bool(stage.rows(cursor)))
    stage.integrator.add_execution(
        stage.demo.flows["stock"], id="stock-1", lasts=0, log={"errors": [], "rows": [1]}
    )
    kept = stage.airflow.home.parent / "logs" / "stock" / "stock-1"
    stage.until(lambda: kept.is_dir() and any(file.suffix == ".json" for file in kept.iterdir()))
    return kept


def from_trigger(stage: Stage, _: Callable[[], None]) -> tuple[Run, bool]:
    """Run the DAG of from_trigger.py.

    :return: The run, and whether its task took a worker before it deferred.
    """
    part = Part("from_trigger", "sensor", "deferred")
    run = stage.begin("e2e_from_trigger", [part])
    stage.until(lambda: set(stage.states(run).values()) == {"deferred"} and stage.polls("from_trigger") > 1)
    if not IS_AIRFLOW_3_3:
        stage.until(lambda: stage.has_left_worker(run, part))
    took_worker = stage.has_left_worker(run, part)
    stage.integrator.finish(run.executions["from_trigger"])
    return stage.conclude(run), took_worker


class _Scenario(NamedTuple):
    run: Callable[[Stage, Callable[[], None]], Any]
    after: tuple[str, ...] = ()
    is_possible: bool = True


_CALM = ("runs", "outlets_run", "examples", "from_trigger", "woken_example", "weathered")
#: By the name of the fixture that gives what came of it.
SCENARIOS = {
    "runs": _Scenario(waits),
    "outlets_run": _Scenario(outlets),
    "examples": _Scenario(examples),
    "from_trigger": _Scenario(from_trigger),
    "woken_example": _Scenario(woken_example, ("examples",), IS_AIRFLOW_3_3),
    "weathered": _Scenario(storm.run, (), IS_AIRFLOW_3),
    "restarted": _Scenario(restart.run, _CALM),
    "played": _Scenario(watch.run, _CALM, IS_AIRFLOW_3_3),
}


class Scenarios:
    """Begins scenarios at once; a context manager that leaves none behind.

    :param stage: Airflow and the Integrators.
    :param names: Which.
    """

    def __init__(self, stage: Stage, names: Iterable[str]) -> None:
        self._stage = stage
        self._pool = ThreadPoolExecutor(len(SCENARIOS) + 1)
        self._pool.submit(stage.keep_triggerer)
        self._begun: dict[str, Future[Any]] = {}
        wanted = set(names)
        for name, (run, after, is_possible) in SCENARIOS.items():
            if name not in wanted or not is_possible:
                continue
            before = [self._begun[other] for other in after if other in self._begun]
            self._begun[name] = self._pool.submit(run, stage, lambda before=before: wait(before))

    def __enter__(self) -> Scenarios:
        return self

    def __exit__(self, *_: object) -> None:
        # Not waited for: what they wait for ends with Airflow, which pytest-xdist gives few seconds after a Ctrl-C.
        self._stage.is_over.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __getitem__(self, name: str) -> Any:
        """Wait for a scenario's end.

        :return: What came of it.
        """
        return self._begun[name].result()


def _approve(stage: Stage, run: Run) -> None:
    """Approve once the task asks for it, and see that nothing went on before."""
    asks, part = (
        ("deferred", "awaiting_input"),
        Part("price", "approve", "deferred"),
    )  # the second from 3.3 on

    def is_asking() -> bool:
        return stage.states(run).get(("approve", -1)) in asks and stage.has_left_worker(run, part)

    stage.until(lambda: stage.has_ended(run) or is_asking())
    assert {state for (task, _), state in stage.states(run).items() if task == "send"} == {None}
    stage.change(lambda: stage.airflow.api.approve(run.dag_id, run.run_id, "approve"))


def _wait_parts(mode: str) -> list[Part]:
    waiting = WAITING[mode]
    return [
        Part(f"succeeds_{mode}", "succeeds", waiting),
        Part(f"sees_failure_{mode}", "sees_failure", waiting, Status.FAILED),
        Part(f"fails_on_failed_{mode}", "fails_on_failed", waiting, Status.FAILED),
        Part(f"times_out_{mode}", "times_out", None),
        Part(f"skips_{mode}", "skips", None),
    ]


_LOG_PARTS = [
    Part("fetches_in_worker", "fetches_in_worker", "running"),
    Part("fails_in_worker", "fails_in_worker", "running", Status.FAILED),
    Part("fetches_deferred", "fetches_deferred", "deferred"),
    Part("fails_deferred", "fails_deferred", "deferred", Status.FAILED),
    Part("mapped_0", "mapped", "deferred", map_index=0),
    Part("mapped_1", "mapped", "deferred", Status.FAILED, map_index=1),
    Part("mapped_2", "mapped", "deferred", map_index=2),
]
