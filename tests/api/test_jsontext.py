from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.jsontext import JsonText
from airflow_provider_integrator.exceptions import LogArchiveError

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def check(text, cuts=()):
    checked = JsonText()
    edges = [0, *sorted(cuts), len(text)]
    for start, end in itertools.pairwise(edges):
        checked.feed(text[start:end])
    checked.finish()


@given(st.data(), ANY_JSON, st.booleans())
def test_any_json_in_any_pieces_is_fine(data, value, escaped):
    text = json.dumps(value, ensure_ascii=escaped, indent=data.draw(st.sampled_from([None, 1])))
    if not escaped:
        text = text.encode("utf-8", "replace").decode()
    raw = text.encode()
    check(raw, data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))


@given(st.data(), st.binary(max_size=30))
def test_any_bytes_are_what_json_says_they_are(data, raw):
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=8))
    try:
        check(raw, cuts)
    except LogArchiveError:
        return
    json.loads(raw.decode("utf-8"))


@given(st.data(), ANY_JSON)
def test_no_beginning_of_an_object_or_list_is_taken_for_the_whole(data, value):
    raw = json.dumps([value]).encode()
    with pytest.raises(LogArchiveError, match="not JSON"):
        check(raw[: data.draw(st.integers(0, len(raw) - 1))])


def test_encoding_is_checked_to_the_end():
    head = b'{"rows": [1, 2, 3,'
    check(head + b"4, 5]}\n", [len(head)])
    with pytest.raises(LogArchiveError, match=f"not UTF-8: invalid start byte near byte {len(head) + 1}"):
        check(head + b'"\xff"]}', [len(head)])
    with pytest.raises(LogArchiveError, match="not UTF-8: it ends within a character"):
        check(head + b'"\xe2\x82', [len(head)])
