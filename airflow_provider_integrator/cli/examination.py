"""The examination of a connection, step by step, in the order in which a task needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from airflow_provider_integrator.api import endpoints, queries
from airflow_provider_integrator.api.endpoints import Call, LogQuery, Receiver
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.texts import fit_name, listed
from airflow_provider_integrator.cli.inquiry import Inquiry
from airflow_provider_integrator.cli.listening import NO_JSON
from airflow_provider_integrator.cli.network import StepError, check_host, check_tls
from airflow_provider_integrator.cli.order import order_of
from airflow_provider_integrator.exceptions import (
    IntegratorError,
    LogTooLargeError,
    RequestError,
    ResponseError,
)
from airflow_provider_integrator.executions.progress import counted

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Flow, Project
    from airflow_provider_integrator.hooks.connection import IntegratorConnection
    from airflow_provider_integrator.hooks.integrator import IntegratorHook

T = TypeVar("T")
#: What a step finds: a text, and a state before it unless that is ``ok``. With advice, the step has failed.
Found: TypeAlias = str | tuple[str, str]

OK = "ok"
NOTE = "note"
FAILED = "failed"
SKIPPED = "skipped"
#: The flows in which an execution is looked for, if none is named.
MAX_FLOWS = 10
#: The logs whose download is tried.
MAX_DOWNLOADS = 3
#: The size of a log's JSON up to which it is read.
MAX_LOG_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """What a step has found.

    :param step: The step.
    :param state: ``ok``, ``note`` (nothing is wrong, but not all could be tried), ``failed`` or ``skipped``.
    :param text: What was found.
    :param advice: What to change; empty if nothing, or if the text says it.
    """

    step: str
    state: str
    text: str
    advice: str = ""


class Examination(Inquiry):
    """An examination of one connection.

    :param hook: The connection's hook.
    :param project_id: The project; None: the connection's.
    :param flow: The flow to look at: its slug, name or id; None: the first one that has an execution.
    :ivar findings: What was found so far.
    :ivar log: The log that was downloaded, decoded; ``NO_JSON`` if there is none.
    """

    settings: IntegratorConnection

    def __init__(self, hook: IntegratorHook, project_id: str | None, flow: str | None) -> None:
        super().__init__()
        self.hook = hook
        self.wanted_project = project_id
        self.wanted_flow = flow
        self.findings: list[Finding] = []
        self.project = ""
        self.projects: list[Project] | None = None
        self.flows: list[Flow] = []
        self.flow: Flow | None = None
        self.executions: list[Execution] = []
        self.slug = ""
        self.log: Any = NO_JSON
        self.file_count = 0

    def run(self) -> Iterator[Finding]:
        """Make all steps, one with each finding that is taken.

        :return: A finding for each step, in order.
        """
        steps: dict[str, Callable[[], Found]] = {
            "connection": self._connection,
            "host": lambda: check_host(self.access),
            "TLS": lambda: check_tls(self.client, self.access, self.heard),
            "login": self._login,
            "project": self._project,
            "flows": self._flows,
            "slug": self._slug,
            "List logs": self._list_logs,
            "download": self._download,
        }
        is_over = False
        for name, step in steps.items():
            if is_over:
                finding = Finding(name, SKIPPED, "Not tried, as a step before it failed.")
            else:
                finding, is_over = self._made(name, step)
            self.findings.append(finding)
            yield finding

    def _made(self, name: str, step: Callable[[], Found]) -> tuple[Finding, bool]:
        """Make one step, and find out whether the steps after it make no sense."""
        self.advice, self.tried = [], set()
        try:
            found = step()
        except (IntegratorError, StepError) as error:
            own = [error.advice] if isinstance(error, StepError) and error.advice else []
            useless = [f"Other values of {field} were tried, and don't help." for field in self.tried]
            return Finding(name, FAILED, str(error), " ".join([*own, *self.advice, *useless])), True
        state, text = (OK, found) if isinstance(found, str) else found
        return Finding(name, FAILED if self.advice else state, text, " ".join(self.advice)), False

    def _connection(self) -> str:
        self.settings = self.hook.settings
        self.access = self.settings.access
        self.client = self.using()
        if complaint := self.settings.complaint():
            self.advice.append(f"{complaint} Correct it; an unknown field has no effect.")
        who = "with the token in Extra" if self.access.token else f"as {fit_name(self.access.username or '')}"
        return f"{self.hook.integrator_conn_id} leads to {self.access.base_url}, {who}."

    def _login(self) -> str:
        self.client.log_in()
        if self.access.token:
            return "No login, as token is set in Extra. The next step shows whether it is accepted."
        return "Login and Password are accepted."

    def _project(self) -> Found:
        partner, wanted = self.settings.partner_id, self.wanted_project or self.settings.project_id
        if partner:
            try:
                self.projects = self.ask(endpoints.list_projects(partner))
            except RequestError as error:
                self.advice.append(f"Correct partner_id ({fit_name(partner)}) in Extra.")
                if not wanted:
                    raise
                self.project = wanted
                return str(error)
        self.project = wanted or self._missing_project()
        shown = fit_name(self.project)
        if self.projects is None:
            return f"The project is {shown}. It isn't looked up, as partner_id isn't set."
        if self.project not in [project.id for project in self.projects]:
            self.advice.append("Correct project_id or partner_id in Extra.")
            return f"Partner {fit_name(partner or '')} has no project {shown}, but: {self._known_projects()}."
        return f"The project {shown} is one of its partner's."

    def _missing_project(self) -> str:
        raise StepError(
            "No project is set.",
            f"Set project_id in the connection's Extra to one of these: {self._known_projects()}."
            if self.projects
            else "Set project_id in the connection's Extra; or partner_id, so that the partner's projects are shown.",
        )

    def _known_projects(self) -> str:
        return listed(f"{project.id} ({project.name})" for project in self.projects or ()) or "none at all"

    def _flows(self) -> Found:
        try:
            listed_flows = self.ask(endpoints.list_flows(self.project))
        except RequestError as error:
            if error.status == 400:
                raise StepError(str(error), f"Correct project_id ({fit_name(self.project)}).") from None
            if not self.wanted_flow:
                raise StepError(
                    str(error), "Name a flow by its id with --flow: this user may not list them."
                ) from None
            self.flows = [queries.unlisted_flow(self.project, self.wanted_flow)]
            return NOTE, f"{error} Tasks and commands have to name flows by their ids, too."
        # The list may hold other process groups; a flow has a slug, unless none has.
        self.flows = [flow for flow in listed_flows if flow.slug] or listed_flows
        if not self.flows:
            raise StepError(
                f"The project {fit_name(self.project)} has no flows.",
                "Correct project_id, or add a flow to the project.",
            )
        if self.wanted_flow:
            self.flows = [queries.choose_flow(listed_flows, self.wanted_flow, self.project)]
            return f"The flow {self.flows[0].label} is there."
        known = listed(flow.label for flow in self.flows)
        return f"The project has {counted(len(self.flows), 'flow')}: {known}."

    def _slug(self) -> Found:
        real = [
            project.slug for project in self.projects or () if project.id == self.project and project.slug
        ]
        known = self.settings.known_slug(self.project, None)
        if not known and not real:
            return FAILED, (
                "Download log needs the project's slug: set project_slug in the connection's Extra, or partner_id, so "
                "that it can be looked up."
            )
        self.slug = known or real[0]
        if not real:
            return f"The project's slug is {fit_name(self.slug)}. A download shows whether it is right."
        if self.slug not in real:
            self.slug = real[0]
            self.advice.append(f"Set project_slug to {fit_name(self.slug)} in the connection's Extra.")
            return f"project_slug is {fit_name(str(known))}, but List projects has another one."
        return f"The project's slug is {fit_name(self.slug)}, as in List projects."

    def _list_logs(self) -> Found:
        tried = self.flows[:MAX_FLOWS]
        for self.flow in tried:
            page = self.ask(endpoints.list_logs(LogQuery(self.project, self.flow.id)))
            if page.logs:
                break
        else:
            return NOTE, f"List logs answers, but has no execution of {listed(flow.label for flow in tried)}."
        faults = []
        for fields in page.logs:
            try:
                self.executions.append(Execution.read(fields))
            except ResponseError as error:
                faults.append(error)
        if not self.executions:
            raise faults[0]
        text = (
            f"The first page of flow {self.flow.label} has {counted(len(self.executions), 'execution')}; "
            f"the order: {order_of([execution.created for execution in self.executions])}."
        )
        if not faults:
            return text
        return NOTE, f"{text} {len(faults)} more can't be read, the first one for this reason: {faults[0]}"

    def _download(self) -> Found:
        finished = [each for each in self.executions if each.is_finished and each.log_id]
        if not self.slug or not finished:
            return SKIPPED, f"Not tried, as there is no {'execution' if self.slug else 'slug'}."
        finished.sort(key=lambda execution: not is_stored(execution))
        refusals: list[tuple[Execution, RequestError]] = []
        for execution in finished[:MAX_DOWNLOADS]:
            try:
                return self._download_of(execution)
            except RequestError as error:
                refusals.append((execution, error))
        text = f"{refusals[0][1]} Tried with {counted(len(refusals), 'log')}."
        is_early = all(is_stored(execution) is False for execution, _ in refusals)
        if is_early and refusals[0][1].status in (400, 404):
            return (
                NOTE,
                f"{text} These logs aren't stored yet (is_send_S3); tasks wait for that, for log_timeout.",
            )
        raise StepError(text, self._advice_on_refusal())

    def _advice_on_refusal(self) -> str:
        slug = fit_name(self.slug)
        if any(project.slug == self.slug for project in self.projects or ()):
            return f"The slug {slug} is right, by List projects. These logs may be too old: name another flow with --flow."
        return f"Correct project_slug ({slug}) in Extra; or set partner_id, so that the slug is looked up."

    def _download_of(self, execution: Execution) -> str:
        from airflow_provider_integrator.logs.archive import Limits
        from airflow_provider_integrator.logs.receiver import ArchiveReceiver

        limits = Limits(MAX_LOG_BYTES)
        try:
            with self.ask(self.download_call(execution, lambda: ArchiveReceiver(limits))) as archive:
                self.file_count = archive.file_count
                self.log = archive.load()
        except LogTooLargeError:
            return (
                f"A log is downloaded. It is larger than {MAX_LOG_BYTES} bytes, and was not read to its end."
            )
        return "The log of one of these executions is downloaded, and its JSON read."

    def download_call(self, execution: Execution, receive: Callable[[], Receiver[T]]) -> Call[T]:
        """Build the call of Download log for an execution.

        :param execution: The execution, with a log id.
        :param receive: Makes the receiver of the body.
        :return: The call.
        """
        flow_id = self.flow.id if self.flow else ""
        return endpoints.download_log(execution.log_id or "", self.project, self.slug, flow_id, receive)


def is_stored(execution: Execution) -> bool | None:
    """Return whether a log is stored, by its ``is_send_S3``; None if that isn't known.

    :param execution: The log's execution.
    """
    return Fields("List logs", {"is_send_S3": execution.is_send_s3}).optional_flag("is_send_S3")
