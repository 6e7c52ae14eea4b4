"""Asset events: their extra describes the execution of the task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import Asset, AssetAlias

try:
    from airflow.sdk.definitions.asset import AssetRef
except ImportError:  # Airflow 2 has no references
    _ASSETS: tuple[Any, ...] = (Asset,)
else:
    _ASSETS = (Asset, AssetRef)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution

#: The fields of the execution's JSON object that an event's extra has; the steps are too large for it.
EXTRA_FIELDS = (
    "execution_id",
    "log_id",
    "flow_id",
    "flow_slug",
    "status",
    "created",
    "finished",
    "process_count",
    "success_count",
    "fail_count",
)


def execution_extra(execution: Execution) -> dict[str, Any]:
    """Build an event's extra: an execution's ids, status, times (ISO 8601, UTC) and counts."""
    fields = execution.as_dict()
    return {name: fields[name] for name in EXTRA_FIELDS}


def emit(
    context: Context, outlets: Iterable[Any], extra: Mapping[str, Any], alias_uri: str | None = None
) -> None:
    """Add extra to the asset events that a task emits on success.

    :param context: The task's context.
    :param outlets: The task's outlets; the event of each asset gets ``extra``.
    :param extra: The extra of the events.
    :param alias_uri: The URI of the asset that an alias resolves to; None: an alias emits no event.
    """
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            if alias_uri is not None:
                context["outlet_events"][outlet].add(Asset(uri=alias_uri), extra=dict(extra))
        elif isinstance(outlet, _ASSETS):  # Airflow 2 allows outlets of any type
            context["outlet_events"][outlet].extra.update(extra)


def file_asset_uri(uri: str) -> str:
    """Build a stored file's asset URI, percent-encoded as that allows fewer characters than an object's name."""
    return quote(uri, safe="/:%!$&'()*+,;=@~")
