"""The typed model of a line log: one row that an execution processed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.sub_logs import SubLog

#: The name for a status that is missing or unknown.
UNKNOWN = "unknown"
#: The documented fields of a log; a line's others are its row's, by all signs.
_DOCUMENTED = frozenset(
    "id filename_uuid original_filename_uuid process_group_id process_group_name parent_process_group_id created "  # noqa: SIM905 - shorter
    "finished state status process_count success_count fail_count flow_order row_num fragment_count schedule "
    "is_send_S3 in_bound is_triggered triggered_by sub_flows log_type".split()
)


@dataclass(frozen=True)
class Line(SubLog):
    """A line log. Its shape isn't documented: the fields of a sub log are expected, and none is required.

    :param fields: Everything that came, unparsed.
    """

    fields: dict[str, Any]

    @classmethod
    def read(cls, fields: Fields) -> Line:
        """Parse a line log.

        :raises ResponseError: The log is no object, or has no fields.
        """
        if not fields.values:
            raise fields.fault("id", "an id")
        return cls(
            log_id=fields.optional_identifier("id"), **cls.values_of(fields), fields=dict(fields.values)
        )

    @property
    def label(self) -> str:
        """The name of the step that wrote the row, or else its slug or the line's log id."""
        return self.name or self.slug or f"log {self.log_id or '(without an id)'}"

    @property
    def outcome(self) -> str:
        """The status by its name; ``in_progress`` until the state is Finished, ``unknown`` without a status."""
        if self.state not in (None, State.FINISHED):
            return Status.IN_PROGRESS.name.lower()
        return UNKNOWN if self.status is None else self.status.name.lower()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object for XCom: what is known, and everything that came as ``fields``."""
        return {
            "id": self.log_id,
            "status": self.outcome,
            "created": self.created and self.created.isoformat(),
            "row_num": self.row_num,
            "fields": self.fields,
        }


def row_fields(fields: Mapping[str, Any]) -> dict[str, str | float]:
    """Choose the fields of a line's row: the texts and numbers that no log is documented to have."""
    return {
        name: value
        for name, value in fields.items()
        if name not in _DOCUMENTED and isinstance(value, (str, int, float)) and not isinstance(value, bool)
    }
