"""Flows as assets: a DAG that is scheduled on one runs when an execution of the flow has finished.

The names are imported on first use: Airflow 2 has no assets, and Airflow imports the module of URIs early.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_integrator.assets.flow import (
        integrator_flow,
        integrator_project_flows,
        new_executions,
    )

__all__ = ["integrator_flow", "integrator_project_flows", "new_executions"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use.

    :param name: The name.
    :return: The object.
    :raises AttributeError: The package has no such name.
    :raises ImportError: The installed Airflow has no assets.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.flow"), name)
