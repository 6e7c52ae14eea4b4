"""The common fields of executions, steps and lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields

if TYPE_CHECKING:
    from pendulum import DateTime


def common_values(fields: Fields) -> dict[str, Any]:
    """Parse the optional fields that main, sub and line logs have in common, as attributes by name."""
    return {
        "created": fields.optional_time("created"),
        "finished": fields.optional_time("finished"),
        "process_count": fields.optional_count("process_count"),
        "success_count": fields.optional_count("success_count"),
        "fail_count": fields.optional_count("fail_count"),
        "is_send_s3": fields.values.get("is_send_S3"),
        "row_num": fields.values.get("row_num"),
    }


@dataclass(frozen=True)
class SubLog:
    """The fields of a sub log, which a line log is expected to have, too.

    :param log_id: The log's ``id``, a parameter of Download log; None: the log can't be downloaded.
    :param filename_uuid: The log's own id.
    :param execution_id: The log's execution (``original_filename_uuid``).
    :param slug: The step's slug (``process_group_id``): ``login``, ``read_data_from_erp``, …; a line's is that of the
        step that wrote the row.
    :param name: The step's name (``process_group_name``).
    :param flow_id: The flow (``parent_process_group_id``).
    :param state: The progress.
    :param status: The outcome; meaningful only if the state is Finished.
    :param created: The start time, in UTC.
    :param finished: The end time, in UTC; None until then.
    :param process_count: The number of rows processed; ``success_count`` and ``fail_count`` are parts of it.
    :param is_send_s3: Probably whether the log has been stored; unparsed.
    :param row_num: Undocumented; unparsed.
    """

    log_id: str | None
    filename_uuid: str | None
    execution_id: str | None
    slug: str | None
    name: str | None
    flow_id: str | None
    state: State | None
    status: Status | None
    created: DateTime | None
    finished: DateTime | None
    process_count: int | None
    success_count: int | None
    fail_count: int | None
    is_send_s3: Any
    row_num: Any

    @classmethod
    def values_of(cls, fields: Fields) -> dict[str, Any]:
        """Parse the optional fields, as attributes by name; the log's id isn't among them."""
        return {
            "filename_uuid": fields.optional_identifier("filename_uuid"),
            "execution_id": fields.optional_identifier("original_filename_uuid"),
            "slug": fields.optional_identifier("process_group_id"),
            "name": fields.optional_text("process_group_name"),
            "flow_id": fields.optional_identifier("parent_process_group_id"),
            "state": fields.optional_member("state", State),
            "status": fields.optional_member("status", Status),
            **common_values(fields),
        }
