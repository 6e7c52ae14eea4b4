"""List logs: its parameters, its fields, its order and its pages."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_integrator.api.enums import LogType, Status
from airflow_provider_integrator.simulator import IntegratorSimulator

if TYPE_CHECKING:
    from airflow_provider_integrator.simulator import Flow, Project
    from tests.simulator.conftest import Caller, Clock


def ids(logs: list[dict[str, Any]]) -> list[str]:
    """The log ids as Download log takes them."""
    return [str(log["id"]) for log in logs]


def test_a_main_log_shows_every_documented_field(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, clock: Clock
) -> None:
    execution = integrator.add_execution(
        flow,
        status=Status.FAILED,
        lasts=0,
        process_count=12,
        fail_count=3,
        is_triggered=True,
        triggered_by="me@example.com",
    )
    (log,) = caller.results(flow)
    assert (log["id"], execution.log_id) == (execution.number, str(execution.number))
    assert log["filename_uuid"] == log["original_filename_uuid"] == execution.id
    assert (log["process_group_id"], log["process_group_name"]) == (flow.id, "price")
    assert log["parent_process_group_id"] is None
    assert log["created"] == log["finished"] == "1700000000123"
    assert (log["state"], log["status"]) == (3, 3)
    assert (log["process_count"], log["success_count"], log["fail_count"]) == (12, 9, 3)
    assert (log["is_triggered"], log["triggered_by"]) == (True, "me@example.com\n")
    assert log["in_bound"] is False
    assert (log["log_type"], log["flow_order"], log["is_send_S3"]) == (1, 1, 1)
    assert [step["process_group_id"] for step in log["sub_flows"]] == [step.slug for step in execution.steps]


def test_a_sub_log_shows_every_documented_field(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    execution = integrator.add_execution(flow, status=Status.FAILED, lasts=0)
    logs = caller.results(flow, log_type=2, original_filename_uuid=execution.id)
    assert logs == sorted(caller.results(flow)[0]["sub_flows"], key=lambda log: -log["flow_order"])
    for log, step in zip(logs, reversed(execution.steps), strict=True):
        assert (log["id"], log["filename_uuid"]) == (step.number, step.id)
        assert log["original_filename_uuid"] == execution.id
        assert (log["process_group_id"], log["process_group_name"]) == (step.slug, step.name)
        assert log["parent_process_group_id"] == flow.id
        assert (log["log_type"], log["flow_order"], log["row_num"]) == (2, step.position + 2, 1)
        assert (log["is_triggered"], log["triggered_by"]) == (False, "System\n")
        assert re.fullmatch(r"2023-11-14T22:13:20\.[0-9]{2,6}\+00:00", log["created"])
        assert datetime.fromisoformat(log["finished"][:19]) == datetime(2023, 11, 14, 22, 13, 20)
    # A successful step shows 1, 0, 0; the last one fails with its execution.
    first, last = logs[-1], logs[0]
    assert (first["status"], first["process_count"], first["success_count"]) == (2, 1, 0)
    assert (last["status"], last["process_count"], last["fail_count"]) == (3, 10, 3)


def test_sub_logs_vary_the_digits_of_a_second(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    integrator.add_execution(flow, lasts=0, steps=[f"Step {number}" for number in range(60)])
    (log,) = caller.results(flow)
    lengths = {len(step["created"].partition(".")[2]) - len("+00:00") for step in log["sub_flows"]}
    assert lengths == {2, 3, 4, 5, 6}
    assert all(step["finished"] >= step["created"] for step in log["sub_flows"])


def test_steps_are_as_they_were_asked_for(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    integrator.add_execution(
        flow,
        lasts=0,
        steps=["Login", {"name": "Map it", "slug": "mapping", "status": Status.FAILED, "fail_count": 2}],
    )
    _, step = caller.results(flow)[0]["sub_flows"]
    assert (step["process_group_id"], step["process_group_name"]) == ("mapping", "Map it")
    assert (step["status"], step["fail_count"], step["flow_order"]) == (3, 2, 3)
    with pytest.raises(ValueError, match="colour"):
        integrator.add_execution(flow, steps=[{"name": "Login", "colour": "red"}])


def test_a_line_log_looks_like_a_sub_log(integrator: IntegratorSimulator, flow: Flow, caller: Caller) -> None:
    execution = integrator.add_execution(flow, lasts=0)
    good, bad = (
        *integrator.add_lines(execution, [{"sku": "A"}]),
        *integrator.add_lines(execution.id, [{"sku": "B"}], status=Status.FAILED),
    )
    integrator.order = "oldest"
    logs = caller.results(flow, log_type=3, original_filename_uuid=execution.id)
    assert ids(logs) == [good.log_id, bad.log_id]
    (step, *_) = caller.results(flow, log_type=2)
    assert all(set(log) == {*step, "sku"} for log in logs)
    assert [log["sku"] for log in logs] == ["A", "B"]
    assert [(log["log_type"], log["row_num"]) for log in logs] == [(3, 1), (3, 2)]
    assert [log["status"] for log in logs] == [2, 3]
    assert {log["original_filename_uuid"] for log in logs} == {execution.id}


def test_a_line_log_shows_its_own_fields_rather_than_the_rows(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    execution = integrator.add_execution(flow, lasts=0)
    (line,) = integrator.add_lines(execution, [{"id": "row's", "status": "row's", "price": 5}])
    (log,) = caller.results(flow, log_type=3)
    assert (log["id"], log["status"], log["price"]) == (line.number, 2, 5)


@pytest.mark.parametrize(("rate", "failed"), [(0, 0), (0.01, 1), (0.3, 30), (1, 100)])
def test_a_flow_with_a_fail_rate(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, rate: float, failed: int
) -> None:
    flow = integrator.add_flow(flow.project, "Stock", fail_rate=rate)
    for given, counts in (
        ({}, (100, 100 - failed, failed)),
        ({"process_count": 1000}, (1000, 1000 - 10 * failed, 10 * failed)),
        ({"fail_count": 7, "process_count": 9}, (9, 2, 7)),
    ):
        execution = integrator.add_execution(flow, lasts=0, **given)
        (log,) = caller.results(flow, filename_uuid=execution.id)
        assert tuple(log[f"{of}_count"] for of in ("process", "success", "fail")) == counts
        assert log["status"] == Status.SUCCESS
    lines = integrator.add_lines(execution, [{"row": row} for row in range(100)])
    assert sum(line.status == Status.FAILED for line in lines) == failed
    assert integrator.add_lines(execution, [{}], status=Status.EMPTY)[0].status == Status.EMPTY


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_a_fail_rate_is_a_share(integrator: IntegratorSimulator, flow: Flow, rate: float) -> None:
    with pytest.raises(ValueError, match="fail_rate"):
        integrator.add_flow(flow.project, "Stock", fail_rate=rate)


def test_log_type_chooses_one_of_three_kinds(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    execution = integrator.add_execution(flow, lasts=0, steps=["Login", "Write"])
    integrator.add_lines(execution, [{"sku": "A"}] * 3)
    assert [len(caller.results(flow, log_type=kind)) for kind in (1, 2, 3)] == [1, 2, 3]
    assert caller.results(flow) == caller.results(flow, log_type=1)
    integrator.default_log_type = LogType.LINE
    assert caller.results(flow) == caller.results(flow, log_type=3)
    later = integrator.add_execution(flow, lasts=0, steps=["Login"])
    assert len(caller.results(flow, log_type=2)) == 3
    assert len(caller.results(flow, log_type=2, original_filename_uuid=later.id)) == 1


def test_filename_uuid_finds_one_log(integrator: IntegratorSimulator, flow: Flow, caller: Caller) -> None:
    executions = [integrator.add_execution(flow, lasts=0) for _ in range(3)]
    wanted = executions[1]
    assert ids(caller.results(flow, filename_uuid=wanted.id)) == [wanted.log_id]
    step = wanted.steps[0]
    assert ids(caller.results(flow, log_type=2, filename_uuid=step.id)) == [step.log_id]
    assert caller.logs(flow, filename_uuid=step.id).status_code == 404
    assert caller.logs(flow, filename_uuid="unknown").status_code == 404
    assert caller.logs(flow, filename_uuid=wanted.id, original_filename_uuid="other").status_code == 404


def test_original_filename_uuid_finds_an_executions_logs(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    one, other = (integrator.add_execution(flow, lasts=0) for _ in range(2))
    integrator.add_lines(one, [{"sku": "A"}, {"sku": "B"}])
    integrator.add_lines(other, [{"sku": "A"}])
    assert len(caller.results(flow, log_type=3, original_filename_uuid=one.id)) == 2
    assert len(caller.results(flow, log_type=2, original_filename_uuid=one.id)) == 3
    assert ids(caller.results(flow, original_filename_uuid=one.id)) == [one.log_id]
    for kind in (1, 2, 3):
        assert caller.logs(flow, log_type=kind, original_filename_uuid="unknown").status_code == 404


def test_search_fields_find_lines(integrator: IntegratorSimulator, flow: Flow, caller: Caller) -> None:
    execution, other = (integrator.add_execution(flow, lasts=0) for _ in range(2))
    lines = integrator.add_lines(
        execution, [{"sku": "A", "size": 1}, {"sku": "A", "size": 2}, {"sku": "B", "size": 1}]
    )
    integrator.add_lines(other, [{"sku": "A", "size": 1}])

    def found(**params: Any) -> set[str]:
        return set(ids(caller.results(flow, log_type=3, **params)))

    in_one = {"original_filename_uuid": execution.id}
    by_sku = {"search_field__1": "sku", "search_value__1": "A"}
    by_size = {"search_field__2": "size", "search_value__2": "1"}
    assert len(found(**by_sku)) == 3
    assert found(**in_one, **by_sku) == {lines[0].log_id, lines[1].log_id}
    assert found(**in_one, **by_sku, **by_size) == {lines[0].log_id}
    assert found(search_field__1="sku", search_value__1="C") == set()
    assert found(search_field__1="colour", search_value__1="A") == set()


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"search_field__1": "sku", "search_value__1": "A"}, "search_field.1"),
        ({"log_type": 2, "search_field__1": "sku", "search_value__1": "A"}, "search_field.1"),
        ({"log_type": 3, "search_field__1": "sku"}, "search_value.1"),
        ({"log_type": 3, "search_value__2": "A"}, "search_field.2"),
        ({"log_type": 3, "search_field__0": "sku", "search_value__0": "A"}, "search_field.0"),
        ({"log_type": 3, "search_field__x": "sku", "search_value__x": "A"}, "search_field.x"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"page": 0}, "page"),
        ({"page": -1}, "page"),
        ({"page": "1.5"}, "page"),
        ({"log_type": 0}, "log_type"),
        ({"log_type": 4}, "log_type"),
        ({"log_type": "main"}, "log_type"),
        ({"flowId": None}, "flowId"),
        ({"flowId": "unknown"}, "flowId"),
        ({"projectid": None}, "projectid"),
        ({"projectid": "unknown"}, "projectid"),
        ({"projectId": "another"}, "projectId"),
    ],
)
def test_wrong_parameters_are_named(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, params: dict[str, Any], named: str
) -> None:
    integrator.add_execution(flow, lasts=0)
    answer = caller.logs(flow, **params)
    assert answer.status_code == 400
    assert named in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_flow_of_another_project_is_refused(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    other = integrator.add_project("Other")
    answer = caller.logs(flow, projectid=other.id)
    assert answer.status_code == 400
    assert "flowId" in answer.text


@pytest.mark.parametrize(
    ("insisted", "given", "status"),
    [
        ("either", ["projectid"], 200),
        ("either", ["projectId"], 200),
        ("either", ["projectid", "projectId"], 200),
        ("either", [], 400),
        ("projectid", ["projectid"], 200),
        ("projectid", ["projectId"], 400),
        ("projectid", ["projectid", "projectId"], 200),
        ("projectId", ["projectid"], 400),
        ("projectId", ["projectId"], 200),
        ("projectId", ["projectid", "projectId"], 200),
        ("projectid-only", ["projectid"], 200),
        ("projectid-only", ["projectId"], 400),
        ("projectid-only", ["projectid", "projectId"], 400),
        ("projectid-only", [], 400),
        ("projectId-only", ["projectid"], 400),
        ("projectId-only", ["projectId"], 200),
        ("projectId-only", ["projectid", "projectId"], 400),
    ],
)
def test_the_spelling_of_the_project_parameter(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, insisted: Any, given: list[str], status: int
) -> None:
    execution = integrator.add_execution(flow, lasts=0)
    integrator.project_parameter = insisted
    project: dict[str, Any] = {"projectid": None} | dict.fromkeys(given, flow.project.id)
    assert caller.logs(flow, **project).status_code == status
    assert caller.download(flow, execution.log_id, **project).status_code == status


def test_nothing_found_is_404(integrator: IntegratorSimulator, flow: Flow, caller: Caller) -> None:
    assert caller.logs(flow).status_code == 404
    integrator.add_execution(flow, lasts=0)
    assert caller.logs(flow).status_code == 200
    assert caller.logs(flow, page=2).status_code == 404
    assert caller.logs(flow, page=999_999_999, limit=100).status_code == 404


def test_pages(integrator: IntegratorSimulator, flow: Flow, caller: Caller) -> None:
    executions = [integrator.add_execution(flow, lasts=0) for _ in range(30)]
    newest = [execution.log_id for execution in reversed(executions)]
    first = caller.logs(flow).json()
    assert list(first) == ["count", "limit", "page", "previous", "next", "results"]
    assert (first["count"], first["limit"], first["page"], first["previous"]) == (30, 25, 1, "")
    assert ids(first["results"]) == newest[:25]
    second = caller.session.get(first["next"], timeout=20).json()
    # As in the vendor's sample, next is a URL on the last page, too, and nothing is behind it.
    assert second["page"] == 2
    assert caller.session.get(second["next"], timeout=20).status_code == 404
    assert ids(second["results"]) == newest[25:]
    back = urlsplit(second["previous"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == f"{integrator.url}/logs"
    assert parse_qs(back.query)["page"] == ["1"]
    assert len(caller.results(flow, limit=1)) == 1
    assert len(caller.results(flow, limit=100)) == 30


def test_orders(integrator: IntegratorSimulator, flow: Flow, caller: Caller) -> None:
    now = datetime(2023, 11, 1, tzinfo=timezone.utc)
    made = [
        integrator.add_execution(flow, lasts=0, created=now + timedelta(minutes=number * 7 % 250))
        for number in range(250)
    ]

    def shown() -> list[str]:
        return [one for page in (1, 2, 3) for one in ids(caller.results(flow, page=page, limit=100))]

    by_time = [execution.log_id for execution in sorted(made, key=lambda execution: execution.created)]
    assert shown() == by_time[::-1]
    integrator.order = "oldest"
    assert shown() == by_time
    integrator.order = "shuffled"
    shuffled = shown()
    assert shuffled == shown() != by_time
    assert sorted(shuffled) == sorted(by_time)
    integrator.add_execution(flow, lasts=0)
    assert [log_id for log_id in shown() if log_id in set(by_time)] == shuffled
    with pytest.raises(ValueError, match="newest, oldest, shuffled"):
        integrator.order = "random"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="project_parameter"):
        integrator.project_parameter = "project"  # type: ignore[assignment]


def test_a_created_without_an_offset_and_a_taken_id_are_refused(
    integrator: IntegratorSimulator, flow: Flow, project: Project
) -> None:
    with pytest.raises(ValueError, match="offset"):
        integrator.add_execution(flow, created=datetime(2023, 11, 1))
    integrator.add_execution(flow, id="one")
    with pytest.raises(ValueError, match="one"):
        integrator.add_execution(flow, id="one")


def test_log_ids_are_unique_and_the_same_for_the_same_seed() -> None:
    def log_ids(seed: int) -> list[str]:
        simulator = IntegratorSimulator(seed=seed)
        flow = simulator.add_flow(simulator.add_project("Acme"), "Price")
        executions = [simulator.add_execution(flow) for _ in range(50)]
        lines = simulator.add_lines(executions[0], [{"sku": "A"}] * 50)
        steps = [step for execution in executions for step in execution.steps]
        return [log.log_id for log in [*executions, *lines, *steps]]

    assert log_ids(1) == log_ids(1) != log_ids(2)
    assert len(set(log_ids(1))) == 250
    assert all(re.fullmatch("[1-9][0-9]{6}", log_id) for log_id in log_ids(1))
