from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.jsoninput import ParserInput


def pieces(text, cuts):
    return [text[start:end] for start, end in itertools.pairwise([0, *sorted(cuts), len(text)])]


@given(st.data(), st.lists(st.text(max_size=30), min_size=1))
def test_short_strings_pass_whole(data, strings):
    text = json.dumps(strings, ensure_ascii=False).encode("utf-8", "replace")
    kept = ParserInput(500)
    assert b"".join([kept.feed(piece) for piece in pieces(text, [len(text) // 2])] + [kept.finish()]) == text


def test_a_long_string_keeps_its_beginning_and_its_end():
    kept = ParserInput(500)
    out = [kept.feed(piece) for piece in (b'["ab', b"cd", b"ef", b"gh", b'ij", "kl', b'mn"]')] + [
        kept.finish()
    ]
    assert b"".join(out) == b'["abcdij", "klmn"]'


@given(st.data(), st.lists(st.sampled_from([b"\\ud83d", b"\\uDE00", b"\\\\", b"a", b"\\u00e9"]), max_size=8))
def test_surrogates_in_pairs_stay_and_lone_ones_are_replaced(data, parts):
    text = b'["' + b"".join(parts) + b'"]'
    kept = ParserInput(500)
    out = (
        b"".join(kept.feed(piece) for piece in pieces(text, [data.draw(st.integers(0, len(text)))]))
        + kept.finish()
    )
    expected = json.dumps(json.loads(text)).encode()
    lone_replaced = json.loads(expected)[0].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(out)[0].encode() == lone_replaced.encode()


def test_a_long_number_is_shortened_wherever_it_is_cut():
    for cut in range(1, 30):
        short = ParserInput(5)
        text = b"[-1234567890.1234567890e12345678901, 12]"
        assert (
            b"".join([*map(short.feed, pieces(text, [cut])), short.finish()]) == b"[-12345.12345e12345, 12]"
        )
