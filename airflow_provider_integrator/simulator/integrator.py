"""The embedded Integrator: the class that tests, demos and DAG authors use."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.simulator.access import Access
from airflow_provider_integrator.simulator.building import WorldBuilder
from airflow_provider_integrator.simulator.catalogue import Order
from airflow_provider_integrator.simulator.faults import ENDPOINTS, Fault, FaultQueue
from airflow_provider_integrator.simulator.pages import PREFIX
from airflow_provider_integrator.simulator.recording import RecordedRequest, Recorder
from airflow_provider_integrator.simulator.reported import speaking
from airflow_provider_integrator.simulator.service import AuthHeader, ProjectParameter, Service
from airflow_provider_integrator.simulator.transport import HttpServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    from airflow_provider_integrator.simulator.answers import Answer

T = TypeVar("T")

_CONNECTION_FIELDS = ("conn_type", "description", "host", "port", "schema", "login", "password")


class _Setting(Generic[T]):
    """A setting of the simulator that one of its parts keeps.

    :param part: The attribute of the simulator that has the part.
    :param choices: The values that the setting may have; none: any.
    """

    def __init__(self, part: str, *choices: object) -> None:
        self._part = part
        self._choices = choices

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, simulator: Any, owner: type) -> T:
        if simulator is None:
            return self  # type: ignore[return-value]  # of the class, where nobody reads it as a value
        return getattr(getattr(simulator, self._part), self._name)  # type: ignore[no-any-return]  # a part keeps a T

    def __set__(self, simulator: Any, value: T) -> None:
        if self._choices and value not in self._choices:
            raise ValueError(f"{self._name} is one of {', '.join(map(str, self._choices))}, not {value!r}")
        setattr(getattr(simulator, self._part), self._name, value)


class IntegratorSimulator(WorldBuilder):
    """An Integrator on this machine, over real HTTP.

    A context manager; every method may be called while it serves.

    :param host: The address to bind to.
    :param port: The port; 0 for any free one.
    :param username: The e-mail address that may log in.
    :param password: Its password.
    :param ssl_context: Serves https if given.
    :param clock: The time in seconds since the epoch; a test may give one that it moves by itself.
    :param seed: Makes the ids of executions the same in every run.
    :param order: The order of List logs, which the documents leave open: ``newest`` or ``oldest`` first, or
        ``shuffled``, an order that looks random and never changes.
    :param project_parameter: The spelling that List logs and Download log insist on: ``either``,
        ``projectid``, ``projectId``; with ``projectid-only`` or ``projectId-only`` a request that carries
        the other spelling is refused, also beside the right one.
    :param auth_header: The header that the token must come in: ``Authorization``, ``Authentication``, or
        ``either``.
    :param default_log_type: What List logs shows without ``log_type``, which the documents leave open.
    :param forms: One name of a form of the answers, or several names; those of
        :data:`~airflow_provider_integrator.simulator.forms.FORMS`, and ``pages``, the default. Or the path of a
        report of ``airflow-integrator doctor``: it also sets what it knows of the arguments above and
        ``late_log_status``.
    :param garbage_share: The share of unreadable logs on a page of List logs in the form ``garbage``; a page
        holds at least one good log.
    :param log_delay: Seconds from the end of an execution, a step or a line until its log is stored. Until
        then ``is_send_S3`` is 0, and Download log refuses.
    :param late_log_status: The status with which Download log refuses a log that isn't stored: 400 or 404.
    """

    #: The user name that may log in.
    username = _Setting[str]("_access")
    #: The password that goes with it.
    password = _Setting[str]("_access")
    #: Seconds of the clock for which a token is good; None for ever.
    token_lifetime = _Setting["float | None"]("_access")
    #: The order of List logs: ``newest``, ``oldest`` or ``shuffled``.
    order = _Setting[Order]("_service", *get_args(Order))
    #: The spelling that List logs and Download log insist on; ``…-only`` refuses the other one.
    project_parameter = _Setting[ProjectParameter]("_service", *get_args(ProjectParameter))
    #: The header that the token must come in: ``Authorization``, ``Authentication``, or ``either``.
    auth_header = _Setting[AuthHeader]("_service", *get_args(AuthHeader))
    #: The status with which Download log refuses a log that isn't stored.
    late_log_status = _Setting[Literal[400, 404]]("_service", 400, 404)
    #: Seconds of the clock from a log's end until Download log has it.
    log_delay = _Setting[float]("_world")

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        username: str = "integrator@example.com",
        password: str = "let-me-in",  # noqa: S107 - a password that guards nothing
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
        order: Order = "newest",
        project_parameter: ProjectParameter = "either",
        auth_header: AuthHeader = "Authorization",
        default_log_type: LogType = LogType.MAIN,
        forms: str | Path | Iterable[str] = (),
        garbage_share: float = 0.99,
        log_delay: float = 0.0,
        late_log_status: Literal[400, 404] = 400,
    ) -> None:
        super().__init__(clock, seed)
        self._access = Access(username, password, clock)
        self._service = Service(self._world, self._access)
        self._recorder = Recorder()
        self._faults = FaultQueue()
        self._server = HttpServer(self._answer, clock, host, port, ssl_context)
        self.order = order
        self.project_parameter = project_parameter
        self.auth_header = auth_header
        self.default_log_type = default_log_type
        self.log_delay = log_delay
        self.late_log_status = late_log_status
        self._speak(forms, garbage_share)

    def __enter__(self) -> IntegratorSimulator:
        """Start the server.

        :return: Itself.
        """
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """Serve in a thread of its own; a second start after a stop keeps port and world.

        :raises OSError: If the port can't be bound.
        :raises RuntimeError: If it serves already.
        """
        self._server.start()
        self._service.base_url = self.url

    def stop(self) -> None:
        """Stop serving: no thread and no socket is left. The world stays as it is."""
        self._server.stop()

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:43121``; the port is known once the server has started."""
        return self._server.url

    @property
    def ui_url(self) -> str:
        """The template of the URL of an execution's page, for a connection's ``ui_url``."""
        return f"{self.url}{PREFIX}{{execution_id}}"

    @property
    def forms(self) -> tuple[str, ...]:
        """The names of the chosen forms, or the report's path; empty for the form of the vendor's pages."""
        return self._service.forms.names

    @forms.setter
    def forms(self, names: str | Path | Iterable[str]) -> None:
        self._speak(names, self.garbage_share)

    @property
    def garbage_share(self) -> float:
        """The share of unreadable logs on a page of List logs in the form ``garbage``."""
        return self._service.forms.garbage_share

    @garbage_share.setter
    def garbage_share(self, share: float) -> None:
        self._speak(self._forms, share)

    @property
    def default_log_type(self) -> LogType:
        """What List logs shows without ``log_type``."""
        return self._service.default_log_type

    @default_log_type.setter
    def default_log_type(self, kind: LogType) -> None:
        self._service.default_log_type = LogType(kind)

    @property
    def tokens(self) -> list[str]:
        """All tokens that were ever issued, so that a test can check that they don't leak."""
        return self._access.issued

    @property
    def logins(self) -> int:
        """How many login POSTs were served since the simulator was made, refused ones included."""
        return self._access.logins

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted since the simulator was made."""
        return self._server.connections

    @property
    def requests(self) -> list[RecordedRequest]:
        """The latest requests (at most 200,000) in order of arrival."""
        return self._recorder.all()

    def count(self, on: str | None = None, *, method: str | None = None) -> int:
        """Count the requests since the start or since :meth:`clear_requests`.

        :param on: Only those for this path (``"/logs"``) or endpoint (``"logs"``).
        :param method: Only those with this HTTP method.
        :return: How many there were.
        """
        return self._recorder.count(None if on is None else ENDPOINTS.get(on, on), method)

    def clear_requests(self) -> None:
        """Forget the requests recorded so far; ``connections`` and ``logins`` go on counting."""
        self._recorder.clear()

    def expire_tokens(self) -> None:
        """Refuse every token issued or accepted so far with 401 from now on."""
        self._access.expire()

    def accept_token(self, token: str) -> None:
        """Accept a token that is given by hand instead of fetched by a login.

        :param token: The token.
        """
        self._access.accept(token)

    def inject(self, *faults: Fault) -> None:
        """Inject faults.

        :param faults: The faults; of those that match a request the first one strikes.
        """
        self._faults.add(*faults)

    def clear_faults(self) -> None:
        """Withdraw all faults."""
        self._faults.clear()

    def connection(self, **overrides: Any) -> dict[str, Any]:
        """Describe the Airflow connection to this Integrator.

        ``json.dumps`` of it is what the environment variable ``AIRFLOW_CONN_…`` takes.

        :param overrides: Fields of the connection (``host``, ``login``, ``password``, …); anything else goes
            into the extra, such as ``project_id`` or ``token``, and so do the entries of ``extra``. None
            leaves a field out.
        :return: The connection with the first project's id and slug, if there is one.
        """
        fields: dict[str, Any] = {
            "conn_type": "integrator",
            "host": self.url,
            "login": self.username,
            "password": self.password,
        }
        extra: dict[str, Any] = {}
        for project in self.projects[:1]:
            extra = {"project_id": project.id, "project_slug": project.slug}
        extra |= overrides.pop("extra", {})
        for name, value in overrides.items():
            (fields if name in _CONNECTION_FIELDS else extra)[name] = value
        fields["extra"] = {name: value for name, value in extra.items() if value is not None}
        return {name: value for name, value in fields.items() if value is not None}

    def _speak(self, forms: str | Path | Iterable[str], garbage_share: float) -> None:
        self._forms = forms if isinstance(forms, (str, Path)) else tuple(forms)
        spoken = speaking(self._forms, garbage_share)
        self._world.ids.opaque = spoken.opaque_ids
        self._service.forms = spoken
        for name, value in spoken.settings.items():
            setattr(self, name, value)

    def _answer(self, request: RecordedRequest) -> Answer:
        self._recorder.add(request)
        return self._faults.apply(request, self._service.answer(request))
