"""The URI of a flow's asset: ``integrator://<conn id>/[<project>/]<flow>[?status=…]``.

Airflow imports this module early, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset

SCHEME = "integrator"
#: The statuses of a URI without a query.
DEFAULT_STATUS = ("success",)
_STATUSES = ("empty", "failed", "success")
_FORM = "integrator://<connection id>/[<project id>/]<flow>[?status=…]"


class FlowUri(NamedTuple):
    """The parts of a flow's URI.

    :param integrator_conn_id: The Airflow connection.
    :param project_id: The project; None: the connection's.
    :param flow: The flow.
    :param status: The statuses of executions that emit events.
    """

    integrator_conn_id: str
    project_id: str | None
    flow: str
    status: tuple[str, ...] = DEFAULT_STATUS

    def __str__(self) -> str:
        parts = [part for part in (self.project_id, self.flow) if part is not None]
        path = "/".join(quote(part, safe="") for part in (self.integrator_conn_id, *parts))
        query = urlencode([("status", each) for each in self.status])
        return f"{SCHEME}://{path}" if self.status == DEFAULT_STATUS else f"{SCHEME}://{path}?{query}"


def parse_uri(uri: str | SplitResult) -> FlowUri:
    """Parse a flow's URI.

    :param uri: The URI.
    :return: The decoded parts.
    :raises ValueError: The URI isn't a flow's; the message says why.
    """
    parts = urlsplit(uri) if isinstance(uri, str) else uri
    if parts.scheme != SCHEME:
        raise _fault(parts, "it has another scheme")
    if not parts.netloc:
        raise _fault(parts, "it names no connection")
    if "@" in parts.netloc or ":" in parts.netloc:
        raise _fault(parts, "it must begin with a connection's id, without port or user")
    path = parts.path.removeprefix("/").split("/")
    if len(path) > 2:
        raise _fault(parts, "its path has more than project and flow; a / in a name is written %2F")
    names = [unquote(part) for part in path]
    if not all(name.strip() for name in names):
        raise _fault(parts, "it names no flow" if len(path) == 1 else "its project or flow is empty")
    return FlowUri(unquote(parts.netloc), names[0] if len(names) > 1 else None, names[-1], _status(parts))


def sanitize_uri(parts: SplitResult) -> SplitResult:
    """Normalise a flow's URI. Airflow calls this for each asset of this scheme.

    :param parts: The URI.
    :return: The URI with minimal percent-encoding, without a default query.
    :raises ValueError: The URI isn't a flow's.
    """
    return urlsplit(str(parse_uri(parts)))


def convert_asset_to_openlineage(asset: Any, lineage_context: Any) -> Dataset | None:
    """Convert a flow's asset to an OpenLineage dataset. Airflow calls this for inlets and outlets.

    :param asset: The asset.
    :param lineage_context: The calling hook or operator; unused.
    :return: A dataset with the Integrator's host as namespace, and project and flow as name; None if the
        connection is missing or incomplete.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import AirflowException

    from airflow_provider_integrator.exceptions import ConfigurationError
    from airflow_provider_integrator.hooks.integrator import IntegratorHook
    from airflow_provider_integrator.lineage import flow_names

    flow = parse_uri(asset.uri)
    try:
        settings = IntegratorHook(flow.integrator_conn_id).settings
        project_id = settings.project(flow.project_id)
    except (AirflowException, ConfigurationError):
        return None
    namespace, name = flow_names(settings.access.base_url, project_id, flow.flow)
    return Dataset(namespace=namespace, name=name)


def _status(parts: SplitResult) -> tuple[str, ...]:
    query = parse_qsl(parts.query, keep_blank_values=True)
    wanted = {value for name, value in query if name == "status"}
    if any(name != "status" for name, _ in query) or not wanted <= set(_STATUSES):
        raise _fault(parts, f"its query may only say status={', status='.join(_STATUSES)}")
    return tuple(sorted(wanted)) or DEFAULT_STATUS


def _fault(parts: SplitResult, what: str) -> ValueError:
    return ValueError(f"{parts.geturl()!r} isn't the URI of a flow, {_FORM}: {what}.")
