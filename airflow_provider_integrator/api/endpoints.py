"""The calls of the Integrator's API: each one's request, and the parsing of its answer. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Flow, Project, ReadableT, read_all
from airflow_provider_integrator.api.pages import EMPTY_PAGE, Page, decode_json
from airflow_provider_integrator.api.values import shown
from airflow_provider_integrator.exceptions import AuthenticationError, ConfigurationError, ResponseError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: Names and values of query parameters, in order.
Query = tuple[tuple[str, str], ...]

MAX_PAGE_SIZE = 100
#: The maximum size of an answer in JSON. A page has at most 100 logs: that is 80 KiB for each, or 100 steps of 0.8 KiB.
#: Where executions have more steps than that, smaller pages hold them.
MAX_JSON_BYTES = 8 * 1024 * 1024
#: The maximum number of values in such an answer, as each takes up to 250 bytes of memory, be it two bytes of JSON.
MAX_JSON_VALUES = 500_000
#: The size from which on an answer isn't decoded on an event loop, and its values are counted before they are decoded.
LARGE_BYTES = 1024 * 1024
#: The maximum size of an answer that is kept as long as its call, so that the same one isn't decoded again.
KEPT_BYTES = 8 * 1024
#: The maximum size of a token: servers refuse larger headers, and each form of it is looked for in texts.
MAX_TOKEN_BYTES = 8 * 1024
#: The project's parameter in a call's query; it is sent under the names that the connection sets.
PROJECT = "projectid"


_SMALLER = "If it is a right one, ask for less at once: List logs takes a limit."


class BrokenBodyError(Exception):
    """A broken body of an answer with status 200; a retry may help."""


class Receiver(Protocol[T_co]):
    """Takes the body of a successful answer in chunks."""

    def feed(self, data: bytes) -> None:
        """Take the next chunk.

        :param data: The chunk.
        :raises BrokenBodyError: The body is broken; a retry may help.
        """

    def finish(self) -> T_co:
        """Parse the body after its last chunk.

        :return: The value.
        :raises BrokenBodyError: The body is broken; a retry may help.
        :raises ResponseError: The body doesn't match the documentation.
        """

    def discard(self) -> None:
        """Discard the chunks so far, after a fault."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and the parsing of its answer.

    :param name: The call's name, for messages.
    :param path: The path below the base URL.
    :param receive: Makes the receiver of a successful answer's body.
    :param query: The query parameters, in order.
    :param form: The fields of a form to post; never shown.
    :param authorised: Whether it is sent with a token.
    :param streamed: Whether the body may be huge, so that the timeout counts from the last data received.
    :param absent: The value of a 404; None if that is an error.
    """

    name: str
    path: str
    receive: Callable[[], Receiver[T]]
    query: Query = ()
    form: Mapping[str, str] | None = None
    authorised: bool = True
    streamed: bool = False
    absent: T | None = None

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "POST" if self.form else "GET"

    def __repr__(self) -> str:
        return f"<{self.method} {self.path}>"


@dataclass(frozen=True)
class Pause:
    """An instruction to pause; its result is None.

    :param seconds: The seconds to pause.
    """

    seconds: float


Script = Generator[Call[Any] | Pause, Any, T]


class BodyReceiver(Generic[T]):
    """Collects a body in memory.

    :param name: The call's name, for messages.
    :param limit: The maximum size in bytes.
    :param read: Parses the complete body.
    :param advice: What to do if it is larger, as a sentence.
    """

    def __init__(self, name: str, limit: int, read: Callable[[bytes], T], advice: str = _SMALLER) -> None:
        self._name = name
        self._advice = advice
        self._limit = limit
        self._read = read
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next chunk.

        :param data: The chunk.
        :raises ResponseError: The body exceeds the limit.
        """
        self._body += data
        if len(self._body) > self._limit:
            raise ResponseError(
                f"{self._name}: the answer is larger than {self._limit} bytes. {self._advice}"
            )

    def finish(self) -> T:
        """Parse the body."""
        return self._read(bytes(self._body))

    def discard(self) -> None:
        """Discard the chunks so far."""
        self._body.clear()


def _decoded(name: str, decode: Callable[[bytes], T]) -> Callable[[], BodyReceiver[T]]:
    last: tuple[bytes, T] | None = None  # a poll's call mostly gets the answer of the poll before

    def read(body: bytes) -> T:
        nonlocal last
        kept = last
        if kept is not None and kept[0] == body:
            return kept[1]
        # Commas and brackets in texts count, too; a real answer has one of them in 40 bytes.
        if len(body) > LARGE_BYTES and sum(map(body.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
            raise ResponseError(f"{name}: the answer has more than {MAX_JSON_VALUES} values. {_SMALLER}")
        try:
            value = decode(body)
        except (ValueError, RecursionError) as error:
            raise BrokenBodyError(f"the body isn't JSON ({type(error).__name__})") from error
        last = (body, value) if len(body) <= KEPT_BYTES else None
        return value

    return lambda: BodyReceiver(name, MAX_JSON_BYTES, read)


def log_in(username: str, password: str) -> Call[str]:
    """Build the call of Login, whose value is the token."""
    name, advice = "Login", "set the connection's Host to an Integrator."

    def read_token(body: bytes) -> str:
        try:
            token = body.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise AuthenticationError(f"{name}: the answer isn't a token but binary data.") from error
        if not token or any(character.isspace() or not character.isprintable() for character in token):
            raise AuthenticationError(f"{name}: the answer isn't a token alone; {advice}")
        return token

    return Call(
        name=name,
        path="/api/nifi/login",
        form={"username": username, "password": password},
        receive=lambda: BodyReceiver(name, MAX_TOKEN_BYTES, read_token, f"If it is no token, {advice}"),
        authorised=False,
    )


def list_projects(partner_id: str) -> Call[list[Project]]:
    """Build the call of List projects, whose value is the list of a partner's projects."""
    return _listing("List projects", "/api/nifi/project/list", ("partnerId", partner_id), Project)


def list_flows(project_id: str) -> Call[list[Flow]]:
    """Build the call of List flows, whose value is the list of a project's flows."""
    return _listing("List flows", "/api/nifi/flow/list", ("projectId", project_id), Flow)


def _listing(
    name: str, path: str, parameter: tuple[str, str], model: type[ReadableT]
) -> Call[list[ReadableT]]:
    def read(body: bytes) -> list[ReadableT]:
        answer = decode_json(body)
        if not isinstance(answer, list):
            raise ResponseError(f"{name}: the answer should be a list but is {shown(answer)}.")
        return list(read_all(model, Fields(name, {"": answer}).optional_objects("")))

    return Call(name=name, path=path, query=(parameter,), receive=_decoded(name, read))


@dataclass(frozen=True)
class LogQuery:
    """The parameters of List logs, except for the page number.

    :param project_id: The project.
    :param flow_id: The flow.
    :param log_type: Main, sub or line logs; always sent, as the default isn't documented.
    :param filename_uuid: Only the main log of this execution.
    :param original_filename_uuid: Only the line logs of this execution.
    :param search: Field names and values to search line logs for.
    :param limit: The page size, 1 to 100.
    :raises ConfigurationError: The limit is out of range, or a search is for other than line logs.
    """

    project_id: str
    flow_id: str
    log_type: LogType = LogType.MAIN
    filename_uuid: str | None = None
    original_filename_uuid: str | None = None
    search: tuple[tuple[str, str], ...] = ()
    limit: int = MAX_PAGE_SIZE

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE_SIZE:
            raise ConfigurationError(f"limit is {self.limit}; List logs takes 1 to {MAX_PAGE_SIZE}.")
        if self.search and self.log_type is not LogType.LINE:
            raise ConfigurationError("search works with line logs only; set log_type to LogType.LINE.")

    def parameters(self, page: int) -> Query:
        """Build the query parameters of a page; pages are counted from 1."""
        by_id = {
            "filename_uuid": self.filename_uuid,
            "original_filename_uuid": self.original_filename_uuid,
        }
        search = (
            pair
            for number, (field, value) in enumerate(self.search, start=1)
            for pair in ((f"search_field.{number}", field), (f"search_value.{number}", value))
        )
        return (
            (PROJECT, self.project_id),
            ("flowId", self.flow_id),
            ("limit", str(self.limit)),
            ("page", str(page)),
            ("log_type", str(int(self.log_type))),
            *((name, value) for name, value in by_id.items() if value is not None),
            *search,
        )


def list_logs(query: LogQuery, page: int = 1) -> Call[Page]:
    """Build the call of List logs.

    404 means an empty page, as does an answer without results after the first page.

    :param query: The query.
    :param page: The page number, from 1.
    :return: The call; its value is the page.
    :raises ConfigurationError: The page number is below 1.
    """
    if page < 1:
        raise ConfigurationError(f"page is {page}; List logs counts pages from 1.")
    name = "List logs"
    return Call(
        name=name,
        path="/logs",
        query=query.parameters(page),
        receive=_decoded(name, lambda body: Page.decode(name, body, page)),
        absent=EMPTY_PAGE,
    )


def download_log(
    log_id: str, project_id: str, project_slug: str, flow_id: str, receive: Callable[[], Receiver[T]]
) -> Call[T]:
    """Build the call of Download log.

    :param log_id: The ``id`` of a main, sub or line log.
    :param project_id: The project.
    :param project_slug: The project's slug.
    :param flow_id: The flow.
    :param receive: Makes the receiver of the body, a base64-encoded ZIP.
    :return: The call; its value is the receiver's.
    """
    return Call(
        name="Download log",
        path="/logs/download",
        query=(("id", log_id), (PROJECT, project_id), ("flowId", flow_id), ("projectslug", project_slug)),
        receive=receive,
        streamed=True,
    )
