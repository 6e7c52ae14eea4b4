"""The connection of a command, which may be in Airflow's database, too."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from airflow_provider_integrator.api.texts import fit_body
from airflow_provider_integrator.api.values import shown
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.hooks.integrator import IntegratorHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


class CommandHook(IntegratorHook):
    """A hook for a process that is no task: Airflow's own look-up doesn't read the database there."""

    # Airflow's own may write to stdout, where the output is.
    log = logging.getLogger(__name__)  # type: ignore[assignment]  # the base's is structlog's

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Look a connection up in all secrets backends, the environment and the database.

        :param conn_id: The connection's id.
        :return: The connection.
        :raises ConfigurationError: There is no such connection, or the database can't be read.
        """
        from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]
        from airflow.models.connection import Connection as StoredConnection

        try:
            return StoredConnection.get_connection_from_secrets(conn_id)
        except AirflowNotFoundException:
            variable = f"AIRFLOW_CONN_{conn_id.upper()}"
            if variable in os.environ:
                raise ConfigurationError(
                    f"{shown(variable)} is set, but Airflow can't read it as JSON or as a URI. Correct it."
                ) from None
            raise ConfigurationError(
                f"There is no connection {shown(conn_id)}{_database_fault()}. Add it in Airflow (Admin, Connections), "
                "set AIRFLOW_CONN_…, or name another one with --conn-id."
            ) from None


def _database_fault() -> str:
    """Find out whether the look-up in the database failed, which Airflow doesn't say."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            session.query(Connection.id).first()
    except SQLAlchemyError as error:
        return f", and Airflow's database can't be read ({fit_body(str(error.__cause__ or error))})"
    return ""
