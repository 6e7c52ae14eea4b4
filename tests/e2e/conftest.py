from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "scripts"))

from airflow_api import IS_AIRFLOW_3  # noqa: E402 - found by the path above
from local_airflow import LocalAirflow, end_by_signals  # noqa: E402 - found by the path above

from airflow_provider_integrator.simulator import IntegratorSimulator  # noqa: E402
from airflow_provider_integrator.simulator.demo import demo_world  # noqa: E402
from tests.e2e import restart, storm, watch  # noqa: E402
from tests.e2e.chromium import Chromium, Page  # noqa: E402
from tests.e2e.scenarios import Scenarios  # noqa: E402
from tests.e2e.stage import (  # noqa: E402
    FERNET_KEY,
    IS_AIRFLOW_3_1,
    IS_AIRFLOW_3_3,
    PASSWORD,
    Run,
    Stage,
)

HERE = Path(__file__).parent
UI_URL = "https://integrator.example.com/{project_id}/flows/{flow_id}?run={execution_id}&log={log_id}"
#: The scenarios that they look at end last, in this order. A browser's work comes when they have ended, as they mind a
#: busy machine; what looks for traces of all that happened is the end.
LAST = ("test_triggerer.py", "test_many_waits.py", "test_assets.py", "test_page_views.py", "test_secrets.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.parent == HERE]
    ours.sort(key=lambda item: LAST.index(item.path.name) if item.path.name in LAST else -1)
    items[:] = [item for item in items if item.path.parent != HERE] + ours


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Start Airflow and the Integrators."""
    end_by_signals()
    folder = tmp_path_factory.mktemp("airflow")
    dags = folder / "dags"
    dags.mkdir()
    sources = [HERE / "dags", CHECKOUT / "example_dags"]
    if IS_AIRFLOW_3_1:
        sources.append(CHECKOUT / "example_dags/approval")
    if IS_AIRFLOW_3_3:
        sources += [HERE / "assets", CHECKOUT / "example_dags/assets"]
    for source in sources:
        for file in source.glob("*.py"):
            shutil.copy(file, dags)
    with ExitStack() as stack:
        integrator, crowd, watched, stormy, locked = (
            stack.enter_context(IntegratorSimulator(password=PASSWORD)) for _ in range(5)
        )
        demo = demo_world(integrator)
        restart.crowd(crowd)
        watch.watched(watched)
        storm.stormy(stormy)
        airflow = stack.enter_context(
            LocalAirflow(
                folder / "home",
                dags,
                {
                    "AIRFLOW_VAR_INTEGRATOR_LOG_FOLDER": f"file://{folder}/logs/",
                    "AIRFLOW__CORE__FERNET_KEY": FERNET_KEY,
                    "AIRFLOW__CORE__PARALLELISM": str(8 + 2 * int(storm.WAITS)),
                    "E2E_WAITS": str(restart.WAITS),
                    **_lineage(folder / "home" / "lineage.jsonl"),
                    # parsing all files takes a core for seconds; one that is touched is parsed at once
                    f"AIRFLOW__{'DAG_PROCESSOR' if IS_AIRFLOW_3 else 'SCHEDULER'}__MIN_FILE_PROCESS_INTERVAL": "300",
                    # another triggerer takes over soon
                    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
                    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
                },
                stop_seconds=3.0,
                has_login=True,
            )
        )
        stage = Stage(airflow, integrator, demo, crowd, watched, stormy, locked)
        for conn_id, connection in {
            "integrator_default": integrator.connection(),
            "integrator_pages": integrator.connection(ui_url=UI_URL),
            "integrator_crowd": crowd.connection(),
            "integrator_watched": watched.connection(),
            "integrator_stormy": stormy.connection(),
            "integrator_locked": locked.connection(password="wrong", project_id="p"),
        }.items():
            stage.change(partial(airflow.api.set_connection, conn_id, connection))
        if not IS_AIRFLOW_3:
            # On SQLite it parses one file between two rounds of tasks: all files are in before there are tasks.
            files = {(str(file),) for file in dags.glob("*.py") if "DAG(" in file.read_text()}
            stage.until(lambda: set(stage.rows("SELECT DISTINCT fileloc FROM dag")) == files)
        yield stage


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser that runs; some distributions' command only says how to get one."""
    for found in filter(None, map(shutil.which, ("chromium", "google-chrome"))):
        if subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            with Chromium(found, tmp_path_factory.mktemp("chromium")) as browser:
                yield browser
            return
    pytest.skip("There is no Chromium: apt-get install chromium")


@pytest.fixture(scope="package")
def window(stage: Stage, chromium: Chromium) -> Page:
    """A window in which the admin has signed in by Airflow's own form."""
    page = chromium.page()
    page.open(stage.airflow.url)
    page.write("input[name=username]", "admin")
    page.write("input[name=password]", stage.airflow.password or "")
    page.press("Enter")
    page.until("document.querySelector('a[href=\"/dags\"]')")
    return page


@pytest.fixture
def signed_in(window: Page) -> Iterator[Page]:
    """The window for one test; between tests it asks Airflow nothing."""
    window.complaints.clear()
    window.look()
    yield window
    window.open("about:blank")


@pytest.fixture(scope="package")
def scenarios(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Scenarios]:
    """Begin the scenarios that the collected tests look at."""
    looked_at = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    with Scenarios(stage, looked_at) as scenarios:
        yield scenarios


@pytest.fixture(scope="package")
def runs(scenarios: Scenarios) -> dict[str, Run]:
    """The runs of waits.py and logs.py."""
    return scenarios["runs"]


@pytest.fixture(scope="package")
def outlets_run(scenarios: Scenarios) -> Run:
    """The run of outlets.py, which asset events, links and lineage are tested on."""
    return scenarios["outlets_run"]


@pytest.fixture(scope="package")
def examples(scenarios: Scenarios) -> dict[str, Run]:
    """The runs of the example DAGs."""
    return scenarios["examples"]


@pytest.fixture(scope="package")
def woken_example(scenarios: Scenarios) -> Path:
    """The folder that the example DAG woken by a flow was to keep a log in."""
    return scenarios["woken_example"]


@pytest.fixture(scope="package")
def from_trigger(scenarios: Scenarios) -> tuple[Run, bool]:
    """The run of from_trigger.py, and whether its wait took a worker."""
    return scenarios["from_trigger"]


@pytest.fixture(scope="package")
def restarted(scenarios: Scenarios) -> restart.Restarted:
    """What the triggerer's death changed for those that waited."""
    return scenarios["restarted"]


@pytest.fixture(scope="package")
def weathered(scenarios: Scenarios) -> storm.Weathered:
    """What came of an outage, and of a wrong password."""
    return scenarios["weathered"]


@pytest.fixture(scope="package")
def played(scenarios: Scenarios) -> watch.Played:
    """What happened to the watched flow."""
    return scenarios["played"]


def _lineage(file: Path) -> dict[str, str]:
    """Let OpenLineage, if it is installed, write its events of DAGs that enable it to a file."""
    if find_spec("airflow.providers.openlineage") is None:
        return {}
    transport = {"type": "file", "log_file_path": str(file), "append": True}
    return {
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__OPENLINEAGE__SELECTIVE_ENABLE": "True",
    }
