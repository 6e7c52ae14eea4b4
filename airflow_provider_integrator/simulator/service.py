"""The documented calls: what each requires, what it refuses, what it answers. Knows nothing of sockets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlencode

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.simulator.answers import Answer
from airflow_provider_integrator.simulator.archives import encoded_log
from airflow_provider_integrator.simulator.contents import contents_of
from airflow_provider_integrator.simulator.faults import ENDPOINTS
from airflow_provider_integrator.simulator.forms import FLOWS, LOGS, PROJECTS, Asked, Forms
from airflow_provider_integrator.simulator.pages import PREFIX, execution_page
from airflow_provider_integrator.simulator.views import flow_json, project_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_integrator.simulator.access import Access
    from airflow_provider_integrator.simulator.catalogue import Order
    from airflow_provider_integrator.simulator.recording import RecordedRequest
    from airflow_provider_integrator.simulator.records import Flow, Project
    from airflow_provider_integrator.simulator.world import Page, World

ProjectParameter = Literal["either", "projectid", "projectId", "projectid-only", "projectId-only"]
AuthHeader = Literal["Authorization", "Authentication", "either"]

WRONG_CREDENTIALS = "The supplied username and password are not valid."
NO_CREDENTIALS = "The username and password must be specified."
_MOST_ON_PAGE, _USUAL_ON_PAGE = 100, 25
_WHOLE = re.compile(r"[0-9]{1,9}")
_SEARCH = re.compile(r"search_(field|value)\.(.*)")


class _BadRequestError(Exception):
    """A parameter is missing or wrong; the message is the answer's text."""


class Service:
    """Answers requests from a world.

    ``order``, ``project_parameter``, ``auth_header``, ``default_log_type``, ``late_log_status`` and ``forms``
    are what the vendor's pages leave open; ``base_url`` is what ``next`` and ``previous`` begin with.
    """

    def __init__(self, world: World, access: Access) -> None:
        self.world = world
        self.access = access
        self.order: Order = "newest"
        self.project_parameter: ProjectParameter = "either"
        self.auth_header: AuthHeader = "Authorization"
        self.late_log_status: Literal[400, 404] = 400
        self.forms = Forms()
        self.default_log_type = LogType.MAIN
        self.base_url = ""
        self._calls: dict[str, tuple[str, Callable[[RecordedRequest], Answer]]] = {
            ENDPOINTS["login"]: ("POST", self._login),
            ENDPOINTS["projects"]: ("GET", self._list_projects),
            ENDPOINTS["flows"]: ("GET", self._list_flows),
            ENDPOINTS["logs"]: ("GET", self._list_logs),
            ENDPOINTS["download"]: ("GET", self._download_log),
        }

    def answer(self, request: RecordedRequest) -> Answer:
        """Answer a request as the Integrator would.

        :param request: The request.
        :return: The answer: 404 and 405 for what isn't a call, 401 without a good token, 400 for bad
            parameters. An execution's page is no call, and needs no token.
        """
        if request.method == "GET" and request.path.startswith(PREFIX):
            return execution_page(self.world, unquote(request.path.removeprefix(PREFIX)))
        if request.path not in self._calls:
            return Answer.text(404, "Not Found")
        method, call = self._calls[request.path]
        if request.method != method:
            return Answer.text(405, "Method Not Allowed", {"Allow": method})
        if request.path != ENDPOINTS["login"] and not self._is_authorised(request):
            return Answer.text(401, "Unauthorized")
        try:
            return call(request)
        except _BadRequestError as error:
            return Answer.text(400, str(error))

    def _is_authorised(self, request: RecordedRequest) -> bool:
        wanted = self.auth_header
        for name in ("Authorization", "Authentication") if wanted == "either" else (wanted,):
            scheme, _, token = request.headers.get(name, "").partition(" ")
            if scheme == "Bearer" and self.access.is_good(token):
                return True
        return False

    def _login(self, request: RecordedRequest) -> Answer:
        self.access.logins += 1
        # The form is empty if the content type is another one than the documents require.
        username, password = request.form.get("username"), request.form.get("password")
        if not username or not password:
            raise _BadRequestError(NO_CREDENTIALS)
        if (username, password) != (self.access.username, self.access.password):
            raise _BadRequestError(WRONG_CREDENTIALS)
        return Answer.text(self.forms.login_status, self.access.issue())

    def _list_projects(self, request: RecordedRequest) -> Answer:
        partner_id = _required(request, "partnerId")
        with self.world.lock:
            projects = [one for one in self.world.projects.values() if one.partner_id == partner_id]
        if not projects:
            raise _BadRequestError("The parameter partnerId is wrong: there is no such partner.")
        shown = [project_json(one, len(self.world.flows_of(one.id))) for one in projects]
        return Answer.json(self.forms.shape(shown, Asked(PROJECTS)))

    def _list_flows(self, request: RecordedRequest) -> Answer:
        project = self._known_project("projectId", _required(request, "projectId"))
        shown = [flow_json(flow) for flow in self.world.flows_of(project.id)]
        return Answer.json(self.forms.shape(shown, Asked(FLOWS)))

    def _list_logs(self, request: RecordedRequest) -> Answer:
        flow = self._flow(request, self._project(request))
        limit = _number(request, "limit", _USUAL_ON_PAGE, _MOST_ON_PAGE)
        number = _number(request, "page", 1, None)
        kind = LogType(_number(request, "log_type", int(self.default_log_type), max(LogType)))
        search = _search(request, kind)
        forms = self.forms
        readable = forms.readable_logs(limit, kind)
        garbage = limit - readable

        def found(number: int) -> Page:
            return self.world.page(
                flow,
                self.order,
                number,
                readable,
                kind=kind,
                filename_uuid=request.param("filename_uuid"),
                original_filename_uuid=request.param("original_filename_uuid"),
                search=search,
            )

        page = found(number)
        pages = -(-page.total // readable)
        if forms.behind == "repeat" and 0 < pages < number:
            number = pages
            page = found(number)
        end = forms.behind if page.total else forms.nothing
        if not page.results and isinstance(end, int):
            return Answer.text(end, "Not Found: no log matches.")
        document = {
            "count": page.total + pages * garbage,
            "limit": limit,
            "page": number,
            "previous": self._url(request, number - 1) if number > 1 else "",
            "next": self._url(request, number + 1) if page.results else "",
            "results": page.results,
        }
        return Answer.json(forms.shape(document, Asked(LOGS, kind, dict(search), garbage)))

    def _download_log(self, request: RecordedRequest) -> Answer:
        log_id = _required(request, "id")
        project = self._project(request)
        flow = self._flow(request, project)
        if _required(request, "projectslug") != project.slug:
            raise _BadRequestError("The parameter projectslug is wrong: it isn't this project's.")
        log = self.world.log(flow, log_id)
        if log is None:
            raise _BadRequestError("The parameter id is wrong: the flow has no such log.")
        if not self.world.is_stored(log):
            return Answer.text(self.late_log_status, "The parameter id is wrong: this log isn't stored.")
        encoded = encoded_log(contents_of(log, self.forms.contents))
        return Answer(200, self.forms.packed(encoded) if isinstance(encoded, bytes) else encoded, "archive")

    def _project(self, request: RecordedRequest) -> Project:
        wanted, _, only = self.project_parameter.partition("-")
        both = ("projectid", "projectId")
        spellings = both if wanted == "either" else (wanted,)
        for name in both:
            if only and name != wanted and request.param(name) is not None:
                raise _BadRequestError(f"The parameter {name} isn't known.")
        given = {name: value for name in spellings if (value := request.param(name))}
        if not given:
            raise _BadRequestError(f"The parameter {' or '.join(spellings)} is required.")
        if len(set(given.values())) > 1:
            raise _BadRequestError("The parameters projectid and projectId contradict each other.")
        return self._known_project(*next(iter(given.items())))

    def _known_project(self, name: str, project_id: str) -> Project:
        project = self.world.projects.get(project_id)
        if project is None:
            raise _BadRequestError(f"The parameter {name} is wrong: there is no such project.")
        return project

    def _flow(self, request: RecordedRequest, project: Project) -> Flow:
        flow = self.world.flows.get(_required(request, "flowId"))
        if flow is None or flow.project is not project:
            raise _BadRequestError("The parameter flowId is wrong: the project has no such flow.")
        return flow

    def _url(self, request: RecordedRequest, page: int) -> str:
        query = [(name, value) for name, value in request.query if name != "page"]
        return f"{self.base_url}{request.path}?{urlencode([*query, ('page', str(page))])}"


def _required(request: RecordedRequest, name: str) -> str:
    value = request.param(name)
    if not value:
        raise _BadRequestError(f"The parameter {name} is required.")
    return value


def _number(request: RecordedRequest, name: str, default: int, most: int | None) -> int:
    value = request.param(name)
    if value is None:
        return default
    number = int(value) if _WHOLE.fullmatch(value) else 0
    if number < 1 or (most is not None and number > most):
        bounds = "of at least 1" if most is None else f"from 1 to {most}"
        raise _BadRequestError(f"The parameter {name} is wrong: it must be a whole number {bounds}.")
    return number


def _search(request: RecordedRequest, kind: LogType) -> list[tuple[str, str]]:
    halves: dict[str, dict[str, str]] = {"field": {}, "value": {}}
    for name, value in request.query:
        match = _SEARCH.fullmatch(name)
        if match is None:
            continue
        if kind is not LogType.LINE:
            raise _BadRequestError(f"The parameter {name} is wrong: it works with log_type=3 only.")
        if not re.fullmatch(r"[1-9][0-9]*", match[2]):
            raise _BadRequestError(f"The parameter {name} is wrong: its number must be 1 or more.")
        halves[match[1]][match[2]] = value
    for half, other in (("field", "value"), ("value", "field")):
        for number in halves[half].keys() - halves[other].keys():
            raise _BadRequestError(f"The parameter search_{other}.{number} is required.")
    return [(field, halves["value"][number]) for number, field in halves["field"].items()]
