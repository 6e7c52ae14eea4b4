"""Airflow provider for the Akinon Integrator."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """
    Tell Airflow what this provider has; Airflow finds it by the entry point ``apache_airflow_provider``.

    :return: what ``airflow/provider_info.schema.json`` describes.
    """
    from airflow_provider_integrator.provider_info import PROVIDER_INFO

    return PROVIDER_INFO
