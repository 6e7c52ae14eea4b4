"""What log and lines operator report to OpenLineage, and that they need no OpenLineage otherwise."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_integrator.api.enums import Status
from tests.tasks import a_context, an_operator, lines_operator

pytest.importorskip("airflow.providers.openlineage")

from airflow.providers.openlineage.extractors.manager import ExtractorManager
from openlineage.client.serde import Serde

from airflow_provider_integrator.lineage import file_names, flow_names


def ran(make=an_operator, **arguments):
    """Run a task to its end in a worker.

    :param make: Makes the task.
    :return: The task, and what its OpenLineage methods answer, as OpenLineage's own extractor takes it.
    """
    task = make(**arguments)
    try:
        task.execute(a_context())
    except Exception as error:  # noqa: BLE001 - the task's
        failure: Exception | None = error
    else:
        failure = None
    extractor = ExtractorManager()._get_extractor(task)
    lineage = extractor.extract_on_complete(None) if failure is None else extractor.extract_on_failure(None)
    return task, lineage


def facets_of(lineage):
    return {name: Serde.to_dict(facet) for name, facet in lineage.run_facets.items()}


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILED])
def test_flow_in_and_stored_log_out(status, tmp_path, simulator, flow):
    simulator.add_execution(flow, lasts=0, status=status, process_count=10, log=b"{}")
    _, lineage = ran(output_path=f"{tmp_path}/x.json")
    ((source,), (file,)) = lineage.inputs, lineage.outputs
    host = simulator.url.partition("://")[2]
    assert (source.namespace, source.name) == (f"integrator://{host}", f"{simulator.projects[0].id}/price")
    assert source.inputFacets["inputStatistics"].rowCount == 10
    assert (file.namespace, file.name) == ("file", f"{tmp_path}/x.json")
    assert (file.outputFacets["outputStatistics"].size, file.outputFacets["outputStatistics"].fileCount) == (
        2,
        1,
    )
    assert len(file.facets["version"].datasetVersion) == 64


def test_run_facets(simulator, flow):
    execution = simulator.add_execution(flow, lasts=0, process_count=10, success_count=9, fail_count=1)
    _, lineage = ran()
    facets = facets_of(lineage)
    assert set(facets) == {"externalQuery", "integrator_execution"}
    assert facets["externalQuery"]["externalQueryId"] == execution.id
    assert facets["externalQuery"]["source"] == simulator.url
    said = {name: value for name, value in facets["integrator_execution"].items() if name[0] != "_"}
    duration = said.pop("duration", None)
    assert duration is None or duration >= 0
    assert said == {
        "flow": "price",
        "status": "success",
        "processCount": 10,
        "successCount": 9,
        "failCount": 1,
    }


@pytest.mark.parametrize("on_failed", ["fail", "continue"])
def test_a_failed_execution_has_its_message(on_failed, simulator, flow):
    execution = simulator.add_execution(flow, status=Status.FAILED, lasts=0)
    _, lineage = ran(on_failed=on_failed)
    assert facets_of(lineage)["integrator_execution"]["status"] == "failed"
    assert lineage.run_facets["errorMessage"].message.startswith(f"Execution {execution.id} of flow price")


@pytest.mark.parametrize("make", [an_operator, lines_operator])
def test_what_goes_to_xcom_is_no_output(make, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    _, lineage = ran(make)
    assert lineage.outputs == []


@pytest.mark.parametrize("on_failed", ["fail", "continue"])
def test_flow_in_and_stored_lines_out(on_failed, tmp_path, simulator, flow):
    execution = simulator.add_execution(flow, lasts=0, status=Status.FAILED, process_count=10)
    simulator.add_lines(execution, [{"sku": "A"}] * 3, status=Status.FAILED)
    simulator.add_lines(execution, [{"sku": "B"}] * 7)
    path = tmp_path / "lines.jsonl"
    _, lineage = ran(lines_operator, output_path=str(path), on_failed=on_failed)
    ((source,), (file,)) = lineage.inputs, lineage.outputs
    host = simulator.url.partition("://")[2]
    assert (source.namespace, source.name) == (f"integrator://{host}", f"{simulator.projects[0].id}/price")
    assert source.inputFacets["inputStatistics"].rowCount == 10
    assert (file.namespace, file.name) == ("file", str(path))
    written = file.outputFacets["outputStatistics"]
    assert (written.rowCount, written.size, written.fileCount) == (3, path.stat().st_size, 1)
    assert file.facets["version"].datasetVersion == hashlib.sha256(path.read_bytes()).hexdigest()
    facets = facets_of(lineage)
    assert facets["externalQuery"]["externalQueryId"] == execution.id
    assert facets["integrator_execution"]["status"] == "failed"
    assert facets["errorMessage"]["message"].startswith(f"Execution {execution.id} of flow price")


@pytest.mark.parametrize("name", ["slug", "name", "id"])
def test_a_whole_flow_has_no_execution(name, tmp_path, simulator, flow):
    simulator.add_lines(simulator.add_execution(flow, lasts=0), [{}], status=Status.FAILED)
    wanted = getattr(flow, name)
    _, lineage = ran(lines_operator, flow=wanted, whole_flow=True, output_path=f"{tmp_path}/lines.jsonl")
    ((source,), (file,)) = lineage.inputs, lineage.outputs
    assert source.name == f"{simulator.projects[0].id}/price"
    assert source.inputFacets in (None, {})
    assert file.outputFacets["outputStatistics"].rowCount == 1
    assert lineage.run_facets == {}


def test_lines_that_did_not_arrive_are_no_output(tmp_path, simulator, flow):
    simulator.add_lines(simulator.add_execution(flow, lasts=0), [{}] * 2, status=Status.FAILED)
    _, lineage = ran(lines_operator, output_path=f"{tmp_path}/lines.jsonl", max_lines=1)
    assert (len(lineage.inputs), lineage.outputs) == (1, [])


def test_a_log_that_did_not_arrive_is_no_output(tmp_path, simulator, flow):
    from airflow_provider_integrator.simulator import Fault

    simulator.add_execution(flow, lasts=0)
    simulator.inject(Fault.archive("not a zip"))
    _, lineage = ran(output_path=f"{tmp_path}/x.json")
    assert (len(lineage.inputs), lineage.outputs) == (1, [])


def test_a_task_that_saw_no_execution_tells_nothing(simulator, flow):
    task, lineage = ran(execution_id="00000000-0000-0000-0000-000000000000", wait=False)
    assert lineage is None
    assert task.get_openlineage_facets_on_failure(None) is None


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("file:///logs/x.json", ("file", "/logs/x.json")),
        ("s3://bucket/a/x.json", ("s3://bucket", "a/x.json")),
        ("gs://bucket/a/x.json", ("gs://bucket", "a/x.json")),
        ("abfs://container/a/x.json", ("abfs://container", "a/x.json")),
    ],
)
def test_names_of_files(uri, names):
    assert file_names(uri) == names


def test_a_local_file_is_named_as_airflow_names_its_asset():
    from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
    from airflow.providers.common.compat.sdk import Asset

    named = translate_airflow_asset(Asset(uri="file:///logs/x%20y.json"), None)
    assert (named.namespace, named.name) == file_names("file:///logs/x%20y.json")


@pytest.mark.parametrize(
    ("base_url", "namespace"),
    [
        ("https://flow.example:3000", "integrator://flow.example:3000"),
        ("https://flow.example/path", "integrator://flow.example"),
    ],
)
def test_names_of_flows(base_url, namespace):
    assert flow_names(base_url, "p1", "price") == (namespace, "p1/price")
