"""Every call in every form, through both halves of the hook."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_integrator.api.enums import LogType
from tests.calls import Async, Sync
from tests.forms.conftest import NOW, described, each_form

pytestmark = each_form("call", Sync, Async, indirect=["call"])


@pytest.fixture
def call(request, world):
    return request.param()


def readable(lines):
    """The ids of the lines that have one: nothing is needed of a line, so that garbage can look like one."""
    return [line.log_id for line in lines if line.log_id]


def test_list_logs_of_executions(call, world):
    found = call("list_logs", world.flow.id, limit=2)
    assert [described(log.as_dict()) for log in found] == [
        world.described(execution) for execution in reversed(world.executions)
    ]
    pages = 3 if "garbage" in world.forms else 2
    assert pages <= world.integrator.count("logs") <= pages + 1


def test_list_logs_of_steps(call, world):
    found = call("list_logs", world.flow.id, log_type=LogType.SUB)
    assert sorted(step.log_id for step in found) == sorted(
        step.log_id for execution in world.executions for step in execution.steps
    )
    assert {step.name for step in found} == (
        {None} if world.is_sparse else {step.name for step in world.executions[0].steps}
    )


def test_list_logs_of_lines(call, world):
    found = call(
        "list_logs", world.flow.id, log_type=LogType.LINE, original_filename_uuid=world.executions[1].id
    )
    assert sorted(readable(found)) == sorted(line.log_id for line in world.lines)


def test_search(call, world):
    found = call("list_logs", world.flow.id, log_type=LogType.LINE, search={"sku": "A-1", "shop": "x"})
    assert readable(found) == [world.lines[1].log_id]


def test_executions_since(call, world):
    found = call("executions_since", world.flow.id, NOW - timedelta(hours=2, minutes=30))
    assert [described(execution.as_dict()) for execution in found] == [
        world.described(execution) for execution in world.executions[1:]
    ]


def test_get_execution(call, world):
    found = call("get_execution", world.flow.id, world.executions[0].id)
    assert described(found.as_dict()) == world.described(world.executions[0])
    assert call("get_execution", world.flow.id, "nobody's") is None


def test_find_flow(call, world):
    by = (world.flow.id, world.flow.slug) if world.is_sparse else (world.flow.id, world.flow.slug, "Product")
    for wanted in by:
        found = call("find_flow", wanted)
        assert (found.id, found.slug) == (world.flow.id, "product")
        assert (found.inbound, found.outbound) == ((None, None) if world.is_sparse else (True, True))


def test_find_project_slug(call, world):
    assert call("find_project_slug") == "acme"
    project = next(each for each in call("list_projects") if each.id == world.flow.project.id)
    begun = None if world.is_sparse else pytest.approx(world.flow.project.created, abs=0.001)
    assert (project.created and project.created.timestamp()) == begun


def test_download(call, world):
    execution = call("get_execution", world.flow.id, world.executions[1].id)
    expected = {"errors": ["no price in 2"], "hours": 2}
    assert call("load_log", world.flow.id, execution.log_id) == expected
    assert call("load_log", world.flow.id, execution) == expected
    assert "errors" in call("load_log", world.flow.id, execution.steps[-1])
    lines = call("list_logs", world.flow.id, log_type=LogType.LINE, search={"sku": "A-2"})
    (line, *_) = [line for line in lines if line.log_id]
    assert call("load_log", world.flow.id, line) == {"line": True}
