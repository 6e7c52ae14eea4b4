"""Both transports over real HTTP, against the embedded Integrator: the same matrix for each."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import socket
import threading
from contextlib import contextmanager

import pytest

from airflow_provider_integrator.api import calls, operations
from airflow_provider_integrator.api.archive import ArchiveReceiver, Limits
from airflow_provider_integrator.api.calls import LogQuery
from airflow_provider_integrator.api.enums import LogType, Status
from airflow_provider_integrator.api.models import EMPTY_PAGE, Execution
from airflow_provider_integrator.api.operations import read_log
from airflow_provider_integrator.api.protocol import Access, Retry
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    IntegratorError,
    LogArchiveError,
    LogTooLargeError,
    RequestError,
    ResponseError,
    UnavailableError,
)
from airflow_provider_integrator.simulator import Fault
from tests.api.conftest import FAST, access_to

CONTENTS = {"errors": ["none"], "rows": [{"sku": "ABC", "price": "9,90 €"}]}


@pytest.fixture
def execution(integrator, flow):
    return integrator.add_execution(flow, lasts=0, log=CONTENTS)


def download(execution, limits=None):
    flow = execution.flow
    return calls.download_log(
        execution.log_id,
        flow.project.id,
        flow.project.slug,
        flow.id,
        lambda: ArchiveReceiver(limits or Limits()),
    )


def query(flow, **options):
    return LogQuery(flow.project.id, flow.id, **options)


@pytest.fixture
def call_of(execution):
    """Make each of the calls that carry a token."""
    flow = execution.flow
    return {
        "projects": lambda: calls.list_projects("partner-1"),
        "flows": lambda: calls.list_flows(flow.project.id),
        "logs": lambda: calls.list_logs(query(flow)),
        "download": lambda: download(execution),
    }


def named(kind):
    return {
        "login": "Login",
        "projects": "List projects",
        "flows": "List flows",
        "logs": "List logs",
        "download": "Download log",
    }[kind]


AUTHORISED = ["projects", "flows", "logs", "download"]
ALL = ["login", *AUTHORISED]


def carry(client, call_of, kind):
    if kind == "login":
        return client.log_in()
    value = client.call(call_of[kind]())
    if kind == "download":
        with value:
            return value.load()
    return value


# what goes over the wire


def test_every_call_is_answered(transport, integrator, call_of, execution):
    client = transport(access_to(integrator))
    assert [one.slug for one in carry(client, call_of, "projects")] == ["acme"]
    assert [one.slug for one in carry(client, call_of, "flows")] == ["price"]
    (log,) = carry(client, call_of, "logs").logs
    assert Execution.read(log).execution_id == execution.id
    assert carry(client, call_of, "download") == CONTENTS
    assert integrator.logins == 1
    assert all(
        one.headers["Authorization"] == f"Bearer {integrator.tokens[0]}" for one in integrator.requests[1:]
    )
    assert all(
        one.headers["User-Agent"].startswith("airflow-provider-integrator/") for one in integrator.requests
    )


def test_a_login_is_a_form_without_a_token(transport, integrator):
    integrator.username, integrator.password = "ü+s@example.com", "a b&c=d%é+€"
    transport(access_to(integrator)).log_in()
    (request,) = integrator.requests
    assert request.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert request.form == {"username": "ü+s@example.com", "password": "a b&c=d%é+€"}
    assert "Authorization" not in request.headers
    assert request.query == []
    assert integrator.tokens


@pytest.mark.parametrize("spelling", ["either", "projectid", "projectId"])
def test_both_spellings_of_the_project_are_served(transport, integrator, call_of, spelling):
    integrator.project_parameter = spelling
    client = transport(access_to(integrator))
    assert len(carry(client, call_of, "logs").logs) == 1
    assert carry(client, call_of, "download") == CONTENTS


@pytest.mark.parametrize("default", list(LogType))
def test_the_servers_default_log_type_does_not_matter(transport, integrator, call_of, default):
    integrator.default_log_type = default
    (log,) = carry(transport(access_to(integrator)), call_of, "logs").logs
    assert Execution.read(log).status is Status.SUCCESS


def test_each_log_type_over_the_wire(transport, integrator, flow, execution):
    integrator.add_lines(execution, [{"sku": "A B&C"}, {"sku": "XYZ"}])
    client = transport(access_to(integrator))
    for log_type, number in ((LogType.MAIN, 1), (LogType.SUB, 3), (LogType.LINE, 2)):
        page = client.call(calls.list_logs(query(flow, log_type=log_type)))
        logs = [read_log(fields, log_type) for fields in page.logs]
        assert len(logs) == number
        assert {log.execution_id for log in logs} == {execution.id}


def test_lines_are_searched(transport, integrator, flow, execution):
    integrator.add_lines(execution, [{"sku": "A B&C", "shop": "x"}, {"sku": "XYZ", "shop": "x"}])
    wanted = query(
        flow,
        log_type=LogType.LINE,
        original_filename_uuid=execution.id,
        search=(("sku", "A B&C"), ("shop", "x")),
    )
    page = transport(access_to(integrator)).call(calls.list_logs(wanted))
    assert len(page.logs) == 1
    asked = integrator.requests[-1]
    assert [asked.param(f"search_{half}.{n}") for n in (1, 2) for half in ("field", "value")] == [
        "sku", "A B&C", "shop", "x",
    ]  # fmt: skip


def test_a_base_url_with_a_path(transport, integrator, call_of):
    client = transport(access_to(integrator, base_url=f"{integrator.url}/base", token="any", password=None))
    with pytest.raises(RequestError, match="List flows"):
        carry(client, call_of, "flows")
    assert integrator.requests[-1].path == "/base/api/nifi/flow/list"


def test_operations_run(transport, integrator, flow, execution):
    client = transport(access_to(integrator))
    assert client.run(operations.find_flow(flow.project.id, "Price")).id == flow.id
    assert client.run(operations.find_project_slug(flow.project.id, "partner-1")) == "acme"
    assert (
        client.run(operations.get_execution(flow.project.id, flow.id, execution.id)).log_id
        == execution.log_id
    )
    assert client.run(operations.get_execution(flow.project.id, flow.id, "unknown")) is None
    found = client.run(operations.first_execution_since(flow.project.id, flow.id, execution.created))
    assert found.execution_id == execution.id


def test_a_script_catches_an_error(transport, integrator, flow, caplog):
    integrator.inject(Fault.status(403, body="not yours", on="flows"))
    client = transport(access_to(integrator))
    assert client.run(operations.find_flow(flow.project.id, "some-id")).id == "some-id"
    assert "not yours" in caplog.text


# faults


PASSING = {
    "429": lambda on: Fault.status(429, on=on, times=2),
    "429 Retry-After": lambda on: Fault.status(429, headers={"Retry-After": "0"}, on=on, times=2),
    "500": lambda on: Fault.status(500, body="Oops", on=on, times=2),
    "502": lambda on: Fault.status(502, on=on, times=2),
    "503": lambda on: Fault.status(503, on=on, times=2),
    "reset": lambda on: Fault.reset(on=on, times=2),
    "reset midway": lambda on: Fault.reset(midway=True, on=on, times=2),
    "truncated": lambda on: Fault.truncated(on=on, times=2),
    "not JSON": lambda on: Fault.not_json(on=on, times=2),
}


def makes_sense(kind, fault):
    return not (fault == "not JSON" and kind in ("login", "download"))


MATRIX = [(kind, fault) for kind in ALL for fault in PASSING if makes_sense(kind, fault)]


@pytest.mark.parametrize(("kind", "fault"), MATRIX)
def test_what_passes_is_got_over(transport, integrator, call_of, kind, fault):
    integrator.inject(PASSING[fault](kind))
    carry(transport(access_to(integrator)), call_of, kind)
    assert integrator.count(kind) == 3


@pytest.mark.parametrize(("kind", "fault"), MATRIX)
def test_what_stays_is_an_error_that_names_the_call(transport, integrator, call_of, kind, fault):
    struck = PASSING[fault](kind)
    struck.times = None
    integrator.inject(struck)
    client = transport(access_to(integrator))
    with pytest.raises(
        UnavailableError, match=f"^{named(kind)}: no usable answer .* after 3 attempts"
    ) as caught:
        carry(client, call_of, kind)
    # aiohttp itself sends a GET once more where a kept connection turns out to be closed.
    assert 3 <= integrator.count(kind) <= (6 if fault == "reset" else 3)
    assert_no_secret(integrator, caught.value)


@pytest.mark.parametrize("kind", ALL)
def test_400_is_not_repeated_and_its_text_shown(transport, integrator, call_of, kind):
    integrator.inject(Fault.status(400, body="Field x is wrong.", on=kind))
    with pytest.raises(
        (RequestError, AuthenticationError), match=rf"^{named(kind)}: .*400: Field x is wrong\."
    ):
        carry(transport(access_to(integrator)), call_of, kind)
    assert integrator.count(kind) == 1


def test_404_of_list_logs_is_nothing_yet(transport, integrator, flow):
    assert transport(access_to(integrator)).call(calls.list_logs(query(flow))) is EMPTY_PAGE
    assert integrator.count("logs") == 1


def test_retry_after_beyond_the_bound(transport, integrator, call_of):
    integrator.inject(Fault.status(429, headers={"Retry-After": "3600"}, on="logs"))
    with pytest.raises(UnavailableError, match="after 1 attempt") as caught:
        carry(transport(access_to(integrator)), call_of, "logs")
    assert caught.value.retry_after == 3600.0


@pytest.mark.parametrize("kind", ALL)
def test_a_timeout_passes(transport, integrator, call_of, kind):
    client = transport(access_to(integrator, timeout=0.5))
    if kind != "login":
        client.log_in()
    integrator.inject(Fault.delay(5.0, on=kind, times=1))
    carry(client, call_of, kind)
    assert integrator.count(kind) == 2


def test_a_lasting_timeout_is_an_error(transport, integrator, call_of):
    client = transport(access_to(integrator, timeout=0.2))
    integrator.inject(Fault.delay(5.0, on="flows"))
    with pytest.raises(UnavailableError, match=r"^List flows: .*[Tt]ime"):
        carry(client, call_of, "flows")


def test_nobody_listens(transport, integrator, call_of):
    client = transport(access_to(integrator))
    integrator.stop()
    with pytest.raises(UnavailableError, match=r"^Login: no usable answer"):
        carry(client, call_of, "logs")
    integrator.start()
    assert len(carry(client, call_of, "logs").logs) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda page: page.pop("results"), "field results should be a list but is missing"),
        (
            lambda page: page["results"][0].update(id=5),
            r"field results\[0\]\.id should be a non-empty text but is 5",
        ),
        (
            lambda page: page["results"][0].update(state=9),
            r"results\[0\]\.state should be one of .* but is 9",
        ),
        (
            lambda page: page["results"][0].update(status=0),
            r"results\[0\]\.status should be one of .* but is 0",
        ),
        (
            lambda page: page["results"][0].update(created=5),
            r"results\[0\]\.created should be epoch .* but is 5",
        ),
    ],
)
def test_a_malformed_answer_names_the_field(transport, integrator, flow, execution, change, message):
    integrator.inject(Fault.mutate(lambda page: change(page) and None, on="logs"))
    with pytest.raises(ResponseError, match=f"^List logs: .*{message}"):
        transport(access_to(integrator)).run(operations.get_execution(flow.project.id, flow.id, execution.id))
    assert integrator.count("logs") == 1


@pytest.mark.parametrize("kind", ["projects", "flows", "logs"])
def test_json_of_another_form_is_not_asked_for_again(transport, integrator, call_of, kind):
    integrator.inject(Fault.body('"nothing to see"', on=kind))
    with pytest.raises(
        ResponseError, match=f"^{named(kind)}: the answer should be .* but is 'nothing to see'"
    ):
        carry(transport(access_to(integrator)), call_of, kind)
    assert integrator.count(kind) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault.base64("bad padding"),
        Fault.base64("junk"),
        *(Fault.archive(kind) for kind in ("not a zip", "empty", "encrypted", "wrong crc", "truncated")),
        Fault.contents("not json"),
        Fault.contents("not utf-8"),
        Fault.body("<html>Please wait</html>", on="download"),
        Fault.body("", on="download"),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_faulty_log_is_an_archive_error(transport, integrator, call_of, fault):
    integrator.inject(fault)
    with pytest.raises(LogArchiveError, match=r"^Download log"):
        carry(transport(access_to(integrator)), call_of, "download")
    assert integrator.count("download") == 1


@pytest.mark.parametrize(
    "fault", [Fault.base64("line breaks"), Fault.archive("several files")], ids=lambda f: f.kind
)
def test_an_odd_log_is_read(transport, integrator, call_of, fault):
    integrator.inject(fault)
    assert carry(transport(access_to(integrator)), call_of, "download") == CONTENTS


@pytest.mark.parametrize(
    ("limits", "message"),
    [(Limits(max_log_bytes=2**20), "more than 1048576 bytes"), (Limits(max_ratio=100), "100 times the size")],
    ids=["size", "ratio"],
)
def test_an_oversized_log(transport, integrator, execution, limits, message):
    integrator.inject(Fault.oversized(32 * 2**20))
    with pytest.raises(LogTooLargeError, match=message):
        transport(access_to(integrator)).call(download(execution, limits))
    assert integrator.count("download") == 1


def test_a_body_beyond_the_limit(transport, integrator, execution):
    integrator.inject(Fault.body("QUJD" * 2**20, on="download"))
    with pytest.raises(LogTooLargeError, match="the body passes"):
        transport(access_to(integrator)).call(download(execution, Limits(max_log_bytes=100)))
    assert integrator.count("download") == 1


def test_a_log_is_whole_after_a_broken_beginning(transport, integrator, execution):
    integrator.inject(
        Fault.truncated(on="download", times=1), Fault.reset(midway=True, on="download", times=1)
    )
    with transport(access_to(integrator)).call(download(execution)) as log:
        target = io.BytesIO()
        log.write(target)
    assert json.loads(target.getvalue()) == CONTENTS


# access


def assert_no_secret(integrator, *shown):
    for thing in shown:
        error = thing
        while error is not None:
            text = f"{error} {error!r}"
            assert integrator.password not in text
            assert not any(token in text for token in integrator.tokens)
            error = getattr(error, "__cause__", None) or getattr(error, "__context__", None)


def test_wrong_password_is_tried_once(transport, integrator, call_of):
    client = transport(access_to(integrator, password="wrong-password"))
    for kind in AUTHORISED:
        with pytest.raises(
            AuthenticationError, match="The supplied username and password are not valid"
        ) as caught:
            carry(client, call_of, kind)
        assert "wrong-password" not in str(caught.value)
    assert integrator.logins == 1
    assert integrator.count() == 1


def test_wrong_password_is_tried_once_by_many(transport, integrator, flow):
    client = transport(access_to(integrator, password="wrong-password"))
    outcomes = client.at_once([calls.list_flows(flow.project.id)] * 20)
    assert {type(outcome) for outcome in outcomes} == {AuthenticationError}
    assert integrator.logins == 1


@pytest.mark.parametrize(
    "body", ["<html><body>Please log in</body></html>", "", "two words", b"\xff\xfe\x00"]
)
def test_a_login_that_answers_no_token(transport, integrator, call_of, body):
    integrator.inject(Fault.body(body, on="login"))
    client = transport(access_to(integrator))
    for _ in range(2):
        with pytest.raises(AuthenticationError, match=r"^Login: the answer isn't a token"):
            carry(client, call_of, "logs")
    assert integrator.count() == 1


def test_a_given_token_is_used_as_it_is(transport, integrator, call_of):
    integrator.accept_token("given-by-hand")
    client = transport(access_to(integrator, token="given-by-hand", username=None, password=None))
    for kind in AUTHORISED:
        carry(client, call_of, kind)
    assert integrator.logins == 0


def test_a_given_token_that_is_refused(transport, integrator, call_of):
    client = transport(access_to(integrator, token="given-by-hand"))
    with pytest.raises(AuthenticationError, match="refuses the connection's token") as caught:
        carry(client, call_of, "logs")
    assert "given-by-hand" not in str(caught.value)
    assert integrator.logins == 0
    assert integrator.count() == 1


def test_a_token_that_stays_refused(transport, integrator, call_of):
    integrator.inject(Fault.status(401, body="No.", on="logs"))
    with pytest.raises(AuthenticationError, match=r"^List logs: .*refused a new token \(401: No\.\)"):
        carry(transport(access_to(integrator)), call_of, "logs")
    assert integrator.logins == 2
    assert integrator.count("logs") == 2


def test_an_expired_token_is_renewed(transport, integrator, call_of):
    client = transport(access_to(integrator))
    for kind in AUTHORISED:
        carry(client, call_of, kind)
        integrator.expire_tokens()
    carry(client, call_of, "logs")
    assert integrator.logins == 5


def test_each_token_is_told(transport, integrator, call_of):
    told = []
    client = transport(access_to(integrator), on_token=told.append)
    carry(client, call_of, "logs")
    integrator.expire_tokens()
    carry(client, call_of, "logs")
    assert told == integrator.tokens
    assert len(told) == 2


def test_many_calls_share_one_login(transport, integrator, flow):
    integrator.inject(Fault.delay(0.1, on="login"))
    client = transport(access_to(integrator))
    outcomes = client.at_once([calls.list_flows(flow.project.id)] * 20)
    assert all(type(outcome) is list for outcome in outcomes)
    assert integrator.logins == 1


def test_many_calls_share_one_renewal(transport, integrator, flow):
    client = transport(access_to(integrator))
    client.log_in()
    integrator.expire_tokens()
    integrator.inject(Fault.delay(0.05, on="flows"))
    outcomes = client.at_once([calls.list_flows(flow.project.id)] * 20)
    assert all(type(outcome) is list for outcome in outcomes)
    assert integrator.logins == 2


def test_a_failing_login_is_not_held_against_later_calls(transport, integrator, call_of):
    integrator.inject(Fault.status(503, on="login", times=3))
    client = transport(access_to(integrator))
    with pytest.raises(UnavailableError, match=r"^Login"):
        carry(client, call_of, "logs")
    carry(client, call_of, "logs")
    assert integrator.logins == 4


# nothing goes elsewhere


@pytest.fixture
def elsewhere():
    from airflow_provider_integrator.simulator import IntegratorSimulator

    with IntegratorSimulator() as other:
        yield other


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("kind", ALL)
def test_a_redirect_is_not_followed(transport, integrator, elsewhere, call_of, kind, status):
    integrator.inject(Fault.redirect(f"{elsewhere.url}/logs", status=status, on=kind))
    with pytest.raises(RequestError, match=f"^{named(kind)}: .*{status} and points elsewhere"):
        carry(transport(access_to(integrator)), call_of, kind)
    assert elsewhere.count() == 0
    assert elsewhere.connections == 0
    assert integrator.count(kind) == 1


def test_next_is_not_followed(transport, integrator, elsewhere, flow):
    executions = [integrator.add_execution(flow, lasts=0) for _ in range(25)]
    integrator.inject(Fault.next_elsewhere(elsewhere.url))
    read = transport(access_to(integrator)).logs(query(flow, limit=10))
    assert sorted(read) == sorted(execution.log_id for execution in executions)
    assert [one.param("page") for one in integrator.requests if one.path == "/logs"] == ["1", "2", "3", "4"]
    assert elsewhere.connections == 0


def test_netrc_does_not_replace_the_token(transport, integrator, call_of, tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\ndefault login a password b\n")
    netrc.chmod(0o600)
    for place in ("HOME", "NETRC"):
        monkeypatch.setenv(place, str(tmp_path if place == "HOME" else netrc))
    client = transport(access_to(integrator))
    for kind in AUTHORISED:
        carry(client, call_of, kind)
    assert "Authorization" not in integrator.requests[0].headers
    assert {one.headers["Authorization"] for one in integrator.requests[1:]} == {
        f"Bearer {integrator.tokens[0]}"
    }


def test_cookies_are_neither_kept_nor_sent(transport, integrator, call_of):
    integrator.inject(Fault.status(404, headers={"Set-Cookie": "session=secret; Path=/"}, on="logs"))
    client = transport(access_to(integrator))
    carry(client, call_of, "logs")
    carry(client, call_of, "flows")
    assert all("Cookie" not in one.headers for one in integrator.requests)


# proxies


@contextmanager
def proxy_to(integrator):
    """A proxy for plain HTTP: it takes a request for any host to the simulator, and keeps the request's head."""
    heads, listener = [], socket.create_server(("127.0.0.1", 0))
    port = int(integrator.url.rpartition(":")[2])

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                client.settimeout(20)
                data = b""
                while b"\r\n\r\n" not in data:
                    data += client.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                size = int((re.search(rb"(?i)content-length: (\d+)", head) or [0, 0])[1])
                while len(body) < size:
                    body += client.recv(65536)
                heads.append(head.decode())
                head = re.sub(
                    rb"(?i)connection: keep-alive\r\n", b"", re.sub(rb"http://[^/]+", b"", head, count=1)
                )
                server.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
                while answer := server.recv(65536):
                    client.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        # A listener that a thread waits on is not ended by close alone.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(20)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
@pytest.mark.parametrize("form", ["http://{}", "{}"])
def test_a_proxy_from_the_environment_is_used(transport, integrator, flow, monkeypatch, variable, form):
    with proxy_to(integrator) as (proxy, heads):
        monkeypatch.setenv(variable, form.format(proxy))
        client = transport(access_to(integrator, base_url="http://integrator.invalid:3000"))
        assert len(client.call(calls.list_flows(flow.project.id))) == 1
    assert [head.split()[1].partition("?")[0] for head in heads] == [
        "http://integrator.invalid:3000/api/nifi/login",
        "http://integrator.invalid:3000/api/nifi/flow/list",
    ]


def test_a_proxys_password_goes_to_the_proxy_only(transport, integrator, flow, monkeypatch):
    with proxy_to(integrator) as (proxy, heads):
        monkeypatch.setenv("http_proxy", f"http://user:proxy-password@{proxy}")
        client = transport(access_to(integrator, base_url="http://integrator.invalid"))
        assert len(client.call(calls.list_flows(flow.project.id))) == 1
    assert all("Proxy-Authorization: Basic" in head for head in heads)
    assert "Authorization: Bearer" in heads[1]


def test_a_proxy_that_is_not_there(transport, integrator, flow, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://user:proxy-password@127.0.0.1:{port}")
    with pytest.raises(UnavailableError, match=r"^Login") as caught:
        transport(access_to(integrator)).call(calls.list_flows(flow.project.id))
    assert "proxy-password" not in str(caught.value)
    assert integrator.connections == 0


@pytest.mark.parametrize("hosts", ["127.0.0.1", "*", "127.0.0.0/8", "example.com, 127.0.0.1"])
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy_is_honoured(transport, integrator, flow, monkeypatch, variable, hosts):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, hosts)
    assert len(transport(access_to(integrator)).call(calls.list_flows(flow.project.id))) == 1


# connections


def test_a_connection_is_used_again_after_every_kind_of_answer(transport, integrator, call_of, flow):
    client = transport(access_to(integrator))
    for kind in AUTHORISED:
        carry(client, call_of, kind)
    integrator.inject(
        Fault.status(404, body="Not Found", on="logs", times=20),
        Fault.status(503, body="x" * 1000, on="logs", times=1),
        Fault.status(404, on="logs", times=1),
    )
    for _ in range(22):
        carry(client, call_of, "logs")
    integrator.expire_tokens()
    carry(client, call_of, "logs")
    assert integrator.connections == 1


@contextmanager
def scripted(*answers):
    """A server that gives each request on each connection its answer, as bytes; counts connections."""
    connections, listener, left = [], socket.create_server(("127.0.0.1", 0)), list(answers)

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            connections.append(client)
            with client:
                client.settimeout(20)
                talk(client)

    def talk(client):
        data = b""
        try:
            while left:
                while b"\r\n\r\n" not in data:
                    more = client.recv(65536)
                    if not more:
                        return
                    data += more
                data = b""
                client.sendall(left.pop(0))
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", connections
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(20)


CHUNKED_404 = (
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nNot\r\n6\r\n Found\r\n0\r\n\r\n"
)


def test_a_connection_is_used_again_after_a_chunked_404(transport):
    with scripted(*[CHUNKED_404] * 5) as (url, connections):
        client = transport(Access(url, token="token", timeout=20.0))
        for _ in range(5):
            assert client.call(calls.list_logs(LogQuery("p", "f"))) is EMPTY_PAGE
    assert len(connections) == 1


def test_the_whole_of_a_chunked_refusal_is_shown(transport):
    with scripted(CHUNKED_404) as (url, _):
        client = transport(Access(url, token="token", timeout=20.0))
        with pytest.raises(RequestError, match=r"404: Not Found\)"):
            client.call(calls.list_flows("p"))


def test_no_more_of_a_refusal_is_read_than_is_needed(transport):
    endless = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 200_000
    with scripted(endless) as (url, _):
        client = transport(Access(url, token="token", timeout=20.0))
        with pytest.raises(RequestError, match="400: xxx"):
            client.call(calls.list_flows("p"))


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"Content-Length: 1\r\n\r\n[",
        b"",
    ],
    ids=["nonsense", "status", "chunk", "gzip", "headers", "nothing"],
)
def test_what_is_hardly_http_is_a_passing_fault(transport, answer):
    # Where nothing comes at all the second request of a kept connection would wait; so each is a new one.
    closing = answer or b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n["
    with scripted(closing) as (url, _):
        client = transport(Access(url, token="token", timeout=1.0), retry=Retry(attempts=1))
        with pytest.raises(UnavailableError, match=r"^List flows"):
            client.call(calls.list_flows("p"))


# pages


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
def test_all_pages_are_read_in_the_servers_order(transport, integrator, flow, order):
    integrator.order = order
    wanted = {integrator.add_execution(flow, lasts=0).log_id for _ in range(23)}
    read = transport(access_to(integrator)).logs(query(flow, limit=5))
    assert len(read) == 23
    assert set(read) == wanted
    assert integrator.count("logs") == 5


def test_no_logs_at_all(transport, integrator, flow):
    assert transport(access_to(integrator)).logs(query(flow)) == []
    assert integrator.count("logs") == 1


def test_a_log_that_slides_to_the_next_page_comes_once(transport, integrator, flow):
    wanted = [integrator.add_execution(flow, lasts=0).log_id for _ in range(20)]

    def between(count):
        if count in (1, 6):
            integrator.add_execution(flow, lasts=0)

    read = transport(access_to(integrator)).logs(query(flow, limit=5), between)
    assert len(read) == len(set(read))
    assert set(wanted) <= set(read)


def test_a_token_that_expires_between_pages_costs_one_login(transport, integrator, flow):
    wanted = {integrator.add_execution(flow, lasts=0).log_id for _ in range(50)}
    client = transport(access_to(integrator))

    def between(count):
        if count == 15:
            integrator.expire_tokens()

    read = client.logs(query(flow, limit=10), between)
    assert sorted(read) == sorted(wanted)
    assert integrator.logins == 2


def until(condition, seconds=20.0):
    """Wait for what happens in another thread."""
    waiting = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return True
        waiting.wait(0.01)
    return False


def test_one_page_at_the_most_is_asked_for_ahead(transport, integrator, flow):
    for _ in range(40):
        integrator.add_execution(flow, lasts=0)
    seen = []

    def between(count):
        page = (count - 1) // 10 + 1
        ahead = min(page + 1, 4)
        assert until(lambda: integrator.count("logs") >= ahead)
        seen.append((integrator.count("logs"), ahead))

    assert len(transport(access_to(integrator)).logs(query(flow, limit=10), between)) == 40
    assert all(asked == ahead for asked, ahead in seen)
    assert integrator.count("logs") == 4


def test_a_page_that_fails_is_an_error_after_the_ones_before(transport, integrator, flow):
    for _ in range(20):
        integrator.add_execution(flow, lasts=0)
    integrator.inject(Fault.status(400, body="no page 2", where=lambda request: request.param("page") == "2"))
    counts = []
    with pytest.raises(RequestError, match="no page 2"):
        transport(access_to(integrator)).logs(query(flow, limit=10), counts.append)
    assert counts[-1] == 10


def test_a_server_that_ignores_the_page(transport, integrator, flow):
    for _ in range(20):
        integrator.add_execution(flow, lasts=0)
    pages = []

    def same(page):
        pages.append(page)
        return pages[0]

    integrator.inject(Fault.mutate(same, on="logs"))
    with pytest.raises(ResponseError, match="page was not applied"):
        transport(access_to(integrator)).logs(query(flow, limit=10))


def test_an_abandoned_iterator_leaves_no_thread(integrator, flow):
    from airflow_provider_integrator.api.client import Client

    for _ in range(20):
        integrator.add_execution(flow, lasts=0)
    with Client(access_to(integrator), FAST) as client:
        logs = client.logs(query(flow, limit=10))
        next(logs)
        logs.close()
        assert not [one for one in threading.enumerate() if one.name.startswith("integrator-page")]
    assert integrator.count("logs") == 2


@pytest.mark.parametrize("fails", [False, True], ids=["page comes", "page fails"])
def test_an_abandoned_iterator_leaves_no_task_and_no_complaint(integrator, flow, caplog, fails):
    from airflow_provider_integrator.api.aio import AsyncClient

    for _ in range(20):
        integrator.add_execution(flow, lasts=0)
    if fails:
        integrator.inject(Fault.status(400, where=lambda request: request.param("page") == "2"))
    complaints = []

    async def abandon():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        async with AsyncClient(access_to(integrator), FAST) as client:
            logs = client.logs(query(flow, limit=10))
            await anext(logs)
            assert await asyncio.to_thread(until, lambda: integrator.requests[-1].param("page") == "2")
            await asyncio.sleep(0.05)
            await logs.aclose()
            assert len(asyncio.all_tasks()) == 1

    with caplog.at_level(logging.ERROR):
        asyncio.run(abandon())
    assert complaints == []
    assert caplog.records == []


def test_an_async_call_that_is_cancelled_leaves_nothing_and_harms_nobody(integrator, flow):
    from airflow_provider_integrator.api.aio import AsyncClient

    integrator.inject(Fault.delay(0.2, on="login", times=1))

    async def cancel_one():
        async with AsyncClient(access_to(integrator), FAST) as client:
            first = asyncio.create_task(client.call(calls.list_flows(flow.project.id)))
            second = asyncio.create_task(client.call(calls.list_flows(flow.project.id)))
            assert await asyncio.to_thread(until, lambda: integrator.count("login") == 1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert len(await second) == 1
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(cancel_one())


def test_clients_of_one_access_share_a_login_between_threads(integrator, flow):
    from concurrent.futures import ThreadPoolExecutor

    from airflow_provider_integrator.api.client import Client

    integrator.inject(Fault.delay(0.1, on="login"))
    access = access_to(integrator)
    clients = [Client(access, FAST) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda client: client.call(calls.list_flows(flow.project.id)), clients))
        assert integrator.logins == 1
        integrator.expire_tokens()
        list(pool.map(lambda client: client.call(calls.list_flows(flow.project.id)), clients))
    assert integrator.logins == 2
    for client in clients:
        client.close()


def test_another_password_is_another_login(integrator, flow):
    from airflow_provider_integrator.api.client import Client

    with (
        Client(access_to(integrator, password="wrong"), FAST) as wrong,
        Client(access_to(integrator), FAST) as right,
    ):
        with pytest.raises(AuthenticationError):
            wrong.log_in()
        right.log_in()
        assert len(right.call(calls.list_flows(flow.project.id))) == 1


def test_a_client_can_be_opened_again(integrator, flow):
    from airflow_provider_integrator.api.aio import AsyncClient

    async def twice():
        client = AsyncClient(access_to(integrator), FAST)
        await client.close()
        for _ in range(2):
            assert len(await client.call(calls.list_flows(flow.project.id))) == 1
            await client.close()

    asyncio.run(twice())
    assert integrator.logins == 1


def test_all_errors_are_ours(transport, integrator, call_of):
    """Whatever the beginning of any answer is replaced by, one base class catches it."""
    for status in (100, 204, 299, 300, 304, 402, 418, 451, 501, 505, 599):
        integrator.clear_faults()
        integrator.inject(Fault.status(status, on="flows", body="" if status in (100, 204, 304) else "text"))
        client = transport(access_to(integrator, timeout=1.0), retry=Retry(attempts=1))
        with pytest.raises(IntegratorError, match=r"^List flows"):
            carry(client, call_of, "flows")
