from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.lines import Line
from airflow_provider_integrator.exceptions import ResponseError
from tests.api.samples import ANY_JSON, STEP


def read(log):
    return Line.read(Fields("List logs", log))


@given(st.dictionaries(st.sampled_from([*STEP, "sku"]), ANY_JSON, min_size=1))
def test_any_object_is_a_line_with_all_that_came(log):
    line = read(log)
    assert line.as_dict()["fields"] == log
    json.dumps(line.as_dict())


def test_what_has_no_field_is_none():
    with pytest.raises(ResponseError):
        read({})


@pytest.mark.parametrize(
    ("log", "outcome"),
    [
        ({"state": 3, "status": 3}, "failed"),
        ({"state": "3", "status": "4"}, "empty"),
        ({"status": 2}, "success"),
        ({"state": 1, "status": 2}, "in_progress"),
        ({"state": 2}, "in_progress"),
        ({"state": 3, "status": 9}, "unknown"),
        ({"state": "odd", "status": 3}, "failed"),
        ({"id": 1}, "unknown"),
    ],
)
def test_the_status_counts_once_the_state_is_finished(log, outcome):
    assert read(log).outcome == outcome
