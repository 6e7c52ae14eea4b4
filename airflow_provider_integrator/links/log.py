"""The link to a log that was stored."""

from __future__ import annotations

from airflow_provider_integrator.links.pushed import PushedLink


class StoredLogLink(PushedLink):
    """Leads to the stored log, where its storage has pages of its own."""

    name = "Stored log"
