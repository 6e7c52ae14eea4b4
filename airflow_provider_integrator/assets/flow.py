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
        "airflow_provider_integrator.assets needs Airflow 3.0 or later, which brought assets and their watchers. "
        "Below that, schedule the DAG by time and begin it with IntegratorExecutionSensor."
    ) from error

from airflow_provider_integrator.arguments import read_moment
from airflow_provider_integrator.assets.uri import DEFAULT_STATUS, FlowUri
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.polling.cursor import read_statuses
from airflow_provider_integrator.triggers.flow import DEFAULT_POLL_INTERVAL, IntegratorFlowTrigger

#: The shape of a snapshot file.
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
    """Make the asset of a flow. Neither the Integrator nor the Airflow connection is asked.

    Airflow keeps the watcher of the DAG file that it read last, so name a watched flow with the same
    arguments in all files: define the asset once and import it.

    :param flow: The flow: its slug, name or id. The same flow by another name is another asset.
    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project, the connection's where None.
    :param watch: Whether each execution that finishes makes an event of the asset. Without, others do: the
        outlets of a sensor, for example.
    :param status: Which are told of: some of ``success``, ``failed`` and ``empty``. A part of the URI, as
        all DAGs that are scheduled on one asset get the same events.
    :param since: A moment or ISO 8601: the watcher's first start tells what was created since then. None: what
        finishes from then on. Needs Airflow 3.3.
    :param poll_interval: Seconds between two polls.
    :param asset: As ``Asset`` takes them: ``name``, ``group``, ``extra``; the name is the URI by default.
    :return: The asset.
    :raises ConfigurationError: An argument can't be used.
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
    """Make the assets of a project's flows from a file, as a DAG file mustn't ask the Integrator.

    :param path: What ``python -m airflow_provider_integrator.snapshot`` wrote.
    :param inbound: Whether to leave out the flows that the file knows to be outbound only.
    :param arguments: As ``integrator_flow`` takes them. The connection is the one the file was made with, the
        project is named by the assets only where the command was told to.
    :return: The assets by the flows' slugs (their ids where they have none).
    :raises ConfigurationError: The file can't be read.
    """
    try:
        snapshot = json.loads(Path(path).read_text("utf-8"))
        if snapshot["version"] != SNAPSHOT_VERSION:
            raise ValueError(f"its version is {snapshot['version']!r}")  # noqa: TRY301 - all faults, one message
        common = {"integrator_conn_id": snapshot["integrator_conn_id"], "project_id": snapshot["project_id"]}
        flows = [each["flow"] for each in snapshot["flows"] if not inbound or each["inbound"] is not False]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} can't be read ({error}); make it with: python -m airflow_provider_integrator.snapshot {path}"
        ) from error
    return {flow: integrator_flow(flow, **{**common, **arguments}) for flow in flows}


def new_executions(triggering_asset_events: Mapping[Any, Sequence[Any]]) -> list[dict[str, Any]]:
    """List the executions that woke a DAG run, without those that an earlier event had told already.

    A triggerer that dies just after it told of an execution tells of it again when it is started. Call this
    inside a task: it asks Airflow for the earlier events of the same assets.

    :param triggering_asset_events: As in the task's context.
    :return: The executions' small JSON objects, in the order of the events. Empty where all are repeated.
    """
    executions = []
    for asset, events in triggering_asset_events.items():
        told = [(event, execution) for event in events if (execution := _execution(event)) is not None]
        known = _told_before(asset, told)
        for _, execution in sorted(told, key=lambda each: each[0].timestamp):
            if execution["execution_id"] not in known:
                known.add(execution["execution_id"])
                executions.append(execution)
    return executions


def _execution(event: Any) -> dict[str, Any] | None:
    """Read an event's execution, None where it is another's: a sensor's outlet or a user's."""
    payload = (event.extra or {}).get("payload")
    return payload if isinstance(payload, dict) and "execution_id" in payload else None


def _told_before(asset: Any, told: Sequence[tuple[Any, dict[str, Any]]]) -> set[str]:
    """List the executions of some events that an earlier event of the same asset told."""
    first: dict[str, datetime] = {}
    for event, execution in told:
        each = execution["execution_id"]
        first[each] = min(event.timestamp, first.get(each, event.timestamp))
    # No event is older than what it tells of; the Integrator's clock may be an hour ahead.
    times = [execution["finished"] or execution["created"] for _, execution in told]
    since = min(map(datetime.fromisoformat, times)) if times and all(times) else None
    known = set()
    for event in _events_since(asset, since) if told else ():
        each = (_execution(event) or {}).get("execution_id")
        if each in first and event.timestamp < first[each]:
            known.add(each)
    return known


def _events_since(asset: Any, moment: datetime | None) -> Iterator[Any]:
    from airflow.sdk.execution_time.context import InletEventsAccessors

    events = InletEventsAccessors([asset])[asset]
    if moment is not None and hasattr(events, "after"):  # below Airflow 3.2 all events are fetched
        events = events.after((moment - timedelta(hours=1)).isoformat())
    return iter(events)
