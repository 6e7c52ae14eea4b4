"""A pytest plugin with an embedded Integrator, so that DAG authors can test against one without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_integrator.simulator.integrator import IntegratorSimulator


@pytest.fixture
def integrator_simulator() -> Iterator[IntegratorSimulator]:
    """
    Start an embedded Integrator with one project, and no flows.

    The project is ``Acme`` (slug ``acme``, partner ``partner-1``). Every test gets a world of its own; the server is gone after the test.

    :return: the running simulator.
    """
    # Imported here, since pytest loads this module in every session, also where nobody uses the fixture.
    from airflow_provider_integrator.simulator.integrator import IntegratorSimulator

    with IntegratorSimulator() as integrator:
        integrator.add_project("Acme", slug="acme", partner_id="partner-1")
        yield integrator
