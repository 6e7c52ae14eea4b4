from __future__ import annotations

import gc
import itertools
import json
import tracemalloc

import ijson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api import jsongrammar
from airflow_provider_integrator.api.jsongrammar import Grammar

ROW = st.fixed_dictionaries(
    {"id": st.integers(), "name": st.text(max_size=8)},
    optional={
        "lines": st.lists(st.fixed_dictionaries({"q": st.integers(0, 9)}), max_size=4),
        "ok": st.booleans(),
    },
)
ROWS = st.lists(ROW | st.lists(st.integers(0, 9), max_size=3) | st.text(max_size=5), min_size=2, max_size=12)
LOG = (
    ROWS
    | st.fixed_dictionaries({"errors": st.lists(ROW, max_size=2), "rows": ROWS})
    | st.dictionaries(st.text(), ROW)
)
MUTATION = st.tuples(
    st.integers(0, 10**6),
    st.integers(0, 3),
    st.sampled_from([b"", *(bytes([c]) for c in b'{}[],:"\\\\0a \\n')]),
)


@pytest.fixture(scope="module", params=[7, 40, 16 * 1024], ids="pieces of {}".format)
def _pieces(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsongrammar, "_PIECE", request.param)
        yield


def accepts(pieces):
    grammar = Grammar()
    try:
        for piece in pieces:
            grammar.feed(piece)
        grammar.finish()
    except ijson.JSONError:
        return False
    return True


def is_json(text):
    def refuse(name):
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


def pieces(text, cuts):
    return [text[start:end] for start, end in itertools.pairwise([0, *sorted(cuts), len(text)])]


def draw_pieces(data, text):
    return pieces(text, data.draw(st.lists(st.integers(0, len(text)), max_size=5)))


@pytest.mark.usefixtures("_pieces")
@given(st.data(), LOG, st.sampled_from([None, 1]), st.booleans())
def test_any_log_in_any_pieces_is_fine(data, log, indent, escaped):
    text = json.dumps(log, indent=indent, ensure_ascii=escaped).encode("utf-8", "replace")
    assert accepts(draw_pieces(data, text))


@pytest.mark.usefixtures("_pieces")
@given(st.data(), LOG, st.lists(MUTATION, min_size=1, max_size=3))
def test_a_spoilt_log_is_judged_as_python_judges_it(data, log, mutations):
    text = json.dumps(log, separators=(",", ":")).encode()
    for at, width, put in mutations:
        at %= len(text) + 1
        text = text[:at] + put + text[at + width :]
    assert accepts(draw_pieces(data, text)) == is_json(text)


ROW_TEXT = b'{"id":1,"lines":[{"q":1},{"q":2}],"name":"}, ],"}'


@pytest.mark.parametrize(
    "spoilt",
    [
        b'{"id":1,}',
        b'{"id":1 "name":2}',
        b'{"id":01}',
        b'{"id":1}}',
        b'{"id":1]',
        b'{"id":tru}',
        b'{"id":"\\x"}',
        b'{"id":"\\u12g4"}',
        b'{"id":"a\nb"}',
        b'"id":1',
        b"{id:1}",
        b"NaN",
        b"",
        b".5",
    ],
)
@pytest.mark.parametrize("where", [1, 40_000, 79_999])
@pytest.mark.parametrize(("before", "after"), [(b'{"errors":[],"rows":[', b"]}"), (b"[[", b"]]")])
def test_one_spoilt_row_is_found_wherever_it_stands(spoilt, where, before, after):
    def rows(count):
        return b",".join([ROW_TEXT] * count)

    sound = [before, rows(where), b",", ROW_TEXT, b",", rows(80_000 - where), after]
    assert accepts(chunked(b"".join(sound)))
    sound[3] = spoilt
    assert not accepts(chunked(b"".join(sound)))


@pytest.mark.parametrize("whole", [b"{}", b"[{},{}]", b'"a"', b"1", b"null"])
@pytest.mark.parametrize(
    "more", [b'"', b'"b', b'"b"', b"tru", b"-", b"1", b"/", b"/* */", b"]", b"{", b"\\", b",", b"\0", b"\xef"]
)
def test_nothing_follows_the_whole(whole, more):
    assert accepts([whole, b" \n"])
    assert not accepts([whole, b"\n", more])
    assert not accepts([whole + b" " + more])


def chunked(text, size=256 * 1024):
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"[{},", b"]"),
        (b'{"a":{},', b"}"),
        (b'{"a":[{},', b"]}"),
        (b'[{"a":{},', b"}]"),
        (b"[[{},", b"]]"),
        (b"{},", b""),
        (b'["},', b',"]'),
    ],
)
@pytest.mark.parametrize(
    "run",
    [
        b"{},{}",
        b'1,2,"a",{}',
        b"1,{},{}",
        b'"b":1,"c":{},"d":{}',
        b"],[{},{}",
        b'},"b":{"c":{},"d":{}',
        b'},{"c":{},"d":{}',
        b'],"b":[{},{}',
        b"],[[{},{}",
        b".5,{},{}",
        b",{},{}",
        b'1,2,3,{},"b":2',
        b'"b":2,"c":{},1',
        b"{},{},{}.5,{},{},1",
    ],
)
def test_a_run_belongs_into_what_is_open(before, run, after, monkeypatch):
    monkeypatch.setattr(jsongrammar, "_PIECE", len(before))  # so that the parser rests there
    text = before + run + after
    for step in range(1, len(text) - len(before)):
        cuts = range(len(before) + step, len(text), step)
        assert accepts(pieces(text, cuts)) == is_json(text)


@pytest.mark.parametrize(
    "content", [b"x", b"\\\\", b'\\"', b"\\u00e9", "é".encode(), "漢".encode(), "𝄞".encode()]
)
def test_a_string_of_30_megabytes_takes_neither_memory_nor_long(content):
    grammar, chunk = Grammar(), content * (250_000 // len(content))
    tracemalloc.start()
    try:
        for piece in (b'{"a": "', *([chunk] * 120), b'", "b": [1, 2]}'):
            grammar.feed(piece)
        grammar.finish()
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("spoilt", [b"\n", b"\\x", b"\\u12g4", b'"'])
def test_a_fault_deep_in_a_long_string_is_found(spoilt):
    chunk = b"x" * 100_000
    assert accepts([b'["', *[chunk] * 9, b'"]'])
    assert not accepts([b'["', *[chunk] * 5, spoilt, *[chunk] * 4, b'"]'])


@pytest.mark.parametrize(
    "number",
    [
        b"1" * 5_000,
        b"-0." + b"1" * 5_000,
        b"1e" + b"9" * 5_000,
        b"1" * 5_000 + b"." + b"2" * 5_000 + b"E-" + b"3" * 99,
    ],
)
def test_a_number_of_any_length_is_json(number):
    assert accepts([b"[", number, b"]"])
    assert accepts(chunked(b"[" + number + b"]", 1_000))
    assert not accepts([b"[0", number.lstrip(b"-"), b"]"]) or number.startswith(b"-")
    assert not accepts([b"[", number, b".]"])


@pytest.mark.parametrize(
    "text",
    [b'["\\ud83d"]', b'["\\uDE00 x"]', b'["\\ud83d\\ud83d\\ude00\\ude00"]', b'[{},{"a":"\\ud83d"},{}]'],
)
@given(st.data())
def test_a_lone_surrogate_is_json(text, data):
    assert is_json(text)
    assert accepts(draw_pieces(data, text))


@pytest.mark.parametrize("value", ['{"id": 1, "name": "row"}', "1234567", '"text"'])
def test_checking_leaves_no_objects_for_a_full_garbage_collection(value):
    # Those that outlive a first collection bring it nearer, and it stops all threads, for a tenth of a second in Airflow.
    text = ("[" + ", ".join([value] * 400_000) + "]").encode()
    generations = []

    def collected(phase, info):
        generations.append(info["generation"])

    gc.collect()
    gc.callbacks.append(collected)
    try:
        assert accepts(chunked(text))
    finally:
        gc.callbacks.remove(collected)
    assert set(generations) <= {0}
