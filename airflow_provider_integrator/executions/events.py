"""Tells Airflow which execution a task has seen: in the events of the assets among the task's outlets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution

#: What an event's extra says of its execution, as in the execution's JSON object; its steps are too much for it.
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
    """Say in an event's extra how an execution ended.

    :param execution: The execution.
    :return: Its ids, status, times (ISO 8601, UTC) and counts.
    """
    told = execution.as_dict()
    return {name: told[name] for name in EXTRA_FIELDS}


def emit(
    context: Context, outlets: Iterable[Any], extra: Mapping[str, Any], alias_uri: str | None = None
) -> None:
    """Add what a task knows to the events that its success emits; without outlets there are none.

    :param context: The task's context.
    :param outlets: The task's outlets. Each asset's event gets ``extra``.
    :param extra: What the events say.
    :param alias_uri: The asset that each alias among the outlets stands for; None: for none, it emits nothing.
    """
    for outlet in outlets:
        if _is_alias(outlet):
            if alias_uri is not None:
                context["outlet_events"][outlet].add(_asset(alias_uri), extra=dict(extra))
        elif _is_asset(outlet):
            context["outlet_events"][outlet].extra.update(extra)


def file_asset_uri(uri: str) -> str:
    """Make the URI of a stored file's asset, for which not everything will do that an object may be named.

    :param uri: The file's URI, without a connection in it.
    :return: The URI, with percent-encoding where it needs some.
    """
    return quote(uri, safe="/:%!$&'()*+,;=@~")


def _is_alias(outlet: Any) -> bool:
    from airflow.providers.common.compat.sdk import AssetAlias

    return isinstance(outlet, AssetAlias)


def _is_asset(outlet: Any) -> bool:
    from airflow.providers.common.compat.sdk import Asset

    if isinstance(outlet, Asset):
        return True
    try:
        from airflow.sdk.definitions.asset import AssetRef
    except ImportError:  # Airflow 2 has no references, and its outlets may be anything
        return False
    return isinstance(outlet, AssetRef)


def _asset(uri: str) -> Any:
    from airflow.providers.common.compat.sdk import Asset

    return Asset(uri=uri)
