from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_integrator.exceptions import (
    LogArchiveError,
    LogCancelledError,
    LogTooLargeError,
    StorageError,
)
from airflow_provider_integrator.logs import archive as archive_module
from airflow_provider_integrator.logs.archive import MEBIBYTE, Limits, LogArchive
from airflow_provider_integrator.logs.receiver import ArchiveReceiver, Base64Decoder

SECRET = "customer-4711"
LOG = json.dumps({"errors": [{"row": 1, "why": SECRET}], "rows": list(range(50))}).encode()


def zip_of(*files, method=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as written:
        for name, data in files:
            written.writestr(name, data)
    return target.getvalue()


def received(body, limits=None, step=None):
    """Feed a body to a receiver, and open what it makes of it."""
    receiver = ArchiveReceiver(limits or Limits())
    try:
        for start in range(0, len(body), step or max(len(body), 1)):
            receiver.feed(body[start : start + (step or len(body))])
        return receiver.finish()
    except BaseException:
        receiver.discard()
        raise


def opened(packed, limits=None):
    return received(base64.b64encode(packed), limits)


def write(log):
    """Write a log to a file.

    :return: What the archive says of it, and the file's bytes.
    """
    with tempfile.TemporaryFile() as target:
        result = log.write(target)
        target.seek(0)
        return result, target.read()


def written(packed, limits=None):
    with opened(packed, limits) as log:
        return write(log)


def log_of(contents):
    return written(zip_of(("log.json", contents)))[1]


@pytest.fixture
def _spooling_to(tmp_path, mocker):
    mocker.patch.object(tempfile, "tempdir", str(tmp_path))


def open_files(folder):
    """Files of this process in a folder, deleted ones too."""
    links = []
    listing = Path("/proc/self/fd")
    for number in listing.iterdir() if listing.exists() else []:
        # One is the listing's own, which is closed by now.
        with contextlib.suppress(OSError):
            links.append(str(number.readlink()))
    return [link for link in links if link.startswith(str(folder))]


# base64


def decoded(pieces):
    decoder = Base64Decoder()
    data = b"".join(decoder.decode(piece) for piece in pieces)
    decoder.finish()
    return data


@given(st.data(), st.binary(max_size=200))
def test_base64_in_any_pieces_with_white_space_anywhere(data, plain):
    text = base64.b64encode(plain)
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from([b"\n", b"\r\n", b" ", b"\t", b"\n\n"])) + text[at:]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert decoded(pieces) == plain


@pytest.mark.parametrize(
    "text",
    [
        b"QUJ", b"QUJD=", b"QQ=", b"Q===", b"====", b"=", b"QQ=A", b"QUJDQ", b"QUJ*", b"Q\x00JD", b"QUJ-", b"QUJ_",
        b"QQ==QUJD", b"QQ==Q", b"QQ====", b"QUI=\nQUJD", b'"QUJD"', b"\xef\xbb\xbfQUJD", "QÜJD".encode(), b"=QUJ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_base64_that_is_out_of_order(text, size):
    with pytest.raises(LogArchiveError, match=r"^Download log: .*base64"):
        decoded([text[start : start + size] for start in range(0, len(text), size)])


@given(st.binary(max_size=60))
def test_any_bytes_are_base64_or_an_error(text):
    try:
        plain = decoded([text])
    except LogArchiveError:
        return
    assert len(base64.b64encode(plain)) == len(text.translate(None, b" \t\r\n"))


# the ZIP


@pytest.mark.parametrize("step", [1, 3, 7, 76, None])
def test_a_log_in_any_pieces(step):
    with received(base64.b64encode(zip_of(("log.json", LOG))), step=step) as log:
        assert log.load() == json.loads(LOG)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_a_log_is_written_byte_for_byte(method):
    result, data = written(zip_of(("log.json", LOG), method=method))
    assert data == LOG
    assert result.bytes == len(LOG)
    assert result.sha256 == hashlib.sha256(LOG).hexdigest()


def test_the_first_file_is_the_log():
    files = [
        ("a/", b""),
        ("a/b/", b""),
        ("a/b/log.json", LOG),
        ("response.json", b"{}"),
        ("notes.txt", b"no json"),
    ]
    assert written(zip_of(*files))[1] == LOG


def test_an_archive_can_be_read_more_than_once():
    with opened(zip_of(("log.json", LOG))) as log:
        assert log.load() == json.loads(LOG)
        assert write(log)[1] == LOG
        assert log.load() == json.loads(LOG)


def patched(packed, signatures, change):
    """Change the bytes at an offset from a ZIP's headers."""
    spoiled = bytearray(packed)
    for signature, offset in signatures.items():
        at = packed.index(signature) + offset
        spoiled[at : at + 2] = change(spoiled[at : at + 2])
    return bytes(spoiled)


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
WHOLE = zip_of(("log.json", LOG))
FAULTY = [
    pytest.param(b"", "can't be read", id="nothing"),
    pytest.param(b"<html>no zip</html>", "can't be read", id="no ZIP"),
    pytest.param(zip_of(), "is empty", id="empty ZIP"),
    pytest.param(zip_of(("folder/", b"")), "is empty", id="folders only"),
    pytest.param(WHOLE[: len(WHOLE) // 2], "can't be read", id="truncated"),
    pytest.param(WHOLE[:-1], "can't be read", id="last byte missing"),
    pytest.param(patched(WHOLE, {LOCAL: 6, CENTRAL: 8}, lambda _: b"\1\0"), "is encrypted", id="encrypted"),
    pytest.param(
        patched(WHOLE, {LOCAL: 14, CENTRAL: 16}, lambda _: b"\0\0"), "can't be read", id="wrong CRC"
    ),
    pytest.param(patched(WHOLE, {LOCAL: 40}, lambda _: b"\xff\xff"), "can't be read", id="damaged data"),
    pytest.param(patched(WHOLE, {CENTRAL: 42}, lambda _: b"\xff\x7f"), "can't be read", id="wrong offset"),
    pytest.param(zip_of(("l", LOG), method=zipfile.ZIP_BZIP2), r"isn't supported \(method 12\)", id="bz2"),
    pytest.param(zip_of(("l", LOG), method=zipfile.ZIP_LZMA), r"isn't supported \(method 14\)", id="lzma"),
    pytest.param(zip_of(("l", b"")), "not JSON", id="empty file"),
    pytest.param(zip_of(("l", b" \r\n")), "not JSON", id="white space"),
    pytest.param(zip_of(("l", b"{'why': '" + SECRET.encode() + b"'}")), "not JSON", id="not JSON"),
    pytest.param(zip_of(("l", b'{"why": "' + SECRET.encode() + b'", "a": NaN}')), "not JSON", id="NaN"),
    pytest.param(zip_of(("l", LOG + SECRET.encode())), "not JSON", id="trailing garbage"),
    pytest.param(zip_of(("l", LOG + LOG)), "not JSON", id="two documents"),
    pytest.param(zip_of(("l", LOG[:-1])), "not JSON", id="cut off"),
    pytest.param(zip_of(("l", b"\xef\xbb\xbf" + LOG)), "not JSON", id="BOM"),
    pytest.param(zip_of(("l", '{"why": "É"}'.encode("latin-1"))), "not UTF-8", id="Latin-1"),
    pytest.param(zip_of(("l", LOG.decode().encode("utf-16"))), "not UTF-8", id="UTF-16"),
    pytest.param(zip_of(("l", b'{"why": "\xed\xa0\x80"}')), "not UTF-8", id="surrogates"),
    pytest.param(
        zip_of(("l", b'{"why": "' + SECRET.encode() + "É".encode()[:1])), "not UTF-8", id="half a character"
    ),
]


@pytest.mark.parametrize(("packed", "message"), FAULTY)
@pytest.mark.usefixtures("_spooling_to")
def test_what_cannot_be_read(packed, message, tmp_path):
    for read in (write, lambda log: log.load()):
        with (
            pytest.raises(LogArchiveError, match=f"^Download log: .*{message}") as caught,
            opened(packed) as log,
        ):
            read(log)
        shown, error = "", caught.value
        while error is not None:
            shown += str(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        assert SECRET not in shown
    assert open_files(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "contents",
    [
        b"{}",
        b"[]",
        b'"text"',
        b"5",
        b"null",
        b" \n{} \n",
        b'{"\\u0000": [1]}',
        b"1e400",
        b"9" * 4000,
        '"É€😀"'.encode(),
    ],
    ids=len,
)
def test_any_json_is_a_log(contents):
    assert log_of(contents) == contents


def test_a_character_may_be_cut_by_the_end_of_a_piece(mocker):
    mocker.patch.object(archive_module, "_CHUNK", 1)
    contents = '{"why": "É€😀"}'.encode()
    assert log_of(contents) == contents


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b'{"why": "\xe2\x82"}', "invalid continuation byte near byte 9"),
        (b'["12\xff"]', "invalid start byte near byte 4"),
        (b'["12\xe2\x82', "unexpected end of data near byte"),
    ],
)
def test_a_wrong_character_may_be_cut_by_the_end_of_a_piece(contents, reason, mocker):
    with pytest.raises(LogArchiveError, match=f"not UTF-8: {reason}"):
        log_of(contents)
    mocker.patch.object(archive_module, "_CHUNK", 1)
    with pytest.raises(LogArchiveError, match="not UTF-8"):
        log_of(contents)


DEEP = b"[" * 200_000 + b"]" * 200_000


def test_deep_nesting_takes_little_memory_and_is_delivered_with_a_warning(caplog):
    with opened(zip_of(("l", DEEP))) as log:
        tracemalloc.start()
        try:
            assert write(log)[1] == DEEP
            assert tracemalloc.get_traced_memory()[1] < 8 * MEBIBYTE
        finally:
            tracemalloc.stop()
        assert log.errors == []
    assert "without a check of its JSON, as it is nested too deeply. Its CRC is right" in caplog.text


def test_deep_nesting_that_python_cannot_hold():
    with (
        opened(zip_of(("l", DEEP))) as log,
        pytest.raises(LogArchiveError, match="isn't JSON that Python can hold"),
    ):
        log.load()


# limits


def test_a_declared_size_beyond_the_limit_is_refused_before_anything_is_unpacked():
    with pytest.raises(
        LogTooLargeError, match=f"unpacks to more than {len(LOG) - 1} bytes; raise max_log_bytes"
    ):
        opened(zip_of(("l", LOG)), Limits(max_log_bytes=len(LOG) - 1))
    assert written(zip_of(("l", LOG)), Limits(max_log_bytes=len(LOG)))[1] == LOG


def test_a_declared_size_that_is_too_small_brings_no_more_than_that():
    contents = b'"' + b"0" * 100_000 + b'"'
    packed = patched(zip_of(("l", contents)), {LOCAL: 22, CENTRAL: 24}, lambda _: b"\x0a\x00")
    packed = patched(packed, {LOCAL: 24, CENTRAL: 26}, lambda _: b"\x00\x00")
    with tempfile.TemporaryFile() as target:
        with pytest.raises(LogArchiveError), opened(packed) as log:
            log.write(target)
        assert target.seek(0, 2) <= 10


def test_real_bytes_are_counted_too(mocker):
    with opened(zip_of(("l", LOG))) as log:
        mocker.patch.object(log, "_limits", Limits(max_log_bytes=10))
        with pytest.raises(LogTooLargeError, match="more than 10 bytes"):
            write(log)


@pytest.mark.usefixtures("_spooling_to")
def test_a_bomb_is_refused(tmp_path):
    bomb = zip_of(("l", b'"' + b"0" * (20 * MEBIBYTE) + b'"'))
    with pytest.raises(LogTooLargeError, match="more than 250 times the size of its ZIP"):
        opened(bomb)
    assert open_files(tmp_path) == []


def test_a_small_log_may_repeat_itself():
    contents = b'"' + b"0" * (4 * MEBIBYTE) + b'"'
    assert log_of(contents) == contents


def test_a_body_beyond_the_limit_is_refused_as_it_comes():
    limits = Limits(max_log_bytes=MEBIBYTE)
    receiver = ArchiveReceiver(limits)
    for _ in range(limits.max_text_bytes // MEBIBYTE):
        receiver.feed(b"QUJD" * (MEBIBYTE // 4))
    with pytest.raises(LogTooLargeError, match=r"the body passes \d+ bytes.*raise max_log_bytes"):
        receiver.feed(b"QUJD" * (MEBIBYTE // 4))
    receiver.discard()


def test_a_log_of_the_limits_size_fits_however_it_is_packed():
    limits = Limits(max_log_bytes=MEBIBYTE)
    contents = b'"' + b"x" * (MEBIBYTE - 2) + b'"'
    text = base64.encodebytes(zip_of(("l", contents), method=zipfile.ZIP_STORED))
    with received(text, limits) as log:
        assert write(log)[1] == contents


def test_load_reads_no_further_than_it_may():
    contents = json.dumps(list(range(200_000))).encode()
    with opened(zip_of(("l", contents))) as log:
        with pytest.raises(
            LogTooLargeError, match=rf"larger than 1000 bytes of JSON \(the ZIP says {len(contents)}\)"
        ):
            log.load(1000)
        assert log.load(len(contents)) == list(range(200_000))


# the first errors


def errors_of(contents, read=write):
    with opened(zip_of(("l", contents))) as log:
        assert log.errors is None
        read(log)
        return log.errors


@pytest.mark.parametrize("read", [write, LogArchive.load], ids=["written", "loaded"])
@pytest.mark.parametrize(
    ("contents", "errors"),
    [
        ('{"errors": [1, 2.5, "x", {"a": [null, true]}, 5, 6]}', [1, 2.5, "x", {"a": [None, True]}, 5, 6]),
        ('{"errors": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}', list(range(10))),
        ('{"errors": []}', []),
        ('{"errors": "all of it"}', ["all of it"]),
        ('{"errors": {"row": 1}}', [{"row": 1}]),
        ('{"errors": null}', []),
        ('{"errors": ""}', []),
        ('{"errors": 7}', [7]),
        ('{"rows": [{"errors": ["inner"]}], "errors": ["outer"]}', ["outer"]),
        ('{"rows": {"errors": ["inner"]}}', []),
        ('{"errors.item": "other"}', []),
        ('{"\\u0065rrors": ["escaped"]}', ["escaped"]),
        ('{"errors": ["first"], "errors": ["last"]}', ["last"]),
        (' \n{"errors"\t: \r\n [ 1 , [2] ] }', [1, [2]]),
        ('[{"errors": ["inner"]}]', []),
        ('"errors"', []),
        ("{}", []),
        ('{"errors": [[], [[1]], {}]}', [[], [[1]], {}]),
        ('{"errors": [12345678901234567890123, 1e400]}', [12345678901234567890123, float("inf")]),
        ('{"barcode": 12345678901234567890123, "errors": [1]}', [1]),
        ('{"errors": ["cut \\ud83d"]}', ["cut \ufffd"]),
    ],
)
def test_first_errors(contents, errors, read):
    assert errors_of(contents.encode(), read) == errors


def test_an_entry_that_is_long_is_the_beginning_of_its_text():
    (long, number, short) = errors_of(
        json.dumps({"errors": [{"why": "é" * 100_000}, "number", "short"]}, ensure_ascii=False)
        .replace('"number"', "1" * 5000)
        .encode()
    )
    assert long.startswith('{"why": "éééé')
    assert len(long) < 1024
    assert number == "1" * 1024
    assert short == "short"


def test_errors_that_are_one_long_text_are_its_beginning():
    (only,) = errors_of(json.dumps({"errors": "x" * MEBIBYTE}).encode())
    assert only == '"' + "x" * 1023


def test_the_first_of_millions_of_errors_take_no_memory_for_the_others():
    packed = zip_of(("l", b'{"errors": [' + b'{"a": "b"},' * 2_000_000 + b"{}]}"))
    with opened(packed, Limits(max_ratio=2000)) as log, tempfile.TemporaryFile() as target:
        tracemalloc.start()
        try:
            log.write(target)
            assert tracemalloc.get_traced_memory()[1] < 4 * MEBIBYTE
        finally:
            tracemalloc.stop()
        assert log.errors == [{"a": "b"}] * 10


# cancelling


def test_what_is_cancelled_ends_at_the_next_piece(mocker):
    mocker.patch.object(archive_module, "_CHUNK", 16)
    with opened(zip_of(("l", LOG))) as log:
        for read in (write, LogArchive.load):
            log.cancel()
            with pytest.raises(LogCancelledError):
                read(log)


# fuzz


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_mutated_zip_gives_the_log_or_an_archive_error(data):
    spoiled = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoiled) - 1))
        spoiled[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(spoiled)))
    try:
        result, log = written(bytes(spoiled[:cut]))
    except LogArchiveError:
        return
    assert result.bytes == len(log)
    json.loads(log)


# On disk a wrong place in the ZIP is another kind of error than in memory.
DIRECTORY = WHOLE.rindex(CENTRAL)
END = WHOLE.rindex(b"PK\x05\x06")


def on_disk(packed):
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the archive closes it
    file.write(packed)
    return file


@settings(max_examples=200)
@given(st.integers(DIRECTORY, len(WHOLE) - 1), st.integers(0, 255))
@example(at=DIRECTORY + 28, value=0)  # the name's length: a file without a name
def test_a_mutated_directory_on_disk_gives_the_log_or_an_archive_error(at, value):
    spoiled = bytearray(WHOLE)
    spoiled[at] = value
    with contextlib.suppress(LogArchiveError), LogArchive(on_disk(bytes(spoiled)), Limits()) as log:
        json.loads(write(log)[1])


@pytest.mark.parametrize(
    ("field", "value"),
    [(12, END), (12, 0xFFFFFFFE), (16, 0xFFFFFFFE), (16, END)],
    ids=["directory too large", "directory huge", "directory beyond the end", "directory too late"],
)
def test_a_place_before_the_beginning_of_a_zip_on_disk(field, value):
    spoiled = bytearray(WHOLE)
    spoiled[END + field : END + field + 4] = value.to_bytes(4, "little")
    with (
        pytest.raises(LogArchiveError, match=r"can't be read|is empty"),
        LogArchive(on_disk(bytes(spoiled)), Limits()) as log,
    ):
        write(log)


def test_a_fault_of_the_disk_is_no_fault_of_the_log():
    class Disk(io.BytesIO):
        broken = False

        def read(self, *size):
            if self.broken:
                raise OSError(5, "Input/output error")
            return super().read(*size)

    disk = Disk(WHOLE)
    with LogArchive(disk, Limits()) as log:
        disk.broken = True
        with pytest.raises(StorageError, match=r"disk of the temporary folder .* has a fault \(Input/output"):
            write(log)


# memory and files

# Of a size at which the ZIP is on disk.
LARGE = zip_of(("log.json", b'"' + b"x" * (5 * MEBIBYTE) + b'"'), method=zipfile.ZIP_STORED)


@pytest.mark.usefixtures("_spooling_to")
def test_temporary_files_are_gone_with_the_archive(tmp_path):
    with opened(LARGE) as log:
        assert len(open_files(tmp_path)) <= 1
        assert write(log)[0].bytes == 5 * MEBIBYTE + 2
        assert len(log.load()) == 5 * MEBIBYTE
        assert len(open_files(tmp_path)) <= 1
    assert open_files(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "spoil",
    [lambda text: text[:-9], lambda text: text + b"*", lambda text: b"QUJD" + text],
    ids=["cut", "junk", "front"],
)
@pytest.mark.usefixtures("_spooling_to")
def test_temporary_files_are_gone_after_an_error(spoil, tmp_path):
    text = spoil(base64.b64encode(LARGE))
    with contextlib.suppress(LogArchiveError):
        received(text).close()
    assert open_files(tmp_path) == []


MEMORY = """
import sys, tempfile, threading
from airflow_provider_integrator.logs.archive import Limits
from airflow_provider_integrator.logs.receiver import ArchiveReceiver
from airflow_provider_integrator.simulator.archives import BigLog

def own():
    (kilobytes,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("RssAnon"))
    return int(kilobytes) // 2**10

def deliver(size, beside_loop):
    receiver = ArchiveReceiver(Limits())
    for piece in BigLog(size).pack().encoded():
        receiver.feed(piece)
    with receiver.finish() as log, tempfile.TemporaryFile() as file:
        assert log.write(file, beside_loop=beside_loop).bytes == size
        assert log.errors == []

peak, ended = 0, threading.Event()

def look():
    global peak
    while not ended.wait(0.002):
        peak = max(peak, own())

deliver(2**20, False)
BigLog(int(sys.argv[1])).pack()
before = own()
thread = threading.Thread(target=look)
thread.start()
deliver(int(sys.argv[1]), sys.argv[2] == "True")
ended.set()
thread.join()
print(peak - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system doesn't say what is mapped")
@pytest.mark.parametrize("beside_loop", [False, True])
def test_a_log_of_100_megabytes_passes_in_little_memory(beside_loop):
    root = str(Path(archive_module.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, "100000000", str(beside_loop)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) <= 32
