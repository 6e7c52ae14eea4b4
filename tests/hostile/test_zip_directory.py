"""A ZIP's directory that is large, or lies: bounded before it is read."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrator.api.texts import hide
from airflow_provider_integrator.exceptions import LogArchiveError, LogTooLargeError
from airflow_provider_integrator.logs import archive as archive_module
from airflow_provider_integrator.logs.archive import MEBIBYTE, Limits, LogArchive
from tests.logs.test_archive import LOG, write, zip_of

CENTRAL, END = b"PK\x01\x02", b"PK\x05\x06"
WHOLE = zip_of(("log.json", LOG))
BEFORE, DIRECTORY = WHOLE[: WHOLE.index(CENTRAL)], WHOLE[WHOLE.index(CENTRAL) : WHOLE.index(END)]


def with_entries(count, entry=DIRECTORY, comment=b"", *, before=BEFORE, **said):
    """Make a ZIP whose directory has one entry many times.

    :param said: What its end says instead of the truth: ``entries``, ``size``, ``offset``.
    """
    directory = entry * count
    entries, size = said.get("entries", min(count, 0xFFFF)), said.get("size", len(directory))
    end = struct.pack(
        "<4s4H2LH", END, 0, 0, entries, entries, size, said.get("offset", len(before)), len(comment)
    )
    return before + directory + end + comment


def with_zip64(count, entry=DIRECTORY, **said):
    """Make the same in ZIP64, whose own end counts."""
    directory = entry * count
    entries, size, offset = (
        said.get(name, true)
        for name, true in (("entries", count), ("size", len(directory)), ("offset", len(BEFORE)))
    )
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(BEFORE) + len(directory), 1)
    end = struct.pack("<4s4H2LH", END, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return BEFORE + directory + end64 + locator + end


def read(packed):
    with LogArchive(io.BytesIO(packed), Limits()) as log:
        return write(log)[1]


@pytest.mark.parametrize("make", [with_entries, with_zip64])
@pytest.mark.parametrize("count", [1, 2, 1000])
def test_up_to_a_thousand_entries(count, make):
    assert read(make(count)) == LOG


def test_real_files_up_to_a_thousand():
    files = [("log.json", LOG), *((f"{number}.json", b"{}") for number in range(999))]
    assert read(zip_of(*files)) == LOG
    with pytest.raises(LogTooLargeError, match="the ZIP has 1001 files, more than 1000; nothing was kept"):
        read(zip_of(*files, ("more.json", b"{}")))


@pytest.mark.parametrize("make", [with_entries, with_zip64])
@pytest.mark.parametrize("said", [{}, {"entries": 1}])
def test_more_entries_than_that(said, make):
    with pytest.raises(LogTooLargeError, match="the ZIP has 1001 files, more than 1000"):
        read(make(1001, **said))


@pytest.mark.parametrize("make", [with_entries, with_zip64])
@pytest.mark.parametrize("said", [{}, {"entries": 1}])
def test_a_directory_that_is_too_large_is_not_read(said, make, mocker):
    infos = mocker.spy(zipfile, "ZipInfo")
    packed = make(100_000, **said)
    tracemalloc.start()
    try:
        with pytest.raises(
            LogTooLargeError, match=f"the ZIP's directory is larger than {MEBIBYTE} bytes; nothing"
        ):
            read(packed)
        assert tracemalloc.get_traced_memory()[1] < 4 * MEBIBYTE
    finally:
        tracemalloc.stop()
    assert infos.call_count == 0


@pytest.mark.parametrize("size", [0xFFFF, 30_000])
def test_long_names_fields_and_comments_of_files(size):
    name, comment = b"n" * size, b"c" * size
    entry = bytearray(DIRECTORY[:46])
    entry[28:34] = struct.pack("<3H", len(name), 0, len(comment))
    with pytest.raises(LogTooLargeError, match="the ZIP's directory is larger"):
        read(with_entries(20, bytes(entry) + name + comment))


@pytest.mark.parametrize("size", [1, 0xFFFF])
def test_a_comment_is_no_fault(size):
    assert read(with_entries(1, comment=b"c" * size)) == LOG
    with contextlib.suppress(LogArchiveError):  # a signature in it is taken for the end
        assert read(with_entries(1, comment=(END + b"PK\x06\x07") * (size // 8))) == LOG


@pytest.mark.parametrize("make", [with_entries, with_zip64])
@pytest.mark.parametrize("said", ["entries", "size", "offset"])
@pytest.mark.parametrize("value", [0, 1, 45, 2**31, 2**32 - 2, 2**62, 2**64 - 1])
def test_an_end_that_lies_gives_the_log_or_an_error(value, said, make):
    if make is with_entries:
        value &= 0xFFFF if said == "entries" else 0xFFFFFFFF
    with contextlib.suppress(LogArchiveError):
        assert read(make(1, **{said: value})) == LOG


def test_files_that_overlap_are_not_unpacked():
    # A flat bomb: thousands of entries with the same data. Only the first is a log, so there is nothing to unpack.
    with LogArchive(io.BytesIO(with_entries(900)), Limits(max_log_bytes=len(LOG))) as log:
        assert write(log)[1] == LOG


@settings(max_examples=200)
@given(st.data())
def test_any_structure_gives_the_log_or_an_error(data):
    number = st.sampled_from(
        [0, 1, 22, 46, len(BEFORE), len(DIRECTORY), 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
    )
    make = data.draw(st.sampled_from([with_entries, with_zip64]))
    said = data.draw(st.dictionaries(st.sampled_from(["entries", "size", "offset"]), number))
    if make is with_entries:
        said = {name: value & (0xFFFF if name == "entries" else 0xFFFFFFFF) for name, value in said.items()}
    packed = bytearray(make(data.draw(st.integers(0, 3)), **said))
    for _ in range(data.draw(st.integers(0, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(LogArchiveError):
        read(bytes(packed))


MEMORY = """
import resource, sys, tempfile
from airflow_provider_integrator.exceptions import LogTooLargeError
from airflow_provider_integrator.logs.archive import Limits, LogArchive
from tests.hostile.test_zip_directory import with_entries

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

with tempfile.TemporaryFile() as file:
    file.write(with_entries(1_000_000))
    before = peak()
    try:
        LogArchive(file, Limits())
    except LogTooLargeError:
        print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss")
def test_a_million_entries_take_no_memory():
    done = subprocess.run(
        [sys.executable, "-c", MEMORY],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(archive_module.__file__).parents[2]), *sys.path]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) <= 8


def test_a_name_in_a_message_is_fit_for_it():
    hide("s3cr3t-w0rd")
    name = "s3cr3t-w0rd\u202e" * 4000
    packed = zip_of((name, LOG)).replace(b"s3cr3t", b"S3cr3t", 1)  # the file's own header says another name
    with pytest.raises(
        LogArchiveError, match=r"^Download log: the ZIP can't be read \(File name in"
    ) as caught:
        read(packed)
    assert len(str(caught.value)) < 1000
    assert "s3cr3t" not in str(caught.value)
