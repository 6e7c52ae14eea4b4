from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import KEPT_BYTES, BodyReceiver, BrokenBodyError, LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.pages import EMPTY_PAGE
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    IntegratorError,
    LogArchiveError,
    LogTooLargeError,
    RequestError,
    ResponseError,
    UnavailableError,
)
from airflow_provider_integrator.logs.archive import Limits
from airflow_provider_integrator.logs.receiver import ArchiveReceiver
from tests.api.samples import FLOW, PAGE, PROJECT
from tests.logs.test_document import ANY_JSON


def answered(call, *pieces):
    receiver = call.receive()
    for piece in pieces:
        receiver.feed(piece)
    return receiver.finish()


def download(receive=lambda: ArchiveReceiver(Limits())):
    return endpoints.download_log("log-1", "project-1", "acme", "flow-1", receive)


@pytest.mark.parametrize(
    ("call", "request_line"),
    [
        (endpoints.log_in("u", "p"), ("POST", "/api/nifi/login")),
        (endpoints.list_projects("p"), ("GET", "/api/nifi/project/list")),
        (endpoints.list_flows("p"), ("GET", "/api/nifi/flow/list")),
        (endpoints.list_logs(LogQuery("p", "f")), ("GET", "/logs")),
        (download(), ("GET", "/logs/download")),
    ],
    ids=["login", "list projects", "list flows", "list logs", "download log"],
)
def test_request_line(call, request_line):
    assert (call.method, call.path) == request_line
    assert call.authorised is (call.path != "/api/nifi/login")
    assert call.streamed is (call.path == "/logs/download")


@pytest.mark.parametrize(("name", "value"), [("username", "u@example.com"), ("password", "let me in")])
def test_login_sends(name, value):
    call = endpoints.log_in("u@example.com", "let me in")
    assert call.form[name] == value
    assert set(call.form) == {"username", "password"}
    assert call.query == ()


def test_list_projects_sends_partner_id():
    assert endpoints.list_projects("partner-1").query == (("partnerId", "partner-1"),)


def test_list_flows_sends_project_id():
    assert endpoints.list_flows("project-1").query == (("projectId", "project-1"),)


SEARCH = LogQuery(
    "project-1",
    "flow-1",
    LogType.LINE,
    filename_uuid="execution-1",
    original_filename_uuid="execution-2",
    search=(("sku", "ABC"), ("price", "9.90")),
    limit=7,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (endpoints.PROJECT, "project-1"), ("flowId", "flow-1"), ("limit", "7"), ("page", "3"), ("log_type", "3"), ("filename_uuid", "execution-1"), ("original_filename_uuid", "execution-2"),
        ("search_field.1", "sku"), ("search_value.1", "ABC"), ("search_field.2", "price"), ("search_value.2", "9.90"),
    ],
    ids=lambda value: value,
)  # fmt: skip
def test_list_logs_sends(name, value):
    query = endpoints.list_logs(SEARCH, page=3).query
    assert [given for sent, given in query if sent == name] == [value]
    assert len(query) == 11


def test_list_logs_sends_no_more_than_it_was_given():
    assert endpoints.list_logs(LogQuery("project-1", "flow-1")).query == (
        (endpoints.PROJECT, "project-1"),
        ("flowId", "flow-1"),
        ("limit", "100"),
        ("page", "1"),
        ("log_type", "1"),
    )


@pytest.mark.parametrize(("kind", "number"), [(LogType.MAIN, "1"), (LogType.SUB, "2"), (LogType.LINE, "3")])
def test_list_logs_sends_log_type(kind, number):
    assert dict(endpoints.list_logs(LogQuery("p", "f", kind)).query)["log_type"] == number


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "log-1"), (endpoints.PROJECT, "project-1"), ("flowId", "flow-1"), ("projectslug", "acme"),
    ],
    ids=lambda value: value,
)  # fmt: skip
def test_download_log_sends(name, value):
    query = download().query
    assert dict(query)[name] == value
    assert len(query) == 4


@pytest.mark.parametrize("limit", [1, 100])
def test_a_limit_within_bounds(limit):
    assert LogQuery("p", "f", limit=limit).limit == limit


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_limit_out_of_bounds(limit):
    with pytest.raises(ConfigurationError, match=f"limit is {limit}; List logs takes 1 to 100"):
        LogQuery("p", "f", limit=limit)


@pytest.mark.parametrize("page", [0, -1])
def test_pages_count_from_one(page):
    with pytest.raises(ConfigurationError, match=f"page is {page}; List logs counts pages from 1"):
        endpoints.list_logs(LogQuery("p", "f"), page)


@pytest.mark.parametrize("kind", [LogType.MAIN, LogType.SUB])
def test_search_is_for_line_logs(kind):
    with pytest.raises(ConfigurationError, match=r"search works with line logs only; set log_type"):
        LogQuery("p", "f", kind, search=(("sku", "ABC"),))


def test_only_list_logs_knows_404_as_an_empty_answer():
    assert endpoints.list_logs(LogQuery("p", "f")).absent is EMPTY_PAGE
    for call in (
        endpoints.log_in("u", "p"),
        endpoints.list_projects("p"),
        endpoints.list_flows("p"),
        download(),
    ):
        assert call.absent is None


@pytest.mark.parametrize(
    ("call", "sample"),
    [
        (endpoints.list_projects("p"), [PROJECT]),
        (endpoints.list_flows("p"), [FLOW]),
        (endpoints.list_logs(SEARCH), PAGE),
    ],
    ids=["list projects", "list flows", "list logs"],
)
def test_a_body_may_come_in_any_pieces(call, sample):
    body = json.dumps(sample).encode()
    whole = answered(call, body)
    pieces = answered(call, *(body[at : at + 1] for at in range(len(body))))
    assert [getattr(one, "id", None) for one in getattr(pieces, "logs", pieces)] == [
        getattr(one, "id", None) for one in getattr(whole, "logs", whole)
    ]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[", b"\xff", b'{"a": 1', b"[" * 100_000, b"1" * 5000], ids=len
)
@pytest.mark.parametrize(
    "call",
    [endpoints.list_projects("p"), endpoints.list_flows("p"), endpoints.list_logs(SEARCH)],
    ids=lambda call: call.name,
)
def test_a_body_that_is_no_json_may_pass(call, body):
    with pytest.raises((BrokenBodyError, ResponseError)) as caught:
        answered(call, body)
    # A number of 5,000 digits is JSON of the wrong kind where Python reads it.
    assert caught.type is BrokenBodyError or body[:1] == b"1"


@given(ANY_JSON, st.booleans())
def test_json_is_what_python_says_it_is(value, escaped):
    body = json.dumps({**PAGE, "results": [{"value": value}]}, ensure_ascii=escaped).encode()
    (log,) = answered(endpoints.list_logs(LogQuery("p", "f")), body).logs
    assert repr(log.values["value"]) == repr(json.loads(json.dumps(value)))


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", '"\\ud83d"', "1e999", "123456789012345678901234567890", "-0.0", "1.0", "1E2"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_may_be_as_python_takes_it(text, encoding):
    page = json.dumps({**PAGE, "results": [{"value": "here"}]}).replace('"here"', text)
    (log,) = answered(endpoints.list_logs(LogQuery("p", "f")), page.encode(encoding)).logs
    assert repr(log.values["value"]) == repr(json.loads(text))


def test_the_same_small_answer_to_the_same_call_is_decoded_once():
    call = endpoints.list_logs(LogQuery("p", "f"))
    empty, large = b'{"results": []}', json.dumps({"results": [], "x": "x" * KEPT_BYTES}).encode()
    page = answered(call, empty)
    assert answered(call, empty) is page
    assert [len(answered(call, body).logs) for body in (b'{"results": [{}]}', empty)] == [1, 0]
    assert answered(call, large) is not answered(call, large)


def test_a_body_beyond_the_limit_is_refused():
    receiver = BodyReceiver("List logs", 10, bytes)
    receiver.feed(b"0123456789")
    with pytest.raises(ResponseError, match="List logs: the answer is larger than 10 bytes"):
        receiver.feed(b"x")


def test_what_was_discarded_is_gone():
    receiver = BodyReceiver("List logs", 10, bytes)
    receiver.feed(b"012345")
    receiver.discard()
    assert receiver.finish() == b""


@pytest.mark.parametrize("body", [b"eyJ.a-b_c.~+/=", b" token\n", b"x"])
def test_a_token_is_opaque(body):
    assert answered(endpoints.log_in("u", "p"), body) == body.decode().strip()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"<html><body>Please wait</body></html>",
        b"two words",
        b"a\nb",
        b"a\x00b",
        "tökén".encode(),
        b"\xff\xfe",
    ],
)
def test_what_is_no_token(body):
    with pytest.raises(AuthenticationError, match=r"^Login: the answer isn't a token"):
        answered(endpoints.log_in("u", "p"), body)


def test_repr_shows_no_secret():
    assert repr(endpoints.log_in("u@example.com", "let-me-in")) == "<POST /api/nifi/login>"


@pytest.mark.parametrize(
    "kind",
    [
        AuthenticationError,
        ConfigurationError,
        LogArchiveError,
        LogTooLargeError,
        RequestError,
        ResponseError,
        UnavailableError,
    ],
)
def test_all_errors_have_one_base(kind):
    assert issubclass(kind, IntegratorError)
    assert issubclass(LogTooLargeError, LogArchiveError)


def test_errors_say_status_and_retry_after():
    assert RequestError("no", 400).status == 400
    assert UnavailableError("no", 5.0).retry_after == 5.0
    assert UnavailableError("no").retry_after is None
    assert str(RequestError("no", 400)) == "no"
