"""The journals: whole entries survive their process, in the order in which they were appended."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_integrator.exceptions import ConfigurationError, StorageError
from airflow_provider_integrator.logs.journal import FileJournal, StateJournal, StoreJournal, journal_beside
from tests.stores import attached, uri

KINDS = ("file", "store", "s3", "state")


class StateStore(dict):
    def set(self, key, value):
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


@pytest.fixture(params=KINDS)
def journals(request, tmp_path):
    """Make a new journal, as each process does."""
    if request.param == "file":
        return lambda: FileJournal(tmp_path / "deep/journal")
    if request.param == "state":
        store = StateStore()
        return lambda: StateJournal(store, "lines")
    store = attached("memory" if request.param == "store" else "s3")
    folder = ObjectStoragePath(f"{'memory' if request.param == 'store' else 's3'}://{store.conn_id}@bucket/j")
    return lambda: StoreJournal(folder, lambda: None)


def append(journal, *entries):
    journal.append(io.BytesIO(b"".join(entries)))


def test_entries_survive(journals):
    assert list(journals().entries()) == []
    first = journals()
    append(first, b"1\n", "é 🎉\n".encode())
    append(first, b"3\n")
    second = journals()
    assert list(second.entries()) == [b"1\n", "é 🎉\n".encode(), b"3\n"]
    append(second, b"4\n")
    assert [entry[:1] for entry in journals().entries()] == [b"1", b"\xc3", b"3", b"4"]


def test_many_and_long_entries_survive(journals):
    entries = [b"%d %s\n" % (number, b"x" * (number * 100)) for number in range(300)]
    append(journals(), *entries)
    assert list(journals().entries()) == entries


def test_a_removed_one_is_empty(journals):
    journal = journals()
    append(journal, b"1\n")
    append(journal, b"2\n")
    journal.remove()
    assert list(journals().entries()) == []
    append(journal, b"3\n")
    assert list(journals().entries()) == [b"3\n"]
    journal.remove()
    journal.remove()


def test_of_two_writers_at_once_each_entry_is_whole(journals, request):
    first, second = journals(), journals()
    for number in range(20):
        for name, journal in ((b"first", first), (b"second", second)):
            append(journal, b"%s %d\n" % (name, number))
    found = list(journals().entries())
    wanted = [b"%s %d\n" % (name, number) for name in (b"first", b"second") for number in range(20)]
    if "state" in request.node.name:  # whose keys can't be listed: the last one's value counts
        assert found == wanted[20:]
    else:
        assert sorted(found) == sorted(wanted)
    second.remove()
    append(first, b"third\n")
    first.remove()
    assert list(journals().entries()) == []


def test_an_entry_of_a_file_that_was_cut_by_a_kill_is_left_out(tmp_path):
    (tmp_path / "journal.000000-00000000").write_bytes(b"1\n2\n3 but not wh")
    journal = FileJournal(tmp_path / "journal")
    assert list(journal.entries()) == [b"1\n", b"2\n"]
    append(journal, b"3\n")
    assert (tmp_path / "journal.000000-00000000").read_bytes() == b"1\n2\n3 but not wh"
    assert list(FileJournal(tmp_path / "journal").entries()) == [b"1\n", b"2\n", b"3\n"]
    assert FileJournal(tmp_path / "new").remove() is None


def test_the_files_of_ten_tries_are_read_in_their_order(tmp_path):
    for number in range(11):
        append(FileJournal(tmp_path / "a[1]"), b"%d\n" % number)
    (tmp_path / "a[1].000012-x").write_text("another's\n")
    (tmp_path / "a1.000001-00000000").write_text("another's\n")
    last = FileJournal(tmp_path / "a[1]")
    assert list(map(int, last.entries())) == list(range(11))
    last.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a1.000001-00000000", "a[1].000012-x"]


def test_one_that_is_removed_leaves_the_file_of_a_try_that_has_begun_since(tmp_path):
    first, second = (FileJournal(tmp_path / "journal") for _ in range(2))
    append(first, b"1\n")
    list(second.entries())
    append(second, b"2\n")
    first.remove()
    assert list(FileJournal(tmp_path / "journal").entries()) == [b"2\n"]
    second.remove()
    assert list(tmp_path.iterdir()) == []


def test_one_that_can_not_be_removed_is_a_warning(tmp_path, logged, mocker):
    journal = FileJournal(tmp_path / "journal")
    append(journal, b"1\n")
    mocker.patch.object(Path, "unlink", side_effect=PermissionError("no"))
    journal.remove()
    assert "can't be removed" in logged.text


def test_a_file_is_its_owners_alone(tmp_path):
    append(FileJournal(tmp_path / "new/journal"), b"1\n")
    (file,) = (tmp_path / "new").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_values_of_the_state_store_are_small():
    store = StateStore()
    append(StateJournal(store, "lines"), *[b"x" * 999 + b"\n"] * 100)
    assert max(map(len, store.values())) <= 10_000
    assert len(store) == 10


def test_other_objects_are_no_entries():
    store = attached()
    folder = ObjectStoragePath(uri(store, "j"))
    append(StoreJournal(folder, lambda: None), b"1\n")
    store.pipe_file("/j/000000.5f.part", b"half\n")
    assert list(StoreJournal(folder, lambda: None).entries()) == [b"1\n"]


def test_a_store_that_fails():
    store = attached("s3")
    store.fails = True
    with pytest.raises(StorageError, match="can't be stored"):
        append(StoreJournal(ObjectStoragePath(f"s3://{store.conn_id}@bucket/j"), lambda: None), b"1\n")


def test_a_folder_that_can_not_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="can't be written"):
        append(FileJournal(tmp_path / "file/journal"), b"1\n")


@pytest.mark.parametrize(
    ("path", "kind"), [("{}/x.jsonl", FileJournal), ("memory://c@b/x.jsonl", StoreJournal)]
)
def test_which_one_stands_beside_a_file(path, kind, tmp_path):
    attached("memory", "c")
    journal = journal_beside(ObjectStoragePath(path.format(tmp_path)), "name", lambda: None)
    assert type(journal) is kind


class TestOddStores:
    @pytest.fixture
    def store(self):
        return attached("s3")

    @pytest.fixture
    def journal(self, store):
        made = StoreJournal(ObjectStoragePath(f"s3://{store.conn_id}@bucket/j"), lambda: None)
        append(made, b"1\n")
        return made

    def test_one_that_says_that_nothing_is_there(self, journal, store, mocker):
        mocker.patch.object(store, "find", side_effect=FileNotFoundError)
        assert list(journal.entries()) == []

    def test_one_that_removes_nothing(self, journal, store, logged, mocker):
        mocker.patch.object(store, "rm", side_effect=PermissionError("no"))
        journal.remove()
        assert "can't be removed" in logged.text

    def test_one_whose_object_another_try_has_removed(self, journal, store, mocker):
        mocker.patch.object(store, "open", side_effect=FileNotFoundError)
        assert list(journal.entries()) == []

    def test_one_that_cannot_be_listed(self, journal, store, mocker):
        mocker.patch.object(store, "find", side_effect=PermissionError("no"))
        with pytest.raises(StorageError, match="can't be listed or read"):
            list(journal.entries())
