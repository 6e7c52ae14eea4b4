"""Logs in object storage, through file systems attached as Airflow attaches them."""

from __future__ import annotations

import hashlib

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.simulator import Fault
from tests.stores import attached, uri
from tests.tasks import an_operator, run_operator

RAW = b'{"rows": [1, 2, 3]}\n'


@pytest.fixture
def store():
    return attached()


@pytest.fixture
def execution(simulator, flow):
    return simulator.add_execution(flow, lasts=0, log=RAW)


def test_byte_for_byte(store, simulator, execution):
    outcome = run_operator(output_path=uri(store, "logs/x.json"))
    assert outcome.state == "success", repr(outcome.error)
    assert store.objects == {"/logs/x.json": RAW}
    assert outcome.value["bytes"] == len(RAW)
    assert outcome.value["sha256"] == hashlib.sha256(RAW).hexdigest()
    assert ObjectStoragePath(outcome.value["uri"]).read_bytes() == RAW


def test_folder(store, simulator, execution):
    run_operator(output_path=uri(store, "logs/"))
    assert list(store.objects) == [f"/logs/price/{execution.id}/{execution.log_id}.json"]


@pytest.mark.parametrize("by_name", [True, False])
def test_path_object(by_name, store, simulator, execution):
    path = ObjectStoragePath(uri(store, "logs/x.json"))
    if by_name:
        path = ObjectStoragePath("memory:///logs/x.json", conn_id=store.conn_id)
    outcome = run_operator(output_path=path)
    assert outcome.state == "success", repr(outcome.error)
    assert store.objects == {"/logs/x.json": RAW}


def test_overwrites(store, simulator, execution):
    store.pipe_file("/x.json", b"older and longer" * 10)
    run_operator(output_path=uri(store, "x.json"))
    assert store.objects == {"/x.json": RAW}


def test_never_there_in_part(store, simulator, execution):
    run_operator(output_path=uri(store, "x.json"))
    # This store shows an object while it is written, so that the log comes under another name first.
    assert all("/x.json" not in seen for seen in store.seen)
    assert len(store.uploads) == 1


def test_failing_upload_leaves_nothing(store, simulator, execution):
    store.fails = True
    outcome = run_operator(output_path=uri(store, "x.json"))
    assert outcome.state == "failed"
    assert "hung up" in outcome.message
    assert store.objects == {}


def test_failing_upload_leaves_what_was_there(store, simulator, execution):
    store.pipe_file("/x.json", b"before")
    store.fails = True
    run_operator(output_path=uri(store, "x.json"))
    assert store.objects == {"/x.json": b"before"}


def test_failure_to_tidy_up_does_not_hide_the_first_one(store, simulator, execution, mocker):
    store.fails = True
    for name in ("exists", "rm_file"):
        mocker.patch.object(store, name, side_effect=ValueError("gone"))
    outcome = run_operator(output_path=uri(store, "x.json"))
    assert "hung up" in outcome.message


@pytest.mark.parametrize(
    "fault",
    [lambda: Fault.archive("wrong crc"), lambda: Fault.contents("not json"), lambda: Fault.base64("junk")],
    ids=["wrong crc", "not json", "junk"],
)
def test_nothing_is_uploaded_of_a_faulty_log(fault, store, simulator, execution):
    simulator.inject(fault())
    assert run_operator(output_path=uri(store, "x.json")).state == "failed"
    assert store.uploads == []
    assert store.objects == {}


@pytest.mark.parametrize("protocol", ["s3", "gs", "abfs"])
def test_stores_that_are_atomic_get_it_under_its_own_name(protocol, simulator, execution):
    store = attached(protocol)
    outcome = run_operator(output_path=f"{protocol}://{store.conn_id}@bucket/logs/x.json")
    if "nstall" in outcome.message and outcome.state == "failed":
        pytest.skip(f"no {protocol} support is installed: {outcome.message}")
    assert [path.lstrip("/") for path in store.uploads] == ["bucket/logs/x.json"]
    assert list(store.objects.values()) == [RAW]


def test_store_that_can_not_be_used_is_reported_before_the_wait(simulator, flow):
    outcome = run_operator(output_path="{{ scheme }}://bucket/x.json", context={"scheme": "none-such"})
    assert "Install the provider of its scheme" in outcome.message
    assert simulator.count("logs") == 0


@pytest.mark.parametrize("path", ["none-such://bucket/x.json", "none-such://{{ bucket }}/"])
def test_an_unknown_scheme_is_reported_when_the_dag_is_parsed(path):
    with pytest.raises(ConfigurationError, match="output_path begins with none-such://, which no installed"):
        an_operator(output_path=path)


@pytest.mark.parametrize(
    "path",
    [
        None,
        "/logs/",
        "logs/x.json",
        "file:///logs/",
        "s3://conn@bucket/x",
        "gs://x/",
        "abfs://x/",
        "{{ scheme }}://x/",
    ],
)
def test_a_scheme_that_may_be_known_is_no_error_of_the_dag(path):
    assert an_operator(output_path=path).output_path == path


def test_a_providers_own_scheme_is_known(mocker):
    mocker.patch(
        "airflow_provider_integrator.arguments._has_provider", side_effect=["none-such"].__contains__
    )
    an_operator(output_path="none-such://bucket/x.json")
    with pytest.raises(ConfigurationError, match="begins with none-else://"):
        an_operator(output_path="none-else://bucket/x.json")
