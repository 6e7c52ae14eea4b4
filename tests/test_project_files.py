"""CI, pre-commit and make agree with each other, and with the locks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
MAKE = shutil.which("make") or "make"
AIRFLOWS = sorted(path.stem.removeprefix("airflow-") for path in ROOT.glob("requirements/airflow-*.txt"))
COMMAND = re.compile(r"\bmake ([a-z]+)")


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    return job["steps"]


@pytest.fixture
def jobs() -> dict[str, Any]:
    return load(".github/workflows/ci.yml")["jobs"]


@pytest.fixture
def workflow_targets(jobs) -> set[str]:
    """The make targets of the workflow, those that its matrix names included."""
    commands = " ".join(step["run"] for job in jobs.values() for step in steps(job) if "run" in step)
    assert "make ${{ matrix.target }}" in commands
    return {*COMMAND.findall(commands), *jobs["check"]["strategy"]["matrix"]["target"]}


def pythons_of(airflow: str) -> list[str]:
    """The Pythons that an Airflow's environment can be made with, as scripts/venv.sh says when it refuses one."""
    done = subprocess.run(
        [ROOT / "scripts/venv.sh", airflow, "nowhere"],
        env={**os.environ, "PYTHON": "no-such-python"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"needs Python 3\.(\d+) to 3\.(\d+)", done.stderr)
    assert found, done.stderr
    return [f"3.{minor}" for minor in range(int(found[1]), int(found[2]) + 1)]


def test_the_workflow_tests_each_airflow_on_each_of_its_pythons(jobs):
    matrix = jobs["test"]["strategy"]["matrix"]
    excluded = {(pair["airflow"], pair["python"]) for pair in matrix["exclude"]}
    tested = set(product(matrix["airflow"], matrix["python"])) - excluded
    assert len(AIRFLOWS) >= 5
    assert tested == {(airflow, python) for airflow in AIRFLOWS for python in pythons_of(airflow)}


def test_the_workflow_may_only_read():
    assert load(".github/workflows/ci.yml")["permissions"] == {"contents": "read"}


def test_actions_are_pinned_to_a_major_version(jobs):
    used = [step["uses"] for job in jobs.values() for step in steps(job) if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"actions/[\w-]+@v\d+", action)] == []


def test_the_caches_follow_the_locks(jobs):
    paths = [
        step["with"]["cache-dependency-path"].replace("${{ matrix.airflow }}", airflow)
        for job in jobs.values()
        for step in steps(job)
        if "cache-dependency-path" in step.get("with", {})
        for airflow in AIRFLOWS
    ]
    assert paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_one_lock_has_the_floors():
    """What the package depends on is installed and tested at its lowest versions, too: on Airflow 3.0."""
    floors = subprocess.run(
        [sys.executable, "scripts/floors.py"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert len(floors) >= 4
    assert set(floors) <= set((ROOT / "requirements/airflow-3.0.txt").read_text("utf-8").split())


def test_ci_run_and_the_workflow_call_the_same_targets(workflow_targets):
    sections = re.findall(r"^section (make .+)$", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    called = {target for section in sections for target in COMMAND.findall(section)}
    assert called == workflow_targets - {"audit"}  # which needs the public advisory database


def test_pre_commit_runs_what_ci_runs(workflow_targets):
    hooks = [hook for repo in load(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    targets = {target for hook in hooks for target in COMMAND.findall(hook["entry"])}
    assert targets
    assert targets <= workflow_targets


def test_make_has_the_targets(workflow_targets):
    subprocess.run([MAKE, "--dry-run", *workflow_targets], cwd=ROOT, check=True, capture_output=True)


def test_make_names_its_targets_as_phony_and_in_its_help():
    text = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    shown = subprocess.run([MAKE, "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert [name for name in phony.split() if name != "help" and not re.search(rf"\b{name}\b", shown)] == []
