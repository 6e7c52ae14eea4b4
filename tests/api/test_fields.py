from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.enums import LogType, State, Status
from airflow_provider_integrator.api.fields import Fields, each_object, parse_moment, shown
from airflow_provider_integrator.exceptions import ResponseError

UTC = timezone.utc


def fields(**values):
    return Fields("Some call", values)


@pytest.mark.parametrize(
    ("members", "numbers"),
    [
        (State, {"START": 1, "IN_PROGRESS": 2, "FINISHED": 3}),
        (Status, {"IN_PROGRESS": 1, "SUCCESS": 2, "FAILED": 3, "EMPTY": 4}),
        (LogType, {"MAIN": 1, "SUB": 2, "LINE": 3}),
    ],
)
def test_numbers_are_the_documented_ones(members, numbers):
    assert {member.name: member.value for member in members} == numbers


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1686261109291", datetime(2023, 6, 8, 21, 51, 49, 291000, UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2023-06-08T21:51:18+00:00", datetime(2023, 6, 8, 21, 51, 18, 0, UTC)),
        ("2023-06-08T21:51:18.46+00:00", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
        ("2023-06-08T21:51:18.461+00:00", datetime(2023, 6, 8, 21, 51, 18, 461000, UTC)),
        ("2023-06-08T21:51:18.4617+00:00", datetime(2023, 6, 8, 21, 51, 18, 461700, UTC)),
        ("2023-06-08T21:51:42.00073+00:00", datetime(2023, 6, 8, 21, 51, 42, 730, UTC)),
        ("2023-06-08T21:51:42.000073+00:00", datetime(2023, 6, 8, 21, 51, 42, 73, UTC)),
        ("2023-06-08T21:51:42.000073999+00:00", datetime(2023, 6, 8, 21, 51, 42, 73, UTC)),
        ("2023-06-08T21:51:18.46Z", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
        ("2023-06-09T00:51:18.46+03:00", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
        ("2023-06-08T16:21:18.46-05:30", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
        ("2023-06-09T00:51:18.46+0300", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
    ],
)
def test_a_moment_is_read_as_utc(text, moment):
    assert parse_moment(text) == moment
    assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "yesterday", "-1", "1686261109.291", "١٢٣", "999999999999999", "1" * 16,
        "2023-06-08", "2023-06-08T21:51:18", "2023-06-08T21:51:18.46", "2023-02-30T00:00:00+00:00",
        "2023-06-08T25:00:00+00:00", "2023-06-08T21:51:18.+00:00", "2023-06-08T21:51:18+99:00",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2023-06-08T21:51:18+00:00\n",
    ],
)  # fmt: skip
def test_a_moment_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match=r"neither|out of range|must be|range|strictly"):
        parse_moment(text)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1)),
    st.integers(2, 6),
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_with_any_fraction_and_offset_is_read_exactly(moment, digits, minutes):
    moment = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
    zone = timezone(timedelta(minutes=minutes))
    local = moment.replace(tzinfo=UTC).astimezone(zone)
    fraction = f"{local.microsecond:06d}"[:digits]
    sign, offset = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{local:%Y-%m-%dT%H:%M:%S}.{fraction}{sign}{offset // 60:02d}:{offset % 60:02d}"
    assert parse_moment(text) == local


@given(st.integers(0, 32_503_680_000_000))
def test_epoch_milliseconds_are_read_exactly(milliseconds):
    assert parse_moment(str(milliseconds)) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=milliseconds
    )


@given(st.text())
def test_any_text_is_a_moment_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert parse_moment(text).tzinfo is UTC


READERS = [
    ("text", 5, "a non-empty text"),
    ("text", "", "a non-empty text"),
    ("text", None, "a non-empty text"),
    ("text", True, "a non-empty text"),
    ("optional_text", 5, "a text or null"),
    ("optional_text", False, "a text or null"),
    ("optional_count", "5", "a whole number from 0 or null"),
    ("optional_count", True, "a whole number from 0 or null"),
    ("optional_count", -1, "a whole number from 0 or null"),
    ("optional_count", 1.0, "a whole number from 0 or null"),
    ("optional_flag", "true", "true, false or null"),
    ("optional_flag", 1, "true, false or null"),
    ("optional_text_flag", True, 'the text "true" or "false"'),
    ("optional_text_flag", "yes", 'the text "true" or "false"'),
    ("optional_text_flag", ["true"], 'the text "true" or "false"'),
    ("moment", 1686261109291, "epoch milliseconds in a text or ISO 8601 with an offset"),
    ("moment", "soon", "epoch milliseconds in a text or ISO 8601 with an offset"),
    ("moment", None, "epoch milliseconds in a text or ISO 8601 with an offset"),
    ("optional_moment", "soon", "epoch milliseconds in a text or ISO 8601 with an offset"),
    ("objects", {}, "a list"),
    ("objects", None, "a list"),
]


@pytest.mark.parametrize(("reader", "value", "expected"), READERS)
def test_a_fault_names_call_field_and_value(reader, value, expected):
    with pytest.raises(ResponseError) as caught:
        getattr(fields(thing=value), reader)("thing")
    assert str(caught.value) == f"Some call: field thing should be {expected} but is {shown(value)}."


@pytest.mark.parametrize("reader", ["text", "moment", "objects", "object"])
def test_a_missing_field_is_called_missing(reader):
    with pytest.raises(ResponseError, match=r"^Some call: field thing should be .* but is missing\.$"):
        getattr(fields(), reader)("thing")


@pytest.mark.parametrize("value", [0, 4, -1, True, "3", 3.0, None, [3], {}])
def test_a_number_outside_the_set_names_the_known_ones(value):
    with pytest.raises(ResponseError) as caught:
        fields(state=value).member("state", State)
    assert str(caught.value) == (
        f"Some call: field state should be one of 1 (start), 2 (in_progress), 3 (finished) but is {value!r}."
    )


@pytest.mark.parametrize(
    "reader", ["optional_text", "optional_count", "optional_flag", "optional_text_flag", "optional_moment"]
)
def test_an_optional_field_may_be_missing_or_null(reader):
    assert getattr(fields(), reader)("thing") is None
    assert getattr(fields(thing=None), reader)("thing") is None


def test_an_optional_text_loses_outer_white_space():
    assert fields(thing=" System\n").optional_text("thing") == "System"


def test_a_path_names_the_place_in_the_answer():
    answer = Fields("Some call", {"results": [{"component": {"name": 7}}]})
    (result,) = answer.objects("results")
    with pytest.raises(ResponseError, match=r"^Some call: field results\[0\]\.component\.name should be"):
        result.object("component").text("name")


@pytest.mark.parametrize("value", [{}, "text", None, 5])
def test_what_should_be_a_list_of_objects(value):
    with pytest.raises(ResponseError, match=r"^Some call: the answer should be a list but is "):
        list(each_object("Some call", value))


@pytest.mark.parametrize("value", [[], "text", None, 5])
def test_what_should_be_an_object(value):
    with pytest.raises(ResponseError, match=r"^Some call: \[1\]\. should be an object but is "):
        list(each_object("Some call", [{}, value]))


def test_a_long_value_is_cut():
    assert len(shown("x" * 1_000_000)) <= 100
    assert len(shown([list(range(100))] * 100)) <= 100
    assert shown("short") == "'short'"


def test_a_value_nested_more_deeply_than_repr_bears_is_shown():
    value = []
    for _ in range(100_000):
        value = [value]
    assert len(shown(value)) <= 100
