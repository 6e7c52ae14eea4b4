"""The header Retry-After: what a server may ask for with it, and what is honoured."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.exchange import (
    Retry,
)
from airflow_provider_integrator.api.retry_after import MAX_RETRY_AFTER
from airflow_provider_integrator.exceptions import (
    UnavailableError,
)
from tests.api.hand import LOGS, Hand, answer


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
