from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrator.api import fields
from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.lines import Line
from airflow_provider_integrator.api.models import MAX_STEPS, Execution, Flow, Project, Step
from airflow_provider_integrator.exceptions import ResponseError
from tests.api.samples import (
    ANY_JSON,
    EXECUTION,
    EXECUTION_FIELDS,
    FLOW,
    FLOW_FIELDS,
    MISSING,
    PROJECT,
    PROJECT_FIELDS,
    STEP,
    STEP_FIELDS,
    changed,
)

SAMPLES = {Project: PROJECT, Flow: FLOW, Execution: EXECUTION, Step: STEP, Line: STEP}


NEEDED = {
    Project: {"id"},
    Flow: {"id"},
    Execution: {"filename_uuid", "state", "status"},
    Step: {"id"},
    Line: set(),
}


MODELS = pytest.mark.parametrize("model", SAMPLES, ids=lambda model: model.__name__)


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
    assert getattr(read(Line, STEP), attribute) == value


def test_execution_field_sub_flows():
    assert read(Execution, EXECUTION).steps == (read(Step, STEP),)


@pytest.mark.parametrize("digits", ["46", "461", "4617", "46171", "461712"])
def test_step_times_have_two_to_six_digits(digits):
    step = read(Step, {**STEP, "created": f"2023-06-08T21:51:18.{digits}+00:00"})
    assert step.created.microsecond == int(digits.ljust(6, "0"))


@pytest.mark.parametrize(
    "changes",
    [{"state": "3"}, {"status": 3.0}, {"id": "1920"}, {"id": 1920.0}, {"created": 1686261109291}],
    ids=str,
)
def test_a_form_that_the_pages_do_not_show_is_understood(changes):
    assert read(Execution, {**EXECUTION, **changes}) == read(Execution, EXECUTION)


def whole(number):
    """A whole number in each of its forms."""
    return st.sampled_from([number, float(number), str(number), f"{number}.0", f" {number} "])


def log_id(number):
    return st.sampled_from([number, float(number), str(number), f" {number}\n"])


def flag(value):
    text = str(value).lower()
    return st.sampled_from([value, text, text.title(), int(value), float(value), str(int(value))])


def time(milliseconds):
    utc = fields.read_time(milliseconds)
    local = utc.in_timezone("Europe/Istanbul")
    return st.sampled_from(
        [
            *(milliseconds, float(milliseconds), str(milliseconds)),
            *(utc.isoformat().replace("+00:00", "Z"), utc.isoformat()),
            *(local.isoformat(), local.isoformat(sep=" "), f"{local:%Y-%m-%dT%H:%M:%S.%f%z}"),
        ]
    )


FORMS = {
    Project: {
        "id": st.just("project-id1"),
        "flowCount": whole(3),
        "component.variables.!createdDate": time(1686261109291),
    },
    Flow: {
        "component.variables.!inbound": flag(True),
        "component.variables.!outbound": flag(False),
    },
    Step: {
        "id": log_id(1921),
        "created": time(1686261078460),
        "finished": st.sampled_from(["2023-06-08T21:51:42.00073+00:00", "2023-06-08T21:51:42.00073Z"]),
        "state": whole(3),
        "status": whole(2),
        "process_count": whole(1),
        "success_count": whole(0),
        "fail_count": whole(0),
    },
    Execution: {
        "id": log_id(1920),
        "created": time(1686261109291),
        "finished": time(1686261171791),
        "state": whole(3),
        "status": whole(3),
        "process_count": whole(10),
        "success_count": whole(7),
        "fail_count": whole(3),
        "is_triggered": flag(True),
        "triggered_by": st.sampled_from(["user@example.com\n", "user@example.com"]),
    },
}


@pytest.mark.parametrize("model", FORMS, ids=lambda model: model.__name__)
@given(st.data())
def test_any_documented_value_in_any_form_reads_alike(model, data):
    sample = SAMPLES[model]
    expected = read(model, sample)
    for path, forms in FORMS[model].items():
        sample = changed(sample, path, data.draw(forms, path))
    found = read(model, json.loads(json.dumps(sample)))
    if model is Flow:  # its variables are kept as they came
        assert found.variables == sample["component"]["variables"]
        found.variables.update(expected.variables)
    assert found == expected


@MODELS
def test_only_what_is_needed_is_enough(model):
    full = read(model, SAMPLES[model])
    names = NEEDED[model] or {"id"}  # a line has at least one field, whichever
    found = read(model, {name: value for name, value in SAMPLES[model].items() if name in names})
    needed = {
        Execution: ("execution_id", "state", "status"),
        Project: ("id",),
        Flow: ("id",),
    }.get(model, ("log_id",))
    for name, value in vars(found).items():
        absent = {"steps": (), "variables": {}, "fields": {"id": STEP["id"]}}.get(name)
        assert value == (getattr(full, name) if name in needed else absent)


@MODELS
@pytest.mark.parametrize("value", [MISSING, None, "", [], {}, True, 0.5], ids=repr)
def test_without_what_is_needed(model, value):
    for name in NEEDED[model]:
        with pytest.raises(ResponseError, match=f"^List logs: field {name} should be ") as caught:
            read(model, changed(SAMPLES[model], name, value))
        assert str(caught.value).endswith("missing." if value is MISSING else f"but is {value!r}.")


@pytest.mark.parametrize(
    ("name", "value"), [("state", 7), ("state", None), ("state", "7"), ("status", "ok"), ("status", 0)]
)
def test_an_unknown_state_or_status_names_field_and_value(name, value):
    with pytest.raises(
        ResponseError, match=rf"^List logs: field {name} should be one of 1 .* but is {value!r}\.$"
    ):
        read(Execution, {**EXECUTION, name: value})


@MODELS
@settings(max_examples=40)  # of each model
@given(st.data())
def test_junk_in_a_field_that_is_not_needed_never_raises_and_never_changes_what_is(model, data):
    names = [*set(SAMPLES[model]) - NEEDED[model], "brand_new"]
    junk = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, ANY_JSON)))
    found, expected = read(model, {**SAMPLES[model], **junk}), read(model, SAMPLES[model])
    if model is Execution:
        assert (found.execution_id, found.state, found.status) == ("execution-uuid", State(3), Status(3))
        assert found.is_finished
        json.dumps(found.as_dict())
    elif model is Step:
        assert found.log_id == "1921"
    elif model is Line:
        assert found.fields == {**STEP, **junk}
    else:
        assert (found.id, type(found)) == (expected.id, model)


@given(ANY_JSON)
def test_junk_as_a_step_hides_neither_its_execution_nor_its_neighbours(junk):
    found = read(Execution, {**EXECUTION, "sub_flows": [junk, STEP, junk]})
    assert read(Step, STEP) in found.steps
    assert found.status is Status.FAILED


@pytest.mark.parametrize("name", ["component", "component.variables", "component.name"])
@pytest.mark.parametrize("value", [MISSING, None, 5, "text", []], ids=repr)
@pytest.mark.parametrize(("model", "sample"), [(Project, PROJECT), (Flow, FLOW)], ids=["project", "flow"])
def test_any_other_process_group_is_one_without_a_slug(model, sample, name, value):
    found = read(model, changed(sample, name, value))
    assert found.id == sample["id"]
    assert found.slug == (None if name != "component.name" else read(model, sample).slug)


ODD = [
    ("original_filename_uuid", "another", None), ("original_filename_uuid", None, None),
    ("finished", None, "finished"), ("finished", "soon", "finished"), ("process_count", -1, "process_count"),
    ("process_group_name", None, "flow_slug"), ("process_group_id", [], "flow_id"), ("id", None, "log_id"),
    ("created", "08.06.2023", "created"), ("created", True, "created"), ("fail_count", 0.5, "fail_count"),
    ("is_triggered", "perhaps", "is_triggered"), ("triggered_by", {}, "triggered_by"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "attribute"), ODD)
def test_an_odd_field_is_none_and_the_execution_is_judged(name, value, attribute):
    found = read(Execution, {**EXECUTION, name: value})
    assert (found.execution_id, found.status) == ("execution-uuid", Status.FAILED)
    if attribute is not None:
        assert getattr(found, attribute) is None


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("original_filename_uuid", "another", "isn't the filename_uuid of its main log"),
        ("finished", None, "is missing though the state is Finished"),
        ("process_count", -1, "should be a whole number from 0 but is of type int"),
    ],
)
def test_what_is_odd_is_noted_once_at_debug_level(name, value, what, caplog):
    fields.note.cache_clear()
    with caplog.at_level(logging.DEBUG):
        for number in range(100):
            read(Execution, {**EXECUTION, name: value, "id": number})
    assert caplog.messages == [f"List logs: field {name} {what}."]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


#: Fields that are kept as they came, whatever that is.
AS_THEY_CAME = {"is_send_S3", "row_num", "in_bound", "flow_order", "fragment_count", "schedule"}


@MODELS
def test_each_field_that_no_decision_needs_is_noted_once(model, caplog):
    ignored = {"revision", "parent_process_group_id"} if model is Execution else {"revision"}
    for name in SAMPLES[model].keys() - NEEDED[model] - AS_THEY_CAME - ignored:
        fields.note.cache_clear()
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            for number in range(100):
                read(model, {**SAMPLES[model], name: 0.5 + number})
        (record,) = [one for one in caplog.records if f"field {name} should be" in one.getMessage()]
        assert record.levelno == logging.DEBUG
        assert ".5" not in record.getMessage()  # a value may be a customer's


def test_finished_and_in_progress_contradict_each_other():
    with pytest.raises(ResponseError, match=r"field status should be other than In Progress .* but is 1"):
        read(Execution, changed(EXECUTION, "status", 1))
    assert read(Step, changed(STEP, "status", 1)).status is Status.IN_PROGRESS  # a step decides nothing


@pytest.mark.parametrize(("state", "name"), [(1, "start"), (2, "in_progress")])
def test_an_execution_under_way(state, name):
    execution = read(Execution, {**EXECUTION, "state": state, "status": 1, "finished": None})
    assert not execution.is_finished
    assert execution.duration is None
    shown = execution.as_dict()
    assert (shown["state"], shown["status"], shown["finished"], shown["duration"]) == (
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
    shown = read(Execution, EXECUTION).as_dict()
    assert shown == {
        "execution_id": "execution-uuid",
        "log_id": "1920",
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
                "log_id": "1921",
                "state": "finished",
                "status": "success",
            }
        ],
    }
    assert json.loads(json.dumps(shown)) == shown


def test_as_dict_of_very_many_steps():
    steps = [{"id": number, "status": 3 if number == 700 else 2} for number in range(1000)]
    execution = read(Execution, {**EXECUTION, "sub_flows": steps})
    assert len(execution.steps) == 1000
    shown = [step["log_id"] for step in execution.as_dict()["steps"]]
    assert shown == ["700", *map(str, range(MAX_STEPS - 1))]


def test_as_dict_of_the_least():
    shown = read(
        Execution, {"filename_uuid": 17, "state": 3, "status": 2, "sub_flows": [{"id": 18}]}
    ).as_dict()
    (step,) = shown.pop("steps")
    assert {name: value for name, value in shown.items() if value is not None} == {
        "execution_id": "17",
        "state": "finished",
        "status": "success",
    }
    assert {name: value for name, value in step.items() if value is not None} == {"log_id": "18"}


@pytest.mark.parametrize(
    ("slug", "flow_id", "label"),
    [("product", 17, "product"), (None, 17, "17"), (None, None, "(without a name)")],
)
def test_an_executions_flow_is_labelled_by_slug_or_id(slug, flow_id, label):
    sample = {**EXECUTION, "process_group_name": slug, "process_group_id": flow_id}
    assert read(Execution, sample).flow_label == label


def test_a_flow_is_labelled_by_slug_or_id():
    assert read(Flow, FLOW).label == "product"
    assert read(Flow, changed(FLOW, "component.variables.!flowSlug", MISSING)).label == "flow-id1"
    assert read(Flow, changed(FLOW, "component.variables.!flowSlug", "")).label == "flow-id1"


@pytest.mark.parametrize(
    ("name", "slug", "label"),
    [("Login", "login", "Login"), (None, "login", "login"), ("", None, "log 1921"), (None, None, "log 1921")],
)
def test_a_step_is_labelled_by_name_slug_or_log_id(name, slug, label):
    assert read(Step, {**STEP, "process_group_name": name, "process_group_id": slug}).label == label


def test_a_history_places_an_execution_by_created_or_finished():
    full = read(Execution, EXECUTION)
    assert full.timestamp == full.created
    assert read(Execution, {**EXECUTION, "created": None}).timestamp == full.finished
    assert read(Execution, {**EXECUTION, "created": "", "finished": ""}).timestamp is None
    assert read(Execution, {**EXECUTION, "created": None}).duration is None
