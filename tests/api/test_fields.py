from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api import fields as module
from airflow_provider_integrator.api.enums import LogType, State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.values import read_time, shown, whole_number
from airflow_provider_integrator.exceptions import ResponseError
from tests.api.samples import ANY_JSON

UTC = timezone.utc

#: Each tolerant reader, with values that it can't read.
ODD = {
    "optional_identifier": [True, 1.5, math.inf, [], {}, " "],
    "optional_text": [True, 1.5, [], {}],
    "optional_count": [True, -1, "-1", 0.5, "many", "", [], {}],
    "optional_flag": [2, -1, "yes", "", "2", 0.5, [], {}],
    "optional_time": ["soon", True, -1, 0.5, [], {}, 10**18, " "],
}


def fields(**values):
    return Fields("Some call", values)


@pytest.fixture(autouse=True)
def _unnoted():
    """What one test has noted isn't known to the next."""
    module.note.cache_clear()


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


class TestWholeNumber:
    @given(st.integers(-(10**17), 10**17))
    def test_in_any_form(self, number):
        assert whole_number(number) == number
        assert whole_number(str(number)) == number
        assert whole_number(f" {number}.0\n") == number
        if abs(number) < 2**53:
            assert whole_number(float(number)) == number

    @pytest.mark.parametrize(
        "value",
        [True, False, None, 0.5, math.nan, math.inf, "", " ", "1.5", "1e3", "0x10", "+1", "٣", "1 2", "1" * 19, [3], {}],
    )  # fmt: skip
    def test_what_is_none(self, value):
        assert whole_number(value) is None


class TestTime:
    @pytest.mark.parametrize(
        ("value", "moment"),
        [
            ("1687519997186", datetime(2023, 6, 23, 11, 33, 17, 186000, UTC)),
            (1687519997186, datetime(2023, 6, 23, 11, 33, 17, 186000, UTC)),
            (1687519997186.0, datetime(2023, 6, 23, 11, 33, 17, 186000, UTC)),
            ("1687519997186.0", datetime(2023, 6, 23, 11, 33, 17, 186000, UTC)),
            (" 1687519997186\n", datetime(2023, 6, 23, 11, 33, 17, 186000, UTC)),
            ("0", datetime(1970, 1, 1, tzinfo=UTC)),
            ("2023-06-08T21:51:18+00:00", datetime(2023, 6, 8, 21, 51, 18, 0, UTC)),
            ("2023-06-08T21:51:18Z", datetime(2023, 6, 8, 21, 51, 18, 0, UTC)),
            ("2023-06-08 21:51:18Z", datetime(2023, 6, 8, 21, 51, 18, 0, UTC)),
            ("2023-06-08T21:51:18.46+00:00", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
            ("2023-06-08T21:51:18.4617+00:00", datetime(2023, 6, 8, 21, 51, 18, 461700, UTC)),
            ("2023-06-08T21:51:42.00073+00:00", datetime(2023, 6, 8, 21, 51, 42, 730, UTC)),
            ("2023-06-08T21:51:42.000073+00:00", datetime(2023, 6, 8, 21, 51, 42, 73, UTC)),
            ("2023-06-08T21:51:42.000073999+00:00", datetime(2023, 6, 8, 21, 51, 42, 73, UTC)),
            ("2023-06-09T00:51:18.46+03:00", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
            ("2023-06-08T16:21:18.46-05:30", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
            ("2023-06-09T00:51:18.46+0300", datetime(2023, 6, 8, 21, 51, 18, 460000, UTC)),
        ],
    )
    def test_is_read_as_utc(self, value, moment):
        found = read_time(value)
        assert found == moment
        assert found.utcoffset() == timedelta(0)
        # A DAG author may use what Airflow's own times offer.
        assert found.in_timezone("Europe/Istanbul") == moment

    @pytest.mark.parametrize(
        "value",
        [
            "", " ", "yesterday", "-1", -1, 0.5, True, None, [], {}, "1687519997186.5", "١٢٣", "1" * 16, 10**400, math.nan,
            math.inf, "2023-06-08", "2023-06-08T21:51:18", "2023-06-08T21:51:18.46", "21:51:18Z", "P1D",
            "2023-06-08T21:51:18Z/2023-06-09T21:51:18Z", "2023-02-30T00:00:00+00:00", "2023-06-08T25:00:00+00:00",
            "2023-06-08T21:51:18+99:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
        ],
        ids=lambda value: shown(value)[:30],
    )  # fmt: skip
    def test_of_another_form_is_refused(self, value):
        assert read_time(value) is None

    @given(
        st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1)),
        st.integers(2, 6),
        st.integers(-14 * 60, 14 * 60),
        st.sampled_from("T "),
    )
    def test_iso_with_any_fraction_and_offset_is_exact(self, moment, digits, minutes, separator):
        moment = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
        local = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
        fraction = f"{local.microsecond:06d}"[:digits]
        sign, offset = "-" if minutes < 0 else "+", abs(minutes)
        text = f"{local:%Y-%m-%d{separator}%H:%M:%S}.{fraction}{sign}{offset // 60:02d}:{offset % 60:02d}"
        assert read_time(text) == local

    @given(st.integers(0, 32_503_680_000_000))
    def test_epoch_milliseconds_are_exact_in_any_form(self, milliseconds):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
        for form in (milliseconds, float(milliseconds), str(milliseconds), f"{milliseconds}.0"):
            assert read_time(form) == moment

    @given(st.text() | ANY_JSON)
    def test_anything_is_a_time_or_none(self, value):
        found = read_time(value)
        assert found is None or found.utcoffset() == timedelta(0)


class TestNeeded:
    @pytest.mark.parametrize(
        ("value", "found"),
        [
            (1920, "1920"), (1920.0, "1920"), ("1920", "1920"), (" 1920\n", "1920"), (0, "0"), (10**20, str(10**20)),
            ("64957f9d00000000000f4251", "64957f9d00000000000f4251"), ("00017", "00017"), ("17.0", "17.0"),
        ],
    )  # fmt: skip
    def test_an_id_is_kept_as_text(self, value, found):
        assert fields(id=value).identifier("id") == found
        assert fields(id=value).optional_identifier("id") == found

    @pytest.mark.parametrize("value", ["", " ", None, True, 1.5, [1], {"a": 1}])
    def test_an_id_that_is_none_names_call_field_and_value(self, value):
        with pytest.raises(ResponseError) as caught:
            fields(id=value).identifier("id")
        assert str(caught.value) == f"Some call: field id should be an id but is {shown(value)}."

    @pytest.mark.parametrize("value", [3, 3.0, "3", " 3", "3.0"])
    def test_a_member_in_any_form(self, value):
        assert fields(state=value).member("state", State) is State.FINISHED
        assert fields(state=value).optional_member("state", State) is State.FINISHED

    @pytest.mark.parametrize("value", [0, 4, 7, -1, True, "7", "ok", "Finished", 2.5, None, "", [3], {}])
    def test_a_number_outside_the_set_names_the_known_ones(self, value):
        with pytest.raises(ResponseError) as caught:
            fields(state=value).member("state", State)
        assert str(caught.value) == (
            "Some call: field state should be one of 1 (start), 2 (in_progress), 3 (finished) "
            f"but is {value!r}."
        )
        assert fields(state=value).optional_member("state", State) is None

    def test_a_missing_field_is_called_missing(self):
        with pytest.raises(ResponseError, match=r"^Some call: field id should be an id but is missing\.$"):
            fields().identifier("id")
        with pytest.raises(ResponseError, match=r"^Some call: field status should be .* but is missing\.$"):
            fields().member("status", Status)

    def test_a_path_names_the_place_in_the_answer(self):
        (result,) = Fields("Some call", {"results": [{"component": {"id": []}}]}).optional_objects("results")
        with pytest.raises(ResponseError, match=r"^Some call: field results\[0\]\.component\.id should be"):
            result.optional_object("component").identifier("id")

    @pytest.mark.parametrize("value", [[], "text", None, 5])
    def test_what_should_be_an_object(self, value):
        with pytest.raises(ResponseError) as caught:
            Fields("Some call", value)
        assert str(caught.value) == f"Some call: the answer should be an object but is {value!r}."


class TestOptional:
    @pytest.mark.parametrize("reader", ODD)
    def test_missing_or_null_is_none_and_not_worth_a_note(self, reader, caplog):
        with caplog.at_level(logging.DEBUG):
            assert getattr(fields(), reader)("thing") is None
            assert getattr(fields(thing=None), reader)("thing") is None
        assert caplog.messages == []

    @pytest.mark.parametrize(
        ("reader", "value"), [(reader, value) for reader, values in ODD.items() for value in values]
    )
    def test_what_cannot_be_read_is_none_and_noted_without_its_value(self, reader, value, caplog):
        with caplog.at_level(logging.DEBUG):
            assert getattr(fields(thing=value), reader)("thing") is None
        (record,) = caplog.records
        assert record.levelno == logging.DEBUG
        assert record.getMessage().startswith("Some call: field thing should be ")
        assert record.getMessage().endswith(f"but is of type {type(value).__name__}.")

    @pytest.mark.parametrize("reader", ODD)
    def test_each_field_is_noted_once(self, reader, caplog):
        odd = ODD[reader][0]
        with caplog.at_level(logging.DEBUG):
            for _ in range(1_000):
                getattr(fields(thing=odd, other=odd), reader)("thing")
            assert len(caplog.messages) == 1
            getattr(fields(thing=odd, other=odd), reader)("other")
        assert len(caplog.messages) == 2

    @given(ANY_JSON | st.binary())
    def test_any_value_is_read_or_none(self, value):
        answer = fields(thing=value)
        assert isinstance(answer.optional_identifier("thing"), str | None)
        assert isinstance(answer.optional_text("thing"), str | None)
        assert (count := answer.optional_count("thing")) is None or count >= 0
        assert answer.optional_flag("thing") in (True, False, None)
        assert isinstance(answer.optional_time("thing"), datetime | None)
        assert isinstance(answer.optional_member("thing", Status), Status | None)
        assert type(answer.optional_object("thing")) is Fields
        assert all(type(one) is Fields for one in answer.optional_objects("thing"))

    @pytest.mark.parametrize("value", [" System\n", "System"])
    def test_a_text_loses_outer_white_space(self, value):
        assert fields(thing=value).optional_text("thing") == "System"

    def test_an_empty_text_stays_one(self):
        assert fields(thing="").optional_text("thing") == ""

    def test_a_number_for_a_text_is_its_digits(self):
        assert fields(thing=5).optional_text("thing") == "5"

    @pytest.mark.parametrize("value", [17, 17.0, "17", " 17 ", "17.0"])
    def test_a_count_in_any_form(self, value):
        assert fields(thing=value).optional_count("thing") == 17

    @pytest.mark.parametrize("value", [True, "true", "True", " TRUE\n", 1, 1.0, "1", "1.0"])
    def test_true_in_any_form(self, value):
        assert fields(thing=value).optional_flag("thing") is True

    @pytest.mark.parametrize("value", [False, "false", "False", 0, 0.0, "0"])
    def test_false_in_any_form(self, value):
        assert fields(thing=value).optional_flag("thing") is False

    @pytest.mark.parametrize("value", [5, "text", [], True])
    def test_what_is_no_object_has_no_fields(self, value, caplog):
        with caplog.at_level(logging.DEBUG):
            assert fields(thing=value).optional_object("thing").values == {}
        assert "field thing should be an object" in caplog.text

    @pytest.mark.parametrize("value", [5, "text", {}, True])
    def test_what_is_no_list_has_no_objects(self, value, caplog):
        with caplog.at_level(logging.DEBUG):
            assert list(fields(thing=value).optional_objects("thing")) == []
        assert "field thing should be a list of objects" in caplog.text

    def test_what_is_no_object_in_a_list_hides_nothing(self, caplog):
        things = [None, {"id": 1}, [], "text", {"id": 2}, 5]
        with caplog.at_level(logging.DEBUG):
            found = [one.identifier("id") for one in fields(thing=things).optional_objects("thing")]
        assert found == ["1", "2"]
        assert len(caplog.messages) == len({*caplog.messages})


class TestShown:
    def test_a_long_value_is_cut(self):
        assert len(shown("x" * 1_000_000)) <= 100
        assert len(shown([list(range(100))] * 100)) <= 100
        assert len(shown(10**4000)) <= 100
        assert shown("short") == "'short'"

    def test_a_value_nested_more_deeply_than_repr_bears(self):
        value = []
        for _ in range(100_000):
            value = [value]
        assert len(shown(value)) <= 100
