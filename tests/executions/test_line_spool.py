"""Lines and logs that are restored from a journal in which several tries may have written at once."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.executions.line_spool import END, ERROR, LINE, LOG, Entry, Spool

NAMES = [b"%d" % number for number in range(4)]


def a_list(names):
    """List lines in an order of its own, and log each of them.

    :return: The entries of the list, and those of the logs, each of which names its line.
    """
    spool = Spool(io.BytesIO())
    listed = [spool.add(Entry(at, LINE, b'{"id":%s}' % name)) for at, name in enumerate(names)]
    listed.append(spool.add(Entry(len(names), END, b"{}")))
    return listed, [spool.add(Entry(at, LOG, name)) for at, name in enumerate(names)]


def restored(entries):
    spool = Spool(io.BytesIO())
    taken = [entry for entry in map(spool.restore, entries) if entry is not None]
    return spool, taken


def records_of(spool):
    for at in list(spool.missing()):
        spool.add(Entry(at, ERROR, b'"missing"'))
    return [record for record, _ in spool.records()]


def test_all_of_one_try():
    listed, logs = a_list(NAMES)
    spool, taken = restored(listed + logs)
    assert len(taken) == 9
    assert spool.end == {}
    assert records_of(spool) == [b'{"id":%s,"log":%s,"log_error":null}' % (name, name) for name in NAMES]


def test_nothing_is_taken_twice():
    listed, logs = a_list(NAMES)
    _, taken = restored([*listed, *logs, *logs, *listed])
    assert len(taken) == 9


@pytest.mark.parametrize("cut", range(5))
def test_a_list_without_its_end_is_followed_by_another_one(cut):
    (incomplete, _), (listed, logs) = a_list(NAMES), a_list(NAMES[::-1])
    spool, _ = restored([*incomplete[:cut], *listed, *logs])
    assert [record[6:7] for record in records_of(spool)] == NAMES[::-1]
    assert not any(b"missing" in record for record in records_of(spool))


def test_a_list_in_which_lines_are_missing_has_no_end():
    listed, logs = a_list(NAMES)
    spool, _ = restored([listed[0], *listed[2:], *logs])
    assert spool.end is None


def test_what_is_no_entry_is_left_out():
    listed, logs = a_list(NAMES)
    spool, _ = restored([*listed, bytes(4096) + b"\n", b"\n", *logs])
    assert len(records_of(spool)) == len(NAMES)
    assert list(spool.missing()) == []


def test_an_empty_list():
    listed, _ = a_list([])
    spool, _ = restored(listed)
    assert (spool.end, len(spool)) == ({}, 0)


@given(st.data())
def test_whatever_several_tries_have_written_no_line_gets_the_log_of_another_one(data):
    lists = [a_list(data.draw(st.permutations(NAMES))) for _ in range(3)]
    written = [[*listed, *logs] for listed, logs in lists]
    turns = data.draw(st.lists(st.sampled_from(range(3)), max_size=30))
    entries = [entry for turn in turns for entry in written[turn][:1] if written[turn].pop(0)]
    kept = [
        entry for entry in entries if data.draw(st.integers(0, 9))
    ]  # another try may replace or remove some
    spool, _ = restored(kept)
    if spool.end is not None:
        assert sorted(record[6:7] for record in records_of(spool)) == NAMES
        for record in records_of(spool):
            name = record[6:7]
            assert record in (
                b'{"id":%s,"log":%s,"log_error":null}' % (name, name),
                b'{"id":%s,"log":null,"log_error":"missing"}' % name,
            )
