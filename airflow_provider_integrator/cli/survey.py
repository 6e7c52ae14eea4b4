"""What a server really speaks, without a single value: the report that ``doctor --report`` writes.

The calls of an examination say much of it. The rest is asked for here: each way to send the project and the token, the
pages of List logs and their end, steps and lines, and what Download log answers if a log isn't stored.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from airflow_provider_integrator import __version__
from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import AUTH_HEADERS, PROJECT_PARAMETERS
from airflow_provider_integrator.api.endpoints import LARGE_BYTES, BodyReceiver, Call, LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.lines import Line
from airflow_provider_integrator.api.models import Execution, Flow, Project, Step
from airflow_provider_integrator.api.values import read_time
from airflow_provider_integrator.cli.examination import Examination
from airflow_provider_integrator.cli.listening import NO_JSON, Heard
from airflow_provider_integrator.cli.names import Names, texts_in
from airflow_provider_integrator.cli.order import order_of
from airflow_provider_integrator.cli.shapes import Shapes
from airflow_provider_integrator.exceptions import IntegratorError, ResponseError

#: The version of the report's form.
VERSION = 1
#: The first pages of List logs that are described.
MAX_PAGES = 3

Model: TypeAlias = type[Project | Flow | Execution | Step | Line]


class Survey:
    """The questions that only a report asks, and their answers.

    :param examination: An examination that has been run.
    """

    def __init__(self, examination: Examination) -> None:
        self._examination = examination
        self._ways: dict[str, dict[str, str]] = {}
        self._logs: dict[str, str] = {}
        self._pages: dict[str, list[Any]] = {"more pages": [], "last page": [], "page behind": []}
        self._odd_pages: list[Any] = []
        self._members: dict[LogType, list[Any]] = {kind: [] for kind in LogType}
        self._download: dict[str, str] = {}
        if examination.flows:
            self._ask_each_way()
        if examination.flow:
            self._read_first_pages()
            self._read_other_types()
            self._ask_for_running()
        if examination.executions:
            self._read_end()

    def report(self) -> dict[str, Any]:
        """Write the report.

        :return: JSON. In it are words of this package, names that :class:`Names` shows, HTTP statuses, sizes and
            durations.
        """
        examination = self._examination
        shapes = Shapes(Names(self._values()))
        found: dict[str, Any] = {
            "report": VERSION,
            "package": __version__,
            "steps": {finding.step: finding.state for finding in examination.findings},
            "ways": self._ways,
            "calls": self._calls(shapes),
        }
        groups: dict[str, Model] = {"List projects": Project, "List flows": Flow}
        for name, model in groups.items():
            if (document := self._latest(name)) is not NO_JSON:
                found[name] = _records(shapes, document, model, "slug")
        if self._logs:
            found["List logs"] = {**self._logs, **self._described_logs(shapes)}
        if self._download or examination.log is not NO_JSON:
            found["Download log"] = {**self._download, **self._described_download(shapes)}
        return found

    def _look(self, call: Call[Any], **changes: Any) -> Heard | None:
        """Make a call and return its answer, whatever it is; None if there was none."""
        examination = self._examination
        before = len(examination.heard)
        client = examination.using(**changes) if changes else examination.client
        with contextlib.suppress(IntegratorError):
            client.call(call)
        # A refused token is renewed by a login in between.
        answers = [each for each in examination.heard[before:] if each.call == call.name]
        return answers[-1] if answers else None

    def _page(self, number: int = 1, **query: Any) -> Heard | None:
        return self._look(endpoints.list_logs(self._query(**query), number))

    def _query(self, **query: Any) -> LogQuery:
        flow = self._examination.flow
        return LogQuery(self._examination.project, flow.id if flow else "", **query)

    def _ask_each_way(self) -> None:
        examination = self._examination
        flows = endpoints.list_flows(examination.project)
        self._ways["auth_header"] = {
            name: _outcome(self._look(flows, auth_header=name)) for name in AUTH_HEADERS
        }
        if examination.flow:
            logs = endpoints.list_logs(self._query(limit=1))
            self._ways["project_parameter"] = {
                name: _outcome(self._look(logs, project_parameters=spellings))
                for name, spellings in PROJECT_PARAMETERS.items()
            }

    def _read_first_pages(self) -> None:
        documents: list[Any] = []
        for number in range(1, MAX_PAGES + 1):
            document = _document(self._page(number))
            if document is not None and not _is_page(document):
                self._odd_pages.append(document)
            if not _results(document) or (documents and _results(document) == _results(documents[-1])):
                break
            documents.append(document)
        # Whether the last one of them is the last of all isn't known.
        self._pages["more pages"] += documents[:-1]
        self._members[LogType.MAIN] = [log for document in documents for log in _results(document)]
        if len(self._members[LogType.MAIN]) > 1:
            self._pages["more pages"].append(_document(self._page(limit=1)))
        logs = [log for log in self._members[LogType.MAIN] if _reads(Execution, log)]
        self._logs["order"] = order_of([read_time(log.get("created")) for log in logs])

    def _read_end(self) -> None:
        """Read the page of one execution, which is the last one, and the page behind it."""
        execution_id = self._examination.executions[0].execution_id
        last, behind = (self._page(number, filename_uuid=execution_id) for number in (1, 2))
        self._pages["last page"].append(_document(last))
        found = [each for each in _results(_document(last)) if _reads(Execution, each)]
        is_filtered = {str(each["filename_uuid"]).strip() for each in found} == {execution_id}
        self._logs["filename_uuid"] = "filters" if is_filtered else "does not filter"
        self._logs["behind the last page"] = _end(last, behind)
        if behind and behind.status == 200 and not _results(_document(behind)):
            self._pages["page behind"].append(_document(behind))
        nothing = self._page(filename_uuid=str(uuid.uuid4()))
        self._logs["nothing matches"] = _end(None, nothing)

    def _read_other_types(self) -> None:
        for kind in (LogType.SUB, LogType.LINE):
            self._members[kind] = _results(_document(self._page(log_type=kind)))
        call = endpoints.list_logs(self._query())
        untyped = replace(call, query=tuple(pair for pair in call.query if pair[0] != "log_type"))
        logs = [log for log in _results(_document(self._look(untyped))) if isinstance(log, dict)]
        self._logs["without log_type"] = _type_of(logs)

    def _ask_for_running(self) -> None:
        """Ask for a log that can't be stored yet, as its execution runs."""
        examination = self._examination
        running = [each for each in examination.executions if not each.is_finished and each.log_id]
        if examination.slug and running:
            call = examination.download_call(
                running[0], lambda: BodyReceiver("Download log", LARGE_BYTES, bytes)
            )
            self._download["a log that isn't stored"] = _outcome(self._look(call))

    def _values(self) -> Iterable[str]:
        """Collect what no name of a field may be equal to, unless the vendor's pages have it."""
        examination = self._examination
        for heard in examination.heard:
            document = heard.document()
            yield from texts_in(heard.body.decode("utf-8", "replace") if document is NO_JSON else document)
        if examination.log is not NO_JSON:
            yield from texts_in(examination.log)
        if hasattr(examination, "settings"):
            settings, access = examination.settings, examination.access
            own = (
                access.base_url, access.username, access.password, access.token, settings.project_id,
                settings.project_slug, settings.partner_id, examination.project, examination.slug,
            )  # fmt: skip
            yield from filter(None, own)

    def _calls(self, shapes: Shapes) -> dict[str, Any]:
        by_call: dict[str, list[Heard]] = {}
        for each in self._examination.heard:
            by_call.setdefault(each.call, []).append(each)
        return {
            name: {
                "statuses": sorted({each.status for each in answers if each.status}),
                "headers": sorted(
                    {shapes.names.shown(header) for each in answers for header in each.headers}
                ),
                "bytes": _range([each.size for each in answers]),
                "seconds": _range([round(each.seconds, 3) for each in answers]),
            }
            for name, answers in by_call.items()
        }

    def _latest(self, name: str) -> Any:
        """Return the last document that a call has brought."""
        documents = [each.document() for each in self._examination.heard if each.call == name and each.size]
        return next((each for each in reversed(documents) if each is not NO_JSON), NO_JSON)

    def _described_logs(self, shapes: Shapes) -> dict[str, Any]:
        envelopes = {
            name: shapes.fields([_envelope(page) for page in pages if isinstance(page, dict)])
            for name, pages in self._pages.items()
        }
        executions, odd_steps = [], []
        for log in self._members[LogType.MAIN]:
            if _reads(Execution, log) and isinstance(log.get("sub_flows"), list):
                steps = log["sub_flows"]
                odd_steps += [each for each in steps if not _reads(Step, each)]
                executions.append({**log, "sub_flows": [each for each in steps if _reads(Step, each)]})
            else:
                executions.append(log)
        return {
            **envelopes,
            "execution": _records(shapes, executions, Execution),
            "odd steps of an execution": shapes.variants(odd_steps),
            "odd pages": shapes.variants(self._odd_pages),
            "step": _records(shapes, self._members[LogType.SUB], Step),
            "line": _records(shapes, self._members[LogType.LINE], Line, "log_id"),
        }

    def _described_download(self, shapes: Shapes) -> dict[str, Any]:
        examination = self._examination
        if examination.log is NO_JSON:
            return {}
        last = [each for each in examination.heard if each.call == "Download log" and each.status == 200][-1]
        return {
            "base64": "in lines" if last.has_lines else "in one line",
            "files": "one" if examination.file_count == 1 else "several",
            "contents": shapes.of([examination.log]),
        }


def _reads(model: Model, member: Any, needed: str = "") -> bool:
    try:
        found = model.read(Fields("", member))
    except ResponseError:
        return False
    return not needed or getattr(found, needed) is not None


def _records(shapes: Shapes, members: Any, model: Model, needed: str = "") -> dict[str, Any]:
    """Describe records: those that can be read together, the others one by one."""
    if not isinstance(members, list):
        return {"each": {}, "odd": shapes.variants([members])}
    readable = [member for member in members if _reads(model, member, needed)]
    odd = [member for member in members if not _reads(model, member, needed)]
    return {"each": shapes.fields(readable), "odd": shapes.variants(odd)}


def _outcome(heard: Heard | None) -> str:
    if heard is None:
        return "no answer"
    return "accepted" if heard.status is None or heard.status < 300 else f"status {heard.status}"


def _document(heard: Heard | None) -> Any:
    return heard.document() if heard and (heard.status or 200) < 300 else None


def _envelope(page: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in page.items() if name != "results"}


def _is_page(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("results"), list)


def _results(document: Any) -> list[Any]:
    return list(document["results"]) if _is_page(document) else []


def _end(last: Heard | None, behind: Heard | None) -> str:
    if behind is None or (behind.status or 200) >= 300:
        return _outcome(behind)
    if not (found := _results(_document(behind))):
        return "no results"
    return "the last page again" if last and found == _results(_document(last)) else "other logs"


def _type_of(logs: Sequence[dict[str, Any]]) -> str:
    numbers = {str(log["log_type"]).partition(".")[0] for log in logs if log.get("log_type") is not None}
    names = {str(kind.value): kind.name.lower() for kind in LogType}
    if len(numbers) == 1:
        return names.get(numbers.pop(), "another type")
    return "main" if any("sub_flows" in log for log in logs) else "unknown"


def _range(numbers: Sequence[float]) -> list[float]:
    return [min(numbers), max(numbers)]
