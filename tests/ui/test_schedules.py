"""Schedules in words; what isn't usual is shown as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.models import Flow
from airflow_provider_integrator.ui.schedules import schedule


def in_words(strategy, period, inbound=True):
    return schedule(Flow("flow-1", None, None, None, None, None, inbound, None, strategy, period, {}))


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ("0 0,30 * * * ? *", "hourly at :00, :30"),
        ("0 0/5 * * * ? *", "every 5 minutes"),
        ("0 */1 * * * ?", "every minute"),
        ("0 * * * * ? *", "every minute"),
        ("0 15 0/2 * * ? *", "every 2 hours at :15"),
        ("0 0 3 * * ? *", "daily at 03:00"),
        ("0 30 9,17 ? * * *", "daily at 09:30, 17:30"),
        ("0 0 6 ? * MON-FRI *", "Monday to Friday at 06:00"),
        ("0 0 6 ? * 1,7 *", "Sunday, Saturday at 06:00"),
        ("0 0 6 15 * ? *", "monthly on day 15 at 06:00"),
    ],
)
def test_usual_crons(period, words):
    assert in_words("CRON_DRIVEN", period) == words


@pytest.mark.parametrize(
    "period",
    [
        "0 0 6 L * ? *",
        "0 0 6 ? * MON#2 *",
        "0 0 6 1 1 ? *",
        "0 0 6 * * ? 2027",
        "0/5 * * * * ? *",
        "nonsense",
        "0 ² 3 * * ? *",
    ],
)
def test_other_crons_stay_as_they_are(period):
    assert in_words("CRON_DRIVEN", period) == period


@pytest.mark.parametrize(
    ("strategy", "period", "inbound", "words"),
    [
        ("TIMER_DRIVEN", "5 min", True, "every 5 minutes"),
        ("TIMER_DRIVEN", "1 hour", None, "every hour"),
        ("TIMER_DRIVEN", "90 parsecs", True, "90 parsecs"),
        (None, None, True, ""),
        ("CRON_DRIVEN", "0 0/5 * * * ? *", False, "when rows are posted"),
    ],
)
def test_other_strategies(strategy, period, inbound, words):
    assert in_words(strategy, period, inbound) == words


@given(
    st.text()
    | st.lists(st.sampled_from(["0", "*", "?", "0/5", "1,2", "/", ",", "MON", "²"]), max_size=8).map(" ".join)
)
def test_no_text_breaks_it(period):
    assert isinstance(in_words("CRON_DRIVEN", period), str)
