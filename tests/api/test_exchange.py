from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.exchange import (
    Answer,
    Fault,
    NeedToken,
    Pause,
    Retry,
    Send,
    Token,
    carry_out,
    exchange,
)
from airflow_provider_integrator.api.pages import EMPTY_PAGE
from airflow_provider_integrator.api.retry_after import MAX_RETRY_AFTER
from airflow_provider_integrator.api.tokens import MAX_REFUSAL_SECONDS, REFUSAL_SECONDS, TokenStore
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    RequestError,
    UnavailableError,
)

LOGS = endpoints.list_logs(LogQuery("project-1", "flow-1"))
FLOWS = endpoints.list_flows("project-1")
DOWNLOAD = endpoints.download_log("17", "project-1", "acme", "flow-1", lambda: None)
LOGIN = endpoints.log_in("u@example.com", "let-me-in")
PASSWORD, TOKEN = "let-me-in", "secret-token"
RETRY = Retry(attempts=3, first_delay=1.0, max_delay=4.0, max_total=60.0)


def answer(status, text="", value=None, **headers):
    return Answer(status, {name.replace("_", "-"): said for name, said in headers.items()}, text, value)


class Hand:
    """Plays the transport: hands out tokens, sends one outcome after the other, keeps a clock."""

    def __init__(
        self, *outcomes, tokens=("token-1", "token-2", "token-3", "token-4"), seconds_each=0.0, age=0.0
    ):
        self.outcomes = list(outcomes)
        self.tokens = list(tokens)
        self.now = 0.0
        self.seconds_each = seconds_each
        self.age = age
        self.sent, self.asked, self.pauses = [], [], []

    def clock(self):
        return self.now

    def carry(self, effect):
        if isinstance(effect, NeedToken):
            self.asked.append(effect.stale)
            return Token(self.tokens.pop(0), self.now - self.age)
        if isinstance(effect, Pause):
            self.pauses.append(effect.seconds)
            self.now += effect.seconds
            return None
        assert isinstance(effect, Send)
        self.sent.append((effect.call.name, effect.token))
        self.now += self.seconds_each
        return self.outcomes.pop(0)

    def drive(self, effects):
        try:
            effect = next(effects)
            while True:
                effect = effects.send(self.carry(effect))
        except StopIteration as stop:
            return stop.value

    def do(self, call, retry=RETRY):
        return self.drive(exchange(call, retry, self.clock))


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


def test_retry_after_in_seconds_is_honoured():
    hand = Hand(answer(429, Retry_After="7"), answer(200, value="page"))
    hand.do(LOGS)
    assert hand.pauses == [7.0]


def test_retry_after_as_a_date_is_honoured():
    later = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30), usegmt=True)
    hand = Hand(answer(503, Retry_After=later), answer(200, value="page"))
    hand.do(LOGS)
    assert 20.0 < hand.pauses[0] <= 30.0


@pytest.mark.parametrize(
    "said",
    [
        "0",
        "soon",
        "-5",
        "1.5",
        "",
        "nan",
        "inf",
        "-inf",
        "1e3",
        "\u0661\u0662x",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 99999999999999999999 Jan 2020 00:00:00 GMT",
        "Fri, 31 Dec 9999 99:99:99 GMT",
        "Mon, 01 Jan 0001 00:00:00 -0000",
        "Fri, 31 Dec 9999 23:59:59 -9959",
    ],
)
def test_retry_after_that_asks_for_nothing(said):
    hand = Hand(answer(503, Retry_After=said), answer(200, value="page"))
    hand.do(LOGS)
    assert 0.5 <= hand.pauses[0] <= 1.0


def test_retry_after_beyond_the_bound_is_an_error_at_once():
    hand = Hand(answer(429, Retry_After="3600"))
    with pytest.raises(
        UnavailableError,
        match=r"after 1 attempt in .*429.* retry after 3600 s \(at most 300 s are honoured\)",
    ) as caught:
        hand.do(LOGS)
    assert caught.value.retry_after == MAX_RETRY_AFTER == 300.0
    assert hand.pauses == []


@pytest.mark.parametrize("said", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_long_retry_after_is_capped(said, caplog):
    caplog.set_level("INFO")
    hand = Hand(answer(503, Retry_After=said), answer(200, value="page"))
    assert hand.do(LOGS, Retry(max_total=3600.0)) == "page"
    assert hand.pauses == [MAX_RETRY_AFTER]
    assert "List logs: the Integrator asks to retry after " in caplog.text
    assert "at most 300 s are honoured" in caplog.text


def test_a_date_without_a_zone_is_in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        later = datetime.now(timezone.utc) + timedelta(seconds=30)
        hand = Hand(
            answer(503, Retry_After=later.strftime("%a, %d %b %Y %H:%M:%S -0000")), answer(200, value="page")
        )
        hand.do(LOGS)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert 20.0 < hand.pauses[0] <= 30.0


@given(
    st.text(max_size=40)
    | st.integers().map(str)
    | st.builds("{}, {} {} {} {} {}".format, *[st.sampled_from(["Mon", "99", "Jan", "-1", "1e9", "GMT"])] * 6)
    | st.from_regex(r"\w{3}, \d{1,30} (Jan|Dec) \d{1,30} \d{2}:\d{2}:\d{2} (GMT|[+-]\d{4})", fullmatch=True)
)
def test_any_retry_after_leads_to_a_pause_or_an_error(said):
    hand = Hand(answer(503, Retry_After=said), answer(200, value="page"))
    try:
        assert hand.do(LOGS) == "page"
        assert 0.5 <= hand.pauses[0] <= 60.0
    except UnavailableError as error:
        assert 50.0 < error.retry_after <= MAX_RETRY_AFTER  # noqa: PT017 - either is right


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


def test_the_clock_is_the_monotonic_one():
    assert exchange.__defaults__ == (time.monotonic, None)
