"""Both transports over real HTTP: proxies, and connections that are used again."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager

import pytest

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.pages import EMPTY_PAGE
from airflow_provider_integrator.exceptions import (
    RequestError,
    UnavailableError,
)
from airflow_provider_integrator.simulator import Fault
from tests.api.conftest import (
    AUTHORISED,
    access_to,
    carry,
    listening,
)


@contextmanager
def proxy_to(integrator):
    """A proxy for plain HTTP: it takes a request for any host to the simulator, and keeps the request's head."""
    heads = []
    port = int(integrator.url.rpartition(":")[2])

    def pass_on(client):
        with socket.create_connection(("127.0.0.1", port)) as server:
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

    with listening(pass_on) as address:
        yield address, heads


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
@pytest.mark.parametrize("form", ["http://{}", "{}"])
def test_a_proxy_from_the_environment_is_used(transport, integrator, flow, monkeypatch, variable, form):
    with proxy_to(integrator) as (proxy, heads):
        monkeypatch.setenv(variable, form.format(proxy))
        client = transport(access_to(integrator, base_url="http://integrator.invalid:3000"))
        assert len(client.call(endpoints.list_flows(flow.project.id))) == 1
    assert [head.split()[1].partition("?")[0] for head in heads] == [
        "http://integrator.invalid:3000/api/nifi/login",
        "http://integrator.invalid:3000/api/nifi/flow/list",
    ]


def test_a_proxys_password_goes_to_the_proxy_only(transport, integrator, flow, monkeypatch):
    with proxy_to(integrator) as (proxy, heads):
        monkeypatch.setenv("http_proxy", f"http://user:proxy-password@{proxy}")
        client = transport(access_to(integrator, base_url="http://integrator.invalid"))
        assert len(client.call(endpoints.list_flows(flow.project.id))) == 1
    assert all("Proxy-Authorization: Basic" in head for head in heads)
    assert "Authorization: Bearer" in heads[1]


def test_a_proxy_that_is_not_there(transport, integrator, flow, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://user:proxy-password@127.0.0.1:{port}")
    with pytest.raises(UnavailableError, match=r"^Login") as caught:
        transport(access_to(integrator)).call(endpoints.list_flows(flow.project.id))
    assert "proxy-password" not in str(caught.value)
    assert integrator.connections == 0


@pytest.mark.parametrize("hosts", ["127.0.0.1", "*", "127.0.0.0/8", "example.com, 127.0.0.1"])
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy_is_honoured(transport, integrator, flow, monkeypatch, variable, hosts):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, hosts)
    assert len(transport(access_to(integrator)).call(endpoints.list_flows(flow.project.id))) == 1


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
    connections, left = [], list(answers)

    def talk(client):
        connections.append(client)
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

    with listening(talk) as address:
        yield f"http://{address}", connections


CHUNKED_404 = (
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nNot\r\n6\r\n Found\r\n0\r\n\r\n"
)


def test_a_connection_is_used_again_after_a_chunked_404(transport):
    with scripted(*[CHUNKED_404] * 5) as (url, connections):
        client = transport(Access(url, token="token", timeout=20.0))
        for _ in range(5):
            assert client.call(endpoints.list_logs(LogQuery("p", "f"))) is EMPTY_PAGE
    assert len(connections) == 1


def test_the_whole_of_a_chunked_refusal_is_shown(transport):
    with scripted(CHUNKED_404) as (url, _):
        client = transport(Access(url, token="token", timeout=20.0))
        with pytest.raises(RequestError, match=r"404: Not Found\)"):
            client.call(endpoints.list_flows("p"))


def test_no_more_of_a_refusal_is_read_than_is_needed(transport):
    endless = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 200_000
    with scripted(endless) as (url, _):
        client = transport(Access(url, token="token", timeout=20.0))
        with pytest.raises(RequestError, match="400: xxx"):
            client.call(endpoints.list_flows("p"))


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
            client.call(endpoints.list_flows("p"))
