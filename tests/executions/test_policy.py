"""How an execution is judged, and how the judgment is worded."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions.failures import failure
from airflow_provider_integrator.executions.policy import Policy, Verdict, has_failed, summary

LOG = {
    "id": 17,
    "filename_uuid": "execution-1",
    "process_group_name": "price",
    "state": 3,
    "status": 3,
    "process_count": 12,
    "success_count": 10,
    "fail_count": 2,
    "sub_flows": [
        {"id": 18, "process_group_name": "Login", "state": 3, "status": 2},
        {"id": 19, "process_group_name": "Write data", "state": 3, "status": 3},
    ],
}
#: Each choice with each status that an execution can end with, and what follows from the two.
ACTIONS = {
    ("fail", "succeed"): ("succeed", "fail", "succeed"),
    ("continue", "succeed"): ("succeed", "succeed", "succeed"),
    ("fail", "skip"): ("succeed", "fail", "skip"),
    ("continue", "skip"): ("succeed", "succeed", "skip"),
    ("fail", "fail"): ("succeed", "fail", "fail"),
    ("continue", "fail"): ("succeed", "succeed", "fail"),
}


def execution(**changes):
    return Execution.read(Fields("List logs", {**LOG, **changes}))


@pytest.mark.parametrize(
    ("choices", "status", "action"),
    [
        (choices, status, action)
        for choices, actions in ACTIONS.items()
        for status, action in zip((Status.SUCCESS, Status.FAILED, Status.EMPTY), actions, strict=True)
    ],
)
def test_judged_by_the_status_of_the_main_log(choices, status, action):
    assert Policy(*choices).judge(execution(status=status.value)).action == action


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.EMPTY])
def test_failed_steps_and_rows_decide_nothing(status):
    assert Policy().judge(execution(status=status.value, fail_count=99)).action == "succeed"


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("status", Status)
def test_has_failed_needs_finished_and_failed(state, status):
    if state is State.FINISHED and status is Status.IN_PROGRESS:
        pytest.skip("a contradiction, which isn't read")
    found = execution(state=state.value, status=status.value)
    assert has_failed(found) == (state is State.FINISHED and status is Status.FAILED)


@pytest.mark.parametrize("choices", [{"on_failed": "ignore"}, {"on_empty": "ignore"}, {"on_failed": "skip"}])
def test_another_choice_is_refused(choices):
    with pytest.raises(ConfigurationError, match="; set it to "):
        Policy(**choices)


def test_summary():
    assert summary(execution()) == (
        "Execution execution-1 of flow price is Finished, status Failed: 12 rows processed, 10 ok, 2 failed.\n"
        "Failed step: Write data (log id 19)."
    )


def test_summary_of_the_least():
    assert summary(Execution.read(Fields("List logs", {"filename_uuid": 7, "state": 3, "status": 2}))) == (
        "Execution 7 of flow (without a name) is Finished, status Success: ? rows processed, ? ok, ? failed."
    )


def test_summary_of_a_failed_step_without_a_name():
    steps = [{"id": 20, "status": "3"}, {"id": None, "status": 3}, None, {"id": 21, "status": "odd"}]
    assert summary(execution(sub_flows=steps)).endswith("\nFailed step: log 20 (log id 20).")


def test_summary_of_very_many_failed_steps():
    steps = [{"id": number, "process_group_name": f"Step\n{number}", "status": 3} for number in range(5000)]
    lines = summary(execution(sub_flows=steps)).split("\n")
    assert lines[1].startswith("Failed step: Step")
    assert (len(lines), lines[-1]) == (1 + 10 + 1, "4990 more steps failed.")


def test_the_reason_is_named_if_the_status_does_not_explain_it():
    assert Policy(on_empty="skip").judge(execution(status=4)).summary.endswith("\non_empty is skip.")
    assert "on_" not in Policy().judge(execution()).summary


@pytest.mark.parametrize(("status", "level"), [(2, logging.INFO), (3, logging.WARNING), (4, logging.INFO)])
def test_a_failed_execution_is_logged_as_a_warning(status, level, caplog):
    with caplog.at_level(logging.INFO):
        Policy("continue").judge(execution(status=status)).log_to(logging.getLogger("task"))
    (record,) = caplog.records
    assert record.levelno == level
    assert "Execution execution-1 of flow price is Finished" in record.getMessage()


def message(*arguments, **more):
    return str(failure(Verdict(execution(), "fail"), *arguments, **more))


def test_message_is_the_summary_if_there_is_nothing_else():
    assert message() == message([]) == summary(execution())


def test_message_says_where_the_log_is():
    assert message(where="It is there.").splitlines()[-1] == "It is there."


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(st.lists(JSON | st.text(min_size=250, max_size=400), min_size=1, max_size=30))
def test_message_is_bounded_whatever_the_errors(errors):
    lines = message(errors, "It is there.").split("\n")
    assert len(lines) == 2 + 1 + min(len(errors), 10) + 1
    assert all(len(line) <= 2 + 300 for line in lines[3:-1])


def test_an_entry_that_no_encoder_bears_is_shown_as_one():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    text = message(["first", deep])
    assert "- first" in text
    assert "nested too deeply" in text
