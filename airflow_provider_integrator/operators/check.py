"""The operator that checks the health of flows, for a schedule of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_integrator.api import queries
from airflow_provider_integrator.api.latest import Evidence, read_latest
from airflow_provider_integrator.arguments import is_template, read_count, read_moment, read_seconds, rendered
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError
from airflow_provider_integrator.executions.failures import FlowsUnhealthyError
from airflow_provider_integrator.executions.health import Criteria, FlowHealth
from airflow_provider_integrator.executions.progress import counted, in_words
from airflow_provider_integrator.executions.thresholds import Thresholds
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.operators.ending import FAILURE_KEY, RETURN_KEY, fail_without_retries

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Flow

#: The longest name of a flow in the table; a longer one is cut.
_MAX_NAME = 30


class IntegratorFlowCheckOperator(BaseOperator):
    """Checks that flows run well, and fails without retries if one doesn't.

    Reads one small page of List logs for each flow, if List logs returns the newest executions first. Logs a
    table, and returns a list of dicts, one for each flow: ``flow``, ``flow_id``, ``last_success``, ``age``,
    ``runs``, ``failed``, ``running``, ``rows``, ``fail_rate``, ``duration``, ``problems`` and ``notes``. The list
    is pushed to XCom also if the check fails, and then the error's facts, under ``failure``.

    :param flow: The flow's slug, name or id, or a list of them.
    :param max_age: The maximum time since the end of the last Success, in seconds or as a timedelta; a flow
        without one is stale.
    :param executions: Judge the last so many Finished executions; None: the last one, or all of ``since``.
    :param since: Judge the executions created at or after a datetime, ISO 8601, or a timedelta before now.
    :param max_fail_count: The maximum number of rows that failed in the judged executions together.
    :param max_fail_rate: The maximum share of processed rows that failed in them together, 0 to 1.
    :param max_duration: The maximum duration of each execution, in seconds or as a timedelta; a running one is
        measured until now.
    :param min_rows: The minimum number of rows processed in the judged executions together.
    :param on_failed: Whether an execution with status Failed is a problem in itself: ``fail`` or ``continue``.
    :param allow_running: Whether an execution may be running.
    :param project_id: The project; None: the connection's.
    :param integrator_conn_id: The Airflow connection, of type ``integrator``.
    :param kwargs: Arguments of ``BaseOperator``.
    """

    template_fields: Sequence[str] = ("flow", "since", "project_id", "integrator_conn_id")
    ui_color = "#d8ecf3"

    def __init__(
        self,
        *,
        flow: str | Sequence[str],
        max_age: float | timedelta | None = None,
        executions: int | None = None,
        since: datetime | timedelta | str | None = None,
        max_fail_count: int | None = None,
        max_fail_rate: float | None = None,
        max_duration: float | timedelta | None = None,
        min_rows: int | None = None,
        on_failed: Literal["fail", "continue"] = "fail",
        allow_running: bool = True,
        project_id: str | None = None,
        integrator_conn_id: str = IntegratorHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flow = flow
        self.since = since
        self.project_id = project_id
        self.integrator_conn_id = integrator_conn_id
        self.criteria = Criteria(
            executions=1 if executions is None else read_count("executions", executions),
            max_age=None if max_age is None else read_seconds("max_age", max_age),
            thresholds=Thresholds(max_fail_count, max_fail_rate, max_duration, min_rows),
            on_failed=on_failed,
            allow_running=allow_running,
        )
        if executions is not None and since is not None:
            raise ConfigurationError("executions and since are both set; set one of them.")
        if not is_template(flow):
            read_flows(flow)
        if not is_template(since):
            _read_since(since)

    @cached_property
    def hook(self) -> IntegratorHook:
        """The hook, created once."""
        return IntegratorHook(self.integrator_conn_id)

    @fail_without_retries()
    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Check the flows.

        :param context: The task's context.
        :return: The health of each flow.
        :raises AirflowFailException: A flow doesn't run well, as a ``FlowsUnhealthyError``; the credentials are
            refused, or an argument is wrong.
        :raises TransientError: The Integrator can't be reached; a retry may succeed.
        """
        wanted, criteria = read_flows(self.flow), replace(self.criteria, since=_read_since(self.since))
        project = self.hook.settings.project(rendered("project_id", self.project_id))
        flows = self.hook.get_conn().run(queries.find_flows(project, wanted))
        evidence = Evidence()  # the server's, so that the next flow needn't show it again
        health = [self._check(project, flow, criteria, evidence) for flow in flows]
        ill = [each for each in health if each.problems]
        self.log.log(logging.WARNING if ill else logging.INFO, "%s", "\n".join(table(health)))
        for each in health:
            for note in each.notes:
                self.log.warning("%s: %s", each.flow, note)
        found = [each.as_dict() for each in health]
        if not ill:
            return found
        if self.do_xcom_push:
            context["ti"].xcom_push(key=RETURN_KEY, value=found)
        error = FlowsUnhealthyError(failure(ill, len(health)), [self._facts(project, each) for each in ill])
        context["ti"].xcom_push(key=FAILURE_KEY, value=error.facts())
        raise error

    def _check(self, project: str, flow: Flow, criteria: Criteria, evidence: Evidence) -> FlowHealth:
        now = datetime.now(timezone.utc)
        script = read_latest(
            project,
            flow.id,
            partial(criteria.is_enough, now=now),
            first_limit=criteria.first_limit,
            evidence=evidence,
        )
        try:
            history = self.hook.get_conn().run(script)
        except RequestError as error:  # of this flow: the others are checked nevertheless
            return FlowHealth(flow.label, flow.id, problems=(str(error),))
        return criteria.judge(flow.label, flow.id, history, now)

    def _facts(self, project: str, health: FlowHealth) -> dict[str, Any]:
        found = health.execution
        link = found and self.hook.settings.execution_page(project, health.flow_id, found)
        return {**health.as_dict(), "execution": found and found.as_dict(), "link": link}


def read_flows(flow: object) -> list[str]:
    """Read the rendered argument ``flow``: a slug, name or id, or a list of them, each of which counts once.

    :raises ConfigurationError: It is empty, or has something else in it.
    """
    several = [flow] if isinstance(flow, str) else flow
    if not isinstance(several, Iterable) or isinstance(several, (bytes, dict)):
        raise ConfigurationError(
            f"flow is {flow!r}; set it to a flow's slug, name or id, or to a list of them."
        )
    names = [rendered("flow", each) for each in several]
    if not names or None in names:
        raise ConfigurationError("flow is empty; set it to a flow's slug, name or id, or to a list of them.")
    return list(dict.fromkeys(name for name in names if name is not None))


def table(health: Sequence[FlowHealth]) -> list[str]:
    """Make a table of flows, with lines short enough for Airflow's log page."""
    width = max(4, *(len(_cut(each.flow)) for each in health))
    ill = sum(bool(each.problems) for each in health)
    lines = [
        f"Checked {counted(len(health), 'flow')}, {ill} with problems.",
        f"{'flow':<{width}}  {'':<7}  {'last Success':>15}  runs  failed  {'rows':>9}  fail rate  {'longest':>11}",
    ]
    for each in health:
        age = "-" if each.age is None else f"{in_words(each.age)} ago"
        rows = "-" if each.rows is None else str(each.rows)
        rate = "-" if each.fail_rate is None else f"{each.fail_rate:.2%}"
        longest = "-" if each.duration is None else in_words(each.duration)
        lines.append(
            f"{_cut(each.flow):<{width}}  {'PROBLEM' if each.problems else 'ok':<7}  {age:>15}"
            f"  {each.runs:>4}  {each.failed:>6}  {rows:>9}  {rate:>9}  {longest:>11}"
        )
    return lines


def failure(ill: Sequence[FlowHealth], total: int) -> str:
    """Make the message of a failed check of so many flows: a line for each problem."""
    verb = "doesn't" if len(ill) == 1 else "don't"
    lines = [f"{len(ill)} of {counted(total, 'flow')} {verb} run well:"]
    lines += [f"- {each.flow}: {problem}" for each in ill for problem in each.problems]
    return "\n".join(lines)


def _read_since(since: datetime | timedelta | str | None) -> datetime | None:
    if isinstance(since, timedelta):
        return datetime.now(timezone.utc) - timedelta(seconds=read_seconds("since", since))
    return None if since is None else read_moment(since, "since")


def _cut(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
