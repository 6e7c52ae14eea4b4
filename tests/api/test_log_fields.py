"""Logs that are decoded only as far as they are read, and read as if they had been decoded as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_integrator.api.endpoints import BrokenBodyError, LogQuery, list_logs
from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.pages import LogFields, Page
from airflow_provider_integrator.exceptions import ResponseError

GOOD = {
    "id": 1920,
    "filename_uuid": "e1",
    "state": 3,
    "status": 2,
    "created": "1687519997186",
    "finished": "1687519998186",
    "process_group_name": "price",
    "sub_flows": [{"id": 7, "state": 3}],
}


def page_of(body: bytes | list[Any], number: int = 1) -> Page:
    if not isinstance(body, bytes):
        body = json.dumps({"count": 1, "limit": "20", "page": 1, "next": "x", "results": body}).encode()
    receiver = list_logs(LogQuery("p", "f"), number).receive()
    receiver.feed(body)
    return receiver.finish()


def test_the_head_and_the_rest_are_read_alike():
    page = page_of([GOOD])
    (log,) = page.logs
    assert isinstance(log, LogFields)
    assert Execution.read(log) == Execution.read(Fields("List logs", GOOD, "results[0]."))
    assert (page.limit, page.has_next) == (20, True)
    assert page.size > len(json.dumps(GOOD))


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ({"state": 7}, r"List logs: field results\[1\]\.state should be one of .* but is 7\."),
        ({"state": None}, r"field results\[1\]\.state should be one of .* but is None\."),
        ({"status": "ok"}, r"field results\[1\]\.status should be one of .* but is 'ok'\."),
        ({"filename_uuid": {}}, r"field results\[1\]\.filename_uuid should be an id but is \{\}\."),
    ],
)
def test_an_error_names_call_field_and_value(spoilt: dict[str, Any], says: str):
    log = page_of([GOOD, {**GOOD, **spoilt}]).logs[1]
    with pytest.raises(ResponseError, match=says):
        Execution.read(log)


@pytest.mark.parametrize("missing", ["filename_uuid", "state", "status"])
def test_a_missing_field_is_reported_as_missing(missing: str):
    log = page_of([{name: value for name, value in GOOD.items() if name != missing}]).logs[0]
    with pytest.raises(ResponseError, match=rf"{missing} should be .* but is missing"):
        Execution.read(log)


@pytest.mark.parametrize("form", [{"state": "3", "status": 2.0, "id": "000192"}, {"created": 1687519997186}])
def test_other_forms_are_read(form: dict[str, Any]):
    execution = Execution.read(page_of([{**GOOD, **form}]).logs[0])
    assert (execution.state, execution.status) == (State.FINISHED, Status.SUCCESS)
    assert execution.created is not None
    assert execution.created.timestamp() == 1687519997.186


@pytest.mark.parametrize(
    "neighbour", [b"null", b"3", b'"x"', b"[]", b'{"id": "\\ud800"}', b'{"x": "\xff"}', b"{}"]
)
def test_a_neighbour_that_cannot_be_read_hides_nothing(neighbour: bytes):
    body = b'{"results": [' + neighbour + b", " + json.dumps(GOOD).encode() + b"]}"
    first, second = page_of(body).logs
    assert second.optional_identifier("filename_uuid") == "e1"
    assert Execution.read(second).is_finished
    assert first.optional_identifier("filename_uuid") is None
    with pytest.raises(ResponseError):
        Execution.read(first)


@pytest.mark.parametrize(
    "more", [b'"x": NaN', b'"x": "\\ud800"', b'"x": 1e999', b'"x": 123456789012345678901234567890']
)
def test_what_only_a_lenient_parser_takes_is_taken(more: bytes):
    log = json.dumps(GOOD).encode()
    (read,) = page_of(b'{"results": [' + log[:-1] + b", " + more + b"}]}").logs
    assert Execution.read(read).is_finished


@pytest.mark.parametrize("body", [b'{"results": [{"id": 1}', b"no JSON", b'{"results": [', b""])
@pytest.mark.parametrize("number", [1, 2])
def test_a_broken_body_may_be_asked_for_again(body: bytes, number: int):
    with pytest.raises(BrokenBodyError, match="isn't JSON"):
        page_of(body, number)
