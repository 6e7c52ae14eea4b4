"""The lines of an execution: their arguments, and how much of them is taken."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.lines import Line
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions.lines import (
    STATUSES,
    Allowance,
    line_json,
    read_search,
    read_statuses,
)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_statuses():
    assert STATUSES == ("in_progress", "success", "failed", "empty", "unknown")
    assert read_statuses("any") == read_statuses(["failed", "any"]) == set(STATUSES)
    assert read_statuses(("failed", "failed")) == {"failed"}


def test_search_keeps_order_and_makes_texts():
    assert read_search({"b": 1, "a": " x ", "c": 2.5}) == (("b", "1"), ("a", " x "), ("c", "2.5"))
    assert read_search(None) == ()


@pytest.mark.parametrize("depth", [100, *range(900, 1000, 7), 50_000])
def test_a_line_is_json_however_deep_its_fields_are(depth, logged):
    line = Line.read(Fields("List logs", {"id": 1, "status": 3, "deep": nested(depth)}))
    found = re.match(
        rb'\{"id":"1","status":"failed","created":null,"row_num":null,"fields":(.*)\}$', line_json(line)
    )
    is_whole = found[1] != b"{}"
    assert is_whole == ("nested too deeply" not in logged.text)
    assert is_whole or depth > 800
    if depth == 100:
        assert json.loads(found[1])["deep"] == nested(100)


class TestAllowance:
    def test_counts_the_bytes_of_the_list(self):
        lines = [b'{"a":1}', b'{"a":22}']
        allowance = Allowance(max_lines=2, max_bytes=len(b'[{"a":1},{"a":22},]'))
        for line in lines:
            allowance.take_line(len(line))
        with pytest.raises(ConfigurationError, match="max_xcom_bytes"):
            allowance.take(1)

    @pytest.mark.parametrize(("limits", "says"), [((2,), "max_lines"), ((9, None, 2), "max_map_length")])
    def test_counts_lines(self, limits, says):
        allowance = Allowance(*limits)
        for _ in range(2):
            allowance.take_line(1)
        with pytest.raises(ConfigurationError, match=says):
            allowance.take_line(1)
        allowance.clear()
        allowance.take_line(1)
