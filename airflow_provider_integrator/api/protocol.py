"""Alias module, kept for imports of :class:`~airflow_provider_integrator.api.exchange.Retry` from here."""

from __future__ import annotations

from airflow_provider_integrator.api.exchange import Retry

__all__ = ["Retry"]
