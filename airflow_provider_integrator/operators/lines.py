"""The operator that fetches the lines of an execution or a flow: one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import conf

from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.arguments import check_scheme, is_template, read_count
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions.delivery import Delivered
from airflow_provider_integrator.executions.line_delivery import LineDelivery
from airflow_provider_integrator.executions.lines import LineList, read_search, read_statuses
from airflow_provider_integrator.executions.thresholds import NO_THRESHOLDS
from airflow_provider_integrator.operators.delivering import DeliveringOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait

#: The default maximum number of lines.
DEFAULT_MAX_LINES = 100_000
#: The default number of logs that are downloaded at once.
DEFAULT_CONCURRENCY = 8
#: The default maximum size of a line's log, in bytes of JSON: it is one row's.
DEFAULT_MAX_LINE_LOG_BYTES = 1024**2
COUNTS_KEY = "counts"
#: Arguments that choose, wait for or judge one execution, with the values that ask for nothing of it. How a wait is
#: carried out isn't among them, as a DAG's default_args may have that for all its tasks.
_OF_ONE_EXECUTION = {
    "execution_id": None,
    "created_after": None,
    "created_before": None,
    "on_missing": "fail",
    "wait": True,
    "on_failed": "continue",
    "on_empty": "succeed",
}


class IntegratorLinesOperator(DeliveringOperator):
    """Fetches the lines of an execution, or of a whole flow: what became of each row.

    Pushes the execution to XCom, key ``execution``, as soon as it is found, and the number of lines of each status,
    key ``counts``. Returns the lines as dicts of ``id``, ``status``, ``created``, ``row_num`` and ``fields`` (all that
    came), for tasks that are mapped over them; with ``output_path`` a dict of ``uri``, ``bytes``, ``sha256``,
    ``lines``, ``counts`` and ``execution``. If the task is to fail, the lines are delivered first.

    :param whole_flow: Whether the lines of all the flow's executions are fetched; nothing is waited for or judged, so
        arguments that choose, wait for or judge an execution are an error.
    :param status: The statuses of the lines that are fetched: ``failed``, ``success``, ``empty``, ``in_progress``,
        ``unknown`` (none that can be read), several of them, or ``any``.
    :param search: Names of fields and the values that a line must have in all of them.
    :param output_path: An object storage URI or a local path for JSON Lines, whole or not at all, compressed with
        gzip if it ends in ``.gz``. If it ends in ``/``, ``<flow>/<execution id>/lines.jsonl`` is appended. None: XCom.
    :param with_logs: Whether each line has its decoded log as ``log``, or else the reason as ``log_error``.
    :param concurrency: The number of logs that are downloaded at once.
    :param checkpoint_path: A folder, an object storage URI or a local path, in which what was fetched is kept until the
        task succeeds or its last try fails, so that a next try goes on from there. None: beside the file of
        ``output_path``; without one in the task's state store, which Airflow has from 3.3 on; below, where Airflow's
        object storage backend has XComs (``[common.io] xcom_objectstorage_path``).
    :param on_failed: The action for the status Failed of the execution: ``continue`` or ``fail``.
    :param max_lines: The maximum number of lines; more are an error.
    :param max_log_bytes: The maximum size of the unpacked JSON of a line's log.
    :param kwargs: Arguments of :class:`~airflow_provider_integrator.operators.delivering.DeliveringOperator`, such as
        ``on_empty`` and ``log_timeout``, of
        :class:`~airflow_provider_integrator.operators.base.WaitingOperator`, such as ``flow``, ``execution_id`` and
        ``deferrable``, of :class:`~airflow_provider_integrator.operators.judging.JudgingTask`, and of
        ``BaseOperator``.
    """

    template_fields: Sequence[str] = (
        *DeliveringOperator.template_fields,
        "status",
        "search",
        "checkpoint_path",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"search": "json"}
    what = "Its lines were"

    def __init__(
        self,
        *,
        whole_flow: bool = False,
        status: str | Sequence[str] = "failed",
        search: Mapping[str, str] | None = None,
        with_logs: bool = False,
        concurrency: int = DEFAULT_CONCURRENCY,
        checkpoint_path: str | None = None,
        on_failed: Literal["fail", "continue"] = "continue",
        max_lines: int = DEFAULT_MAX_LINES,
        max_log_bytes: int = DEFAULT_MAX_LINE_LOG_BYTES,
        **kwargs: Any,
    ) -> None:
        super().__init__(on_failed=on_failed, max_log_bytes=max_log_bytes, **kwargs)
        check_scheme("checkpoint_path", checkpoint_path)
        self.whole_flow = whole_flow
        self.status = status
        self.search = search
        self.with_logs = with_logs
        self.concurrency = read_count("concurrency", concurrency)
        self.checkpoint_path = checkpoint_path
        self.max_lines = read_count("max_lines", max_lines)
        if checkpoint_path is not None and not with_logs:
            raise ConfigurationError("checkpoint_path is for the lines' logs: set with_logs=True with it.")
        if not concurrency:
            raise ConfigurationError("concurrency is 0; set it to 1 or more.")
        if not _is_rendered_later(status):
            read_statuses(status)
        if not _is_rendered_later(search):
            read_search(search)
        if whole_flow:
            self._check_whole_flow()

    def _check_whole_flow(self) -> None:
        names = [name for name, value in _OF_ONE_EXECUTION.items() if getattr(self, name) != value]
        if self.thresholds != NO_THRESHOLDS:
            names.append("a threshold")
        if names:
            raise ConfigurationError(
                "whole_flow takes the lines of all executions and neither waits for one nor judges one, so\n"
                f"{names[0]} has no meaning; leave it out."
            )

    @cached_property
    def _delivery(self) -> LineDelivery:
        return LineDelivery.of(self)

    def check(self, wait: ExecutionWait) -> None:
        """Check the arguments and the preconditions of the delivery before waiting.

        :param wait: The wait.
        :raises ConfigurationError: An argument is wrong, or the lines can't be stored.
        """
        read_statuses(self.status)
        read_search(self.search)
        super().check(wait)

    def run_wait(self, context: Context) -> Any:
        """Fetch the lines of a whole flow at once, and those of an execution once it has finished.

        :param context: The task's context.
        :return: The lines, or the file.
        """
        if not self.whole_flow:
            return super().run_wait(context)
        wait = self.make_wait(context, polled=1)
        self.check(wait)
        flow = self.hook.find_flow(wait.spec.flow, project_id=wait.project_id)
        wait.spec = replace(wait.spec, flow_id=flow.id)
        self.found = (wait.project_id, flow.label, None)
        return self.deliver(context, wait, None)

    def run_delivery(self, context: Context, wait: ExecutionWait, execution: Execution | None) -> Delivered:
        """Deliver the lines.

        :param context: The task's context.
        :param wait: The wait.
        :param execution: The execution; None: the whole flow.
        :return: The delivered lines.
        """
        execution_id = None if execution is None else execution.execution_id
        query = LogQuery(
            wait.project_id,
            wait.find_flow(),
            LogType.LINE,
            original_filename_uuid=execution_id,
            search=read_search(self.search),
        )
        rows = None if execution is None or query.search else execution.process_count
        lines = LineList(wait.hook.get_conn(), query, read_statuses(self.status), rows)
        delivered = self._delivery.run(context, wait, execution, lines, self._max_map_length())
        context["ti"].xcom_push(key=COUNTS_KEY, value=dict(lines.counts))
        self.log.info("%s", lines.described())
        if lines.logs_missing:
            self.log.warning(
                "%d of %d logs can't be had; log_error of their lines says why.",
                lines.logs_missing,
                lines.chosen,
            )
        return delivered

    def _max_map_length(self) -> int | None:
        """The number of tasks that Airflow maps over the lines at most; None if it maps none."""
        if self.get_dag() is None or next(iter(self.iter_mapped_dependants()), None) is None:
            return None
        return int(conf.getint("core", "max_map_length", fallback=1024))


def _is_rendered_later(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_rendered_later, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_is_rendered_later, value))
    return is_template(value)
