"""Flows as assets: a DAG that is scheduled on one runs when an execution of the flow has finished."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import Asset, AssetWatcher
except ImportError as error:
    raise ImportError(
        "airflow_provider_integrator.assets needs Airflow 3.0 or later, for assets and their watchers. "
        "On Airflow 2, schedule the DAG by time and begin it with IntegratorExecutionSensor."
    ) from error

from airflow_provider_integrator.arguments import read_moment
from airflow_provider_integrator.assets.uri import DEFAULT_STATUS, FlowUri
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.polling.cursor import read_statuses
from airflow_provider_integrator.triggers.flow import DEFAULT_POLL_INTERVAL, IntegratorFlowTrigger

#: The version of a snapshot file's format.
SNAPSHOT_VERSION = 1


def integrator_flow(
    flow: str,
    *,
    integrator_conn_id: str = "integrator_default",
    project_id: str | None = None,
    watch: bool = False,
    status: str | Iterable[str] = DEFAULT_STATUS,
    since: datetime | str | None = None,
    poll_interval: float = DEFAULT_POLL_INTERVAL,
    **asset: Any,
) -> Asset:
    """Build the asset of a flow, without calling the Integrator or reading the Airflow connection.

    Airflow uses the watcher of the DAG file that it parsed last, so give a watched flow the same arguments in
    all files: define the asset once and import it.

    :param flow: The flow's slug, name or id. The same flow by another name is another asset.
    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; None: the connection's.
    :param watch: Whether a watcher emits an event for each finished execution. If not, other tasks emit
        events, for example a sensor with the asset in its outlets.
    :param status: The statuses of executions that emit events: ``success``, ``failed``, ``empty`` or several
        of them. They are part of the URI, as all DAGs that are scheduled on one asset get the same events.
    :param since: A datetime, or ISO 8601: on its first start the watcher emits events for executions created
        since then; None: only for those that finish from its start on. Needs Airflow 3.3.
    :param poll_interval: Seconds between two polls.
    :param asset: Arguments of ``Asset``: ``name`` (default: the URI), ``group``, ``extra``.
    :return: The asset.
    :raises ConfigurationError: An argument is invalid.
    """
    statuses = read_statuses(status)
    for name, value in (("flow", flow), ("integrator_conn_id", integrator_conn_id)):
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"{name} is {value!r}; set it to a name.")
    if poll_interval <= 0:
        raise ConfigurationError(
            f"poll_interval is {poll_interval!r}; set it to a number of seconds above 0."
        )
    moment = None if since is None else read_moment(since, "since").isoformat()
    uri = str(FlowUri(integrator_conn_id, project_id or None, flow, statuses))
    if watch:
        trigger = IntegratorFlowTrigger(
            flow=flow,
            integrator_conn_id=integrator_conn_id,
            project_id=project_id or None,
            status=statuses,
            since=moment,
            poll_interval=poll_interval,
        )
        asset["watchers"] = [AssetWatcher(name="integrator_flow", trigger=trigger)]
    return Asset(uri=uri, **asset)


def integrator_project_flows(path: str | Path, *, inbound: bool = True, **arguments: Any) -> dict[str, Asset]:
    """Build the assets of a project's flows from a file, as DAG files must not call the Integrator.

    :param path: The output file of the command ``airflow-integrator snapshot``.
    :param inbound: Whether to skip flows that are outbound only.
    :param arguments: Arguments of ``integrator_flow``. By default the connection is the one that the file was
        made with, and the project is the one given to the command, if any.
    :return: The assets by the flows' slugs (ids of flows without a slug).
    :raises ConfigurationError: The file can't be read.
    """
    try:
        snapshot = json.loads(Path(path).read_text("utf-8"))
        if snapshot["version"] != SNAPSHOT_VERSION:
            raise ValueError(f"its version is {snapshot['version']!r}")  # noqa: TRY301 - one message for all faults
        common = {"integrator_conn_id": snapshot["integrator_conn_id"], "project_id": snapshot["project_id"]}
        flows = [each["flow"] for each in snapshot["flows"] if not inbound or each["inbound"] is not False]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} can't be read ({error}); make it with: airflow-integrator snapshot {path}"
        ) from error
    return {flow: integrator_flow(flow, **{**common, **arguments}) for flow in flows}


def new_executions(triggering_asset_events: Mapping[Any, Sequence[Any]]) -> list[dict[str, Any]]:
    """List the executions that triggered a DAG run, without those that an earlier event has already reported.

    A triggerer that dies just after emitting an event emits it again after its restart. Call this inside a
    task: it fetches the earlier events of the same assets from Airflow.

    :param triggering_asset_events: ``triggering_asset_events`` of the task's context.
    :return: The executions' payloads, in the order of the events; empty if all are repetitions.
    """
    executions = []
    for asset, events in triggering_asset_events.items():
        reported = [(event, execution) for event in events if (execution := _execution(event)) is not None]
        known = _reported_before(asset, reported)
        for _, execution in sorted(reported, key=lambda each: each[0].timestamp):
            if execution["execution_id"] not in known:
                known.add(execution["execution_id"])
                executions.append(execution)
    return executions


def _execution(event: Any) -> dict[str, Any] | None:
    """Return the execution of a watcher's event; None for other events, such as a sensor's."""
    payload = (event.extra or {}).get("payload")
    return payload if isinstance(payload, dict) and "execution_id" in payload else None


def _reported_before(asset: Any, reported: Sequence[tuple[Any, dict[str, Any]]]) -> set[str]:
    """Return the ids of the executions that an earlier event of the same asset has reported."""
    first: dict[str, datetime] = {}
    for event, execution in reported:
        each = execution["execution_id"]
        first[each] = min(event.timestamp, first.get(each, event.timestamp))
    # No event is older than its execution; the Integrator's clock may be an hour ahead.
    times = [execution["finished"] or execution["created"] for _, execution in reported]
    since = min(map(datetime.fromisoformat, times)) if times and all(times) else None
    known = set()
    for event in _events_since(asset, since) if reported else ():
        each = (_execution(event) or {}).get("execution_id")
        if each in first and event.timestamp < first[each]:
            known.add(each)
    return known


def _events_since(asset: Any, moment: datetime | None) -> Iterator[Any]:
    from airflow.sdk.execution_time.context import InletEventsAccessors

    events = InletEventsAccessors([asset])[asset]
    if moment is not None and hasattr(events, "after"):  # Airflow below 3.2 fetches all events
        events = events.after((moment - timedelta(hours=1)).isoformat())
    return iter(events)
