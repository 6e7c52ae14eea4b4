"""What the templates show, made of what was read."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution, Flow
from airflow_provider_integrator.ui import texts, views
from airflow_provider_integrator.ui.texts import LogError

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def execution(state=3, status=2, steps=(), **fields):
    log = {"id": 1, "filename_uuid": "e-1", "original_filename_uuid": "e-1", "state": state, "status": status}
    begun = {"created": str(int((NOW - timedelta(minutes=10)).timestamp() * 1000))}
    return Execution.read(Fields("List logs", {**log, **begun, **fields, "sub_flows": list(steps)}))


def step(number, begin, end, **fields):
    times = {"created": _iso(begin), "finished": _iso(end)}
    return {"id": number, "process_group_name": f"Step {number}", "state": 3, "status": 2, **times, **fields}


def _iso(minutes):
    return None if minutes is None else (NOW + timedelta(minutes=minutes)).isoformat()


def test_the_timeline_begins_with_the_first_step():
    rows = views.timeline(execution(steps=[step(2, -8, -6), step(1, -10, -8)], finished=_iso(-6)), NOW)

    assert [row.step.name for row in rows] == ["Step 1", "Step 2"]
    assert [row.seconds for row in rows] == [120, 120]
    assert [row.bar[:2] for row in rows] == [(0, 0.5), (0.5, 1)]


def test_a_running_step_ends_now():
    (row,) = views.timeline(execution(2, 1, [step(1, -10, None, state=2, status=1)]), NOW)

    assert (row.outcome, row.seconds) == ("running", None)
    assert row.bar[:2] == (0, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"created": None},
        {"created": "odd"},
        {"state": None},
        {"status": 99},
        {"created": None, "finished": None},
    ],
)
def test_a_step_that_is_hardly_known_is_shown(fields):
    (row,) = views.timeline(execution(steps=[step(1, -10, -9, **fields)], created=None), NOW)

    assert row.step.name == "Step 1"
    assert row.outcome in ("success", "unreadable")


def flow(slug):
    return Flow("flow-1", slug, "Price", "p", None, None, True, False, None, None, {})


@pytest.mark.parametrize("slug", ["price", 'a"b', "a'b", "a\\nb", "price\u00e9", '"); import os #', "'\""])
def test_a_snippet_is_python_that_names_the_flow(slug):
    text = views.snippet("my_conn", "p", flow(slug))

    namespace = {}
    calls = []
    code = text[text.index("with DAG(") :]
    exec(  # noqa: S102 - that it does nothing else is what is tested
        code,
        {
            "DAG": lambda *_, **__: _Nothing(),
            "datetime": datetime,
            "IntegratorExecutionSensor": lambda **arguments: calls.append(arguments),
        },
        namespace,
    )
    (arguments,) = calls
    assert arguments["flow"] == slug
    assert arguments["integrator_conn_id"] == "my_conn"
    assert arguments["project_id"] == "p"


def test_a_snippet_leaves_out_defaults():
    text = views.snippet("integrator_default", None, flow("price"))

    assert "integrator_conn_id" not in text
    assert "project_id" not in text


def test_there_is_no_snippet_with_a_template_in_it():
    assert views.snippet("integrator_default", None, flow("{{ var.value.secret }}")) is None


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.mark.parametrize(
    ("error", "pairs"),
    [
        ({"row": 2, "message": "No"}, [("row", "2"), ("message", "No")]),
        ({"row": {"deep": 1}}, []),
        ({str(number): number for number in range(9)}, []),
        ("a text", []),
        ([1, 2], []),
        ({}, []),
    ],
)
def test_small_errors_are_shown_field_by_field(error, pairs):
    assert LogError.of(error).pairs == pairs
    assert LogError.of(error).text


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (texts.count, 1234, "1,234"),
        (texts.count, None, "—"),
        (texts.duration, 0.25, "0.2 s"),
        (texts.duration, 7.0, "7 s"),
        (texts.duration, 60.0, "1 min"),
        (texts.duration, 92.4, "1 min 32 s"),
        (texts.duration, None, "—"),
        (texts.age, 7322.0, "2 h ago"),
        (texts.age, None, "—"),
        (texts.rate, 0.0, "0%"),
        (texts.rate, 0.0001, "<0.1%"),
        (texts.rate, 0.25, "25.0%"),
        (texts.rate, None, "—"),
        (texts.moment, None, "—"),
    ],
)
def test_numbers_in_words(write, value, text):
    assert write(value) == text
