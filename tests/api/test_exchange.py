from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.exchange import (
    Fault,
    Retry,
    carry_out,
    exchange,
)
from airflow_provider_integrator.api.pages import EMPTY_PAGE
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    RequestError,
    UnavailableError,
)
from tests.api.hand import DOWNLOAD, FLOWS, LOGIN, LOGS, RETRY, TOKEN, Hand, answer


def test_a_call_asks_for_a_token_and_is_sent_with_it():
    hand = Hand(answer(200, value="page"))
    assert hand.do(LOGS) == "page"
    assert hand.asked == [None]
    assert hand.sent == [("List logs", "token-1")]


def test_a_login_asks_for_no_token():
    hand = Hand(answer(201, value=TOKEN))
    assert hand.do(LOGIN) == TOKEN
    assert hand.asked == []
    assert hand.sent == [("Login", None)]


@pytest.mark.parametrize("status", [200, 201, 206, 299])
def test_any_2xx_is_a_success(status):
    assert Hand(answer(status, value=5)).do(LOGS) == 5


def test_401_renews_the_token_once_and_repeats_the_call():
    hand = Hand(answer(401), answer(200, value="page"))
    assert hand.do(LOGS) == "page"
    assert hand.asked == [None, "token-1"]
    assert hand.sent == [("List logs", "token-1"), ("List logs", "token-2")]
    assert hand.pauses == []


def test_a_second_401_is_an_error():
    hand = Hand(answer(401), answer(401, "Nobody  may\nuse this."))
    with pytest.raises(
        AuthenticationError, match=r"List logs: .*refused a new token \(401: Nobody may use this\.\)"
    ) as caught:
        hand.do(LOGS)
    assert "set auth_header to Authentication in the connection's Extra" in str(caught.value)
    assert len(hand.sent) == 2


def test_a_token_that_expires_during_an_outage_is_renewed_again():
    hand = Hand(
        answer(401),
        answer(503, Retry_After="45"),
        answer(503, Retry_After="45"),
        answer(401),
        answer(200, value="page"),
    )
    assert hand.do(LOGS, Retry(max_total=180.0)) == "page"
    assert hand.asked == [None, "token-1", "token-2"]


def test_an_old_token_of_another_client_is_not_taken_for_a_new_one():
    hand = Hand(answer(401), answer(401), answer(200, value="page"), age=50.0)
    assert hand.do(LOGS) == "page"
    assert hand.asked == [None, "token-1", "token-2"]


def test_tokens_that_always_expire_are_no_endless_loop():
    hand = Hand(*[answer(401, "expired")] * 4, age=50.0)
    with pytest.raises(UnavailableError, match=r"after 3 attempts in .*it answers 401: expired"):
        hand.do(LOGS)
    assert len(hand.sent) == 4


def test_401_of_a_login_is_a_refusal():
    hand = Hand(answer(401, "Who?"))
    with pytest.raises(
        AuthenticationError, match=r"Login: .*refuses the call \(401: Who\?\)\. Check .* Login and Pass"
    ):
        hand.do(LOGIN)
    assert len(hand.sent) == 1


@pytest.mark.parametrize("status", [400, 403])
def test_a_refused_login(status):
    with pytest.raises(
        AuthenticationError, match=f"Login: .*{status}: The supplied username and password are not"
    ):
        Hand(answer(status, "The supplied username and password are not valid.")).do(LOGIN)


@pytest.mark.parametrize("status", [400, 403, 405, 410, 422])
def test_a_refused_call_is_not_repeated_and_its_text_shown(status):
    hand = Hand(answer(status, "The parameter flowId\n is wrong."))
    with pytest.raises(
        RequestError, match=rf"^List logs: .*\({status}: The parameter flowId is wrong\.\)"
    ) as caught:
        hand.do(LOGS)
    assert caught.value.status == status
    assert len(hand.sent) == 1


@pytest.mark.parametrize("call", [LOGS, DOWNLOAD], ids=lambda call: call.name)
@pytest.mark.parametrize("text", ["wrong", "", "projectId and flowId are required"])
def test_400_of_a_call_with_a_project_names_the_two_spellings(call, text):
    with pytest.raises(
        RequestError,
        match=r"\(400.*try project_parameter projectid or projectId in the connection's Extra",
    ):
        Hand(answer(400, text)).do(call)


@pytest.mark.parametrize(
    ("call", "status", "text"),
    [
        (LOGS, 403, "wrong"),
        (LOGS, 422, "wrong"),
        (DOWNLOAD, 404, "wrong"),
        (FLOWS, 400, "wrong"),
        (LOGIN, 400, "wrong"),
        (LOGS, 400, "The parameter flowId is wrong."),
        (DOWNLOAD, 400, "projectslug: no such slug"),
        (endpoints.list_logs(LogQuery("project-1", "flow-1"), 2), 400, "wrong"),
    ],
)
def test_other_refusals_do_not_name_them(call, status, text):
    with pytest.raises((RequestError, AuthenticationError)) as caught:
        Hand(answer(status, text)).do(call)
    assert "project_parameter" not in str(caught.value)


def test_a_long_text_is_cut():
    with pytest.raises(RequestError) as caught:
        Hand(answer(400, "x" * 10_000)).do(LOGS)
    assert "x" * 497 + "...)" in str(caught.value)
    assert len(str(caught.value)) < 800


def test_404_of_list_logs_is_an_empty_page():
    assert Hand(answer(404, "Not Found")).do(LOGS) is EMPTY_PAGE


def test_404_of_another_call_is_an_error():
    with pytest.raises(RequestError, match=r"List flows: .*404"):
        Hand(answer(404)).do(FLOWS)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", [LOGIN, FLOWS, LOGS], ids=lambda call: call.name)
def test_a_redirect_is_refused(call, status):
    hand = Hand(answer(status, Location="http://elsewhere.invalid/"))
    with pytest.raises(
        RequestError, match=rf"{call.name}: .*answers {status} and points elsewhere.*set Host"
    ) as caught:
        hand.do(call)
    assert caught.value.status == status
    assert len(hand.sent) == 1


PASSING = [
    pytest.param(answer(408), id="408"),
    pytest.param(answer(429), id="429"),
    pytest.param(answer(500, "Try later."), id="500"),
    pytest.param(answer(502), id="502"),
    pytest.param(answer(503), id="503"),
    pytest.param(Fault("ConnectionError: reset"), id="fault"),
    pytest.param(Fault("BrokenBodyError: the body isn't JSON (JSONDecodeError)"), id="not JSON"),
]


@pytest.mark.parametrize("outcome", PASSING)
def test_what_may_pass_is_sent_again(outcome):
    hand = Hand(outcome, outcome, answer(200, value="page"))
    assert hand.do(LOGS) == "page"
    assert len(hand.sent) == 3
    assert 0.5 <= hand.pauses[0] <= 1.0 <= hand.pauses[1] <= 2.0


@pytest.mark.parametrize("outcome", PASSING)
@pytest.mark.parametrize("call", [LOGIN, FLOWS, LOGS], ids=lambda call: call.name)
def test_what_does_not_pass_is_given_up(call, outcome):
    hand = Hand(outcome, outcome, outcome)
    with pytest.raises(
        UnavailableError, match=rf"^{call.name}: no usable answer .* after 3 attempts in "
    ) as caught:
        hand.do(call)
    said = outcome.reason if isinstance(outcome, Fault) else f"it answers {outcome.status}"
    assert said in str(caught.value)
    assert not str(caught.value).endswith("..")
    assert len(hand.sent) == 3


def test_retries_stay_within_the_total_time():
    hand = Hand(*[Fault("reset")] * 100, seconds_each=10.0)
    with pytest.raises(UnavailableError, match="List logs"):
        hand.do(LOGS, Retry(attempts=100, first_delay=1.0, max_delay=4.0, max_total=60.0))
    assert len(hand.sent) < 7
    assert hand.now <= 70.0


@given(st.integers(1, 40), st.none() | st.floats(0, 1000))
def test_delays_double_up_to_their_bound(failures, retry_after):
    delay = Retry(first_delay=0.5, max_delay=30.0).delay(failures, retry_after)
    backoff = min(30.0, 0.5 * 2 ** (failures - 1))
    assert max(backoff / 2, retry_after or 0.0) <= delay <= max(backoff, retry_after or 0.0)


def test_a_script_gets_values_and_errors():
    def script():
        flows = yield FLOWS
        try:
            yield LOGS
        except RequestError as error:
            return flows, error.status

    hand = Hand(answer(200, value=["flow"]), answer(400))
    assert hand.drive(carry_out(script(), RETRY)) == (["flow"], 400)


def test_an_error_that_a_script_lets_through_comes_out():
    def script():
        yield LOGS

    with pytest.raises(RequestError, match="List logs"):
        Hand(answer(400)).drive(carry_out(script(), RETRY))


def test_the_clock_is_the_monotonic_one():
    assert exchange.__defaults__ == (time.monotonic, None)
