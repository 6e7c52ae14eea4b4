"""A page of each execution for people, so that links to it lead somewhere. The vendor documents none of theirs."""

from __future__ import annotations

import json
from enum import IntEnum
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.simulator.answers import Answer
from airflow_provider_integrator.simulator.contents import contents_of
from airflow_provider_integrator.simulator.views import iso, log_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_integrator.simulator.world import World

#: What the path of an execution's page begins with; the execution's id follows.
PREFIX = "/executions/"
_MAX_LOG_CHARACTERS = 64 * 1024
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}
_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem}th{text-align:left;padding-right:2rem}pre{overflow:auto;border:1px solid;padding:1rem}"
)


def execution_page(world: World, execution_id: str) -> Answer:
    """Answer with the page of an execution.

    :param world: The world.
    :param execution_id: The execution.
    :return: Its status, counts, steps and log; it loads itself again until the execution has finished.
    """
    try:
        execution = world.execution(execution_id)
    except KeyError:
        return Answer.text(
            404, "Not Found: there is no such execution, or it is of an earlier run of this Integrator."
        )
    now = world.clock()
    shown = log_json(execution, now)
    ended = execution.ended_at(now)
    facts = {
        "Flow": f"{execution.flow.name} ({execution.flow.slug})",
        "Project": execution.flow.project.name,
        "State": _name(State, shown["state"]),
        "Status": _name(Status, shown["status"]),
        "Rows": f"{shown['process_count']} processed, {shown['success_count']} ok, {shown['fail_count']} failed",
        "Created": iso(execution.begun, 3),
        "Finished": "not yet" if ended is None else iso(ended, 3),
        "Triggered by": execution.triggered_by,
        "Log id": execution.log_id,
    }
    steps = (
        (step["process_group_name"], _name(State, step["state"]), _name(Status, step["status"]))
        for step in shown["sub_flows"]
    )
    refresh = "<meta http-equiv='refresh' content='2'>" if ended is None else ""
    made = contents_of(execution, lambda contents: contents)
    log = "" if ended is None else f"<h2>Log</h2><pre>{escape(_log_text(made))}</pre>"
    page = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>{refresh}"
        f"<title>{escape(execution_id)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Execution {escape(execution_id)}</h1><p>A page of the embedded Integrator, which is simulated.</p>"
        f"<table>{_rows(facts.items())}</table>"
        f"<h2>Steps</h2><table>{_rows(steps)}</table>{log}</body></html>"
    )
    return Answer.text(200, page, _HEADERS)


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(
        f"<tr><th scope='row'>{escape(first)}</th>{''.join(f'<td>{escape(each)}</td>' for each in rest)}</tr>"
        for first, *rest in rows
    )


def _name(kind: type[IntEnum], value: int) -> str:
    return kind(value).name.replace("_", " ").capitalize() if value in set(kind) else str(value)


def _log_text(contents: object) -> str:
    if isinstance(contents, bytes):
        text = contents.decode("utf-8", "replace")
    elif isinstance(contents, (dict, list, str)):
        text = json.dumps(contents, ensure_ascii=False, indent=2, default=str)
    else:
        text = "(made while it is downloaded)"
    return text if len(text) <= _MAX_LOG_CHARACTERS else f"{text[:_MAX_LOG_CHARACTERS]}\n…"
