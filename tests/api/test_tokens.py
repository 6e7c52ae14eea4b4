"""Tokens that clients share: one login at a time, refusals that are remembered, secrets that nobody sees."""

from __future__ import annotations

import time

import pytest

from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.exchange import (
    Answer,
    Fault,
    NeedToken,
    Send,
    Token,
    exchange,
)
from airflow_provider_integrator.api.tokens import MAX_REFUSAL_SECONDS, REFUSAL_SECONDS, TokenStore
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    RequestError,
    UnavailableError,
)
from tests.api.hand import LOGIN, LOGS, PASSWORD, RETRY, TOKEN, Hand, answer


def access(**given):
    return Access("https://integrator.invalid", **given)


def with_password():
    return TokenStore("https://integrator.invalid", "u@example.com", PASSWORD)


def log_in_at(store, *outcomes, stale=None):
    """Log in as a client does that has the turn; the outcomes are those of the call."""
    assert store.take(stale) is None
    with store.logging_in():
        token = Hand(*outcomes).drive(exchange(store.login, RETRY))
        store.keep(token)
    return token


def test_a_token_is_kept_until_it_is_refused():
    store = with_password()
    assert log_in_at(store, answer(200, value="new")) == "new"
    assert store.take(None).value == "new"
    assert store.take("older").value == "new"
    assert store.take("new") is None
    with store.logging_in():
        store.keep("newer")
    assert store.take("new").value == "newer"


def test_a_refused_login_is_remembered_longer_each_time(mocker):
    now = 1000.0
    mocker.patch.object(time, "monotonic", side_effect=lambda: now)
    store = with_password()
    for seconds in (
        REFUSAL_SECONDS,
        2 * REFUSAL_SECONDS,
        4 * REFUSAL_SECONDS,
        8 * REFUSAL_SECONDS,
        3600,
        3600,
    ):
        with pytest.raises(AuthenticationError) as first:
            log_in_at(store, answer(400, "not valid"))
        now += seconds - 1
        for _ in range(3):
            with pytest.raises(AuthenticationError) as again:
                store.take(None)
            assert str(again.value) == str(first.value)
        now += 2
    assert MAX_REFUSAL_SECONDS == 3600
    log_in_at(store, answer(200, value="new"))
    with pytest.raises(AuthenticationError):
        log_in_at(store, answer(400, "not valid"), stale="new")
    now += REFUSAL_SECONDS + 1
    assert store.take(None) is None


def test_a_login_that_found_nobody_is_not_remembered():
    store = with_password()
    with pytest.raises(UnavailableError):
        log_in_at(store, *[answer(503)] * 3)
    assert store.take(None) is None


def test_a_refused_renewal_leaves_no_token():
    store = with_password()
    log_in_at(store, answer(200, value="old"))
    assert store.take("old") is None
    with pytest.raises(AuthenticationError), store.logging_in():
        Hand(answer(400)).drive(exchange(store.login, RETRY))
    with pytest.raises(AuthenticationError):
        store.take("another")


def test_a_login_under_way_is_waited_for():
    store = with_password()
    assert store.take(None) is None
    waiting = store.take(None)
    assert not waiting.cancel()
    with pytest.raises(UnavailableError, match="no answer"), store.logging_in():
        raise UnavailableError("no answer")
    assert str(waiting.exception(timeout=0)) == "no answer"


def test_a_cancelled_login_is_another_clients_turn():
    store = with_password()
    assert store.take(None) is None
    waiting = store.take(None)
    with pytest.raises(KeyboardInterrupt), store.logging_in():
        raise KeyboardInterrupt
    assert waiting.result(timeout=0) is None
    assert store.take(None) is None


def test_a_given_token_is_never_renewed():
    store = TokenStore("https://integrator.invalid", "u", PASSWORD, TOKEN)
    assert store.take(None).value == TOKEN
    with pytest.raises(
        AuthenticationError,
        match=r"refuses the connection's token .*Set a new token in Extra.* set auth_header to Authentication in Extra",
    ):
        store.take(TOKEN)


@pytest.mark.parametrize(
    "thing",
    [
        access(username="u@example.com", password=PASSWORD),
        access(token=TOKEN),
        LOGIN,
        Send(LOGS, TOKEN),
        Send(LOGIN, None),
        NeedToken(TOKEN),
        Answer(200, {}, value=TOKEN),
        with_password(),
        TokenStore("https://integrator.invalid", "u", PASSWORD, TOKEN),
        Token(TOKEN, 0.0),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_no_secret_is_shown(thing):
    for shown in (repr(thing), str(thing), f"{thing}"):
        assert PASSWORD not in shown
        assert TOKEN not in shown


@pytest.mark.parametrize(
    "outcomes",
    [
        [answer(400, f"bad token {TOKEN}")],
        [answer(401), answer(401, f"expired: {TOKEN}")],
        [answer(503, TOKEN)] * 3,
        [Fault(f"InvalidHeader: 'Bearer {TOKEN}'")] * 3,
    ],
    ids=["400", "401", "503", "fault"],
)
def test_a_token_that_the_server_repeats_is_not_shown(outcomes):
    with pytest.raises((AuthenticationError, RequestError, UnavailableError)) as caught:
        Hand(*outcomes, tokens=(TOKEN, TOKEN)).do(LOGS)
    assert TOKEN not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_password_that_the_server_repeats_is_not_shown():
    with pytest.raises(AuthenticationError) as caught:
        Hand(answer(400, f"u@example.com may not use {PASSWORD}")).do(LOGIN)
    assert "u@example.com may not use ***" in str(caught.value)
