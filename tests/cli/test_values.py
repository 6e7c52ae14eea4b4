"""Values of arguments."""

from __future__ import annotations

from argparse import ArgumentTypeError
from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.cli import values


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45s", 45),
        ("30m", 1800),
        ("30min", 1800),
        ("2h30m", 9000),
        ("1d", 86400),
        ("1w", 604800),
        ("0.5s", 0.5),
    ],
)
def test_seconds(text, seconds):
    assert values.seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["2026-01-31", "2026-01-31T00:00", "2026-01-31T00:00:00Z", "2026-01-31T03:00+03:00"]
)
def test_moment(text):
    assert values.moment(text) == datetime(2026, 1, 31, tzinfo=timezone.utc)


def test_moment_ago():
    before = datetime.now(timezone.utc)
    read = values.moment("2h")
    assert before <= read + timedelta(hours=2) <= datetime.now(timezone.utc)


def test_search():
    assert values.search("sku=A=B ") == ("sku", "A=B ")


@pytest.mark.parametrize("read", [values.seconds, values.moment, values.search, values.positive])
@given(text=st.text(st.sampled_from("0123456789.smhdw-+:TZ=a\u0661") | st.characters(), max_size=30))
def test_any_text_is_read_or_refused(read, text):
    with suppress(ArgumentTypeError):
        assert read(text)


@pytest.mark.parametrize("text", ["999999999w", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"])
def test_moment_out_of_range(text):
    with pytest.raises(ArgumentTypeError):
        values.moment(text)
