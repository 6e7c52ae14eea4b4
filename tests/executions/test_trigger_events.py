"""The event with which a trigger ends a wait."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_integrator.exceptions import IntegratorError
from airflow_provider_integrator.executions.trigger_events import read_event


@pytest.mark.parametrize("event", [{"status": "finished", "execution_id": "e"}, {"status": "timeout"}])
def test_known(event):
    assert read_event(event) == event


def test_error():
    with pytest.raises(IntegratorError, match="what happened"):
        read_event({"status": "error", "execution_id": None, "message": "what happened"})


@given(
    st.none()
    | st.text()
    | st.integers()
    | st.lists(st.text())
    | st.dictionaries(
        st.sampled_from(["status", "execution_id", "message"]),
        st.none() | st.integers() | st.sampled_from(["success", "Finished", "done", ""]),
    )
)
@example({"status": "finished"})
@example({"status": "finished", "execution_id": 5})
def test_anything_else_is_never_a_success(event):
    with pytest.raises(IntegratorError):
        read_event(event)
