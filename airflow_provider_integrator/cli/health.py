"""The command that checks flows, for a look and for cron."""

from __future__ import annotations

from argparse import Namespace
from datetime import datetime, timezone
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.history import read_latest
from airflow_provider_integrator.api.models import Flow
from airflow_provider_integrator.api.queries import choose_flow
from airflow_provider_integrator.cli.connection import hook_of
from airflow_provider_integrator.cli.output import Columns, show, took
from airflow_provider_integrator.cli.parallel import run_all
from airflow_provider_integrator.cli.progress import progress
from airflow_provider_integrator.executions.health import Criteria, FlowHealth

if TYPE_CHECKING:
    from airflow_provider_integrator.api.endpoints import Script

_COLUMNS: Columns = {
    "flow": itemgetter("flow"),
    "health": lambda row: "PROBLEM" if row["problems"] else "ok",
    "last Success": lambda row: _ago(row["age"]),
    "running": itemgetter("running"),
    "rows": itemgetter("rows"),
    "fail rate": lambda row: None if row["fail_rate"] is None else f"{row['fail_rate']:.2%}",
    "duration": lambda row: took(row["duration"]),
    "problems": lambda row: " ".join((*row["problems"], *row["notes"])),
}


def health(options: Namespace) -> int:
    """Check flows.

    :param options: The command's arguments.
    :return: 0; 1 if a flow is stale or failing.
    """
    criteria, now = Criteria(max_age=options.max_age), datetime.now(timezone.utc)
    with hook_of(options) as hook:
        project = hook.settings.project(options.project)
        known = hook.list_flows(project_id=project)
        names = dict.fromkeys(options.flows)
        flows = (
            [choose_flow(known, name, project) for name in names] if names else _running_by_themselves(known)
        )
        scripts = [_read(project, flow, criteria, now) for flow in flows]
        with progress("Reading executions", len(flows)) as done:
            answers = run_all(hook, scripts, done)
    found = [
        answer if isinstance(answer, FlowHealth) else FlowHealth(flow.label, flow.id, problems=(str(answer),))
        for flow, answer in zip(flows, answers, strict=True)
    ]
    show(options, [each.as_dict() for each in found], _COLUMNS)
    return int(any(each.problems for each in found))


def _running_by_themselves(flows: list[Flow]) -> list[Flow]:
    chosen = [flow for flow in flows if flow.inbound is not False and flow.state != "STOPPED"]
    return sorted(chosen, key=lambda flow: flow.label)


def _read(project: str, flow: Flow, criteria: Criteria, now: datetime) -> Script[FlowHealth]:
    is_enough = partial(criteria.is_enough, now=now)
    history = yield from read_latest(project, flow.id, is_enough, first_limit=criteria.first_limit)
    return criteria.judge(flow.label, flow.id, history, now)


def _ago(age: float | None) -> Any:
    return None if age is None else f"{took(age)} ago"
