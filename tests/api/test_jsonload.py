from __future__ import annotations

import itertools
import json
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.jsonload import load
from tests.api.test_jsontext import ANY_JSON

ROW = {"sku": "SKU-1", "name": 'Ürün, "1"', "prices": [1, 2.5], "stock": {"a": 1}}


def pieces(data, raw):
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8))), len(raw)]
    return [raw[start:end] for start, end in itertools.pairwise(edges)]


@given(st.data(), ANY_JSON, st.booleans(), st.sampled_from([None, 0, 1]), st.integers(1, 40))
def test_any_json_in_any_pieces_is_what_json_says_it_is(data, value, escaped, indent, window):
    raw = json.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    assert repr(load(pieces(data, raw), window)) == repr(json.loads(raw))


@given(st.data(), st.lists(ANY_JSON, min_size=1, max_size=4), st.integers(1, 60), st.integers(1, 40))
def test_lists_of_what_looks_alike_are_too(data, values, times, window):
    value = {"rows": values * times, "more": [values, 1, -2.5e-7, "a]},", None]}
    raw = json.dumps(value).encode()
    assert repr(load(pieces(data, raw), window)) == repr(json.loads(raw))


@given(st.data(), st.text('{}[]",:0123456789.eE+-truefalsn\\ ', max_size=30), st.integers(1, 8))
def test_what_is_not_json_is_an_error_whatever_the_window(data, text, window):
    try:
        said = repr(json.loads(text))
    except ValueError:
        with pytest.raises(ValueError, match=r"Expecting|Extra|Unterminated|Invalid|Illegal"):
            load(pieces(data, text.encode()), window)
    else:
        assert repr(load(pieces(data, text.encode()), window)) == said


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "[", "{", "[1", "[1,", "[1,]", "[1 2]", "[1}", "[1] 2", "[1],", "]"),
        *(
            '{"a"',
            '{"a":',
            '{"a": 1',
            '{"a": 1,',
            '{"a": 1,}',
            '{"a": 1]',
            '{"a" 1}',
            '{"a",1}',
            '{"a": 1 "b": 2}',
        ),
        *("{1: 2}", "{[1]: 2}", "{null: 2}", '{"a": 1}}', '"a', '["a]', "[+1]", "[.5]", "[1.]", "[tru]"),
    ],
)
def test_every_fault_is_found_in_every_window(text):
    for window in range(1, len(text) + 2):
        with pytest.raises(ValueError, match=r"Expecting|Extra|Unterminated|Illegal|Invalid"):
            load([text[n : n + 1].encode() for n in range(len(text))], window)


@pytest.mark.parametrize(
    "text", ["12345.678e+90", "-0.5", "1234567890123456789012", "true", '"…\\u20ac\\n"', "[]"]
)
@pytest.mark.parametrize("behind", ["", " ", "\n"])
def test_what_a_window_cuts_goes_on_in_the_next(text, behind):
    raw = f"[{text}{behind}, {text}{behind}]".encode()
    for window in range(1, len(raw)):
        assert load([raw[n : n + 1] for n in range(len(raw))], window) == json.loads(raw)


@pytest.mark.parametrize(
    ("escapes", "meant"),
    [
        ("\\ud83d\\ude00", "\U0001f600"),
        ("\\ud83d", "�"),
        ("\\ude00\\ud83d", "��"),
        ("\\\\ud83d", "\\ud83d"),
        ("\\\\\\ud83d\\ude00", "\\\U0001f600"),
    ],
)
def test_surrogates_are_pairs_or_replaced_wherever_they_are_cut(escapes, meant):
    raw = f'["{escapes}", 1]'.encode()
    for cut in range(len(raw)):
        assert load([raw[:cut], raw[cut:]], 4) == [meant, 1]


def test_the_last_of_two_members_of_one_name_counts():
    first, second = (json.dumps({"a": [digit] * 50, "b": digit}) for digit in (1, 2))
    text = f"{first[:-1]}, {second[1:]}"
    assert load([text.encode()], 10) == {"a": [2] * 50, "b": 2}


def test_numbers_that_are_too_long_for_python_are_an_error():
    digits = "1" * (sys.get_int_max_str_digits() + 1)
    for window in (16, 100_000):
        with pytest.raises(ValueError, match="integer string conversion"):
            load([f"[0, {digits}, 0]".encode()], window)


def test_nesting_that_is_too_deep_for_python_is_an_error():
    depth = 100_000
    with pytest.raises(RecursionError):
        load([b"[" * depth + b"]" * depth], 1000)


def test_a_text_longer_than_a_window_may_stand_anywhere():
    value = {"long" * 100: "x" * 1000, "rows": [ROW, "y" * 1000, ROW]}
    assert load([json.dumps(value).encode()], 16) == value


def test_what_is_decoded_at_a_time_is_no_larger_than_the_window(monkeypatch):
    window = 4096
    value = {"rows": [ROW] * 500, "by_sku": {f"SKU-{n}": ROW for n in range(500)}, "deep": [[[[ROW] * 500]]]}
    raw = json.dumps(value).encode()
    sizes = []

    def decoding(text, at=0):
        sizes.append(len(text) - at)
        return decode(text, at)

    def loading(text):
        sizes.append(len(text))
        return loads(text)

    decode, loads = json.JSONDecoder().raw_decode, json.loads
    monkeypatch.setattr("airflow_provider_integrator.api.jsonload._decode", decoding)
    monkeypatch.setattr(json, "loads", loading)
    assert load([raw[n : n + 512] for n in range(0, len(raw), 512)], window) == value
    assert max(sizes) <= window + 512


def test_rows_share_their_keys_and_the_text_is_not_kept():
    raw = json.dumps({"rows": [ROW] * 20_000}).encode()

    def held(function):
        tracemalloc.start()
        value = function()
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(value["rows"]) == 20_000
        return kept, peak

    kept, peak = held(lambda: load((raw[n : n + 65536] for n in range(0, len(raw), 65536)), 65536))
    expected, _ = held(lambda: json.loads(raw))
    assert kept < 1.2 * expected
    assert peak < kept + 1024 * 1024
