"""The command that waits for an execution."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from datetime import datetime, timezone

from airflow_provider_integrator.api.history import NewestFirst
from airflow_provider_integrator.api.latest import read_latest
from airflow_provider_integrator.api.models import Flow
from airflow_provider_integrator.api.queries import choose_flow
from airflow_provider_integrator.cli.execution import show_execution
from airflow_provider_integrator.cli.lookup import search_flows
from airflow_provider_integrator.exceptions import TransientError, WaitTimeoutError
from airflow_provider_integrator.executions.outage import Outage
from airflow_provider_integrator.executions.policy import has_failed
from airflow_provider_integrator.executions.spec import DEFAULT_OUTAGE_TOLERANCE, WaitSpec
from airflow_provider_integrator.executions.wait import ExecutionWait
from airflow_provider_integrator.hooks.integrator import IntegratorHook


def wait(hook: IntegratorHook, options: Namespace) -> int:
    """Wait for an execution, or for a flow's running or next one; 1 if it Failed, or didn't finish in time."""
    now = datetime.now(timezone.utc)
    end_time = time.time() + options.timeout
    flow, execution_id = _find_in_time(hook, options, end_time)
    spec = WaitSpec(
        integrator_conn_id=options.conn_id,
        project_id=options.project,
        flow=flow.label,
        flow_id=flow.id,
        execution_id=execution_id,
        created_after=now.isoformat(),
        poll_interval=options.interval,
        end_time=end_time,
    )
    try:
        found = ExecutionWait(hook, spec, options.timeout, lambda execution: None).until_finished()
    except WaitTimeoutError as error:
        sys.stderr.write(f"wait: {error}\n")
        return 1
    show_execution(hook, options, flow, found)
    return int(has_failed(found))


def _find_in_time(hook: IntegratorHook, options: Namespace, end_time: float) -> tuple[Flow, str | None]:
    """Find them as :func:`_find` does; an outage is tolerated as one of the wait's polls."""
    outage = Outage(DEFAULT_OUTAGE_TOLERANCE)
    while True:
        try:
            return _find(hook, options)
        except TransientError as error:
            outage.add(error)
            if time.time() + options.interval > end_time:
                raise
        time.sleep(options.interval)


def _find(hook: IntegratorHook, options: Namespace) -> tuple[Flow, str | None]:
    """Find the flow, and the execution that is named or runs now; None: the flow's next one is awaited."""
    project, name = hook.settings.project(options.project), options.name
    flows = hook.list_flows(project_id=project)
    if not any(name in (flow.id, flow.slug, flow.name) for flow in flows):
        flow, execution = search_flows(hook, options, flows, name)
        return flow, execution.execution_id
    flow = choose_flow(flows, name, project)
    script = read_latest(project, flow.id, lambda history: True, first_limit=NewestFirst.ENOUGH + 1)
    latest = reversed(hook.get_conn().run(script).executions)
    return flow, next((each.execution_id for each in latest if not each.is_finished), None)
