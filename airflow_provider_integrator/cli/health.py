"""The command that checks flows, for a look and for cron."""

from __future__ import annotations

from argparse import Namespace
from datetime import datetime, timezone

from airflow_provider_integrator.api.models import Flow
from airflow_provider_integrator.api.queries import choose_flow
from airflow_provider_integrator.cli.output import Columns, show, took
from airflow_provider_integrator.cli.parallel import run_all
from airflow_provider_integrator.cli.progress import progress
from airflow_provider_integrator.executions.health import FlowHealth
from airflow_provider_integrator.executions.report import FlowReport, read_report
from airflow_provider_integrator.hooks.integrator import IntegratorHook

#: The executions that show a flow's habit.
COUNT = 30

_COLUMNS: Columns = {
    "flow": "flow",
    "health": lambda row: "PROBLEM" if row["problems"] else "ok",
    "last Success": lambda row: _ago(row["age"]),
    "running": "running",
    "rows": "rows",
    "fail rate": lambda row: None if row["fail_rate"] is None else f"{row['fail_rate']:.2%}",
    "duration": lambda row: took(row["duration"]),
    "problems": lambda row: " ".join((*row["problems"], *row["notes"])),
}


def health(hook: IntegratorHook, options: Namespace) -> int:
    """Check flows; 1 if one is stale or failing."""
    project = hook.settings.project(options.project)
    known = hook.list_flows(project_id=project)
    names = dict.fromkeys(options.flows)
    flows = [choose_flow(known, name, project) for name in names] if names else _running_by_themselves(known)
    now = datetime.now(timezone.utc)
    scripts = [
        read_report(project, flow, now, count=COUNT, max_requests=None, max_age=options.max_age)
        for flow in flows
    ]
    with progress("Reading executions", len(flows)) as done:
        answers = run_all(hook, scripts, done)
    found = [
        answer.health
        if isinstance(answer, FlowReport)
        else FlowHealth(flow.label, flow.id, problems=(str(answer),))
        for flow, answer in zip(flows, answers, strict=True)
    ]
    show(options, [each.as_dict() for each in found], _COLUMNS)
    return int(any(each.problems for each in found))


def _running_by_themselves(flows: list[Flow]) -> list[Flow]:
    # If some are said to be inbound, what isn't said to be may be no flow at all.
    wanted = (True,) if any(flow.inbound for flow in flows) else (None,)
    chosen = [flow for flow in flows if flow.inbound in wanted and flow.state != "STOPPED"]
    return sorted(chosen, key=lambda flow: flow.label)


def _ago(age: float | None) -> str | None:
    return None if age is None else f"{took(age)} ago"
