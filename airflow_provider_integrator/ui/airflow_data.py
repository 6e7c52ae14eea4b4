"""What the pages read of Airflow's database, only as far as the user may read it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
)
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.connection import Connection
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from airflow_provider_integrator.assets.uri import SCHEME
from airflow_provider_integrator.hooks.connection import CONN_TYPE

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

_VARIABLE = "AIRFLOW_CONN_"
#: The asset events that are looked through for those of an execution, and the DAG runs that are shown.
_MAX_EVENTS, _MAX_RUNS = 1000, 50
#: The XCom keys under which tasks push their execution: the log operator's, a failure's, the sensor's.
_XCOM_KEYS = ("execution", "failure", "return_value")


def readable_connections(user: BaseUser) -> list[str]:
    """List the connections of type ``integrator`` that a user may read.

    :param user: The user.
    :return: Their ids: those of the database, and those of the API server's environment.
    """
    manager = get_auth_manager()
    with create_session(scoped=False) as session:
        stored = set(session.scalars(select(Connection.conn_id).where(Connection.conn_type == CONN_TYPE)))
    names = {name.removeprefix(_VARIABLE).lower() for name in os.environ if name.startswith(_VARIABLE)}
    configured = {name for name in names if _is_ours(name)}
    if not hasattr(manager, "get_authorized_connections"):  # below Airflow 3.2, which knows no teams either
        return sorted(
            each
            for each in stored | configured
            if manager.is_authorized_connection(
                method="GET", details=ConnectionDetails(conn_id=each), user=user
            )
        )
    readable = stored & manager.get_authorized_connections(user=user, method="GET")
    readable |= manager.filter_authorized_connections(conn_ids=configured, user=user, method="GET")
    return sorted(readable)


def _is_ours(connection_id: str) -> bool:
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend

    try:
        found = EnvironmentVariablesBackend().get_connection(connection_id)
    except Exception:  # noqa: BLE001 - another's variable may hold anything
        return False
    return found is not None and found.conn_type == CONN_TYPE


class DagRunLink(NamedTuple):
    """A DAG run that has to do with an execution.

    :param relation: ``waited for it`` or ``started by it``.
    :param dag_id: The DAG.
    :param run_id: The run.
    :param task_id: The task that waited for the execution, if it is known.
    """

    relation: str
    dag_id: str
    run_id: str
    task_id: str | None = None


def dag_runs(user: BaseUser, execution_id: str, since: datetime | None) -> list[DagRunLink]:
    """Find the DAG runs that waited for an execution or were started by it, by the asset events that name it.

    :param user: The user, who sees only runs of DAGs that he may read.
    :param execution_id: The execution.
    :param since: When it was created; no event is older.
    :return: The runs: first those that waited, then those that were started.
    """
    ours = select(AssetModel.id).where(AssetModel.uri.like(f"{SCHEME}://%"))
    query = select(AssetEvent).where(AssetEvent.asset_id.in_(ours)).limit(_MAX_EVENTS)
    if since is None:
        query = query.order_by(AssetEvent.timestamp.desc())
    else:
        query = query.where(AssetEvent.timestamp >= since).order_by(AssetEvent.timestamp)
    waited, started = [], []
    with create_session(scoped=False) as session:
        for event in session.scalars(query.options(selectinload(AssetEvent.created_dagruns))):
            if not _is_about(event.extra, execution_id):
                continue
            if event.source_dag_id and event.source_run_id:
                source = event.source_dag_id, event.source_run_id, event.source_task_id
                waited.append(DagRunLink("waited for it", *source))
            started += [DagRunLink("started by it", run.dag_id, run.run_id) for run in event.created_dagruns]
    readable = _readable(user, {link.dag_id for link in (*waited, *started)})
    return [
        link
        for links in (waited, started)
        for link in [each for each in dict.fromkeys(links) if each.dag_id in readable][:_MAX_RUNS]
    ]


def _is_about(extra: Any, execution_id: str) -> bool:
    """Return whether an event is about an execution: a task's extra names it, or a watcher's payload."""
    if not isinstance(extra, Mapping):
        return False
    payload = extra.get("payload")
    named = payload if isinstance(payload, Mapping) else extra
    return bool(named.get("execution_id") == execution_id)


def _readable(user: BaseUser, dag_ids: Iterable[str]) -> set[str]:
    wanted = set(dag_ids)
    if not wanted:
        return set()
    manager = get_auth_manager()
    return {
        dag_id
        for dag_id in wanted & manager.get_authorized_dag_ids(user=user, method="GET")
        if manager.is_authorized_dag(
            method="GET", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        )
    }


class TaskTarget(NamedTuple):
    """What a task instance waits for.

    :param connection_id: The Airflow connection.
    :param project_id: The project; None: the connection's.
    :param flow: The flow.
    :param execution_id: The execution; None: the task has found none yet.
    """

    connection_id: str
    project_id: str | None
    flow: str
    execution_id: str | None


def task_target(dag_id: str, run_id: str, task_id: str, map_index: int) -> TaskTarget | None:
    """Find out what a task instance waits for, by its rendered fields and its XComs.

    :param dag_id: The DAG.
    :param run_id: The run.
    :param task_id: The task.
    :param map_index: The index of a mapped task instance; -1 otherwise.
    :return: The target; None: the task isn't one of this provider's, or hasn't started.
    """
    task = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
    of_fields = select(RenderedTaskInstanceFields.rendered_fields).filter_by(**task)
    of_xcoms = select(XComModel.key, XComModel.value).filter_by(**task).where(XComModel.key.in_(_XCOM_KEYS))
    with create_session(scoped=False) as session:
        fields = session.scalar(of_fields)
        pushed: dict[str, Any] = dict(session.execute(of_xcoms).all())
    if not isinstance(fields, Mapping):
        return None
    execution = _execution(pushed)
    connection_id = _text(fields.get("integrator_conn_id"))
    flow = _text(execution.get("flow_id")) or _text(fields.get("flow"))
    if connection_id is None or flow is None:
        return None
    found = _text(execution.get("execution_id")) or _text(fields.get("execution_id"))
    return TaskTarget(connection_id, _text(fields.get("project_id")), flow, found)


def _execution(pushed: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in _XCOM_KEYS:
        value = pushed.get(key)
        if key == "failure" and isinstance(value, Mapping):
            value = value.get("execution")
        if isinstance(value, Mapping) and "execution_id" in value:
            return value
    return {}


def _text(value: Any) -> str | None:
    """Read a rendered field: a text; None if it is empty or of another type."""
    return value if isinstance(value, str) and value not in ("", "None") else None
