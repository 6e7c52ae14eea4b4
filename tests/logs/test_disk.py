"""Files on a disk that is full, missing, shared or used by others at the same time."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
import uuid
from contextlib import contextmanager

import pytest

from airflow_provider_integrator.exceptions import ConfigurationError, LogArchiveError, StorageError
from airflow_provider_integrator.logs import disk
from airflow_provider_integrator.logs.disk import appearing, check_folders, temporary_file

#: With and without files that have no name.
WAYS = ["unnamed", "named"]


@pytest.fixture(params=WAYS)
def _way(request, mocker):
    if request.param == "named":
        mocker.patch.object(disk, "_open_unnamed", return_value=None)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("the system has no files without a name")


def run(command, *arguments):
    """Run one of the system's commands, and say whether it succeeded."""
    program = shutil.which(command)
    return (
        bool(program)
        and subprocess.run([program, *arguments], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if not run("mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", str(folder)):
        pytest.skip("only root can mount a small file system")
    yield folder
    assert run("umount", str(folder))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def save(path, contents=b"{}", **options):
    with appearing(path, f"a log of {len(contents)} bytes", **options) as file:
        file.write(contents)


def save_half(path):
    with appearing(path, "a log") as file:
        file.write(b"half")
        raise LogArchiveError


def spool(size):
    with temporary_file(f"{size} bytes") as file:
        file.write(bytes(size))
        file.flush()


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.usefixtures("_way")
class TestAppearing:
    @pytest.mark.parametrize("before", [None, b"older and longer"])
    def test_the_name_is_given_at_the_end(self, before, tmp_path):
        path = tmp_path / "x.json"
        if before is not None:
            path.write_bytes(before)
        with appearing(path, "a log") as file:
            file.write(b"{}")
            file.flush()
            assert (path.read_bytes() if path.exists() else None) == before
        assert path.read_bytes() == b"{}"
        assert list(tmp_path.iterdir()) == [path]

    def test_an_error_leaves_what_was_there(self, tmp_path):
        path = tmp_path / "x.json"
        save(path, b"before")
        with pytest.raises(LogArchiveError):
            save_half(path)
        assert path.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_name_that_is_taken_meanwhile_is_replaced(self, tmp_path):
        path = tmp_path / "x.json"
        with appearing(path, "a log") as file:
            file.write(b"last")
            save(path, b"first")
        assert path.read_bytes() == b"last"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("mask", [0o000, 0o022, 0o277])
    @pytest.mark.parametrize(
        ("file_mode", "folder_mode"),
        [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o660, 0o770), (0o604, 0o705)],
    )
    def test_permissions_of_what_is_new(self, file_mode, folder_mode, mask, tmp_path):
        tmp_path.chmod(0o711)
        path = tmp_path / "a" / "b" / "x.json"
        with umask(mask if file_mode != 0o600 else mask & 0o077):
            save(path, file_mode=file_mode)
        assert mode(path) == file_mode
        assert mode(path.parent) == mode(path.parent.parent) == folder_mode
        assert mode(tmp_path) == 0o711

    def test_permissions_by_default_are_the_owners(self, tmp_path):
        with umask(0):
            save(tmp_path / "a" / "x.json")
        assert (mode(tmp_path / "a" / "x.json"), mode(tmp_path / "a")) == (0o600, 0o700)

    def test_an_existing_files_permissions_are_kept(self, tmp_path):
        path = tmp_path / "x.json"
        path.touch()
        path.chmod(0o664)
        save(path, b"[]")
        assert (path.read_bytes(), mode(path)) == (b"[]", 0o664)

    def test_nobody_reads_it_while_it_is_written(self, tmp_path):
        with umask(0), appearing(tmp_path / "x.json", "a log", 0o666) as file:
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
        assert mode(tmp_path / "x.json") == 0o666

    def test_a_share_without_permissions_is_no_fault(self, tmp_path, mocker, caplog):
        mocker.patch.object(os, "chmod", side_effect=PermissionError(errno.EPERM, "Operation not permitted"))
        save(tmp_path / "a" / "x.json", file_mode=0o640)
        assert (tmp_path / "a" / "x.json").read_bytes() == b"{}"
        assert "permissions can't be set to 640 (Operation not permitted)" in caplog.text

    def test_new_folders_inherit_their_group(self, tmp_path):
        tmp_path.chmod(0o2755)
        save(tmp_path / "a" / "x.json", file_mode=0o640)
        assert mode(tmp_path / "a") == 0o2750

    def test_a_full_disk(self, small_disk):
        path = small_disk / "logs" / "x.json"
        with pytest.raises(
            StorageError,
            match=rf"^The folder {path.parent} is full \(No space left on device\); it has to take x.json, a log of "
            r"2097152 bytes. Free space there, or choose another path.$",
        ):
            save(path, bytes(2 * 2**20))
        assert list(path.parent.iterdir()) == []
        assert os.statvfs(small_disk).f_bfree > 0

    def test_a_disk_that_is_full_at_the_last_byte(self, small_disk, mocker):
        # As network file systems report it: when all is written.
        mocker.patch.object(os, "fsync", side_effect=OSError(errno.EDQUOT, "Disk quota exceeded"))
        with pytest.raises(StorageError, match=r"is full \(Disk quota exceeded\); it has to take x.json, "):
            save(small_disk / "x.json")
        assert list(small_disk.iterdir()) == []

    def test_a_path_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").touch()
        for path in (tmp_path / "file" / "x.json", tmp_path / ("x" * 256)):
            with pytest.raises(ConfigurationError, match=r"can't be written .*or choose another path"):
                save(path)
        assert list(tmp_path.iterdir()) == [tmp_path / "file"]

    def test_a_broken_disk_is_no_configuration(self, tmp_path, mocker):
        mocker.patch.object(os, "fsync", side_effect=OSError(errno.EIO, "Input/output error"))
        with pytest.raises(StorageError, match=r"has a fault \(Input/output error\)"):
            save(tmp_path / "x.json")


class TestAbandoned:
    """Parts that a killed save left, on a file system that has no files without a name."""

    def a_part(self, folder, name="x.json"):
        part = folder / f".{name}.{uuid.uuid4().hex}.part"
        part.write_bytes(b"half")
        return part

    @pytest.mark.usefixtures("_way")
    def test_they_are_removed(self, tmp_path):
        for _ in range(3):
            self.a_part(tmp_path)
        save(tmp_path / "x.json")
        assert list(tmp_path.iterdir()) == [tmp_path / "x.json"]

    def test_those_of_other_names_stay(self, tmp_path):
        others = [
            self.a_part(tmp_path, "y.json"),
            self.a_part(tmp_path, "x.json.json"),
            self.a_part(tmp_path, "[x].json"),
            tmp_path / ".x.json.part",
            tmp_path / f".x.json.{uuid.uuid4().hex}",
            tmp_path / f"x.json.{uuid.uuid4().hex}.part",
        ]
        for other in others:
            other.touch()
        save(tmp_path / "x.json")
        assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "x.json"])
        save(tmp_path / "[x].json")
        assert not others[2].exists()

    def test_one_that_is_in_use_stays(self, tmp_path):
        part = self.a_part(tmp_path)
        with part.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            save(tmp_path / "x.json")
            assert part.exists()
        save(tmp_path / "x.json")
        assert not part.exists()

    def test_where_there_are_no_locks_all_stay(self, tmp_path, mocker):
        mocker.patch.object(fcntl, "flock", side_effect=OSError(errno.ENOLCK, "No locks available"))
        part = self.a_part(tmp_path)
        save(tmp_path / "x.json")
        assert part.exists()

    def test_a_part_that_is_removed_before_it_is_locked_is_made_again(self, tmp_path, mocker):
        removed = []

        def lock(file):
            if not removed:
                (part,) = tmp_path.iterdir()
                removed.append(part)
                part.unlink()
            return locked(file)

        locked = disk._lock
        mocker.patch.object(disk, "_open_unnamed", return_value=None)
        mocker.patch.object(disk, "_lock", lock)
        save(tmp_path / "x.json")
        assert len(removed) == 1
        assert (tmp_path / "x.json").read_bytes() == b"{}"

    def test_a_link_is_not_followed(self, tmp_path):
        (tmp_path / "precious").write_bytes(b"kept")
        (tmp_path / f".x.json.{uuid.uuid4().hex}.part").symlink_to(tmp_path / "precious")
        save(tmp_path / "x.json")
        assert (tmp_path / "precious").read_bytes() == b"kept"


class TestTemporary:
    def test_it_has_no_name_and_is_the_owners(self, tmp_path, mocker):
        mocker.patch.object(tempfile, "tempdir", str(tmp_path))
        with umask(0), temporary_file("a log") as file:
            assert list(tmp_path.iterdir()) == []
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600

    def test_a_full_folder(self, small_disk, mocker):
        mocker.patch.object(tempfile, "tempdir", str(small_disk))
        with pytest.raises(
            StorageError,
            match=rf"^The temporary folder {small_disk} is full \(No space left on device\); it has to take 2097152 "
            "bytes. Free space there, or set TMPDIR to another folder on every worker.$",
        ):
            spool(2 * 2**20)

    def test_a_missing_folder(self, tmp_path, mocker):
        mocker.patch.object(tempfile, "tempdir", str(tmp_path / "missing"))
        with (
            pytest.raises(
                ConfigurationError, match=r"^The temporary folder .*/missing can't be written \(No such file"
            ),
            temporary_file("a log"),
        ):
            pass

    def test_no_folder_at_all(self, mocker, monkeypatch):
        monkeypatch.setenv("TMPDIR", "/none")
        mocker.patch.object(tempfile, "tempdir", None)
        mocker.patch.object(
            tempfile, "_get_default_tempdir", side_effect=FileNotFoundError(errno.ENOENT, "No usable")
        )
        with (
            pytest.raises(
                ConfigurationError, match=r"^The temporary folder /none can't be written \(No usable\)"
            ),
            temporary_file("a log"),
        ):
            pass


class TestCheckFolders:
    def test_nothing_is_made(self, tmp_path, mocker):
        mocker.patch.object(tempfile, "tempdir", str(tmp_path))
        check_folders(tmp_path / "not" / "yet")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("folder", [None, "."])
    def test_the_temporary_folder_is_tried(self, folder, tmp_path, mocker):
        mocker.patch.object(tempfile, "tempdir", "/proc")
        with pytest.raises(ConfigurationError, match=r"^The temporary folder /proc can't be written"):
            check_folders(folder and tmp_path / folder)

    def test_a_read_only_disk(self, small_disk):
        assert run("mount", "-o", "remount,ro", str(small_disk))
        with pytest.raises(ConfigurationError, match=r"can't be written \(Read-only file system\)"):
            check_folders(small_disk / "logs")

    def test_a_disk_without_room_for_a_file(self, small_disk):
        assert run("mount", "-o", "remount,nr_inodes=2", str(small_disk))
        (small_disk / "last").touch()
        with pytest.raises(StorageError, match="is full"):
            check_folders(small_disk)
