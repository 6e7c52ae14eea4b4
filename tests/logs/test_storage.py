"""Where logs are kept: paths, stores, web addresses; whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
import uuid
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_integrator.exceptions import ConfigurationError, LogArchiveError
from airflow_provider_integrator.logs import archive, document, storage
from airflow_provider_integrator.logs.archive import Limits, LogArchive
from airflow_provider_integrator.logs.storage import Destination
from tests.logs.test_archive import LOG, open_files, zip_of

try:
    from airflow.sdk.io import attach
except ImportError:
    from airflow.io.store import attach

BLOBS = "https://acme.blob.core.windows.net/"


@pytest.fixture(autouse=True)
def _no_endpoints(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)


@pytest.fixture
def stored(mocker):
    """A file in a store with these attributes, as those of s3fs, gcsfs and adlfs have them."""

    def make(protocol, path, **attributes):
        target = SimpleNamespace(protocol=protocol, path=path, fs=SimpleNamespace(**attributes))
        mocker.patch.object(storage, "open_store", return_value=target)
        return f"{protocol}://{path}"

    return make


@pytest.mark.parametrize(
    ("protocol", "attributes", "address"),
    [
        ("s3", {}, "https://s3.console.aws.amazon.com/s3/object/logs?prefix=a%20b%2F%252E.json"),
        (
            "s3a",
            {"endpoint_url": None},
            "https://s3.console.aws.amazon.com/s3/object/logs?prefix=a%20b%2F%252E.json",
        ),
        ("s3", {"endpoint_url": "http://minio:9000"}, None),
        ("gs", {}, "https://storage.cloud.google.com/logs/a%20b/%252E.json"),
        (
            "gcs",
            {"_location": "https://storage.googleapis.com"},
            "https://storage.cloud.google.com/logs/a%20b/%252E.json",
        ),
        ("gs", {"_location": "http://localhost:4443"}, None),
        ("abfs", {"service_client": SimpleNamespace(url=BLOBS)}, f"{BLOBS}logs/a%20b/%252E.json"),
        ("abfss", {"service_client": SimpleNamespace(url=f"{BLOBS}?sig=x")}, f"{BLOBS}logs/a%20b/%252E.json"),
        ("abfs", {"service_client": SimpleNamespace(url="http://127.0.0.1:10000/dev")}, None),
        ("abfs", {}, None),
        ("file", {}, None),
        ("", {}, None),
        ("memory", {}, None),
        ("sftp", {}, None),
    ],
)
def test_web_address(protocol, attributes, address, stored):
    assert storage.web_address(stored(protocol, "logs/a b/%2E.json", **attributes)) == address


def test_an_endpoint_from_the_environment_is_another_store(stored, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000")
    assert storage.web_address(stored("s3", "logs/x.json")) is None


@pytest.mark.parametrize(
    ("uri", "bare"),
    [
        ("s3://aws_default@logs/x%20y.json", "s3://logs/x%20y.json"),
        ("s3://logs/x@y.json", "s3://logs/x@y.json"),
        ("file:///logs/x.json", "file:///logs/x.json"),
        ("memory://conn@/logs/x.json", "memory:///logs/x.json"),
    ],
)
def test_a_uri_without_its_connection(uri, bare):
    assert storage.without_connection(uri) == bare


@pytest.fixture
def store():
    """A store behind ``memory://<connection>@…``."""
    made = MemoryFileSystem(skip_instance_cache=True)
    made.store, made.pseudo_dirs = {}, [""]
    made.conn_id = f"conn{uuid.uuid4().hex}"
    attach("memory", made.conn_id, fs=made)
    return made


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def archive_of(contents):
    return LogArchive(io.BytesIO(zip_of(("log.json", contents))), Limits())


class TestDestination:
    def test_a_folder_gets_a_file_for_each_log(self, store):
        folder = Destination(f"memory://{store.conn_id}@/logs/")
        path = folder.log_path("price", "4e72", "1920")
        assert str(path) == f"memory://{store.conn_id}@/logs/price/4e72/1920.json"
        assert path.fs is store

    def test_names_are_quoted(self, store):
        path = Destination(f"memory://{store.conn_id}@/logs/").log_path("../a", "..", "b/c")
        assert path.path == "/logs/%2E%2E%2Fa/%2E%2E/b%2Fc.json"

    def test_a_dot_is_no_folder(self):
        assert Destination("/logs/").log_path(".", ".", ".").path == "/logs/%2E/%2E/%2E.json"

    def test_a_whole_path_is_kept(self):
        assert Destination("/logs/x.json").log_path("flow", "execution", "log").path == "/logs/x.json"

    def test_an_unknown_store(self):
        with pytest.raises(ConfigurationError, match=r"'no-such://x/' can't be used .*Install the provider"):
            Destination("no-such://x/")

    def test_a_stores_own_error_is_fit_for_a_message(self, mocker):
        error = ConnectionError("no way to https://user:s3cr3t-w0rd@store\nforged" + "." * 1000)
        mocker.patch.object(storage.ObjectStoragePath, "fs", mocker.PropertyMock(side_effect=error))
        with pytest.raises(ConfigurationError, match=r"ConnectionError: no way to .*\.\.\.") as caught:
            Destination("memory://logs/")
        assert "s3cr3t" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 1000

    def test_a_folder_without_its_slash(self, tmp_path):
        with pytest.raises(ConfigurationError, match=f"The path {tmp_path} is a folder; end it in /"):
            Destination(tmp_path).check_writable()

    @pytest.mark.parametrize("form", ["{}/x/", "{}/x.json", "file://{}/x/y/z.json"])
    def test_what_can_be_made_is_writable(self, form, tmp_path):
        Destination(form.format(tmp_path)).check_writable()
        assert list(tmp_path.iterdir()) == []

    def test_a_file_is_no_folder(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(
            ConfigurationError, match=r"/file can't be written \(Not a directory\).* choose another path"
        ):
            Destination(f"{tmp_path}/file/x.json").check_writable()

    @pytest.mark.parametrize("path", ["/proc/x.json", "/proc/self/", "/sys/x/y.json"])
    def test_a_folder_is_tried(self, path):
        # The system lets root write here, by its permissions, and makes no file.
        with pytest.raises(ConfigurationError, match=r"^The folder /(proc|proc/self|sys) can't be written"):
            Destination(path).check_writable()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_is_not_writable(self, tmp_path):
        (tmp_path / "shut").mkdir(0o500)
        with pytest.raises(ConfigurationError, match=r"/shut can't be written \(Permission denied\)"):
            Destination(f"{tmp_path}/shut/x.json").check_writable()

    @pytest.mark.parametrize("path", ["/logs/a\0b.json", "/logs/\ud800/", "file:///logs/\0"])
    def test_a_path_that_no_file_can_have(self, path):
        with pytest.raises(ConfigurationError, match="has characters that no file name can have"):
            Destination(path)

    def test_lone_surrogates_of_an_id_are_quoted(self):
        assert Destination("/logs/").log_path("a\ud800", "b", "c").path == "/logs/a%ED%A0%80/b/c.json"


class TestSave:
    def test_a_store_is_opened_once(self, store, mocker):
        opening = mocker.spy(storage, "open_store")
        folder = Destination(f"memory://{store.conn_id}@/logs/")
        folder.check_writable()
        path = folder.log_path("price", "4e72", "1920")
        with archive_of(LOG) as archive:
            uri, _ = storage.save(archive, path)
        assert storage.web_address(path) is None
        assert [type(call.args[0]) for call in opening.call_args_list].count(str) == 1
        assert ObjectStoragePath(uri).read_bytes() == LOG

    @pytest.mark.parametrize("form", ["{}/x.json", "memory://{}@/x.json"])
    @pytest.mark.parametrize("beside_loop", [False, True])
    def test_nothing_has_a_name_until_it_is_whole(self, beside_loop, form, store, tmp_path, mocker):
        (tmp_path / "temporary").mkdir()
        mocker.patch.object(tempfile, "tempdir", str(tmp_path / "temporary"))
        mocker.patch("airflow_provider_integrator.logs.archive._CHILD_FROM", 1)
        seen = []

        def check(file, *checks):
            seen.extend((files(tmp_path), len(open_files(tmp_path))))
            return checked(file)

        checked = document.check
        mocker.patch.object(archive, "check", check)
        mocker.patch.object(archive, "check_in_child", check)
        path = ObjectStoragePath(form.format(store.conn_id if form.startswith("memory") else tmp_path))
        with archive_of(LOG) as log:
            uri, _ = storage.save(log, path, beside_loop=beside_loop)
            assert log.errors
        assert seen == [[], 1]
        assert ObjectStoragePath(uri).read_bytes() == path.read_bytes() == LOG
        assert open_files(tmp_path) == []

    @pytest.mark.parametrize("form", ["{}/x.json", "memory://{}@/x.json"])
    def test_what_is_no_json_leaves_what_was_there(self, form, store, tmp_path):
        path = ObjectStoragePath(form.format(store.conn_id if form.startswith("memory") else tmp_path))
        path.write_text("before")
        with archive_of(b"{nope") as archive, pytest.raises(LogArchiveError, match="not JSON"):
            storage.save(archive, path)
        assert path.read_text() == "before"
        assert len([*tmp_path.iterdir(), *store.store]) == 1

    def test_a_folder_is_refused(self, tmp_path):
        with (
            archive_of(LOG) as archive,
            pytest.raises(ConfigurationError, match="names a folder; name a file in it"),
        ):
            storage.save(archive, f"{tmp_path}/")
