"""An outage of the Integrator, and credentials that it refuses."""

from __future__ import annotations

import pytest
from airflow_api import IS_AIRFLOW_3

from tests.e2e.restart import kept_outages
from tests.e2e.stage import Stage
from tests.e2e.storm import MODES, REFUSED, WAITS, Weathered

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not IS_AIRFLOW_3, reason="Airflow 2.11 runs one task at a time"),
]


@pytest.mark.parametrize("name", ["before", "during"])
def test_no_wait_fails_of_an_outage(stage: Stage, weathered: Weathered, name: str):
    run = getattr(weathered, name)
    assert run.state == "success"
    assert weathered.ended[name] == [("success", 1)] * int(MODES * WAITS)
    assert kept_outages(stage, run) == []


def test_refused_credentials_are_tried_once_by_each_task(weathered: Weathered):
    tasks = weathered.refused.tasks.values()
    assert [(task.state, task.tries) for task in tasks] == [("failed", 1)] * REFUSED
    assert weathered.logins == REFUSED
