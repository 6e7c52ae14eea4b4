"""How an execution is judged and told of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.models import Execution, Step
from airflow_provider_integrator.executions import policy

NOW = datetime(2026, 1, 31, tzinfo=timezone.utc)
COMMON = {
    "log_id": "log-1",
    "filename_uuid": "execution-1",
    "execution_id": "execution-1",
    "state": State.FINISHED,
    "status": Status.FAILED,
    "created": NOW,
    "finished": NOW,
    "process_count": 12,
    "success_count": 10,
    "fail_count": 2,
    "row_num": None,
}
STEP = Step(**{**COMMON, "log_id": "log-2"}, slug="write", name="Write data", flow_id="flow-1")
EXECUTION = Execution(
    **COMMON,
    flow_id="flow-1",
    flow_slug="price",
    is_triggered=False,
    triggered_by="System",
    steps=(replace(STEP, status=Status.SUCCESS, name="Login"), STEP),
    in_bound=None,
    flow_order=None,
    fragment_count=None,
    schedule=None,
    is_send_s3=None,
)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("status", Status)
def test_judged_by_state_and_status_of_the_main_log(state, status):
    execution = replace(EXECUTION, state=state, status=status)
    assert policy.has_failed(execution) == (state is State.FINISHED and status is Status.FAILED)
    assert policy.is_empty(execution) == (state is State.FINISHED and status is Status.EMPTY)


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.EMPTY])
def test_failed_steps_and_rows_decide_nothing(status):
    assert not policy.has_failed(replace(EXECUTION, status=status))


def test_summary():
    assert policy.summary(EXECUTION) == (
        "Execution execution-1 of flow price is Finished, status Failed: 12 rows processed, 10 ok, 2 failed. "
        "Failed steps: Write data (log id log-2)."
    )


def test_summary_without_failed_steps_or_counts():
    execution = replace(
        EXECUTION, status=Status.SUCCESS, steps=(), process_count=None, success_count=0, fail_count=None
    )
    assert policy.summary(execution).endswith("status Success: ? rows processed, 0 ok, ? failed.")


def test_message_is_the_summary_where_there_is_nothing_else():
    assert policy.failure_message(EXECUTION, None, None) == policy.summary(EXECUTION)
    assert policy.failure_message(EXECUTION, [], None) == policy.summary(EXECUTION)


def test_message_says_where_the_log_is():
    assert policy.failure_message(EXECUTION, None, "It is there.").splitlines()[-1] == "It is there."


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(st.lists(JSON | st.text(min_size=250, max_size=400), min_size=1, max_size=30))
def test_message_is_bounded_whatever_the_errors(errors):
    lines = policy.failure_message(EXECUTION, errors, "It is there.").split("\n")
    assert len(lines) == 1 + 1 + min(len(errors), 10) + 1
    assert all(len(line) <= 2 + 300 for line in lines[2:-1])


def test_an_entry_that_no_encoder_bears_is_told_of_all_the_same():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    message = policy.failure_message(EXECUTION, ["first", deep], None)
    assert "- first" in message
    assert "nested too deeply" in message
