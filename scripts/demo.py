"""``make demo``: the example DAGs in a real Airflow, against the embedded Integrator."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from airflow_api import AIRFLOW_VERSION, TaskRun
from demo_integrator import demo_integrator
from local_airflow import AirflowStartError, LocalAirflow, end_by_signals

from airflow_provider_integrator.simulator.demo import DemoActivity

CHECKOUT = Path(__file__).resolve().parents[1]
RUN = "demo"
WIDTH = 110

#: The expected state of each DAG run, and of each of its tasks by map index.
EXPECTED = {
    "integrator_wait_and_keep_log": (
        "success",
        {("wait_for_product", -1): "success", ("keep_product_log", -1): "success"},
    ),
    "integrator_failed_execution": (
        "failed",
        {("wait_for_price", -1): "success", ("judge_price", -1): "failed"},
    ),
    "integrator_many_flows": (
        "success",
        {
            ("wait_and_fetch", 0): "success",
            ("wait_and_fetch", 1): "success",
            ("wait_and_fetch", 2): "skipped",
        },
    ),
}
#: The task whose log has the reason of its DAG's failure.
JUDGE = ("integrator_failed_execution", "judge_price")
_COLOURS = {"success": 32, "failed": 31, "skipped": 35}


class Ended(NamedTuple):
    """A task that has ended, with its XComs and log file."""

    dag_id: str
    task: TaskRun
    returned: Any
    execution: Any
    log: Path | None


class Console:
    """Prints progress with the seconds since the start, in colour on a terminal only."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._has_colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def stage(self, text: str) -> None:
        """Print a stage of the demo with the seconds since the start."""
        print(f"[{time.monotonic() - self._start:4.0f} s] {text}", flush=True)

    def say(self, text: str = "") -> None:
        """Print a line."""
        print(text, flush=True)

    def state(self, state: str | None, width: int = 0) -> str:
        """Return a state in its colour, padded to a width."""
        padded = f"{state or 'none':{width}}"
        colour = _COLOURS.get(state or "")
        return f"\033[{colour}m{padded}\033[0m" if colour and self._has_colours else padded

    def bold(self, text: str) -> str:
        """Return a text in bold."""
        return f"\033[1m{text}\033[0m" if self._has_colours else text


def main() -> int:
    """Run the demo.

    :return: The exit code: 0 if all states are as expected.
    """
    end_by_signals()
    folder = CHECKOUT / ".demo"
    console = Console()
    try:
        return _run(console, folder)
    except KeyboardInterrupt:
        console.say("Interrupted; all processes are stopped.")
        return 130
    except (AirflowStartError, TimeoutError) as error:
        console.say(
            f"{error}\n\nThe demo did not complete. Airflow's output is in {folder / 'airflow/airflow.log'}"
        )
        return 1


def _run(console: Console, folder: Path) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    console.say(f"Three example DAGs in a real Airflow {AIRFLOW_VERSION}, against the embedded Integrator.")
    console.say("No request leaves this machine; all files are in .demo/")
    with ExitStack() as stack:
        world = stack.enter_context(demo_integrator(folder / "integrator.log"))
        console.stage(f"The embedded Integrator listens on {world.integrator.url}")
        console.stage("Starting Airflow: database, scheduler, triggerer, API; this takes up to a minute")
        airflow = stack.enter_context(
            LocalAirflow(
                folder / "airflow",
                CHECKOUT / "example_dags",
                {
                    "AIRFLOW_CONN_INTEGRATOR_DEFAULT": json.dumps(world.integrator.connection()),
                    "AIRFLOW_VAR_INTEGRATOR_LOG_FOLDER": f"file://{folder}/logs/",
                },
            )
        )
        console.stage(f"Airflow is up on {airflow.url}")
        stack.enter_context(DemoActivity(world))
        for dag_id in EXPECTED:
            airflow.api.trigger(dag_id, RUN)
            console.stage(f"{dag_id} is running")
        states = {}
        for dag_id in EXPECTED:
            states[dag_id] = airflow.api.wait_for_run(dag_id, RUN)
            console.stage(f"{dag_id} has ended: {states[dag_id]}")
        tasks = [task for dag_id in EXPECTED for task in _ended(airflow, dag_id)]
        message = _failure_message(airflow.task_log(JUDGE[0], RUN, JUDGE[1]))
        console.stage("Results are read; stopping Airflow")
    console.stage("Airflow has stopped")
    _show(console, states, tasks, message, airflow.home / "logs")
    faults = [*_find_faults(states, tasks), *_find_faults_of_message(tasks, message)]
    if not faults:
        console.say("\nAll states are as expected; the failed DAG is meant to fail. Next: make airflow")
        return 0
    console.say("\nUnexpected results:")
    for fault in faults:
        console.say(f"- {fault}")
    console.say(f"Airflow's own output is in {_shown(airflow.output)}")
    return 1


def _ended(airflow: LocalAirflow, dag_id: str) -> Iterator[Ended]:
    expected = list(EXPECTED[dag_id][1])
    tasks = {(task.task_id, task.map_index): task for task in airflow.api.tasks(dag_id, RUN)}
    # in the order in which they run, not by id
    for key in [*(key for key in expected if key in tasks), *(key for key in tasks if key not in expected)]:
        task = tasks[key]
        where = (dag_id, RUN, task.task_id)
        returned = airflow.api.xcom(*where, map_index=task.map_index)
        execution = airflow.api.xcom(*where, "execution", map_index=task.map_index)
        logs = airflow.task_logs(*where, task.map_index)
        yield Ended(dag_id, task, returned, execution or returned, logs[0] if logs else None)


def _failure_message(log: str) -> str:
    """Extract the ExecutionFailedError's text from a task's log, up to the line with the log's location."""
    _, _, text = log.partition("ExecutionFailedError: ")
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        if line.startswith("Its log "):
            break
    return "\n".join(lines)


def _show(console: Console, states: dict[str, str], tasks: list[Ended], message: str, logs: Path) -> None:
    console.say()
    console.say(console.bold(f"{'Task':32}{'State':10}Return value, and location of the log"))
    for dag_id, state in states.items():
        console.say("-" * WIDTH)
        console.say(f"{console.bold(f'{dag_id:32}')}{console.state(state)}")
        for ended in tasks:
            if ended.dag_id == dag_id:
                _show_task(console, ended)
    console.say("-" * WIDTH)
    console.say(f"\nWhy {JUDGE[0]} failed, in the log of its task {JUDGE[1]}:\n")
    for line in message.splitlines() or ["(no message found)"]:
        for part in textwrap.wrap(line, WIDTH - 6, break_on_hyphens=False) or [""]:
            console.say(f"    {part}")
    console.say(f"\nThe tasks' own logs are below {_shown(logs)}/")


def _show_task(console: Console, ended: Ended) -> None:
    flow = ended.execution.get("flow_slug") if isinstance(ended.execution, dict) else None
    mapped = f" [{ended.task.map_index}] {flow or '?'}" if ended.task.map_index >= 0 else ""
    console.say(f"  {ended.task.task_id + mapped:30}{console.state(ended.task.state, 10)}{_returned(ended)}")
    kept = _kept(ended.returned)
    if kept is not None:
        console.say(f"{'':42}in {_shown(kept)}")


def _returned(ended: Ended) -> str:
    value = ended.returned
    if not isinstance(value, dict):
        execution = ended.execution or {}
        return f"nothing: execution {execution.get('execution_id')} is {execution.get('status')}"
    if "uri" in value:
        return f"{value['bytes']} bytes of JSON, sha256 {value['sha256'][:16]}…"
    if "execution_id" in value:
        counts = f"{value['process_count']} rows, {value['fail_count']} failed"
        return f"execution {value['execution_id']}: {value['status']}, {counts}, {value['duration']:.0f} s"
    size = len(json.dumps(value, separators=(",", ":")))
    return f"the log itself, in XCom: {size} bytes, keys {', '.join(value)}"


def _kept(returned: Any) -> Path | None:
    if not isinstance(returned, dict) or "uri" not in returned:
        return None
    return Path(urlsplit(returned["uri"]).path)


def _shown(path: Path) -> str:
    return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)


def _find_faults(states: dict[str, str], tasks: list[Ended]) -> Iterator[str]:
    for dag_id, (state, expected) in EXPECTED.items():
        if states[dag_id] != state:
            yield f"{dag_id} is {states[dag_id]} instead of {state}"
        found = {
            (ended.task.task_id, ended.task.map_index): ended.task.state
            for ended in tasks
            if ended.dag_id == dag_id
        }
        for task_id, map_index in {**expected, **found}:
            wanted, got = expected.get((task_id, map_index)), found.get((task_id, map_index))
            if wanted != got:
                yield f"{dag_id}: {task_id} (map index {map_index}) is {got} instead of {wanted}"
    for ended in tasks:
        if ended.task.tries != 1:
            yield f"{ended.dag_id}: {ended.task.task_id} was tried {ended.task.tries} times instead of once"
        if ended.task.task_id in ("keep_product_log", "judge_price"):
            yield from _find_faults_of_file(ended)


def _find_faults_of_file(ended: Ended) -> Iterator[str]:
    kept = _kept(ended.returned)
    if kept is None:
        yield f"{ended.dag_id}: {ended.task.task_id} did not return the log's location"
    elif not kept.is_file():
        yield f"{ended.dag_id}: {ended.task.task_id} did not write {kept}"
    elif hashlib.sha256(kept.read_bytes()).hexdigest() != ended.returned["sha256"]:
        yield f"{ended.dag_id}: the sha256 of {kept} isn't the one that {ended.task.task_id} returned"


def _find_faults_of_message(tasks: list[Ended], message: str) -> Iterator[str]:
    """Check that the failure's message has the contents of the stored log."""
    judge = next((ended for ended in tasks if (ended.dag_id, ended.task.task_id) == JUDGE), None)
    kept = _kept(judge.returned) if judge else None
    if judge is None or kept is None or not kept.is_file():
        return
    wanted = [judge.execution["execution_id"], "status Failed", str(kept)]
    wanted += [error["message"] for error in json.loads(kept.read_bytes())["errors"]]
    for text in wanted:
        if text not in message:
            yield f"the failed task's message does not contain: {text}"


if __name__ == "__main__":
    sys.exit(main())
