"""What the page shows of Airflow: DAG runs by their asset events, and the execution of a task instance."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.xcom import XComModel
from airflow.utils.types import DagRunType
from sqlalchemy import insert

NOW = datetime.now(timezone.utc)
TASK = {"dag_id": "d", "run_id": "r", "task_id": "wait", "map_index": "{MAP_INDEX}"}
EXECUTION = {"execution_id": "e-1", "flow_id": "flow-1"}


@pytest.fixture
def execution(simulator, flow):
    return simulator.add_execution(flow, lasts=1, created=NOW - timedelta(minutes=10), id="e-1")


@pytest.fixture
def add_run(session):
    """Add a DAG run, and its DAG."""
    session.add(DagBundleModel(name="bundle"))
    session.flush()

    def add(dag_id):
        session.add(DagModel(dag_id=dag_id, bundle_name="bundle", fileloc="f"))
        session.flush()
        run = DagRun(dag_id=dag_id, run_id=f"manual+{dag_id}", run_type=DagRunType.MANUAL, run_after=NOW)
        session.add(run)
        session.flush()
        return run

    return add


def add_event(
    session,
    extra,
    *,
    uri="integrator://integrator_default/price",
    age=timedelta(minutes=5),
    starts=(),
    **source,
):
    asset = AssetModel(uri=uri, name=f"{uri} {extra} {source}")
    session.add(asset)
    session.flush()
    event = AssetEvent(asset_id=asset.id, extra=extra, timestamp=NOW - age, **source)
    session.add(event)
    event.created_dagruns.extend(starts)
    session.flush()


def look(browse, role="op"):
    answer = browse(role).get("/execution/integrator_default", params={"flow": "price", "execution": "e-1"})
    assert answer.status_code == 200
    return answer.text


def test_runs_that_waited_and_runs_that_it_started(browse, session, add_run, execution):
    waited, woken = add_run("waiting~dag"), add_run("woken")
    source = {"source_dag_id": waited.dag_id, "source_run_id": waited.run_id, "source_task_id": "wait"}
    add_event(session, {"execution_id": "e-1"}, **source)
    add_event(session, {"payload": {"execution_id": "e-1"}, "from_trigger": True}, starts=[woken])
    session.commit()

    text = look(browse)

    assert 'waited for it: <a href="/airflow/dags/waiting~dag/runs/manual%2Bwaiting~dag/tasks/wait"' in text
    assert 'started by it: <a href="/airflow/dags/woken/runs/manual%2Bwoken"' in text


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        ({"execution_id": "e-2"}, {}),
        ({"payload": {"execution_id": "e-2"}, "execution_id": "e-1"}, {}),
        ({"payload": "e-1"}, {}),
        (["e-1"], {}),
        ({}, {}),
        ({"execution_id": "e-1"}, {"uri": "s3://bucket/e-1"}),
        ({"execution_id": "e-1"}, {"age": timedelta(hours=1)}),
    ],
)
def test_other_events_name_no_run(browse, session, add_run, execution, extra, options):
    run = add_run("other")
    add_event(session, extra, **options, source_dag_id=run.dag_id, source_run_id=run.run_id)
    session.commit()

    assert "No asset event of this execution" in look(browse)


def test_runs_of_dags_that_the_user_may_not_read_are_left_out(browse, session, add_run, execution, mocker):
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    for dag_id in ("mine", "hidden"):
        run = add_run(dag_id)
        add_event(session, {"execution_id": "e-1"}, source_dag_id=dag_id, source_run_id=run.run_id)
        add_event(session, {"payload": {"execution_id": "e-1"}, "of": dag_id}, starts=[run])
    session.commit()
    mocker.patch.object(
        SimpleAuthManager,
        "is_authorized_dag",
        lambda self, *, details=None, **_: details and details.id == "mine",
    )

    text = look(browse)

    assert text.count("manual+mine") == 2
    assert "hidden" not in text.partition("DAG runs</h2>")[2]


def add_task(session, fields, pushed, map_index=-1):
    """Add a task instance's rendered fields and XComs, without the rows of its run and DAG."""
    session.connection().exec_driver_sql("PRAGMA foreign_keys=OFF")
    task = {"dag_id": "d", "task_id": "wait", "run_id": "r", "map_index": map_index}
    session.execute(insert(RenderedTaskInstanceFields).values(**task, rendered_fields=fields))
    for key, value in pushed.items():
        session.execute(insert(XComModel).values(**task, dag_run_id=1, key=key, value=value))
    session.commit()


RENDERED = {
    "integrator_conn_id": "integrator_default",
    "flow": "price",
    "project_id": None,
    "execution_id": None,
}
TO_EXECUTION = "/airflow/integrator/execution/integrator_default?flow=flow-1&execution=e-1"


@pytest.mark.parametrize(
    ("fields", "pushed", "address"),
    [
        (RENDERED, {"return_value": EXECUTION}, TO_EXECUTION),
        (RENDERED, {"execution": EXECUTION, "return_value": {"uri": "s3://b"}}, TO_EXECUTION),
        (RENDERED, {"failure": {"error": "ExecutionFailedError", "execution": EXECUTION}}, TO_EXECUTION),
        (RENDERED, {"failure": {"error": "ExecutionMissingError", "execution": None}}, None),
        (RENDERED, {}, None),
        (
            {**RENDERED, "project_id": "p 1", "execution_id": "e&2"},
            {},
            "/airflow/integrator/execution/integrator_default?project=p+1&flow=price&execution=e%262",
        ),
    ],
)
def test_the_tab_leads_to_the_execution(browse, session, fields, pushed, address):
    add_task(session, fields, pushed)

    answer = browse("viewer").get("/task", params=TASK)

    assert answer.status_code == 307
    assert answer.headers["location"] == (address or "/airflow/integrator/flow/integrator_default?flow=price")


def test_the_tab_of_a_mapped_task(browse, session):
    add_task(session, RENDERED, {"return_value": {**EXECUTION, "execution_id": "e-7"}}, map_index=3)

    answer = browse().get("/task", params={**TASK, "map_index": "3"})

    assert answer.headers["location"].endswith("execution=e-7")


@pytest.mark.parametrize("fields", [None, {"bash_command": "date"}, {"integrator_conn_id": ["odd"]}])
def test_the_tab_of_another_task_says_so(browse, session, fields):
    if fields is not None:
        add_task(session, fields, {})

    answer = browse().get("/task", params=TASK)

    assert answer.status_code == 200
    assert "nothing to do with an Integrator" in answer.text
