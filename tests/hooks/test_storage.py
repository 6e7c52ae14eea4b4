"""Web addresses of stored files."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_integrator.hooks import storage

BLOBS = "https://acme.blob.core.windows.net/"


@pytest.fixture(autouse=True)
def _no_endpoints(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)


@pytest.fixture
def stored(monkeypatch):
    """A file in a store with these attributes, as those of s3fs, gcsfs and adlfs have them."""

    def make(protocol, path, **attributes):
        target = SimpleNamespace(protocol=protocol, path=path, fs=SimpleNamespace(**attributes))
        monkeypatch.setattr(storage, "open_store", lambda _: target)
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
