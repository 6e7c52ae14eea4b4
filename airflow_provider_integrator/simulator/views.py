"""How projects, flows and logs look in the answers: every documented field, spelled as documented."""

from __future__ import annotations

import zlib
from datetime import datetime, timezone
from typing import Any

from airflow_provider_integrator.api.enums import LogType, State, Status
from airflow_provider_integrator.simulator.records import (
    NO_ROWS,
    Counts,
    Execution,
    Flow,
    Line,
    Log,
    Project,
    Step,
)

_LINE_STEP = ("write_data_to_omnitron", "Write data to Omnitron")


def project_json(project: Project, flow_count: int) -> dict[str, Any]:
    """Show a project as List projects does.

    :param project: The project.
    :param flow_count: How many flows it has.
    :return: The JSON object.
    """
    return {
        "id": project.id,
        "state": project.state,
        "flowCount": flow_count,
        "revision": {"version": 0},
        "component": {
            "id": project.id,
            "name": project.name,
            "comments": "",
            "parentGroupId": project.partner_id,
            "variables": {
                "!projectSlug": project.slug,
                "!projectId": project.id,
                "!createdDate": epoch_milliseconds(project.created),
            },
        },
    }


def flow_json(flow: Flow) -> dict[str, Any]:
    """Show a flow as List flows does.

    :param flow: The flow.
    :return: The JSON object; ``!inbound`` and ``!outbound`` are strings.
    """
    return {
        "id": flow.id,
        "state": flow.state,
        "component": {
            "id": flow.id,
            "name": flow.name,
            "parentGroupId": flow.project.id,
            "variables": {
                "!flowId": flow.id,
                "!flowSlug": flow.slug,
                "!flowType": flow.type,
                "!inbound": "true" if flow.inbound else "false",
                "!outbound": "true" if flow.outbound else "false",
                "!schedulingStrategy": flow.scheduling_strategy,
                "!schedulingPeriod": flow.scheduling_period,
                **flow.variables,
            },
        },
    }


def log_json(log: Log, now: float, log_delay: float = 0.0) -> dict[str, Any]:
    """Show a log as List logs does.

    :param log: An execution, a step or a line.
    :param now: The moment at which it is looked at, in seconds since the epoch.
    :param log_delay: Seconds from a log's end until its file is stored.
    :return: The JSON object.
    :raises TypeError: If it is none of the three.
    """
    if isinstance(log, Execution):
        return _main_log(log, now, log_delay)
    if isinstance(log, Step):
        return _sub_log(log, now, log_delay)
    if isinstance(log, Line):
        return _line_log(log, now, log_delay)
    raise TypeError(f"List logs can't show {log!r}")


def epoch_milliseconds(moment: float) -> str:
    """Write a moment as main logs and projects do.

    :param moment: Seconds since the epoch.
    :return: Milliseconds since the epoch, in a string.
    """
    return str(round(moment * 1000))


def iso(moment: float, digits: int) -> str:
    """Write a moment as sub logs do.

    :param moment: Seconds since the epoch.
    :param digits: Fractional digits, 2 to 6.
    :return: ISO 8601 in UTC with that many digits of the second's fraction.
    """
    when = datetime.fromtimestamp(moment, timezone.utc)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{f'{when.microsecond:06d}'[:digits]}+00:00"


def _main_log(execution: Execution, now: float, log_delay: float) -> dict[str, Any]:
    ended = execution.ended_at(now)
    return {
        "created": epoch_milliseconds(execution.begun),
        "finished": None if ended is None else epoch_milliseconds(ended),
        "process_group_id": execution.flow.id,
        "process_group_name": execution.flow.slug,
        "parent_process_group_id": None,
        **_common(execution, execution, execution.is_stored_at(now, log_delay)),
        **_outcome(execution.state_at(now), execution.status, execution.counts),
        "log_type": int(LogType.MAIN),
        "flow_order": 1,
        "sub_flows": [_sub_log(step, now, log_delay) for step in execution.steps],
    }


def _sub_log(step: Step, now: float, log_delay: float) -> dict[str, Any]:
    state, begun, ended = step.times_at(now)
    return {
        **_small_log(step, begun, ended),
        "process_group_id": step.slug,
        "process_group_name": step.name,
        **_common(step, step.execution, step.is_stored_at(now, log_delay)),
        **_outcome(state, *step.outcome()),
        "log_type": int(LogType.SUB),
        "flow_order": step.position + 2,
        "row_num": 1,
    }


def _line_log(line: Line, now: float, log_delay: float) -> dict[str, Any]:
    failed = line.status == Status.FAILED
    slug, name = _LINE_STEP
    return {
        **line.fields,
        **_small_log(line, line.begun, line.begun),
        "process_group_id": slug,
        "process_group_name": name,
        **_common(line, line.execution, line.is_stored_at(now, log_delay)),
        **_outcome(State.FINISHED, line.status, Counts(1, 0 if failed else 1, 1 if failed else 0)),
        "log_type": int(LogType.LINE),
        "flow_order": len(line.execution.steps) + 1,
        "row_num": line.row_num,
    }


def _small_log(log: Log, begun: float, ended: float | None) -> dict[str, Any]:
    # The sub logs of the vendor's sample have 2 to 6 fractional digits.
    digits = 2 + zlib.crc32(log.id.encode()) % 5
    return {
        "created": iso(begun, digits),
        "finished": None if ended is None else iso(ended, digits),
        "parent_process_group_id": log.flow.id,
    }


def _common(log: Log, execution: Execution, is_stored: bool) -> dict[str, Any]:
    return {
        "id": log.number,
        "filename_uuid": log.id,
        "original_filename_uuid": execution.id,
        "fragment_count": None,
        # Not the flow's direction: the sample shows false for an execution that a user started.
        "in_bound": False,
        "schedule": None,
        "is_triggered": execution.is_triggered,
        "triggered_by": f"{execution.triggered_by}\n",
        "is_send_S3": int(is_stored),
    }


def _outcome(state: State, status: int, counts: Counts) -> dict[str, int]:
    done = state is State.FINISHED
    shown = counts if done else NO_ROWS
    return {
        "state": int(state),
        "status": int(status) if done else int(Status.IN_PROGRESS),
        "process_count": shown.process,
        "success_count": shown.success,
        "fail_count": shown.fail,
    }
