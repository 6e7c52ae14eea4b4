"""A log's JSON: what is taken, refused and loaded is what Python's json says it is."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
import threading
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_integrator.exceptions import LogArchiveError
from airflow_provider_integrator.logs import document

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
ROW = st.fixed_dictionaries(
    {"id": st.integers(), "name": st.text(max_size=8)},
    optional={"lines": st.lists(st.integers(0, 9), max_size=4), "ok": st.booleans()},
)
LOG = st.fixed_dictionaries({"errors": st.lists(ROW, max_size=2), "rows": st.lists(ROW, max_size=5)})
MUTATION = st.tuples(
    st.integers(0, 10**6),
    st.integers(0, 3),
    st.sampled_from([b"", *(bytes([c]) for c in b'{}[],:"\\0a \n'), b"\\ud83d", b"1e999", b"NaN"]),
)
#: What JSON's numbers, escapes and names are made of, in any order.
SNIPPETS = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", ",", ":", '"', '"a"', "0", "1", "-", ".", "e", "+", "true", "null", " ", "\n", "\\",
         "\\u", "d83d", "\\ud83d", "\\ude00", "\\uD83D\\uDE00", "é", "\x7f", "\x1f", "NaN", "Infinity", "\ufeff"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


def on_disk(text):
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(text)
    file.flush()
    return file


def checked(text):
    with on_disk(text) as file:
        return document.check(file)


def checked_in_child(text):
    with on_disk(text) as file:
        return document.check_in_child(file, lambda: None)


def loaded(text):
    with on_disk(text) as file:
        return document.load(file)[0]


def refuse(name):
    raise ValueError(name)


def without_surrogates(value):
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(each) for each in value]
    if isinstance(value, dict):
        # Of names that are alike without them, the last counts.
        return {without_surrogates(name): without_surrogates(each) for name, each in value.items()}
    return value


def agrees(text):
    try:
        expected = without_surrogates(json.loads(text.decode(), parse_constant=refuse))
    except ValueError:
        for read in (checked, loaded):
            with pytest.raises(LogArchiveError, match=r"^Download log: .*not JSON"):
                read(text)
    else:
        checked(text)
        assert repr(loaded(text)) == repr(expected)


@given(ANY_JSON, st.booleans(), st.sampled_from([None, 0, 1]))
def test_any_json(value, escaped, indent):
    text = json.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    assert repr(loaded(text)) == repr(json.loads(text))
    checked(text)


@given(LOG, st.lists(MUTATION, min_size=1, max_size=3))
def test_a_spoilt_log_is_judged_as_json_judges_it(log, mutations):
    text = json.dumps(log, separators=(",", ":")).encode()
    for at, width, put in mutations:
        at %= len(text) + 1
        text = text[:at] + put + text[at + width :]
    agrees(text)


@given(SNIPPETS | st.text(max_size=20))
@example('"\\ud83d\\ud83d\\ude00\\ude00"')
@example('"\\\\ud83d"')
@example('"\\\\\\ud83d"')
@example('{"\\ude00": "\\ud83d", "a": 1e400}')
@example('["\\ud83d", NaN]')
@example('["\\ud83"]')
@example('["\\ud83d\\ude0"]')
@example('{"a": 1, "b": 2, "a": 3}')
@example("-0")
@example("-0.0")
@example("1e-400")
@example("18446744073709551616")
@example("[1.7976931348623157e308, 1.7976931348623159e308]")
def test_any_text_is_judged_as_json_judges_it(text):
    agrees(text.encode())


@given(ANY_JSON)
def test_no_beginning_of_an_object_or_list_is_taken_for_the_whole(value):
    text = json.dumps([value]).encode()
    for end in {0, 1, len(text) // 2, len(text) - 1}:
        with pytest.raises(LogArchiveError, match="not JSON"):
            checked(text[:end])


ROW_TEXT = b'{"id":1,"lines":[{"q":1},{"q":2}],"name":"}, ],"}'


@pytest.mark.parametrize(
    "spoilt",
    [
        b'{"id":1,}', b'{"id":1 "name":2}', b'{"id":01}', b'{"id":1}}', b'{"id":1]', b'{"id":tru}', b'{"id":"\\x"}',
        b'{"id":"\\u12g4"}', b'{"id":"a\nb"}', b'"id":1', b"{id:1}", b"NaN", b"-Infinity", b"", b".5", b"1.", b"/* */",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", [1, 19_999])
@pytest.mark.parametrize(("before", "after"), [(b'{"errors":[],"rows":[', b"]}"), (b"[[", b"]]")])
def test_one_spoilt_row_is_found_wherever_it_stands(spoilt, where, before, after):
    rows = [ROW_TEXT] * 20_000
    checked(before + b",".join(rows) + after)
    rows[where] = spoilt
    with pytest.raises(LogArchiveError, match=r"not JSON: .*\(byte \d+\)\.$"):
        checked(before + b",".join(rows) + after)


@pytest.mark.parametrize("whole", [b"{}", b"[{},{}]", b'"a"', b"1", b"null"])
@pytest.mark.parametrize(
    "more", [b'"', b'"b', b'"b"', b"tru", b"-", b"1", b"/", b"]", b"{", b"\\", b",", b"\0", b"{}"]
)
def test_nothing_follows_the_whole(whole, more):
    checked(whole + b" \r\n\t")
    with pytest.raises(LogArchiveError, match="not JSON"):
        checked(whole + b"\n" + more)


@pytest.mark.parametrize(
    "number", [b"1" * 5_000, b"-0." + b"1" * 5_000, b"1e" + b"9" * 5_000, b"1" * 5_000 + b".2E-" + b"3" * 99]
)
def test_a_number_of_any_length_is_json(number):
    checked(b"[" + number + b"]")
    with pytest.raises(LogArchiveError, match="not JSON"):
        checked(b"[" + number + b".]")


def test_a_number_too_long_for_python_cannot_be_loaded():
    digits = b"1" * (sys.get_int_max_str_digits() + 1)
    with pytest.raises(
        LogArchiveError, match=r"isn't JSON that Python can hold \(.*integer string conversion"
    ):
        loaded(b"[0, " + digits + b"]")


def test_lone_surrogates_are_checked_in_a_file_of_their_own():
    text = b'{"rows": [' + b'"cut \\ud83d",' * 100_000 + b'0], "errors": ["\\ude00", "\\ud83d\\ude00"]}'
    with on_disk(text) as file:
        tracemalloc.start()
        try:
            assert document.check(file) == ["\ufffd", "😀"]
            assert tracemalloc.get_traced_memory()[1] < 500_000
        finally:
            tracemalloc.stop()
        file.seek(0)
        assert file.read() == text


@pytest.mark.parametrize("end", [b"", b", NaN", b', "\\x"', b"]"])
def test_a_lone_surrogate_hides_no_other_fault(end):
    text = b'["\\ud83d"' + end + b"]"
    if not end:
        assert checked(text) == []
        return
    for read in (checked, loaded):
        with pytest.raises(LogArchiveError, match="not JSON"):
            read(text)


@pytest.mark.parametrize("depth", [100, 1_000, 5_000, 100_000])
@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}"), (b'{"errors":[', b"]}")])
def test_nesting_of_any_depth_ends_in_no_crash(depth, opened, closed, caplog):
    text = opened * depth + b"0" + closed * depth
    checked(text)
    if depth > 1_000:
        assert "nested too deeply" in caplog.text
        with pytest.raises(LogArchiveError, match="isn't JSON that Python can hold"):
            loaded(text)
    elif depth < 1_000:
        assert caplog.text == ""
        loaded(text)


def test_an_error_does_not_show_the_text():
    secret = "customer-4711"
    for text in (f'["{secret}", nope]', f'["{secret}", "\\ud83d", 1e400, nope]'):
        for read in (checked, loaded):
            with pytest.raises(LogArchiveError) as caught:
                read(text.encode())
            assert secret not in str(caught.value)
            assert caught.value.__suppress_context__ or caught.value.__context__ is None


# in a child process


@pytest.mark.parametrize(
    "text",
    [
        b'{"errors": [{"a": "\\u00e9"}, 1e400]}',
        b'{"errors": ["\\ud83d"]}',
        b'"x"',
        b'{"errors": {"\\u00e9": 1}}',
    ],
)
def test_a_child_finds_what_this_process_does(text):
    assert checked_in_child(text) == checked(text)


@pytest.mark.parametrize("text", [b"", b"[NaN]", b"{} {}", b'["\\ud83d", x]'])
def test_a_child_refuses_what_this_process_does(text):
    with pytest.raises(LogArchiveError) as here:
        checked(text)
    with pytest.raises(LogArchiveError) as there:
        checked_in_child(text)
    assert str(there.value) == str(here.value)


def test_a_childs_warning_is_logged_here(caplog):
    assert checked_in_child(b"[" * 10_000 + b"]" * 10_000) == []
    assert "nested too deeply" in caplog.text


def test_a_child_imports_neither_airflow_nor_what_does_http():
    code = document._CHILD + "; print(*sys.modules)"
    with on_disk(b"{}") as file:
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, str(file.fileno()), *sys.path],
            capture_output=True,
            text=True,
            check=True,
            pass_fds=(file.fileno(),),
        )
    verdict, modules = done.stdout.splitlines()
    assert json.loads(verdict) == [None, False, []]
    packages = {name.partition(".")[0] for name in modules.split()}
    assert packages & {"airflow", "requests", "aiohttp", "zipfile", "asyncio"} == set()
    assert packages >= {"airflow_provider_integrator", "msgspec"}


@pytest.mark.parametrize("executable", ["", "/nowhere/python", "false"])
def test_without_a_child_the_check_is_done_here(executable, mocker, caplog):
    mocker.patch.object(document.sys, "executable", executable)
    assert checked_in_child(b'{"errors": [1]}') == [1]
    assert "no child process can check the log" in caplog.text
    with pytest.raises(LogArchiveError, match="not JSON"):
        checked_in_child(b"{")


def test_a_child_that_is_cancelled_is_gone(mocker):
    started = mocker.spy(subprocess, "Popen")
    mocker.patch.object(document, "_CHILD", "import time; time.sleep(600)")

    class CancelledError(Exception):
        pass

    looks = []

    def look():
        looks.append(threading.current_thread())
        if len(looks) == 2:
            raise CancelledError

    with on_disk(b"{}") as file, pytest.raises(CancelledError):
        document.check_in_child(file, look)
    (child,) = [started.spy_return]
    assert child.returncode == -9
    assert child.stdout.closed


def test_a_file_that_is_not_on_disk_is_an_error_of_its_own():
    with pytest.raises(io.UnsupportedOperation):
        document.check(io.BytesIO(b"{}"))
