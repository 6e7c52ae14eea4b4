"""The run of dags/outlets.py, which asset events, links and lineage are tested on."""

from __future__ import annotations

from airflow_provider_integrator.api.enums import Status
from tests.e2e.stage import Part, Run, Stage

UI_URL = "https://integrator.example.com/{project_id}/flows/{flow_id}?run={execution_id}&log={log_id}"
WAITING = {"poke": "running", "reschedule": "up_for_reschedule", "deferrable": "deferred"}


def run(stage: Stage) -> Run:
    """Run the DAG to its end.

    :param stage: Airflow and the Integrator.
    :return: The run.
    """
    stage.airflow.api.set_connection("integrator_pages", stage.integrator.connection(ui_url=UI_URL))
    parts = [
        *(Part(f"sees_{mode}", f"sees_{mode}", state) for mode, state in WAITING.items()),
        Part("keeps", "keeps", "deferred"),
        Part("stores", "stores", "running"),
        Part("fails", "fails", "running", Status.FAILED),
    ]
    return stage.run({"e2e_outlets": parts})["e2e_outlets"]
