"""Both transports over real HTTP: what a lying server, or an honest proxy, gets into a message."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import replace
from urllib.parse import quote, quote_plus, urlencode

import pytest

from airflow_provider_integrator.api import endpoints, queries
from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.models import Execution, Step
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    IntegratorError,
    RequestError,
    ResponseError,
    UnavailableError,
)
from airflow_provider_integrator.executions.policy import summary
from airflow_provider_integrator.logs.archive import Limits
from airflow_provider_integrator.logs.receiver import ArchiveReceiver
from airflow_provider_integrator.simulator import Fault
from tests.api.conftest import access_to, listening, query
from tests.api.test_texts import pieces
from tests.hostile.test_time_limits import request_head

PASSWORD = "p ä&s<s>\"w'o+r/d%3B=è"
ONCE = Retry(attempts=1)
FLOWS = endpoints.list_flows("project-1")


def chain(error):
    """All that is logged of an error: with its causes and their contexts."""
    while error is not None:
        yield f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def assert_nothing_of(secret, error):
    for text in chain(error):
        assert not pieces(secret) & pieces(text), text


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_the_connection(transport, monkeypatch, status):
    def refuse(client):
        if request_head(client):
            client.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)

    with listening(refuse) as proxy:
        monkeypatch.setenv("https_proxy", f"http://pxu5er:s3cr3t%2Fw0rd@{proxy}")
        client = transport(Access("https://integrator.invalid", token="token", timeout=20.0), retry=ONCE)
        with pytest.raises(UnavailableError, match=rf"^List flows: .*{status}") as caught:
            client.call(FLOWS)
    assert_nothing_of("pxu5er", caught.value)
    assert_nothing_of("s3cr3t/w0rd", caught.value)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://pxu5er:s3cr3t-w0rd@127.0.0.1:80a",
        "http://pxu5er:s3cr3t-w0rd@127.0.0.1:99999",
        "http://pxu5er:s3cr3t-w0rd@[127.0.0.1",
        "http://pxu5er:s3cr3t-w0rd@",
        "pxu5er:s3cr3t-w0rd@127.0.0.1:80a",
        "nonsense://pxu5er:s3cr3t-w0rd@127.0.0.1:80",
        "http:///pxu5er:s3cr3t-w0rd@127.0.0.1:80",
        "http://pxu5er:/s3cr3t-w0rd@127.0.0.1:80",
        "http://pxu5er:#s3cr3t-w0rd@127.0.0.1:80a",
        "pxu5er:?s3cr3t-w0rd@127.0.0.1:80a",
        "http://pxu5er:s3cr3t-w0rd:80",
        "http:///pxu5er:s3cr3t-w0rd",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_malformed_proxy(transport, monkeypatch, proxy, scheme):
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    access = Access(f"{scheme}://integrator.invalid", token="token", timeout=5.0)
    with pytest.raises(
        ConfigurationError, match=r"^The proxy in the environment can't be used; correct HTTP_PROXY"
    ) as caught:
        transport(access, retry=ONCE).call(FLOWS)
    assert_nothing_of("pxu5er", caught.value)
    assert_nothing_of("s3cr3t-w0rd", caught.value)


ECHOES = {
    "form": lambda form: form,
    "percent": lambda form: quote(form, safe=""),
    "password": lambda form: PASSWORD,
    "HTML": lambda form: f"<p>{html.escape(PASSWORD)}</p>",
    "JSON": lambda form: json.dumps({"password": PASSWORD}),
    "JSON of the form": lambda form: json.dumps({"body": form}),
    "lines": lambda form: "\n".join(PASSWORD),
    "base64 of the form": lambda form: base64.b64encode(form.encode()).decode(),
    "base64 of a pair": lambda form: base64.b64encode(f"me:{PASSWORD}".encode()).decode(),
    "cut in the middle": lambda form: " " * (16 * 1024 - len(form) + 8) + form,
}  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("status", [400, 403, 503])
def test_a_server_that_repeats_the_login(transport, integrator, echo, status):
    form = urlencode({"username": "me", "password": PASSWORD})
    said = f"Wrong: {ECHOES[echo](form)}"
    integrator.inject(Fault.status(status, body=said, on="login"))
    client = transport(access_to(integrator, password=PASSWORD), retry=ONCE)
    with pytest.raises((AuthenticationError, UnavailableError), match=r"^Login: .*Wrong") as caught:
        client.log_in()
    for secret in (PASSWORD, quote_plus(PASSWORD), html.escape(PASSWORD), json.dumps(PASSWORD)):
        for text in chain(caught.value):
            assert not pieces(secret, 6) & pieces(text, 6), text
    middle = base64.b64encode(PASSWORD.encode()).decode()[4:-4]
    assert_nothing_of(middle, caught.value)


def test_the_password_is_masked_in_later_answers_too(transport, integrator):
    integrator.password = PASSWORD
    integrator.inject(Fault.status(403, body=f"not for {quote(PASSWORD)}, {PASSWORD}", on="flows"))
    with pytest.raises(RequestError, match=r"\(403: not for \*\*\*, \*\*\*\)"):
        transport(access_to(integrator)).call(FLOWS)


def test_a_token_in_a_field_is_masked(transport, integrator, flow, execution):
    integrator.inject(
        Fault.mutate(lambda page: page["results"][0].update(state=integrator.tokens[-1] * 5), on="logs")
    )
    with pytest.raises(ResponseError, match=r"state should be one of .* but is '\*\*\*") as caught:
        transport(access_to(integrator)).run(queries.get_execution(flow.project.id, flow.id, execution.id))
    assert not pieces(integrator.tokens[-1], 8) & pieces(str(caught.value), 8)


FORGED = "Login\n[2026-01-01T00:00:00] INFO - Marking task as SUCCESS\u202e\x1b[2K"


def test_a_body_with_a_forged_line(transport, integrator):
    integrator.inject(Fault.status(403, body=f"No.\r\n{FORGED}", on="flows"))
    with pytest.raises(RequestError) as caught:
        transport(access_to(integrator)).call(FLOWS)
    assert str(caught.value).isprintable()


def test_a_status_line_with_a_forged_line(transport):
    def lie(client):
        if request_head(client):
            client.sendall(b"X" + FORGED.encode() + b"\r\n\r\n")

    with listening(lie) as address:
        client = transport(Access(f"http://{address}", token="token", timeout=5.0), retry=ONCE)
        with pytest.raises(UnavailableError, match=r"^List flows") as caught:
            client.call(FLOWS)
    assert str(caught.value).isprintable()


def test_a_steps_name_with_a_forged_line(transport, integrator, flow, execution):
    def forge(page):
        for log in page["results"]:
            log.update(status=3, triggered_by=FORGED)
            for step in log["sub_flows"]:
                step.update(process_group_name=FORGED, status=3)

    integrator.inject(Fault.mutate(forge, on="logs"))
    client = transport(access_to(integrator))
    found = client.run(queries.get_execution(flow.project.id, flow.id, execution.id))
    assert isinstance(found, Execution)
    lines = summary(found).split("\n")
    assert len(lines) == 1 + len(found.steps)
    assert all(line.isprintable() for line in lines)
    assert found.triggered_by.isprintable()
    assert found.steps[0].name == r"Login\n[2026-01-01T00:00:00] INFO - Marking task as SUCCESS\x1b[2K"


def test_a_flows_name_with_a_forged_line(transport, integrator, flow):
    integrator.inject(
        Fault.mutate(lambda flows: flows[0]["component"].update(name=FORGED) and None, on="flows")
    )
    (found,) = transport(access_to(integrator)).call(FLOWS)
    assert found.name.isprintable()


def spoiled(change):
    """Change the first log once; unlike Fault.mutate, with lone surrogates as they come."""

    def edit(answer):
        page = json.loads(answer.whole())
        change(page["results"][0])
        return replace(answer, body=json.dumps(page).encode())

    return Fault("spoiled", edit, on="logs", times=1)


@pytest.mark.parametrize(
    "odd", ["x" * 1_000_000, "id\nINFO - forged", "\ud800", "\u202eid", " ", 10**300],
    ids=["long", "line", "surrogate", "direction", "blank", "number"],
)  # fmt: skip
def test_an_id_that_can_not_be_one(transport, integrator, flow, execution, odd):
    """A step of this id is left out, and an execution is an error; the message stays short."""
    integrator.inject(spoiled(lambda log: log["sub_flows"][0].update(id=odd)))
    client = transport(access_to(integrator))
    found = client.run(queries.get_execution(flow.project.id, flow.id, execution.id))
    assert len(found.steps) == len(execution.steps) - 1
    integrator.inject(spoiled(lambda log: log.update(filename_uuid=odd)))
    with pytest.raises(ResponseError) as caught:
        client.run(queries.get_execution(flow.project.id, flow.id, execution.id))
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_an_unknown_flow_among_many_with_long_slugs(transport, integrator, project):
    for number in range(300):
        integrator.add_flow(project, f"Flow {number}", slug=f"{number}-" + "s" * 1000)
    integrator.add_flow(project, "Price", slug="price")
    client = transport(access_to(integrator))
    with pytest.raises(ConfigurationError, match=r"has no flow .*and \d+ more") as caught:
        client.run(queries.find_flow(project.id, "x" * 100_000))
    assert len(str(caught.value)) < 1500


def test_lines_are_read_alike(transport, integrator, flow, execution):
    integrator.add_lines(execution, [{"sku": "A"}])
    integrator.inject(
        Fault.mutate(lambda page: page["results"][0].update(process_group_name=FORGED), on="logs")
    )
    page = transport(access_to(integrator)).call(
        endpoints.list_logs(query(flow, log_type=LogType.LINE, original_filename_uuid=execution.id))
    )
    assert Step.read(page.logs[0]).name.isprintable()


def test_all_errors_are_ours(transport):
    """Addresses that a connection refuses, if they come to a client all the same."""
    for host in ("a..b", "x" * 64 + ".invalid", "xn--\u0fff.invalid"):
        client = transport(Access(f"http://{host}", token="token", timeout=5.0), retry=ONCE)
        with pytest.raises(IntegratorError, match=r"^List flows"):
            client.call(FLOWS)


@pytest.mark.parametrize(
    "odd", ["", "x" * 201, "x" * 1_000_000, "\ud800", "a\nb", "a\x00b", "\u202e"], ids=repr
)
def test_an_id_that_can_not_be_sent(transport, integrator, odd):
    client = transport(access_to(integrator))
    for call in (
        endpoints.list_flows(odd),
        endpoints.list_projects(odd),
        endpoints.list_logs(LogQuery("project-1", odd)),
        endpoints.list_logs(LogQuery("project-1", "flow-1", filename_uuid=odd)),
        endpoints.download_log(odd, "project-1", "acme", "flow-1", lambda: ArchiveReceiver(Limits())),
    ):
        with pytest.raises(
            ConfigurationError, match=rf"^{call.name}: \w+ is .*; set it to 1 to 200 printable characters"
        ) as caught:
            client.call(call)
        assert len(str(caught.value)) < 250
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("odd", ["a;b&c=d", "ü€ 漢", "../..", "a" * 200, "%00", "'\"<>"])
def test_an_odd_id_is_sent_as_it_is(transport, integrator, odd):
    with pytest.raises(RequestError):
        transport(access_to(integrator)).call(endpoints.list_flows(odd))
    assert integrator.requests[-1].param("projectId") == odd


def test_a_search_that_is_no_text(transport, integrator, flow, execution):
    integrator.add_lines(execution, [{"sku": "A"}])
    wanted = query(flow, log_type=LogType.LINE, search=(("sku", "\ud800"),))
    with pytest.raises(ConfigurationError, match=r"^List logs: search_value\.1 is '\\\\ud800'"):
        transport(access_to(integrator)).call(endpoints.list_logs(wanted))
