"""The pytest plugin, and what importing the simulator brings along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_integrator.simulator as package

SOURCES = str(Path(package.__file__).parents[2])
PLUGIN = f"{package.__name__}.pytest_plugin"

A_USERS_TEST = """
import requests

def test_it(integrator_simulator):
    (project,) = integrator_simulator.projects
    assert (project.name, project.slug, project.partner_id) == ("Acme", "acme", "partner-1")
    assert integrator_simulator.flows == []
    integrator_simulator.add_flow(project, "Price")
    assert requests.get(integrator_simulator.url, timeout=20).status_code == 404

def test_it_is_a_new_world(integrator_simulator):
    assert integrator_simulator.flows == []
    assert integrator_simulator.requests == []
"""


def run(*command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [SOURCES, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        timeout=120,
        check=False,
    )


def test_the_fixture_gives_a_fresh_running_simulator(tmp_path: Path) -> None:
    (tmp_path / "test_users.py").write_text(A_USERS_TEST)
    done = run("-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider", folder=tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


A_USERS_TEST_OF_FORMS = """
import pytest

@pytest.mark.integrator_forms("texts", "epoch")
def test_it(integrator_simulator):
    assert set(integrator_simulator.forms) == {"texts", "epoch"}
    integrator_simulator.forms = "garbage"
    assert integrator_simulator.forms == ("garbage",)

def test_without(integrator_simulator):
    assert integrator_simulator.forms == ()

@pytest.mark.parametrize(
    "form", [pytest.param(one, marks=pytest.mark.integrator_forms(one)) for one in ("pages", "sparse")]
)
def test_several(integrator_simulator, form):
    assert integrator_simulator.forms == (() if form == "pages" else (form,))

@pytest.mark.integrator_forms("unknown")
def test_unknown(integrator_simulator):
    pass
"""


def test_the_marker_chooses_the_forms(tmp_path: Path) -> None:
    (tmp_path / "test_users.py").write_text(A_USERS_TEST_OF_FORMS)
    options = ["-q", "--strict-markers", "-p", PLUGIN, "-p", "no:cacheprovider"]
    done = run("-m", "pytest", *options, folder=tmp_path)
    assert "4 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "there is no form unknown: pages, " in done.stdout
    assert (
        "integrator_forms(*names)" in run("-m", "pytest", "--markers", "-p", PLUGIN, folder=tmp_path).stdout
    )


def test_the_fixture_explains_itself(tmp_path: Path) -> None:
    done = run("-m", "pytest", "--fixtures", "-v", "-p", PLUGIN, folder=tmp_path)
    assert "integrator_simulator" in done.stdout
    assert "Acme" in done.stdout


@pytest.mark.parametrize(
    ("module", "absent"), [(PLUGIN, "aiohttp"), (f"{package.__name__}.integrator", "airflow")]
)
def test_imports_are_light(module: str, absent: str) -> None:
    done = run("-c", f"import sys, {module}; sys.exit({absent!r} in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_the_public_names_are_all_there() -> None:
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Simulator'"):
        package.Simulator  # noqa: B018
