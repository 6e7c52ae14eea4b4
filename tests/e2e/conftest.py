from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "scripts"))

from local_airflow import LocalAirflow, end_by_signals  # noqa: E402 - found by the path above

from airflow_provider_integrator.api.enums import Status  # noqa: E402
from airflow_provider_integrator.simulator import IntegratorSimulator  # noqa: E402
from airflow_provider_integrator.simulator.demo import demo_world  # noqa: E402
from tests.e2e import told as told_run  # noqa: E402
from tests.e2e.stage import FERNET_KEY, PASSWORD, Part, Run, Stage  # noqa: E402

WAITING = {"poke": "running", "reschedule": "up_for_reschedule", "deferrable": "deferred"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # what looks for traces of all that happened comes last
    items.sort(key=lambda item: item.path.name == "test_secrets.py" and item.path.parent.name == "e2e")


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    end_by_signals()
    folder = tmp_path_factory.mktemp("airflow")
    dags = folder / "dags"
    dags.mkdir()
    for source in (Path(__file__).parent / "dags", CHECKOUT / "example_dags"):
        for file in source.glob("*.py"):
            shutil.copy(file, dags)
    with ExitStack() as stack:
        integrator = stack.enter_context(IntegratorSimulator(password=PASSWORD))
        demo = demo_world(integrator)
        airflow = stack.enter_context(
            LocalAirflow(
                folder / "home",
                dags,
                {
                    "AIRFLOW_VAR_INTEGRATOR_LOG_FOLDER": f"file://{folder}/logs/",
                    "AIRFLOW__CORE__FERNET_KEY": FERNET_KEY,
                    "AIRFLOW__CORE__PARALLELISM": "4",
                    **_lineage(folder / "home" / "lineage.jsonl"),
                    # another triggerer takes over soon
                    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
                    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "12",
                },
            )
        )
        airflow.api.set_connection("integrator_default", integrator.connection())
        yield Stage(airflow, integrator, demo)


@pytest.fixture(scope="session")
def runs(stage: Stage) -> dict[str, Run]:
    """Run the DAGs of waits.py and logs.py, all at the same time."""
    dags = {f"e2e_wait_{mode}": _waits(mode) for mode in WAITING}
    dags["e2e_log"] = [
        Part("fetches_in_worker", "fetches_in_worker", "running"),
        Part("fails_in_worker", "fails_in_worker", "running", Status.FAILED),
        Part("fetches_deferred", "fetches_deferred", "deferred"),
        Part("fails_deferred", "fails_deferred", "deferred", Status.FAILED),
        Part("mapped_0", "mapped", "deferred", map_index=0),
        Part("mapped_1", "mapped", "deferred", Status.FAILED, map_index=1),
        Part("mapped_2", "mapped", "deferred", map_index=2),
    ]
    return stage.run(dags)


@pytest.fixture(scope="session")
def told(stage: Stage) -> Run:
    """Run the DAG of outlets.py."""
    return told_run.run(stage)


def _lineage(file: Path) -> dict[str, str]:
    """Let OpenLineage, where it is installed, write down what DAGs that ask for it tell."""
    if find_spec("airflow.providers.openlineage") is None:
        return {}
    transport = {"type": "file", "log_file_path": str(file), "append": True}
    return {
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__OPENLINEAGE__SELECTIVE_ENABLE": "True",
    }


def _waits(mode: str) -> list[Part]:
    waiting = WAITING[mode]
    return [
        Part(f"succeeds_{mode}", "succeeds", waiting),
        Part(f"sees_failure_{mode}", "sees_failure", waiting, Status.FAILED),
        Part(f"fails_on_failed_{mode}", "fails_on_failed", waiting, Status.FAILED),
        Part(f"times_out_{mode}", "times_out", None),
        Part(f"skips_{mode}", "skips", None),
    ]
