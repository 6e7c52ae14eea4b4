"""Airflow provider for the Akinon Integrator."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """Describe this provider; Airflow calls this through the entry point ``apache_airflow_provider``.

    :return: The description, in the form of ``airflow/provider_info.schema.json``.
    """
    from airflow_provider_integrator.provider_info import PROVIDER_INFO

    return {**PROVIDER_INFO, "versions": [__version__]}
