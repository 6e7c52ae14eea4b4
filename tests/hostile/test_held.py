"""What held from the first: redirects, foreign pages, netrc, paths, broken archives, bombs, links, deep nesting."""

from __future__ import annotations

import contextlib
import gzip
import json
import tempfile
from functools import cache
from pathlib import Path

import pytest

from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    IntegratorError,
    LogArchiveError,
    LogTooLargeError,
    RequestError,
    UnavailableError,
)
from airflow_provider_integrator.hooks.ui_url import UiUrl
from airflow_provider_integrator.logs.storage import Destination
from airflow_provider_integrator.simulator import Fault, IntegratorSimulator
from tests.api.conftest import access_to, download, listening, query


@pytest.fixture
def elsewhere():
    """Another server, which must never be asked for anything."""
    with IntegratorSimulator(seed=2) as another:
        yield another
        assert another.count() == 0


def deliver(client, execution):
    with tempfile.TemporaryFile() as file, client.call(download(execution)) as log:
        log.write(file)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["logs", "download", "flows"])
def test_a_redirect_takes_the_token_nowhere(kind, status, transport, integrator, elsewhere, call_of):
    location = {"Location": f"{elsewhere.url}/logs"}
    integrator.inject(Fault.status(status, on=kind, headers=location))
    with pytest.raises(RequestError, match="points elsewhere"):
        transport(access_to(integrator)).call(call_of[kind]())


def test_a_foreign_next_page_is_not_asked_for(transport, integrator, elsewhere, flow):
    for number in range(3):
        integrator.add_execution(flow, lasts=0, id=f"e-{number}")

    def lure(page):
        page["next"] = f"{elsewhere.url}/logs?page=2"

    integrator.inject(Fault.mutate(lure, on="logs", times=1))
    assert len(list(transport(access_to(integrator)).logs(query(flow)))) == 3


def test_netrc_replaces_no_token(transport, integrator, call_of, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login stranger password stolen\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    transport(access_to(integrator)).call(call_of["flows"]())
    headers = [value for request in integrator.requests for value in request.headers.values()]
    assert not [value for value in headers if value.startswith("Basic")]


@pytest.mark.parametrize(
    "name", ["../x", "..", "/etc/x", "a/../../x", "%2e%2e/x", "..\\x", "x/", ".", "~root"]
)
def test_an_id_climbs_out_of_no_folder(name, tmp_path):
    path = Path(str(Destination(f"{tmp_path}/here/").log_path(name, name, name)).removeprefix("file://"))
    assert path.resolve().is_relative_to(tmp_path / "here")
    assert len(path.relative_to(tmp_path / "here").parts) == 3


@pytest.mark.parametrize("how", ["not a zip", "wrong crc", "truncated", "empty"])
def test_a_broken_archive_is_an_error(how, transport, integrator, execution):
    integrator.inject(Fault.archive(how))
    with pytest.raises(IntegratorError):
        deliver(transport(access_to(integrator)), execution)


def test_a_flat_bomb_is_refused_below_the_limits_too(transport, integrator, execution):
    integrator.inject(Fault.contents(b'"' + b"0" * (17 * 1024 * 1024) + b'"'))
    with pytest.raises(LogTooLargeError, match="bomb"):
        deliver(transport(access_to(integrator)), execution)


@cache
def gzip_bomb():
    return gzip.compress(b"[" + b" " * (64 * 1024 * 1024) + b"]")


@pytest.mark.parametrize("kind", ["logs", "flows"])
def test_a_gzip_bomb_is_refused(kind, transport, integrator, call_of):
    packed = gzip_bomb()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()

    def talk(client):
        client.recv(65536)
        with contextlib.suppress(OSError):  # whoever hangs up has seen enough
            client.sendall(head + packed)

    with listening(talk) as address:
        access = access_to(integrator, base_url=f"http://{address}", token="given")
        client = transport(access, retry=Retry(attempts=1))
        with pytest.raises(IntegratorError):
            client.call(call_of[kind]())


@pytest.mark.parametrize(
    "template",
    ["javascript:alert({execution_id})", "data:text/html,{log_id}", "//evil/{flow_id}", "ftp://x/{log_id}"],
)
def test_a_link_runs_no_script(template):
    with pytest.raises(ConfigurationError):
        UiUrl.read(template)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_ends_in_an_error_or_a_stored_log(opening, transport, integrator, execution):
    depth = 200_000
    text = (opening * depth + "1" + {"[": "]", '{"a":': "}"}[opening] * depth).encode()
    integrator.inject(Fault.contents(text))
    # Stored unchecked, as it is deeper than any checker goes, or refused.
    with contextlib.suppress(LogArchiveError):
        deliver(transport(access_to(integrator)), execution)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_of_an_answer_is_an_error(opening, transport, integrator, call_of):
    depth = 200_000
    text = opening * depth + "1" + {"[": "]", '{"a":': "}"}[opening] * depth
    integrator.inject(Fault.status(200, on="logs", body=text))
    with pytest.raises(UnavailableError):
        transport(access_to(integrator)).call(call_of["logs"]())


def test_what_is_no_json_is_an_error(transport, integrator, call_of):
    integrator.inject(Fault.status(200, on="logs", body=json.dumps("text")))
    with pytest.raises(IntegratorError):
        transport(access_to(integrator)).call(call_of["logs"]())
