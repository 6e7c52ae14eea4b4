"""Both transports over real HTTP, against the embedded Integrator: logins, and where a token goes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_integrator.api import endpoints, exchange
from airflow_provider_integrator.api.access import AUTH_HEADERS
from airflow_provider_integrator.api.async_client import AsyncClient
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    RequestError,
    UnavailableError,
)
from airflow_provider_integrator.simulator import Fault
from tests.api.conftest import (
    ALL,
    AUTHORISED,
    Async,
    Sync,
    access_to,
    carry,
    named,
    query,
    until,
)


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
    outcomes = client.at_once([endpoints.list_flows(flow.project.id)] * 20)
    assert {type(outcome) for outcome in outcomes} == {AuthenticationError}
    assert integrator.logins == 1


@pytest.mark.parametrize("kinds", [(Sync, Sync), (Sync, Async), (Async, Sync), (Async, Async)])
def test_a_refused_login_outlives_its_client(integrator, flow, kinds):
    """Whatever else differs in the connection, the password is the same."""
    for kind, changes in zip(kinds, ({}, {"timeout": 5.0, "auth_header": "Authentication"}), strict=True):
        client = kind(access_to(integrator, password="wrong-password", **changes))
        with pytest.raises(AuthenticationError, match="username and password are not valid"):
            client.call(endpoints.list_flows(flow.project.id))
        client.close()
    assert integrator.logins == 1


@pytest.mark.parametrize(("password", "logins"), [("wrong-password", 1), (None, 1)], ids=["wrong", "right"])
def test_clients_of_all_kinds_share_one_login(integrator, flow, password, logins):
    """Ten threads with a client each, half of them with an event loop."""
    integrator.inject(Fault.delay(0.2, on="login"))
    access = access_to(integrator, password=password or integrator.password)

    def call(kind):
        client = kind(access)
        try:
            return client.call(endpoints.list_flows(flow.project.id))
        except AuthenticationError as error:
            return error
        finally:
            client.close()

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(call, [Sync, Async] * 5))
    assert {type(outcome) for outcome in outcomes} == {AuthenticationError if password else list}
    assert integrator.logins == logins


def test_a_cancelled_login_is_another_clients_turn(integrator, flow):
    integrator.inject(Fault.delay(30.0, on="login", times=1))

    async def cancel_the_first():
        async with AsyncClient(access_to(integrator)) as first, AsyncClient(access_to(integrator)) as second:
            calls = [
                asyncio.create_task(client.call(endpoints.list_flows(flow.project.id)))
                for client in (first, second)
            ]
            assert await asyncio.to_thread(until, lambda: integrator.logins == 1)
            calls[0].cancel()
            return await asyncio.gather(*calls, return_exceptions=True)

    cancelled, flows = asyncio.run(cancel_the_first())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert [found.id for found in flows] == [flow.id]
    assert integrator.logins == 2


def test_a_token_that_expires_during_an_outage_is_renewed_again(transport, integrator, call_of, mocker):
    mocker.patch.object(exchange, "PROMPT_SECONDS", 0.5)
    integrator.inject(
        Fault.status(401, on="logs", times=1),
        Fault.status(503, headers={"Retry-After": "1"}, on="logs", times=1),
        Fault.status(401, on="logs", times=1),
    )
    assert len(carry(transport(access_to(integrator)), call_of, "logs").logs) == 1
    assert integrator.logins == 3


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
    outcomes = client.at_once([endpoints.list_flows(flow.project.id)] * 20)
    assert all(type(outcome) is list for outcome in outcomes)
    assert integrator.logins == 1


def test_many_calls_share_one_renewal(transport, integrator, flow):
    client = transport(access_to(integrator))
    client.log_in()
    integrator.expire_tokens()
    integrator.inject(Fault.delay(0.05, on="flows"))
    outcomes = client.at_once([endpoints.list_flows(flow.project.id)] * 20)
    assert all(type(outcome) is list for outcome in outcomes)
    assert integrator.logins == 2


@pytest.mark.parametrize("kind", AUTHORISED)
def test_a_server_that_minds_the_header(transport, integrator, call_of, kind):
    integrator.auth_header = "Authentication"
    carry(transport(access_to(integrator, auth_header="Authentication")), call_of, kind)
    assert "Authorization" not in integrator.requests[-1].headers
    with pytest.raises(
        AuthenticationError, match="set auth_header to Authentication in the connection's Extra"
    ):
        carry(transport(access_to(integrator)), call_of, kind)
    given = access_to(integrator, username=None, password=None, token=integrator.tokens[0])
    with pytest.raises(AuthenticationError, match="set auth_header to Authentication in Extra"):
        carry(transport(given), call_of, kind)


@pytest.mark.parametrize("header", AUTH_HEADERS)
def test_a_login_carries_neither_header(transport, integrator, header):
    transport(access_to(integrator, auth_header=header)).log_in()
    assert not {"Authorization", "Authentication"} & set(integrator.requests[0].headers)


@pytest.mark.parametrize("spelling", ["projectid", "projectId"])
@pytest.mark.parametrize("kind", ["logs", "download"])
def test_a_server_that_minds_the_projects_spelling(transport, integrator, call_of, kind, spelling):
    integrator.project_parameter = f"{spelling}-only"
    carry(transport(access_to(integrator, project_parameters=(spelling,))), call_of, kind)
    with pytest.raises(
        RequestError,
        match=f"^{named(kind)}: .*400: .*try project_parameter projectid or projectId in the connection",
    ):
        carry(transport(access_to(integrator)), call_of, kind)


def test_a_failing_login_is_not_held_against_later_calls(transport, integrator, call_of):
    integrator.inject(Fault.status(503, on="login", times=3))
    client = transport(access_to(integrator))
    with pytest.raises(UnavailableError, match=r"^Login"):
        carry(client, call_of, "logs")
    carry(client, call_of, "logs")
    assert integrator.logins == 4


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
