from __future__ import annotations

import contextlib
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import BrokenBodyError, LogQuery
from airflow_provider_integrator.api.enums import LogType, State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import EMPTY_PAGE, Execution, Flow, Line, Page, Project, Step
from airflow_provider_integrator.api.queries import read_log
from airflow_provider_integrator.exceptions import ResponseError
from tests.api.samples import (
    EXECUTION,
    EXECUTION_FIELDS,
    FLOW,
    FLOW_FIELDS,
    MISSING,
    PAGE,
    PAGE_FIELDS,
    PROJECT,
    PROJECT_FIELDS,
    STEP,
    STEP_FIELDS,
    changed,
)


def read(model, sample):
    return model.read(Fields("List logs", sample))


def named(rows):
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


@pytest.mark.parametrize(("attribute", "value"), named(PROJECT_FIELDS))
def test_project_field(attribute, value):
    assert getattr(read(Project, PROJECT), attribute) == value


@pytest.mark.parametrize(("attribute", "value"), named(FLOW_FIELDS))
def test_flow_field(attribute, value):
    assert getattr(read(Flow, FLOW), attribute) == value


@pytest.mark.parametrize(("attribute", "value"), named(EXECUTION_FIELDS))
def test_execution_field(attribute, value):
    assert getattr(read(Execution, EXECUTION), attribute) == value


@pytest.mark.parametrize(("attribute", "value"), named(STEP_FIELDS))
def test_step_field(attribute, value):
    assert getattr(read(Step, STEP), attribute) == value


@pytest.mark.parametrize(("attribute", "value"), named(STEP_FIELDS))
def test_line_field(attribute, value):
    assert getattr(read(Line, STEP), attribute) == value


@pytest.mark.parametrize(("attribute", "value"), named(PAGE_FIELDS))
def test_page_field(attribute, value):
    assert getattr(read(Page, PAGE), attribute) == value


def test_page_field_results():
    (log,) = read(Page, PAGE).logs
    assert Execution.read(log) == read(Execution, EXECUTION)


def test_execution_field_sub_flows():
    assert read(Execution, EXECUTION).steps == (read(Step, STEP),)


@pytest.mark.parametrize("digits", ["46", "461", "4617", "46171", "461712"])
def test_step_moments_have_two_to_six_digits(digits):
    step = read(Step, {**STEP, "created": f"2023-06-08T21:51:18.{digits}+00:00"})
    assert step.created.microsecond == int(digits.ljust(6, "0"))


@pytest.mark.parametrize(
    ("log_type", "sample", "model"),
    [(LogType.MAIN, EXECUTION, Execution), (LogType.SUB, STEP, Step), (LogType.LINE, STEP, Line)],
)
def test_each_log_type_has_its_model(log_type, sample, model):
    assert type(read_log(Fields("List logs", sample), log_type)) is model


@pytest.mark.parametrize(
    ("model", "sample"),
    [(Project, PROJECT), (Flow, FLOW), (Execution, EXECUTION), (Step, STEP), (Page, PAGE)],
)
def test_extra_fields_are_ignored(model, sample):
    extended = {**sample, "brand_new": {"anything": [1, None]}}
    before, after = read(model, sample), read(model, extended)
    assert before == after or (model is Page and before.count == after.count)


OPTIONAL_OF_LOG = ["process_count", "success_count", "fail_count", "row_num"]
OPTIONAL_OF_EXECUTION = [
    *OPTIONAL_OF_LOG, "flow_order", "fragment_count", "schedule", "is_send_S3", "in_bound", "is_triggered",
    "triggered_by", "sub_flows", "parent_process_group_id",
]  # fmt: skip
NEEDED = [
    "id", "filename_uuid", "original_filename_uuid", "process_group_id", "process_group_name", "created",
    "state", "status",
]  # fmt: skip


@pytest.mark.parametrize("value", [MISSING, None], ids=["missing", "null"])
@pytest.mark.parametrize("name", OPTIONAL_OF_EXECUTION)
def test_an_execution_without_what_is_not_needed(name, value):
    execution = read(Execution, changed(EXECUTION, name, value))
    assert execution.status is Status.FAILED
    if name == "sub_flows":
        assert execution.steps == ()


@pytest.mark.parametrize("value", [MISSING, None], ids=["missing", "null"])
@pytest.mark.parametrize("name", [*OPTIONAL_OF_LOG, "parent_process_group_id"])
def test_a_step_without_what_is_not_needed(name, value):
    assert read(Step, changed(STEP, name, value)).status is Status.SUCCESS


@pytest.mark.parametrize("value", [MISSING, None], ids=["missing", "null"])
@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize(
    ("model", "sample"), [(Execution, EXECUTION), (Step, STEP)], ids=["execution", "step"]
)
def test_a_log_without_what_is_needed(model, sample, name, value):
    with pytest.raises(ResponseError, match=f"List logs: field {name} should be"):
        read(model, changed(sample, name, value))


WRONG = [
    ("id", 5), ("id", ""), ("id", True), ("id", ["x"]), ("filename_uuid", 5), ("process_group_id", 5),
    ("process_group_name", {}), ("created", 1686261109291), ("created", "08.06.2023"), ("created", True),
    ("finished", 1686261109291), ("finished", "soon"), ("finished", ""), ("state", 0), ("state", 4), ("state", "3"),
    ("state", True), ("state", 3.0), ("status", 0), ("status", 5), ("status", "2"), ("status", True),
    ("process_count", "10"), ("process_count", -1), ("success_count", True), ("fail_count", 0.5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [*WRONG, ("is_triggered", "true"), ("triggered_by", 5), ("sub_flows", {})]
)
def test_a_malformed_field_of_an_execution(name, value):
    sample = changed(EXECUTION, name, value)
    if name == "filename_uuid":
        sample["original_filename_uuid"] = value
    with pytest.raises(ResponseError, match=f"List logs: field {name} should be .* but is ") as caught:
        read(Execution, sample)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [*WRONG, ("original_filename_uuid", 5), ("parent_process_group_id", 5)]
)
def test_a_malformed_field_of_a_step_names_its_place(name, value):
    sample = changed(EXECUTION, "sub_flows", [STEP, changed(STEP, name, value)])
    with pytest.raises(ResponseError, match=rf"List logs: field sub_flows\[1\]\.{name} should be .* but is "):
        read(Execution, sample)


def test_a_main_log_belongs_to_itself():
    with pytest.raises(
        ResponseError, match=r"original_filename_uuid should be the filename_uuid .* but is 'another'"
    ):
        read(Execution, changed(EXECUTION, "original_filename_uuid", "another"))


@pytest.mark.parametrize(("model", "sample"), [(Execution, EXECUTION), (Step, STEP)])
def test_finished_and_in_progress_contradict_each_other(model, sample):
    with pytest.raises(ResponseError, match=r"field status should be other than In Progress .* but is 1"):
        read(model, changed(sample, "status", 1))


@pytest.mark.parametrize("value", [None, MISSING])
@pytest.mark.parametrize(("model", "sample"), [(Execution, EXECUTION), (Step, STEP)])
def test_finished_needs_its_time(model, sample, value):
    with pytest.raises(ResponseError, match="field finished should be a time where the state is Finished"):
        read(model, changed(sample, "finished", value))


@pytest.mark.parametrize(("state", "name"), [(1, "start"), (2, "in_progress")])
def test_an_execution_under_way(state, name):
    execution = read(Execution, {**EXECUTION, "state": state, "status": 1, "finished": None})
    assert not execution.is_finished
    assert execution.duration is None
    told = execution.as_dict()
    assert (told["state"], told["status"], told["finished"], told["duration"]) == (
        name,
        "in_progress",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("number", "status"),
    [(2, Status.SUCCESS), (3, Status.FAILED), (4, Status.EMPTY)],
    ids=lambda value: str(value),
)
def test_a_finished_execution(number, status):
    execution = read(Execution, {**EXECUTION, "status": number})
    assert execution.is_finished
    assert execution.status is status
    assert execution.duration == timedelta(seconds=62.5)


def test_as_dict_is_exactly_this():
    told = read(Execution, EXECUTION).as_dict()
    assert told == {
        "execution_id": "execution-uuid",
        "log_id": "main-log-id",
        "flow_id": "flow-id1",
        "flow_slug": "product",
        "state": "finished",
        "status": "failed",
        "created": "2023-06-08T21:51:49.291000+00:00",
        "finished": "2023-06-08T21:52:51.791000+00:00",
        "duration": 62.5,
        "process_count": 10,
        "success_count": 7,
        "fail_count": 3,
        "is_triggered": True,
        "triggered_by": "user@example.com",
        "steps": [
            {
                "name": "Read data from ERP",
                "slug": "read_data_from_erp",
                "log_id": "step-log-id",
                "state": "finished",
                "status": "success",
            }
        ],
    }
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("name", ["id", "component", "component.name", "component.variables"])
@pytest.mark.parametrize(("model", "sample"), [(Project, PROJECT), (Flow, FLOW)], ids=["project", "flow"])
@pytest.mark.parametrize("value", [MISSING, None, 5], ids=["missing", "null", "number"])
def test_a_project_or_flow_without_what_is_needed(model, sample, name, value):
    with pytest.raises(ResponseError, match=rf"{name.rpartition('.')[2]}.*should be an? "):
        read(model, changed(sample, name, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("state", 1), ("flowCount", "3"), ("component.comments", 5), ("component.parentGroupId", 5),
        ("component.variables.!projectSlug", 5), ("component.variables.!createdDate", 1686261109291),
    ],
)  # fmt: skip
def test_a_malformed_field_of_a_project(path, value):
    with pytest.raises(ResponseError, match=f"field {path} should be .* but is {value!r}"):
        read(Project, changed(PROJECT, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("state", 1), ("component.parentGroupId", 5), ("component.variables.!flowSlug", 5),
        ("component.variables.!flowType", []), ("component.variables.!inbound", True),
        ("component.variables.!outbound", "maybe"), ("component.variables.!schedulingStrategy", 1),
        ("component.variables.!schedulingPeriod", 1),
    ],
)  # fmt: skip
def test_a_malformed_field_of_a_flow(path, value):
    with pytest.raises(ResponseError, match=f"field {path} should be .* but is "):
        read(Flow, changed(FLOW, path, value))


def test_a_flow_is_labelled_by_slug_or_id():
    assert read(Flow, FLOW).label == "product"
    assert read(Flow, changed(FLOW, "component.variables.!flowSlug", MISSING)).label == "flow-id1"
    assert read(Flow, changed(FLOW, "component.variables.!flowSlug", "")).label == "flow-id1"


@pytest.mark.parametrize("value", [MISSING, None, {}, "none", 0], ids=repr)
def test_a_page_without_a_list_of_results(value):
    with pytest.raises(ResponseError, match="List logs: field results should be a list but is "):
        read(Page, changed(PAGE, "results", value))


@pytest.mark.parametrize(
    ("name", "value"), [("count", "1"), ("limit", True), ("page", -1), ("next", 2), ("previous", {})]
)
def test_a_malformed_field_of_a_page(name, value):
    with pytest.raises(ResponseError, match=f"List logs: field {name} should be "):
        read(Page, changed(PAGE, name, value))


@pytest.mark.parametrize("value", ["", None, MISSING, " "])
def test_a_last_page(value):
    assert read(Page, changed(PAGE, "next", value)).has_next is False


def test_a_malformed_log_does_not_hide_the_others():
    page = read(Page, {**PAGE, "results": [{**EXECUTION, "state": 9}, EXECUTION]})
    with pytest.raises(ResponseError, match=r"field results\[0\]\.state"):
        Execution.read(page.logs[0])
    assert Execution.read(page.logs[1]).state is State.FINISHED


def test_the_empty_page():
    assert (EMPTY_PAGE.count, EMPTY_PAGE.has_next, EMPTY_PAGE.logs) == (0, False, ())


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def spoiled(sample):
    """Samples with some of their fields replaced by anything."""
    kept = st.fixed_dictionaries(
        {}, optional={name: st.just(value) | ANY_JSON for name, value in sample.items()}
    )
    return st.builds(lambda changes: {**sample, **changes}, kept) | kept | ANY_JSON


def body_of(answer):
    return json.dumps(answer).encode()


QUERY = LogQuery("project-1", "flow-1")


def answered(call, body):
    receiver = call.receive()
    receiver.feed(body)
    return receiver.finish()


@given(st.lists(spoiled(PROJECT), max_size=3) | ANY_JSON)
def test_any_json_is_projects_or_a_response_error(answer):
    try:
        assert all(type(one) is Project for one in answered(endpoints.list_projects("p"), body_of(answer)))
    except ResponseError as error:
        assert str(error).startswith("List projects: ")  # noqa: PT017 - either is right


@given(st.lists(spoiled(FLOW), max_size=3) | ANY_JSON)
def test_any_json_is_flows_or_a_response_error(answer):
    try:
        assert all(type(one) is Flow for one in answered(endpoints.list_flows("p"), body_of(answer)))
    except ResponseError as error:
        assert str(error).startswith("List flows: ")  # noqa: PT017 - either is right


@given(
    spoiled({**PAGE, "results": None})
    | st.lists(spoiled(EXECUTION), max_size=3).map(lambda r: {**PAGE, "results": r})
)
def test_any_json_is_executions_or_a_response_error(answer):
    try:
        executions = [
            Execution.read(log) for log in answered(endpoints.list_logs(QUERY), body_of(answer)).logs
        ]
    except ResponseError as error:
        assert str(error).startswith("List logs: ")  # noqa: PT017 - either is right
        return
    for execution in executions:
        assert execution.state in State
        assert not (execution.is_finished and execution.status is Status.IN_PROGRESS)
        assert not (execution.is_finished and execution.finished is None)
        json.dumps(execution.as_dict())


@given(st.binary(max_size=40))
def test_any_bytes_are_a_page_or_an_error(body):
    with contextlib.suppress(ResponseError, BrokenBodyError):
        assert type(answered(endpoints.list_logs(QUERY), body)) is Page
