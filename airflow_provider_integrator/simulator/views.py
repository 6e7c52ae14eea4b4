"""How projects, flows and logs look in the answers: every documented field, spelled as documented."""

from __future__ import annotations

import zlib
from datetime import datetime, timezone
from typing import Any

from airflow_provider_integrator.api.enums import State, Status
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
    """
    Show a project as List projects does.

    :param project: the project.
    :param flow_count: how many flows it has.
    :return: the JSON object.
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
    """
    Show a flow as List flows does.

    :param flow: the flow.
    :return: the JSON object; ``!inbound`` and ``!outbound`` are strings.
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


def log_json(log: Log, now: float) -> dict[str, Any]:
    """
    Show a log as List logs does.

    :param log: an execution, a step or a line.
    :param now: the moment at which it is looked at, in seconds since the epoch.
    :return: the JSON object.
    :raises TypeError: where it is none of the three.
    """
    if isinstance(log, Execution):
        return _main_log(log, now)
    if isinstance(log, Step):
        return _sub_log(log, now)
    if isinstance(log, Line):
        return _line_log(log)
    raise TypeError(f"List logs can't show {log!r}")


def epoch_milliseconds(moment: float) -> str:
    """
    Write a moment as main logs and projects do.

    :param moment: seconds since the epoch.
    :return: milliseconds since the epoch, in a string.
    """
    return str(round(moment * 1000))


def iso(moment: float, digits: int) -> str:
    """
    Write a moment as sub logs do.

    :param moment: seconds since the epoch.
    :param digits: fractional digits, 2 to 6.
    :return: ISO 8601 in UTC with that many digits of the second's fraction.
    """
    when = datetime.fromtimestamp(moment, timezone.utc)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{f'{when.microsecond:06d}'[:digits]}+00:00"


def _main_log(execution: Execution, now: float) -> dict[str, Any]:
    state = execution.state_at(now)
    done = state is State.FINISHED
    return {
        "id": execution.log_id,
        "filename_uuid": execution.id,
        "original_filename_uuid": execution.id,
        "process_group_id": execution.flow.id,
        "process_group_name": execution.flow.slug,
        "parent_process_group_id": None,
        "created": epoch_milliseconds(execution.begun),
        "finished": epoch_milliseconds(execution.ends) if done and execution.ends is not None else None,
        **_outcome(state, execution.status, execution.counts),
        "flow_order": None,
        "row_num": None,
        "fragment_count": None,
        "schedule": None,
        "is_send_S3": None,
        # Not the flow's direction: the documented sample shows false for an execution that a user started.
        "in_bound": False,
        "is_triggered": execution.is_triggered,
        "triggered_by": f"{execution.triggered_by}\n",
        "sub_flows": [_sub_log(step, now) for step in execution.steps],
    }


def _sub_log(step: Step, now: float) -> dict[str, Any]:
    state, begun, ends = step.times_at(now)
    place = (step.slug, step.name, step.position + 1)
    return _small_log(step, step.execution, place, (begun, ends)) | _outcome(state, *step.outcome())


def _line_log(line: Line) -> dict[str, Any]:
    failed = line.status == Status.FAILED
    counts = Counts(1, 0 if failed else 1, 1 if failed else 0)
    place = (*_LINE_STEP, line.row_num)
    shown = _small_log(line, line.execution, place, (line.begun, line.begun))
    return shown | _outcome(State.FINISHED, line.status, counts)


def _small_log(
    log: Log, execution: Execution, place: tuple[str, str, int], times: tuple[float, float | None]
) -> dict[str, Any]:
    slug, name, row_num = place
    begun, ends = times
    # The real Integrator's sub logs show 2 to 6 digits, so a reader must bear with each.
    digits = 2 + zlib.crc32(log.id.encode()) % 5
    return {
        "id": log.log_id,
        "filename_uuid": log.id,
        "original_filename_uuid": execution.id,
        "process_group_id": slug,
        "process_group_name": name,
        "parent_process_group_id": log.flow.id,
        "created": iso(begun, digits),
        "finished": None if ends is None else iso(ends, digits),
        "row_num": row_num,
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
