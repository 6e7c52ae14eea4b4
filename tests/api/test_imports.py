from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_integrator.api

FOLDER = Path(airflow_provider_integrator.api.__file__).parent
MODULES = sorted(f"airflow_provider_integrator.api.{path.stem}" for path in FOLDER.glob("*.py"))


def loaded_by(*modules):
    """Import modules in a Python of their own, and tell what that loads."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    root = str(FOLDER.parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_api_imports_nothing_of_airflow():
    loaded = loaded_by(*(name.removesuffix(".__init__") for name in MODULES))
    assert len(MODULES) > 5
    assert {name for name in loaded if name.split(".")[0] == "airflow"} == set()


@pytest.mark.parametrize("module", ["endpoints", "fields", "models", "queries", "exchange"])
def test_what_decides_does_no_io_and_loads_no_http_library(module):
    loaded = loaded_by(f"airflow_provider_integrator.api.{module}")
    assert loaded.isdisjoint({"requests", "aiohttp", "zipfile", "msgspec", "pendulum"})
