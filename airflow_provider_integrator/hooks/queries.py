"""What the hook's methods ask for, from the connection and their arguments; the same for both halves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_integrator.api import endpoints, queries
from airflow_provider_integrator.api.downloads import LogPatience, download_when_stored
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.exceptions import ConfigurationError, ResponseError
from airflow_provider_integrator.hooks.connection import IntegratorConnection

if TYPE_CHECKING:
    from airflow_provider_integrator.api.endpoints import Script
    from airflow_provider_integrator.api.models import Execution, Step
    from airflow_provider_integrator.logs.archive import LogArchive

#: Bytes of JSON that a log may unpack to where nothing else is said.
DEFAULT_MAX_LOG_BYTES = 2 * 1024**3
#: Seconds after its execution's end in which a log may come to exist, if nothing else is said.
DEFAULT_LOG_TIMEOUT = 300.0
#: Seconds between two tries for such a log.
DEFAULT_LOG_INTERVAL = 60.0


def partner(settings: IntegratorConnection, partner_id: str | None) -> str:
    """Choose the partner.

    :param settings: The connection.
    :param partner_id: The one that a call names, None where it names none.
    :return: The partner's id.
    :raises ConfigurationError: Neither the call nor the connection names one.
    """
    chosen = partner_id or settings.partner_id
    if not chosen:
        raise ConfigurationError(
            "No partner is set: set partner_id in the connection's Extra or in the call."
        )
    return chosen


def log_query(
    settings: IntegratorConnection,
    flow_id: str,
    *,
    project_id: str | None,
    log_type: LogType,
    filename_uuid: str | None,
    original_filename_uuid: str | None,
    search: Mapping[str, str] | None,
    limit: int,
) -> LogQuery:
    """Make the query of ``list_logs``, whose arguments these are.

    :return: The query.
    """
    return LogQuery(
        settings.project(project_id),
        flow_id,
        log_type,
        filename_uuid,
        original_filename_uuid,
        tuple((search or {}).items()),
        limit,
    )


def find_slug(
    settings: IntegratorConnection, project_id: str | None, project_slug: str | None
) -> Script[str]:
    """Find the slug that Download log needs.

    :param settings: The connection.
    :param project_id: The project that a call names, None where it names none.
    :param project_slug: The slug that a call names, None where it names none.
    :return: The call's slug, the connection's, or the one in List projects.
    :raises ConfigurationError: None of them is there.
    """
    project = settings.project(project_id)
    known = settings.known_slug(project, project_slug)
    return known or (yield from queries.find_project_slug(project, settings.partner_id))


def patience(log: str | Execution | Step, log_timeout: float, poll_interval: float) -> LogPatience:
    """Decide when a refused log is asked for again.

    :param log: The log's ``id``, or the execution, step or line that it belongs to.
    :param log_timeout: Seconds after the log's end; after the first refusal, if only an id is given.
    :param poll_interval: Seconds between two tries.
    :return: The decision.
    """
    if isinstance(log, str):
        return LogPatience(None, None, log_timeout, poll_interval)
    return LogPatience(log, log.finished, log_timeout, poll_interval)


def download(
    settings: IntegratorConnection,
    flow_id: str,
    log: str | Execution | Step,
    project_id: str | None,
    project_slug: str | None,
    max_log_bytes: int,
    patience: LogPatience | None = None,
) -> Script[LogArchive]:
    """Download a log into a temporary file.

    :param settings: The connection.
    :param flow_id: The flow.
    :param log: The log's ``id``, or the execution, step or line that it belongs to.
    :param project_id: The project that a call names, None where it names none.
    :param project_slug: The slug that a call names, None where it names none.
    :param max_log_bytes: Bytes of JSON that the log may unpack to.
    :param patience: When a refused log is asked for again; None: never.
    :return: The log's ZIP, opened; the caller closes it.
    """
    from airflow_provider_integrator.logs.archive import ArchiveReceiver, Limits

    project = settings.project(project_id)
    slug = yield from find_slug(settings, project_id, project_slug)
    limits = Limits(max_log_bytes)
    log_id = log if isinstance(log, str) else log.log_id
    if not log_id:
        raise ResponseError(
            "List logs: field id is missing or unreadable, so that the execution's log can't be downloaded."
        )
    call = endpoints.download_log(log_id, project, slug, flow_id, lambda: ArchiveReceiver(limits))
    if patience is None:
        archive: LogArchive = yield call
        return archive
    return (yield from download_when_stored(call, patience))
