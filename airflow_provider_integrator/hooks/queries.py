"""The queries of the hook's methods, shared by the synchronous and the asynchronous half."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_integrator.api import endpoints, queries
from airflow_provider_integrator.api.downloads import LogPatience
from airflow_provider_integrator.api.endpoints import Pause
from airflow_provider_integrator.arguments import MIN_POLL_INTERVAL, read_seconds
from airflow_provider_integrator.exceptions import RequestError, ResponseError
from airflow_provider_integrator.hooks.connection import IntegratorConnection

if TYPE_CHECKING:
    from airflow_provider_integrator.api.endpoints import Script
    from airflow_provider_integrator.api.lines import Line
    from airflow_provider_integrator.api.models import Execution, Step
    from airflow_provider_integrator.logs.archive import LogArchive

#: The default maximum size of a log's unpacked JSON, in bytes.
DEFAULT_MAX_LOG_BYTES = 2 * 1024**3
#: The default time after an execution's end for which a refused download of its log is retried, in seconds.
DEFAULT_LOG_TIMEOUT = 300.0
#: The default time between two such attempts, in seconds.
DEFAULT_LOG_INTERVAL = 60.0


def find_slug(
    settings: IntegratorConnection,
    project_id: str | None,
    project_slug: str | None,
    *,
    is_checked: bool = False,
) -> Script[str]:
    """Find the project slug that Download log needs.

    :param settings: The connection.
    :param project_id: The project of the call; None: the connection's.
    :param project_slug: The slug of the call; None: the connection's, or the one in List projects.
    :param is_checked: Whether a slug that is set is checked against List projects, as far as the partner is known.
    :return: The slug.
    :raises ConfigurationError: The slug can't be found, or the project has another one.
    """
    project = settings.project(project_id)
    known = settings.known_slug(project, project_slug)
    if known is None:
        return (yield from queries.find_project_slug(project, settings.partner_id))
    if is_checked and settings.partner_id:
        yield from queries.check_project_slug(project, settings.partner_id, known)
    return known


def patience(log: str | Execution | Step | Line, log_timeout: float, poll_interval: float) -> LogPatience:
    """Make the policy for retries of a refused download.

    :param log: The log's ``id``, or its execution, step or line.
    :param log_timeout: Seconds after the log's end (after the first refusal, if only an id is given) for
        which a refused download is retried.
    :param poll_interval: Seconds between two attempts.
    :return: The policy.
    :raises ConfigurationError: One of the two is no duration, or is too short.
    """
    timeout = read_seconds("log_timeout", log_timeout)
    interval = read_seconds("poll_interval", poll_interval, least=MIN_POLL_INTERVAL)
    if isinstance(log, str):
        return LogPatience(None, None, timeout, interval)
    return LogPatience(log, log.finished, timeout, interval)


def download(
    settings: IntegratorConnection,
    flow_id: str,
    log: str | Execution | Step | Line,
    project_id: str | None,
    project_slug: str | None,
    max_log_bytes: int,
    patience: LogPatience | None = None,
) -> Script[LogArchive]:
    """Download a log into a temporary file.

    :param settings: The connection.
    :param flow_id: The flow.
    :param log: The log's ``id``, or its execution, step or line.
    :param project_id: The project of the call; None: the connection's.
    :param project_slug: The slug of the call; None: the connection's, or the one in List projects.
    :param max_log_bytes: The maximum size of the unpacked JSON.
    :param patience: Decides about retries of a refused download; None: no retries.
    :return: The opened ZIP of the log; the caller closes it.
    :raises ResponseError: The execution has no log id.
    """
    from airflow_provider_integrator.logs.archive import Limits
    from airflow_provider_integrator.logs.receiver import ArchiveReceiver

    project = settings.project(project_id)
    slug = yield from find_slug(settings, project_id, project_slug)
    limits = Limits(max_log_bytes)
    log_id = log if isinstance(log, str) else log.log_id
    if not log_id:
        raise ResponseError("List logs: field id is missing or unreadable, so the log can't be downloaded.")
    call = endpoints.download_log(log_id, project, slug, flow_id, lambda: ArchiveReceiver(limits))
    while True:
        try:
            return (yield call)  # type: ignore[no-any-return]  # the value of a Call[LogArchive]
        except RequestError as error:
            if patience is None:
                raise
            yield Pause(patience.pause_after(error))
