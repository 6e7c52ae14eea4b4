from __future__ import annotations

import gzip
import hashlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.exceptions import LogCancelledError
from airflow_provider_integrator.logs import json_lines
from tests.api.samples import ANY_JSON


@given(ANY_JSON)
def test_a_value_stands_in_one_line_and_comes_back(value):
    text = json_lines.encode(value)
    assert b"\n" not in text
    assert json_lines.decode(text) == json_lines._plain(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"cut \ud83d": ["\udc00", "whole 🎉"]}, {"cut \ufffd": ["\ufffd", "whole 🎉"]}),
        (10**400, 10**400),
        ([float("nan"), float("inf"), 1.5], [None, None, 1.5]),
        ([float("-inf"), 10**30, "\ud800"], [None, 10**30, "\ufffd"]),
    ],
    ids=["half characters", "long number", "no numbers", "all of these"],
)
def test_what_json_can_not_hold_is_replaced(value, kept):
    text = json_lines.encode(value)
    assert json.loads(text.decode(), parse_constant=pytest.fail) == kept
    assert json_lines.decode(text) == kept


def test_what_is_nested_too_deeply_is_an_error():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        json_lines.encode(value)


@given(st.lists(st.binary(max_size=20)), st.booleans())
def test_size_and_hash_are_those_of_the_file(records, is_gzip):
    file = io.BytesIO()
    written = json_lines.write(records, file, lambda: None, is_gzip=is_gzip)
    assert (written.bytes, written.sha256) == (
        len(file.getvalue()),
        hashlib.sha256(file.getvalue()).hexdigest(),
    )
    text = gzip.decompress(file.getvalue()) if is_gzip else file.getvalue()
    assert text == b"".join(record + b"\n" for record in records)


def test_writing_can_be_cancelled():
    def cancelled():
        raise LogCancelledError

    with pytest.raises(LogCancelledError):
        json_lines.write([b"1"], io.BytesIO(), cancelled, is_gzip=False)
