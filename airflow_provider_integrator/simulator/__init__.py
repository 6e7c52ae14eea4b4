"""An embedded Integrator: all documented calls over real HTTP, for tests, demos and a DAG author's laptop.

It imports nothing of Airflow and shares only the enums with the rest of the package, so that it can't agree
with the client by sharing its mistakes. Everything is imported on first use, since pytest loads the plugin in
this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_integrator.simulator.archives import BigLog
    from airflow_provider_integrator.simulator.faults import Fault
    from airflow_provider_integrator.simulator.integrator import IntegratorSimulator
    from airflow_provider_integrator.simulator.recording import RecordedRequest
    from airflow_provider_integrator.simulator.records import Execution, Flow, Line, Project, Step

__all__ = [
    "BigLog",
    "Execution",
    "Fault",
    "Flow",
    "IntegratorSimulator",
    "Line",
    "Project",
    "RecordedRequest",
    "Step",
]

_HOMES = {
    "BigLog": "archives",
    "Execution": "records",
    "Fault": "faults",
    "Flow": "records",
    "IntegratorSimulator": "integrator",
    "Line": "records",
    "Project": "records",
    "RecordedRequest": "recording",
    "Step": "records",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for.

    :param name: The name.
    :return: What it stands for.
    :raises AttributeError: If this package has no such name.
    """
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
