"""The embedded Integrator: what tests, demos and DAG authors hold in their hands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.simulator.access import Access
from airflow_provider_integrator.simulator.building import WorldBuilder
from airflow_provider_integrator.simulator.faults import ENDPOINTS, Fault, FaultQueue
from airflow_provider_integrator.simulator.recording import RecordedRequest, Recorder
from airflow_provider_integrator.simulator.service import ProjectParameter, Service
from airflow_provider_integrator.simulator.transport import HttpServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    from airflow_provider_integrator.simulator.answers import Answer
    from airflow_provider_integrator.simulator.catalogue import Order

_CONNECTION_FIELDS = ("conn_type", "description", "host", "port", "schema", "login", "password")


class IntegratorSimulator(WorldBuilder):
    """
    An Integrator on this machine, over real HTTP.

    A context manager; every method may be called while it serves.

    :param host: the address to bind to.
    :param port: the port; 0 for any free one.
    :param username: the e-mail address that may log in.
    :param password: its password.
    :param ssl_context: serves https where given.
    :param clock: the time in seconds since the epoch; a test may give one that it moves by itself.
    :param seed: makes the ids of executions the same in every run.
    :param order: the order of List logs, which the documents leave open: ``newest`` or ``oldest`` first, or
        ``shuffled``, an order that looks random and never changes.
    :param project_parameter: the spelling that List logs and Download log insist on: ``projectid``,
        ``projectId``, or ``either``.
    :param default_log_type: what List logs shows without ``log_type``, which the documents leave open.
    """

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
        default_log_type: LogType = LogType.MAIN,
    ) -> None:
        super().__init__(clock, seed)
        self._access = Access(username, password, clock)
        self._service = Service(self._world, self._access)
        self._recorder = Recorder()
        self._faults = FaultQueue()
        self._server = HttpServer(self._answer, clock, host, port, ssl_context)
        self.order = order
        self.project_parameter = project_parameter
        self.default_log_type = default_log_type

    def __enter__(self) -> IntegratorSimulator:
        """
        Start the server.

        :return: itself.
        """
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """
        Serve in a thread of its own; a second start after a stop keeps port and world.

        :raises OSError: where the port can't be bound.
        :raises RuntimeError: where it serves already.
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
    def username(self) -> str:
        """The user name that may log in."""
        return self._access.username

    @username.setter
    def username(self, username: str) -> None:
        self._access.username = username

    @property
    def password(self) -> str:
        """The password that goes with it."""
        return self._access.password

    @password.setter
    def password(self, password: str) -> None:
        self._access.password = password

    @property
    def order(self) -> Order:
        """The order of List logs: ``newest``, ``oldest`` or ``shuffled``."""
        return self._service.order

    @order.setter
    def order(self, order: Order) -> None:
        _check("order", order, ("newest", "oldest", "shuffled"))
        self._service.order = order

    @property
    def project_parameter(self) -> ProjectParameter:
        """What List logs and Download log insist on: ``projectid``, ``projectId``, or ``either``."""
        return self._service.project_parameter

    @project_parameter.setter
    def project_parameter(self, spelling: ProjectParameter) -> None:
        _check("project_parameter", spelling, ("either", "projectid", "projectId"))
        self._service.project_parameter = spelling

    @property
    def default_log_type(self) -> LogType:
        """What List logs shows where ``log_type`` is absent."""
        return self._service.default_log_type

    @default_log_type.setter
    def default_log_type(self, kind: LogType) -> None:
        self._service.default_log_type = LogType(kind)

    @property
    def token_lifetime(self) -> float | None:
        """How long a token is good, in seconds of the clock; None for ever."""
        return self._access.lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: float | None) -> None:
        self._access.lifetime = seconds

    @property
    def tokens(self) -> list[str]:
        """All tokens that were ever issued, so that a test can look for them where they mustn't be."""
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
        """
        Count the requests since the start or since :meth:`clear_requests`.

        :param on: only those for this path (``"/logs"``) or endpoint (``"logs"``).
        :param method: only those with this HTTP method.
        :return: how many there were.
        """
        return self._recorder.count(None if on is None else ENDPOINTS.get(on, on), method)

    def clear_requests(self) -> None:
        """Forget the requests recorded so far; ``connections`` and ``logins`` go on counting."""
        self._recorder.clear()

    def expire_tokens(self) -> None:
        """Refuse every token issued or accepted so far with 401 from now on."""
        self._access.expire()

    def accept_token(self, token: str) -> None:
        """
        Accept a token that is given by hand instead of fetched by a login.

        :param token: the token.
        """
        self._access.accept(token)

    def inject(self, *faults: Fault) -> None:
        """
        Put faults to work.

        :param faults: the faults; of those that match a request the first one strikes.
        """
        self._faults.add(*faults)

    def clear_faults(self) -> None:
        """Withdraw all faults."""
        self._faults.clear()

    def connection(self, **overrides: Any) -> dict[str, Any]:
        """
        Describe the Airflow connection to this Integrator.

        ``json.dumps`` of it is what the environment variable ``AIRFLOW_CONN_…`` takes.

        :param overrides: fields of the connection (``host``, ``login``, ``password``, …); anything else goes
            into the extra, such as ``project_id`` or ``token``, and so do the entries of ``extra``. None
            leaves a field out.
        :return: the connection with the first project's id and slug, where there is one.
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

    def _answer(self, request: RecordedRequest) -> Answer:
        self._recorder.add(request)
        return self._faults.apply(request, self._service.answer(request))


def _check(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is one of {', '.join(choices)}, not {value!r}")
