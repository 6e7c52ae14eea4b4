"""A pytest plugin with an embedded Integrator, so that DAG authors can test against one without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_integrator.simulator.integrator import IntegratorSimulator


_MARKER = "integrator_forms"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker.

    :param config: The session's configuration.
    """
    config.addinivalue_line(
        "markers", f"{_MARKER}(*names): the forms in which integrator_simulator answers in this test"
    )


@pytest.fixture
def integrator_simulator(request: pytest.FixtureRequest) -> Iterator[IntegratorSimulator]:
    """Start an embedded Integrator with one project, and no flows.

    The project is ``Acme`` (slug ``acme``, partner ``partner-1``). Every test gets a world of its own; the
    server is gone after the test. ``@pytest.mark.integrator_forms("texts", …)`` chooses the forms of its
    answers, and so does ``integrator_simulator.forms = …`` in the test.

    :param request: The test that asks.
    :return: The running simulator.
    """
    # Imported here, since pytest loads this module in every session, also where nobody uses the fixture.
    from airflow_provider_integrator.simulator.integrator import IntegratorSimulator

    marker = request.node.get_closest_marker(_MARKER)
    with IntegratorSimulator(forms=marker.args if marker else ()) as integrator:
        integrator.add_project("Acme", slug="acme", partner_id="partner-1")
        yield integrator
