"""OpenLineage datasets and facets of the log and the lines operator. Needs the OpenLineage provider, so imported late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    RunFacet,
    dataset_version_dataset,
    error_message_run,
    external_query_run,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
)

from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.executions import policy
from airflow_provider_integrator.executions.delivery import Delivered


@attr.define
class IntegratorExecutionRunFacet(RunFacet):
    """The outcome of an execution, for which OpenLineage has no facet.

    :param flow: The flow's slug.
    :param status: ``success``, ``failed`` or ``empty``.
    :param processCount: The processed rows; None if unknown.
    :param successCount: The rows that succeeded; None if unknown.
    :param failCount: The rows that failed; None if unknown.
    :param duration: The duration in seconds; None if unknown.
    """

    flow: str
    status: str
    processCount: int | None = None  # noqa: N815 - OpenLineage's naming convention
    successCount: int | None = None  # noqa: N815
    failCount: int | None = None  # noqa: N815
    duration: float | None = None


def delivery_lineage(
    base_url: str, project_id: str, flow: str, execution: Execution | None, delivered: Delivered | None
) -> OperatorLineage[Dataset, RunFacet]:
    """Describe the flow that a task read, the execution (None: all of them), and the file it stored, if any."""
    return OperatorLineage(
        inputs=[_flow(base_url, project_id, flow, execution)],
        outputs=[] if delivered is None or delivered.stored is None else [_file(delivered, delivered.stored)],
        run_facets={} if execution is None else _run_facets(base_url, execution),
    )


def flow_names(base_url: str, project_id: str, flow: str) -> tuple[str, str]:
    """Return the OpenLineage namespace (host and port) and name of a flow."""
    return f"integrator://{urlsplit(base_url).netloc}", f"{project_id}/{flow}"


def file_names(uri: str) -> tuple[str, str]:
    """Return the OpenLineage namespace and name of a file, whose URI has no Airflow connection in it."""
    scheme, _, rest = uri.partition("://")
    store, slash, path = rest.partition("/")
    if scheme == "file":
        return "file", f"{slash}{path}"
    return f"{scheme}://{store}", path


def _flow(base_url: str, project_id: str, flow: str, execution: Execution | None) -> InputDataset:
    namespace, name = flow_names(base_url, project_id, flow)
    if execution is None:
        return InputDataset(namespace=namespace, name=name)
    rows = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=execution.process_count)
    return InputDataset(namespace=namespace, name=name, inputFacets={"inputStatistics": rows})


def _file(delivered: Delivered, stored: Mapping[str, Any]) -> OutputDataset:
    namespace, name = file_names(stored["uri"])
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=delivered.lines, size=stored["bytes"], fileCount=1
    )
    version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=stored["sha256"])
    return OutputDataset(
        namespace=namespace,
        name=name,
        facets={"version": version},
        outputFacets={"outputStatistics": written},
    )


def _run_facets(base_url: str, execution: Execution) -> dict[str, RunFacet]:
    facets: dict[str, RunFacet] = {
        "externalQuery": external_query_run.ExternalQueryRunFacet(
            externalQueryId=execution.execution_id, source=base_url
        ),
        "integrator_execution": IntegratorExecutionRunFacet(
            flow=execution.flow_label,
            status=execution.status.name.lower(),
            processCount=execution.process_count,
            successCount=execution.success_count,
            failCount=execution.fail_count,
            duration=None if execution.duration is None else execution.duration.total_seconds(),
        ),
    }
    if policy.has_failed(execution):
        # If the task fails too, OpenLineage replaces this with the task's error, which has more detail.
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=policy.summary(execution), programmingLanguage="unknown"
        )
    return facets
