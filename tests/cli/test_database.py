"""A connection in Airflow's database: the commands in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import airflow
import pytest
import sqlalchemy
from airflow.configuration import conf
from sqlalchemy.orm import Session

import airflow_provider_integrator
from airflow_provider_integrator.cli.definition import COMMANDS

HAS_COMMANDS = tuple(map(int, airflow.__version__.split(".")[:2])) >= (3, 2)
ROOT = Path(airflow_provider_integrator.__file__).parents[1]
#: Runs one command after the other, and shows their exit codes last.
SCRIPT = """
import json, sys
from airflow_provider_integrator.cli.main import main
codes = []
for name in sys.argv[1:]:
    try:
        main(["flows", "--conn-id", name, "-o", "json"])
    except SystemExit as end:
        codes.append(end.code)
print(codes, file=sys.stderr)
"""
AIRFLOW = ("-m", "airflow", "integrator", "flows", "--conn-id", "stored", "-o", "json")


@pytest.fixture
def environment(tmp_path):
    """The environment of an Airflow of its own, without any connection in it."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": conf.get("core", "FERNET_KEY"),
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def stored(tmp_path, simulator):
    """Store a connection in that Airflow's database, in the tables that it needs; migrations take seconds."""
    from airflow.models import import_all_models
    from airflow.models.base import Base
    from airflow.models.connection import Connection

    import_all_models()
    tables = [table for name, table in Base.metadata.tables.items() if name in ("connection", "team")]
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/airflow.db")
    Base.metadata.create_all(engine, tables=tables)
    with Session(engine) as session:
        session.add(Connection.from_json(json.dumps(simulator.connection()), conn_id="stored"))
        session.commit()
    engine.dispose()


@pytest.fixture
def start(environment):
    """Start Python; processes run at the same time until their output is read."""
    started = []

    def run(*arguments):
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=pipe, stderr=pipe, text=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_connection_in_the_database(start, stored, flow):
    ours = start("-c", SCRIPT, "nobodys", "stored")
    airflows = start(*AIRFLOW) if HAS_COMMANDS else None
    out, err = ours.communicate(timeout=120)
    *_, codes = err.splitlines()
    assert (ours.returncode, codes) == (0, "[2, 0]"), err
    assert [each["flow"] for each in json.loads(out)] == ["price"]
    assert "flows: There is no connection 'nobodys'. Add it in Airflow" in err
    assert "Traceback" not in err
    if airflows:
        out, err = airflows.communicate(timeout=120)
        assert airflows.returncode == 0, err
        assert [each["flow"] for each in json.loads(out)] == ["price"]


def test_no_database(start):
    process = start("-m", "airflow_provider_integrator.snapshot", "flows.json")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert "There is no connection 'integrator_default', and Airflow's database can't be read (" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not HAS_COMMANDS, reason="providers have no commands below Airflow 3.2")
def test_airflow_knows_all_commands():
    from airflow.cli import cli_parser

    (group,) = [each for each in cli_parser.airflow_commands if each.name == "integrator"]
    assert [each.name for each in group.subcommands] == [each.name for each in COMMANDS]


IMPORT = """
import sys, time
import airflow.cli.cli_config
before, began = set(sys.modules), time.perf_counter()
from airflow_provider_integrator.cli.definition import get_commands
get_commands()
took = time.perf_counter() - began
print(took)
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.skipif(not HAS_COMMANDS, reason="providers have no commands below Airflow 3.2")
def test_other_commands_of_airflow_pay_little(start, record_property):
    out, err = start("-c", IMPORT).communicate(timeout=120)
    took, added = out.splitlines()[-2:]
    print(f"describing the commands to Airflow: {float(took) * 1000:.1f} ms")  # noqa: T201 - pytest -rP shows it
    record_property("seconds", float(took))
    names = set(added.split())
    assert "airflow_provider_integrator.cli.definition" in names, err
    assert {each for each in names if not each.startswith("airflow_provider_integrator")} == set()
