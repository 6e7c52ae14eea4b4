"""What a DAG file pays: the import of the sensor's module, and the parsing of a file with 100 sensors."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.children import Child
from benchmarks.results import Figure, Plot, Section, Size, Table, milliseconds, number
from benchmarks.subjects import OURS, Subject, installed, named

_SENSORS = 100


def measure(size: Size, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure.

    :param size: How much.
    :param say: Reports the progress.
    :return: The results.
    """
    turns = size.pick(5, 25, 1)
    subjects = [OURS] if size.tiny else installed()
    runs: dict[str, dict[str, list[float]]] = {
        subject.name: {"import": [], "parse": [], "modules": []} for subject in subjects
    }
    with Child("imports") as process, tempfile.TemporaryDirectory() as folder:
        files = {subject.name: Path(folder, f"{subject.name}.py") for subject in subjects}
        for subject in subjects:
            files[subject.name].write_text(_dag(subject))
        for turn in range(turns):
            say(f"imports and DAG files, turn {turn + 1} of {turns}")
            for subject in subjects:
                run = runs[subject.name]
                imported = process.ask(module=subject.sensor[0])
                run["import"].append(imported["seconds"])
                run["modules"].append(imported["modules"])
                run["parse"].append(process.ask(dag_file=str(files[subject.name]))["seconds"])
    return {"runs": runs}


def _dag(subject: Subject) -> str:
    module, name = subject.sensor
    return (
        "from airflow.sdk import DAG\n"
        f"from {module} import {name}\n\n"
        'with DAG("benchmark", schedule=None):\n'
        f"    for i in range({_SENSORS}):\n"
        f"        {name}(task_id=f'wait_{{i}}', {_as_code(subject.arguments)})\n"
    )


def _as_code(arguments: str) -> str:
    # "e{i}" becomes an f-string, {i} alone the number.
    return arguments.replace("={i}", "=i").replace('="', '=f"')


def show(results: dict[str, Any]) -> Section:
    """Say what was measured.

    :param results: What :func:`measure` returned.
    """
    runs = {
        name: {key: statistics.median(values) for key, values in run.items()}
        for name, run in results["runs"].items()
    }
    turns = len(results["runs"][OURS.name]["import"])
    ours, peers = runs[OURS.name], {name: run for name, run in runs.items() if name != OURS.name}
    figures = []
    for key, what in (
        ("import", "import of the sensor's module"),
        ("parse", f"DAG file with {_SENSORS} sensors"),
    ):
        if peers:
            best = min(peers, key=lambda name: peers[name][key])
            ratio = ours[key] / peers[best][key]
            target = f"≤ {named(best).label}'s, the best peer's"
            figures.append(Figure(what, target, f"x {ratio:.2f}", ratio <= 1))
    return Section(
        "DAG files",
        "A process that has imported airflow.sdk's DAG, BaseOperator and BaseSensorOperator forks another, as Airflow's "
        "DAG processor does for each file. This one imports the sensor's module, or executes a DAG file with "
        f"{_SENSORS} deferrable sensors. Medians of {turns} turns, the subjects one after the other in each.",
        [
            Table(
                "Import and parsing",
                ["", "import ms", "new modules", "parse ms", "parse against this provider's"],
                [
                    [
                        named(name).label,
                        milliseconds(run["import"]),
                        f"{run['modules']:,.0f}",
                        milliseconds(run["parse"]),
                        f"x {number(run['parse'] / ours['parse'])}",
                    ]
                    for name, run in runs.items()
                ],
            )
        ],
        figures,
        [
            Plot(
                "imports.png",
                f"Import time of the sensor's module, and parse time of a DAG file with {_SENSORS} sensors",
                lambda path: _draw(path, runs),
            )
        ]
        if peers
        else [],
    )


def _draw(path: Path, runs: dict[str, dict[str, float]]) -> None:
    from benchmarks import plots

    plots.bars(
        path,
        [named(name).label for name in runs],
        {
            "Import of the sensor's module, ms": [run["import"] * 1000 for run in runs.values()],
            f"DAG file with {_SENSORS} sensors, ms": [run["parse"] * 1000 for run in runs.values()],
        },
    )
