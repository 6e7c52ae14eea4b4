"""What the hook's methods ask for, from the connection and their arguments; the same for both halves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_integrator.api import calls, operations
from airflow_provider_integrator.api.calls import LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.hooks.connection import IntegratorConnection

if TYPE_CHECKING:
    from airflow_provider_integrator.api.operations import Script
    from airflow_provider_integrator.logs.archive import LogArchive

#: Bytes of JSON that a log may unpack to where nothing else is said.
DEFAULT_MAX_LOG_BYTES = 2 * 1024**3


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
    return known or (yield from operations.find_project_slug(project, settings.partner_id))


def download(
    settings: IntegratorConnection,
    flow_id: str,
    log_id: str,
    project_id: str | None,
    project_slug: str | None,
    max_log_bytes: int,
) -> Script[LogArchive]:
    """Download a log into a temporary file.

    :param settings: The connection.
    :param flow_id: The flow.
    :param log_id: The log.
    :param project_id: The project that a call names, None where it names none.
    :param project_slug: The slug that a call names, None where it names none.
    :param max_log_bytes: Bytes of JSON that the log may unpack to.
    :return: The log's ZIP, opened; the caller closes it.
    """
    from airflow_provider_integrator.logs.archive import ArchiveReceiver, Limits

    project = settings.project(project_id)
    slug = yield from find_slug(settings, project_id, project_slug)
    limits = Limits(max_log_bytes)
    archive: LogArchive = yield calls.download_log(
        log_id, project, slug, flow_id, lambda: ArchiveReceiver(limits)
    )
    return archive
