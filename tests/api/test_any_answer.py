"""Whatever JSON or bytes an answer is made of, it is read or a ResponseError."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import BrokenBodyError, LogQuery
from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution, Flow, Project
from airflow_provider_integrator.api.pages import Page
from airflow_provider_integrator.exceptions import ResponseError
from tests.api.samples import (
    ANY_JSON,
    EXECUTION,
    FLOW,
    PAGE,
    PROJECT,
)

LISTS = [(endpoints.list_projects("p"), PROJECT, Project), (endpoints.list_flows("p"), FLOW, Flow)]


@given(st.lists(ANY_JSON, max_size=3), st.lists(ANY_JSON, max_size=3))
def test_junk_as_a_project_or_flow_hides_no_other(before, after):
    for call, sample, kind in LISTS:
        assert kind.read(Fields("List logs", sample)) in answered(call, body_of([*before, sample, *after]))


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


@pytest.mark.parametrize(("call", "sample", "kind"), LISTS)
def test_any_json_is_a_list_or_a_response_error(call, sample, kind):
    @given(st.lists(spoiled(sample), max_size=3) | ANY_JSON)
    def check(answer):
        try:
            assert all(type(one) is kind for one in answered(call, body_of(answer)))
        except ResponseError as error:
            assert not isinstance(answer, list)
            assert str(error).startswith(f"{call.name}: ")  # noqa: PT017 - either is right

    check()


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
        assert execution.execution_id
        assert execution.state in State
        assert not (execution.is_finished and execution.status is Status.IN_PROGRESS)
        json.dumps(execution.as_dict())


@given(st.binary(max_size=40))
def test_any_bytes_are_a_page_or_an_error(body):
    with contextlib.suppress(ResponseError, BrokenBodyError):
        assert type(answered(endpoints.list_logs(QUERY), body)) is Page
