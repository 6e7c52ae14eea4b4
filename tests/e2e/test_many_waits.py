"""Many waits in a real triggerer: what they cost the Integrator, and that none is lost with the triggerer."""

from __future__ import annotations

import pytest

from tests.e2e.restart import FLOWS, MOST, WAITS, Restarted
from tests.e2e.stage import IS_AIRFLOW_3_3

pytestmark = pytest.mark.e2e


def test_they_share_their_polls_and_their_login(restarted: Restarted) -> None:
    assert restarted.requests <= MOST * FLOWS * restarted.intervals
    assert restarted.logins <= 2 + WAITS * (not IS_AIRFLOW_3_3)


def test_they_outlive_the_triggerer_with_the_same_deadlines(restarted: Restarted) -> None:
    before, after = restarted.deadlines
    assert len(before) == WAITS
    assert after == before


def test_none_is_lost(restarted: Restarted) -> None:
    assert restarted.ended == ([], WAITS)
