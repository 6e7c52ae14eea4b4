"""The earlier home of :class:`~airflow_provider_integrator.api.exchange.Retry`, which the hook takes."""

from __future__ import annotations

from airflow_provider_integrator.api.exchange import Retry

__all__ = ["Retry"]
