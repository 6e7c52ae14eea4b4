"""Airflow provider for the Akinon Integrator."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """Describe this provider to Airflow, which finds it by the entry point ``apache_airflow_provider``.

    :return: The description, by ``airflow/provider_info.schema.json``.
    """
    from airflow_provider_integrator.provider_info import PROVIDER_INFO

    return {**PROVIDER_INFO, "versions": [__version__]}
