"""Answers as the API's documents show them, with invented ids, and the values they should be read as."""

from __future__ import annotations

import copy
from datetime import datetime, timezone
from enum import Enum, auto
from typing import Any

from hypothesis import strategies as st

from airflow_provider_integrator.api.enums import State, Status

PROJECT: dict[str, Any] = {
    "id": "project-id1",
    "state": "RUNNING",
    "flowCount": 3,
    "revision": {"version": 0},
    "component": {
        "id": "project-id1",
        "name": "Project1",
        "comments": "",
        "parentGroupId": "partner-id",
        "variables": {
            "!projectSlug": "project1-slug",
            "!projectId": "project-id1",
            "!createdDate": "1686261109291",
        },
    },
}

#: Field in the answer, attribute, value.
PROJECT_FIELDS: list[tuple[str, str, Any]] = [
    ("id", "id", "project-id1"),
    ("state", "state", "RUNNING"),
    ("flowCount", "flow_count", 3),
    ("component.name", "name", "Project1"),
    ("component.comments", "comments", ""),
    ("component.parentGroupId", "partner_id", "partner-id"),
    ("component.variables.!projectSlug", "slug", "project1-slug"),
    ("component.variables.!createdDate", "created", datetime(2023, 6, 8, 21, 51, 49, 291000, timezone.utc)),
]

FLOW: dict[str, Any] = {
    "id": "flow-id1",
    "state": "RUNNING",
    "component": {
        "id": "flow-id1",
        "name": "Product",
        "parentGroupId": "project-id1",
        "variables": {
            "!flowId": "flow-id1",
            "!flowSlug": "product",
            "!flowType": "Product",
            "!inbound": "true",
            "!outbound": "false",
            "!schedulingStrategy": "CRON_DRIVEN",
            "!schedulingPeriod": "0 0,30 * * * ? *",
            "!omnitron.param.erp_login_slug": "erp-login",
        },
    },
}

FLOW_FIELDS: list[tuple[str, str, Any]] = [
    ("id", "id", "flow-id1"),
    ("state", "state", "RUNNING"),
    ("component.name", "name", "Product"),
    ("component.parentGroupId", "project_id", "project-id1"),
    ("component.variables.!flowSlug", "slug", "product"),
    ("component.variables.!flowType", "type", "Product"),
    ("component.variables.!inbound", "inbound", True),
    ("component.variables.!outbound", "outbound", False),
    ("component.variables.!schedulingStrategy", "scheduling_strategy", "CRON_DRIVEN"),
    ("component.variables.!schedulingPeriod", "scheduling_period", "0 0,30 * * * ? *"),
    ("component.variables", "variables", FLOW["component"]["variables"]),
]

STEP: dict[str, Any] = {
    "id": 1921,
    "filename_uuid": "step-uuid",
    "original_filename_uuid": "execution-uuid",
    "process_group_id": "read_data_from_erp",
    "process_group_name": "Read data from ERP",
    "parent_process_group_id": "flow-id1",
    "created": "2023-06-08T21:51:18.46+00:00",
    "finished": "2023-06-08T21:51:42.00073+00:00",
    "state": 3,
    "status": 2,
    "process_count": 1,
    "success_count": 0,
    "fail_count": 0,
    "is_send_S3": 1,
    "row_num": 2,
}

STEP_FIELDS: list[tuple[str, str, Any]] = [
    ("id", "log_id", "1921"),
    ("filename_uuid", "filename_uuid", "step-uuid"),
    ("original_filename_uuid", "execution_id", "execution-uuid"),
    ("process_group_id", "slug", "read_data_from_erp"),
    ("process_group_name", "name", "Read data from ERP"),
    ("parent_process_group_id", "flow_id", "flow-id1"),
    ("created", "created", datetime(2023, 6, 8, 21, 51, 18, 460000, timezone.utc)),
    ("finished", "finished", datetime(2023, 6, 8, 21, 51, 42, 730, timezone.utc)),
    ("state", "state", State.FINISHED),
    ("status", "status", Status.SUCCESS),
    ("process_count", "process_count", 1),
    ("success_count", "success_count", 0),
    ("fail_count", "fail_count", 0),
    ("is_send_S3", "is_send_s3", 1),
    ("row_num", "row_num", 2),
]

EXECUTION: dict[str, Any] = {
    "id": 1920,
    "filename_uuid": "execution-uuid",
    "original_filename_uuid": "execution-uuid",
    "process_group_id": "flow-id1",
    "process_group_name": "product",
    "parent_process_group_id": None,
    "created": "1686261109291",
    "finished": "1686261171791",
    "state": 3,
    "status": 3,
    "process_count": 10,
    "success_count": 7,
    "fail_count": 3,
    "flow_order": 4,
    "row_num": None,
    "fragment_count": 5,
    "schedule": "half-hourly",
    "is_send_S3": 0,
    "in_bound": False,
    "is_triggered": True,
    "triggered_by": "user@example.com\n",
    "sub_flows": [STEP],
}

EXECUTION_FIELDS: list[tuple[str, str, Any]] = [
    ("id", "log_id", "1920"),
    ("filename_uuid", "execution_id", "execution-uuid"),
    ("process_group_id", "flow_id", "flow-id1"),
    ("process_group_name", "flow_slug", "product"),
    ("created", "created", datetime(2023, 6, 8, 21, 51, 49, 291000, timezone.utc)),
    ("finished", "finished", datetime(2023, 6, 8, 21, 52, 51, 791000, timezone.utc)),
    ("state", "state", State.FINISHED),
    ("status", "status", Status.FAILED),
    ("process_count", "process_count", 10),
    ("success_count", "success_count", 7),
    ("fail_count", "fail_count", 3),
    ("flow_order", "flow_order", 4),
    ("row_num", "row_num", None),
    ("fragment_count", "fragment_count", 5),
    ("schedule", "schedule", "half-hourly"),
    ("is_send_S3", "is_send_s3", 0),
    ("in_bound", "in_bound", False),
    ("is_triggered", "is_triggered", True),
    ("triggered_by", "triggered_by", "user@example.com"),
]

PAGE: dict[str, Any] = {
    "count": 1,
    "limit": 20,
    "page": 1,
    "previous": "",
    "next": "https://flow.entegrator.akinon.net:3000/logs?page=2",
    "results": [EXECUTION],
}

PAGE_FIELDS: list[tuple[str, str, Any]] = [
    ("limit", "limit", 20),
    ("next", "has_next", True),
]


class Absent(Enum):
    """Stands for a field that isn't there; shown alike in each process, so that it can be part of a test's id."""

    MISSING = auto()

    def __repr__(self) -> str:
        return "missing"


MISSING = Absent.MISSING

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def changed(sample: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Copy a sample with one field changed, or left out where the value is MISSING."""
    copied = copy.deepcopy(sample)
    *parents, name = path.split(".")
    place = copied
    for parent in parents:
        place = place[parent]
    if value is MISSING:
        del place[name]
    else:
        place[name] = value
    return copied
