"""The drawings: what they show, and that no number breaks them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.executions.report import ExecutionSummary
from airflow_provider_integrator.ui.rendering import ENVIRONMENT
from airflow_provider_integrator.ui.views import Bar

svg = ENVIRONMENT.get_template("drawings.html").module
NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def summary(status=Status.SUCCESS, state=State.FINISHED, **fields):
    return ExecutionSummary("e-1", state, status, **fields)


def test_cells_stand_at_the_right_and_differ_in_height():
    drawn = svg.cells(
        [
            summary(Status.EMPTY),
            summary(),
            summary(Status.FAILED),
            summary(Status.IN_PROGRESS, State.START),
            summary(None, None),
        ],
        30,
        "old",
    )

    found = [
        (rect.get("class"), int(rect.get("x")), int(rect.get("height")))
        for rect in ElementTree.fromstring(drawn).findall("rect")  # noqa: S314 - our own
    ]
    assert [name for name, _, _ in found] == ["empty", "success", "failed", "running", "unreadable", "stale"]
    assert [x for _, x, _ in found[:5]] == [25 * 9, 26 * 9, 27 * 9, 28 * 9, 29 * 9]
    assert found[0][2] < found[1][2] < found[2][2]


def test_a_cell_says_what_it_shows():
    drawn = svg.cells(
        [
            summary(
                Status.FAILED,
                created=NOW,
                finished=NOW + timedelta(seconds=90),
                process_count=1200,
                fail_count=3,
            )
        ],
        30,
        None,
    )

    assert "<title>Failed · 2026-11-27 12:00:00 UTC · 1,200 rows · 3 failed · 1 min 30 s</title>" in drawn


@pytest.mark.parametrize(
    ("heights", "is_time", "labels"),
    [
        ([0], False, ["0", "1", "2", "3", "4"]),
        ([5], False, ["0", "2", "4", "6", "8"]),
        ([22_054], False, ["0", "6,000", "12,000", "18,000", "24,000"]),
        ([100], False, ["0", "30", "60", "90", "120"]),
        ([42.0], True, ["0 s", "15 s", "30 s", "45 s", "1 min"]),
        ([4000.0], True, ["0 s", "30 min", "1 h", "1 h 30 min", "2 h"]),
    ],
)
def test_an_axis_has_round_numbers(heights, is_time, labels):
    bars = [Bar("a", "b", ((height, "success"),)) for height in heights]

    drawn = svg.chart(bars, name="Rows", is_time=is_time)

    assert re.findall(r'class="axis end"[^>]*>([^<]+)<', drawn) == labels


def test_without_values_nothing_is_drawn():
    assert (svg.chart([], name="Rows"), svg.sparkline([]), svg.sparkline([1.0])) == ("", "", "")


numbers = st.integers(0, 10**18) | st.floats(0, 1e12)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=120), st.booleans(), st.text(max_size=20))
def test_no_number_and_no_text_breaks_a_chart(heights, is_time, text):
    bars = [Bar(text, text, ((passed, "success"), (failed, "failed"))) for passed, failed in heights]

    drawn = svg.chart(bars, name=text, is_time=is_time)

    assert "nan" not in drawn.replace(text, "")
    assert "<script" not in drawn
    for rect in re.findall(r'<rect class="\w+" x="([\d.]+)" y="(-?[\d.]+)"', drawn):
        assert 0 <= float(rect[0]) <= 640
        assert -2 <= float(rect[1]) <= 190


@given(st.floats(-2, 3), st.floats(-2, 3))
def test_a_step_stays_in_its_column(start, end):
    drawn = svg.span(start, end, "success", "Step")

    left, width = map(float, re.search(r'x="([\d.]+)%" width="([\d.]+)%"', drawn).groups())
    assert 0 <= left <= 100
    assert 0 < width <= 100.7


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=30))
def test_a_sparkline_stays_in_its_place(values):
    points = re.search(r'points="([^"]+)"', svg.sparkline(values))[1].split()

    for point in points:
        x, y = map(float, point.split(","))
        assert 0 <= x <= 84
        assert 0 <= y <= 22
