"""The hook: all documented calls, synchronous and asynchronous, over one Airflow connection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE, LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.history import executions_since
from airflow_provider_integrator.api.queries import LogReader, find_flow, get_execution
from airflow_provider_integrator.api.texts import fit
from airflow_provider_integrator.arguments import read_mode, read_moment
from airflow_provider_integrator.exceptions import IntegratorError
from airflow_provider_integrator.hooks import queries
from airflow_provider_integrator.hooks.async_hook import AsyncIntegratorHook
from airflow_provider_integrator.logs import DEFAULT_FILE_MODE
from airflow_provider_integrator.provider_info import CONN_FIELDS, PROVIDER_INFO

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_integrator.api.lines import Line
    from airflow_provider_integrator.api.models import Execution, Flow, Project, Step
    from airflow_provider_integrator.logs.archive import LogArchive, Written


class IntegratorHook(AsyncIntegratorHook):
    """Calls the Akinon Integrator.

    Methods whose names begin with ``a`` are asynchronous. Use the hook as a context manager
    (``with`` or ``async with``), or call :meth:`close` or :meth:`aclose`, to close its connections.

    Every method raises a subclass of :class:`~airflow_provider_integrator.exceptions.IntegratorError`:
    ``ConfigurationError`` if something must be set, ``AuthenticationError`` if credentials are refused,
    ``RequestError`` if a call is refused, ``UnavailableError`` if retries are used up, and
    ``ResponseError`` if an answer doesn't match the API's documentation. An unknown connection is Airflow's own
    ``AirflowNotFoundException``.

    :param integrator_conn_id: The Airflow connection, of type ``integrator``.
    :param retry: The retry policy for transient faults.
    """

    # Airflow below 3.2 looks for these two in the class itself, not in its base classes.

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Describe the form's standard fields, for Airflow below 3.2.

        :return: The description.
        """
        (described,) = PROVIDER_INFO["connection-types"]
        return {name.replace("-", "_"): value for name, value in described["ui-field-behaviour"].items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Describe the form's additional fields, for Airflow below 3.2.

        :return: Form fields by name.
        """
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import PasswordField, StringField
        from wtforms.validators import Optional, any_of

        made: dict[str, Any] = {}
        for name, field in CONN_FIELDS.items():
            schema, common = field["schema"], {key: field[key] for key in ("label", "description")}
            if "enum" in schema:
                # Select fields aren't supported here; Airflow 3.1 makes a drop-down of this validator.
                choice = [Optional(), any_of(schema["enum"])]
                made[name] = StringField(widget=BS3TextFieldWidget(), validators=choice, **common)
            elif schema.get("format") == "password":
                made[name] = PasswordField(widget=BS3PasswordFieldWidget(), **common)
            else:
                made[name] = StringField(widget=BS3TextFieldWidget(), **common)
        return made

    def test_connection(self) -> tuple[bool, str]:
        """Log in, make one or two cheap calls, and look for fields that are misspelt or missing.

        :return: Whether all is well, and a message: the result, what is wrong, or the error.
        """
        from airflow_provider_integrator.hooks.connection_test import check

        try:
            with IntegratorHook(self.integrator_conn_id, retry=Retry(attempts=1)) as hook:
                return check(hook)
        except IntegratorError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 - the form shows any error as a message
            return False, f"The connection can't be tested: {fit(f'{type(error).__name__}: {error}')}"

    def log_in(self) -> None:
        """Log in, unless there is a token already. All other calls log in automatically."""
        self.get_conn().log_in()

    def list_projects(self, partner_id: str | None = None) -> list[Project]:
        """List a partner's projects.

        :param partner_id: The partner; None: the connection's.
        :return: The projects.
        """
        return self.get_conn().call(endpoints.list_projects(self.settings.partner(partner_id)))

    def list_flows(self, *, project_id: str | None = None) -> list[Flow]:
        """List a project's flows.

        :param project_id: The project; None: the connection's.
        :return: The flows.
        """
        return self.get_conn().call(endpoints.list_flows(self.settings.project(project_id)))

    def find_flow(self, flow: str, *, project_id: str | None = None) -> Flow:
        """Find a flow.

        :param flow: The flow's slug, name or id.
        :param project_id: The project; None: the connection's.
        :return: The flow; if List flows is refused, a flow with ``flow`` as its id, with a warning.
        :raises ConfigurationError: No flow matches, or several do; the message lists the known ones.
        """
        return self.get_conn().run(find_flow(self.settings.project(project_id), flow))

    def find_project_slug(self, *, project_id: str | None = None, project_slug: str | None = None) -> str:
        """Find the project slug that Download log needs.

        :param project_id: The project; None: the connection's.
        :param project_slug: The project's slug, if known.
        :return: ``project_slug``, the connection's slug, or the one in List projects.
        :raises ConfigurationError: The slug can't be found.
        """
        return self.get_conn().run(queries.find_slug(self.settings, project_id, project_slug))

    def list_logs(
        self,
        flow_id: str,
        *,
        project_id: str | None = None,
        log_type: LogType = LogType.MAIN,
        filename_uuid: str | None = None,
        original_filename_uuid: str | None = None,
        search: Mapping[str, str] | None = None,
        limit: int = MAX_PAGE_SIZE,
        page: int | None = None,
    ) -> Iterator[Execution | Step | Line]:
        """List a flow's logs, in the server's order, which isn't documented.

        :param flow_id: The flow's id.
        :param project_id: The project; None: the connection's.
        :param log_type: Main logs (executions), sub logs (steps) or line logs (rows).
        :param filename_uuid: Only the main log of this execution.
        :param original_filename_uuid: Only the logs that belong to this execution.
        :param search: Field names and values to search line logs for.
        :param limit: The page size, 1 to 100.
        :param page: Only this page, from 1; None: all pages, the next one prefetched.
        :return: The logs, one by one; unreadable ones are skipped, with a warning. At most two pages are in
            memory at a time.
        """
        query = LogQuery(
            self.settings.project(project_id),
            flow_id,
            log_type,
            filename_uuid,
            original_filename_uuid,
            tuple((search or {}).items()),
            limit,
        )
        client = self.get_conn()
        logs = (
            client.logs(query) if page is None else iter(client.call(endpoints.list_logs(query, page)).logs)
        )
        read = LogReader(log_type).read
        return (found for found in map(read, logs) if found is not None)

    def get_execution(
        self, flow_id: str, execution_id: str, *, project_id: str | None = None
    ) -> Execution | None:
        """Fetch one execution.

        :param flow_id: The flow's id.
        :param execution_id: The execution.
        :param project_id: The project; None: the connection's.
        :return: The execution; None if List logs has none with this id (yet).
        """
        project = self.settings.project(project_id)
        return self.get_conn().run(get_execution(project, flow_id, execution_id))

    def executions_since(
        self, flow_id: str, moment: datetime | str, *, project_id: str | None = None
    ) -> list[Execution]:
        """Fetch a flow's executions created at or after a point in time.

        :param flow_id: The flow's id.
        :param moment: A datetime, or ISO 8601; UTC if it has no offset.
        :param project_id: The project; None: the connection's.
        :return: The executions, oldest first.
        """
        project = self.settings.project(project_id)
        return self.get_conn().run(executions_since(project, flow_id, read_moment(moment, "moment")))

    def download_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step | Line,
        *,
        project_id: str | None = None,
        project_slug: str | None = None,
        max_log_bytes: int = queries.DEFAULT_MAX_LOG_BYTES,
        log_timeout: float = queries.DEFAULT_LOG_TIMEOUT,
        poll_interval: float = queries.DEFAULT_LOG_INTERVAL,
    ) -> LogArchive:
        """Download a log into a temporary file.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or its execution, step or line.
        :param project_id: The project; None: the connection's.
        :param project_slug: The project's slug; None: the connection's, or the one in List projects.
        :param max_log_bytes: The maximum size of the unpacked JSON.
        :param log_timeout: Seconds after the execution's end (after the first refusal, if only an id is
            given) for which a download refused with 400 or 404 is retried, as the log may not be stored yet.
        :param poll_interval: Seconds between two attempts.
        :return: The opened ZIP of the log; use it as a context manager.
        :raises RequestError: The download is refused for good, or ``log_timeout`` is over.
        :raises LogArchiveError: The log can't be read.
        :raises LogTooLargeError: The log exceeds the limit.
        """
        return self.get_conn().run(
            queries.download(
                self.settings,
                flow_id,
                log_id,
                project_id,
                project_slug,
                max_log_bytes,
                queries.patience(log_id, log_timeout, poll_interval),
            )
        )

    def load_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step | Line,
        *,
        max_bytes: int | None = None,
        **download: Any,
    ) -> Any:
        """Decode a log into memory.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or its execution, step or line.
        :param max_bytes: The maximum size of the JSON; None: ``max_log_bytes``.
        :param download: Further arguments of :meth:`download_log`.
        :return: The decoded JSON.
        :raises LogTooLargeError: The log exceeds the limit.
        """
        with self.download_log(flow_id, log_id, **download) as archive:
            return archive.load(max_bytes)

    def save_log(
        self,
        flow_id: str,
        log_id: str | Execution | Step | Line,
        path: str | os.PathLike[str] | ObjectStoragePath,
        *,
        file_mode: int = DEFAULT_FILE_MODE,
        **download: Any,
    ) -> tuple[str, Written]:
        """Write a log's JSON to a file or to object storage, byte for byte and atomically.

        :param flow_id: The flow's id.
        :param log_id: The log's ``id``, or its execution, step or line.
        :param path: A local path, an object storage URI or an ``ObjectStoragePath``.
        :param file_mode: The permissions of a new local file; new folders get them, too, and may be entered by
            those who may read the file.
        :param download: Further arguments of :meth:`download_log`.
        :return: The URI of the written file, and its size and hash.
        :raises ConfigurationError: The path can't be written to, or ``file_mode`` isn't usable.
        :raises StorageError: A disk is full or broken, or the store refuses the log.
        """
        from airflow_provider_integrator.logs import storage

        read_mode("file_mode", file_mode)
        with self.download_log(flow_id, log_id, **download) as archive:
            return storage.save(archive, path, file_mode=file_mode)
