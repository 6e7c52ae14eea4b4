"""Login and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.simulator import IntegratorSimulator

if TYPE_CHECKING:
    from tests.simulator.conftest import Caller, Clock

WRONG = "The supplied username and password are not valid."
MISSING = "The username and password must be specified."
CALLS = ["/api/nifi/project/list", "/api/nifi/flow/list", "/logs", "/logs/download"]


def test_login_answers_the_token_alone(integrator: IntegratorSimulator, anonymous: Caller) -> None:
    answer = anonymous.post(
        "/api/nifi/login", data={"username": integrator.username, "password": integrator.password}
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text == answer.text.strip() == integrator.tokens[-1]
    assert integrator.logins == 1


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"username": "integrator@example.com", "password": "wrong"}, WRONG),
        ({"username": "somebody@example.com", "password": "let-me-in"}, WRONG),
        ({"username": "integrator@example.com"}, MISSING),
        ({"password": "let-me-in"}, MISSING),
        ({"username": "", "password": ""}, MISSING),
        ({}, MISSING),
    ],
)
def test_login_refuses_with_the_documented_texts(anonymous: Caller, form: dict[str, str], text: str) -> None:
    answer = anonymous.post("/api/nifi/login", data=form)
    assert (answer.status_code, answer.text) == (400, text)
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("how", ["json", "params", "files"])
def test_login_takes_credentials_in_a_form_only(
    integrator: IntegratorSimulator, anonymous: Caller, how: str
) -> None:
    fields: dict[str, Any] = {"username": integrator.username, "password": integrator.password}
    answer = anonymous.post("/api/nifi/login", **{how: fields})
    assert (answer.status_code, answer.text) == (400, MISSING)
    assert integrator.logins == 1
    assert integrator.tokens == []


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"Authentication": "Bearer"}],
)
def test_every_other_call_needs_a_token(anonymous: Caller, path: str, headers: dict[str, str]) -> None:
    anonymous.session.headers.update(headers)
    answer = anonymous.get(path)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_the_token_goes_into_authorization_as_bearer(caller: Caller) -> None:
    good = str(caller.session.headers.pop("Authorization"))
    caller.session.headers["Authentication"] = good
    assert caller.get("/logs").status_code == 401
    caller.session.headers["Authorization"] = good
    assert caller.get("/logs").status_code == 400


@pytest.mark.parametrize("wanted", ["Authorization", "Authentication", "either"])
@pytest.mark.parametrize("sent", ["Authorization", "Authentication"])
def test_the_header_of_the_token_can_be_chosen(
    integrator: IntegratorSimulator, caller: Caller, wanted: Any, sent: str
) -> None:
    integrator.auth_header = wanted
    caller.session.headers[sent] = caller.session.headers.pop("Authorization")
    # 400: the request is authorised, and lacks its parameters.
    assert caller.get("/logs").status_code == (400 if wanted in (sent, "either") else 401)
    caller.session.headers[sent] = "Bearer wrong"
    assert caller.get("/logs").status_code == 401


def test_an_unknown_header_is_refused() -> None:
    assert IntegratorSimulator(auth_header="Authentication").auth_header == "Authentication"
    with pytest.raises(ValueError, match="Authorization, Authentication, either, not 'X-Token'"):
        IntegratorSimulator(auth_header="X-Token")  # type: ignore[arg-type]


def test_expired_tokens_are_refused_and_new_ones_are_good(
    integrator: IntegratorSimulator, caller: Caller
) -> None:
    integrator.accept_token("by-hand")
    integrator.expire_tokens()
    assert caller.get("/logs").status_code == 401
    caller.session.headers["Authorization"] = "Bearer by-hand"
    assert caller.get("/logs").status_code == 401
    assert caller.login().get("/logs").status_code == 400
    assert len(set(integrator.tokens)) == 2


def test_tokens_live_for_the_given_lifetime(
    integrator: IntegratorSimulator, caller: Caller, clock: Clock
) -> None:
    integrator.token_lifetime = 60
    clock.now += 59
    assert caller.get("/logs").status_code == 400
    clock.now += 1
    assert caller.get("/logs").status_code == 401
    integrator.token_lifetime = None
    assert caller.get("/logs").status_code == 400


def test_a_token_by_hand_is_accepted(integrator: IntegratorSimulator, anonymous: Caller) -> None:
    anonymous.session.headers["Authorization"] = "Bearer by-hand"
    assert anonymous.get("/logs").status_code == 401
    integrator.accept_token("by-hand")
    assert anonymous.get("/logs").status_code == 400
    assert integrator.logins == 0


def test_credentials_can_be_chosen_and_changed() -> None:
    simulator = IntegratorSimulator(username="me@example.com", password="secret")
    assert (simulator.username, simulator.password) == ("me@example.com", "secret")
    simulator.username, simulator.password = "you@example.com", "other"
    assert simulator.connection(host="there")["login"] == "you@example.com"
    assert simulator.connection(host="there")["password"] == "other"


@pytest.mark.parametrize("path", ["/", "/login", "/logs/", "/api/nifi/project", "/flow/start"])
def test_unknown_paths_are_not_found(caller: Caller, path: str) -> None:
    assert caller.get(path).status_code == 404


@pytest.mark.parametrize(
    ("path", "allowed"), [("/api/nifi/login", "POST"), *((path, "GET") for path in CALLS)]
)
def test_other_methods_are_not_allowed(caller: Caller, path: str, allowed: str) -> None:
    for method in {"GET", "POST", "PUT", "DELETE", "HEAD"} - {allowed}:
        answer = caller.session.request(method, caller.integrator.url + path, timeout=20)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == allowed
