"""The forms in which an Integrator may answer."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import IntegratorSimulator
from airflow_provider_integrator.simulator.forms import FORMS, PAGES

if TYPE_CHECKING:
    from airflow_provider_integrator.simulator import Execution, Flow, Project
    from tests.simulator.conftest import Caller

DOCS = Path(__file__).parents[2] / "docs/simulator.md"
ENDS = ["end-404", "end-empty", "end-repeat", "no-next", "no-next-field"]


@pytest.fixture
def execution(integrator: IntegratorSimulator, flow: Flow) -> Execution:
    """An execution with two steps; the clock shows 2023-11-14T22:13:20.123456Z."""
    return integrator.add_execution(
        flow, status=Status.FAILED, lasts=0, steps=["Login", "Write"], is_triggered=True
    )


def shown(integrator: IntegratorSimulator, caller: Caller, flow: Flow, *forms: str) -> dict[str, Any]:
    """The flow's only main log in these forms."""
    integrator.forms = forms
    (log,) = caller.results(flow)
    return log


def groups(caller: Caller, project: Project) -> tuple[list[Any], list[Any]]:
    """Projects and flows as they are listed."""
    return (
        caller.get("/api/nifi/project/list", partnerId=project.partner_id).json(),
        caller.get("/api/nifi/flow/list", projectId=project.id).json(),
    )


def readable(logs: list[Any]) -> list[dict[str, Any]]:
    """The main logs that can be judged: they name their execution, a known state and a known status."""
    return [
        log
        for log in logs
        if isinstance(log, dict)
        and isinstance(log.get("filename_uuid"), str)
        and log["filename_uuid"]
        and log.get("state") in (1, 2, 3)
        and log.get("status") in (1, 2, 3, 4)
    ]


def test_pages_is_the_default(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, execution: Execution
) -> None:
    assert integrator.forms == ()
    default = caller.results(flow)
    assert [shown(integrator, caller, flow, PAGES)] == default
    assert integrator.forms == IntegratorSimulator(forms=PAGES).forms == ()


def test_forms_are_combined(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, execution: Execution
) -> None:
    log = shown(integrator, caller, flow, "texts", "epoch", "sparse")
    assert log == {
        "id": execution.log_id,
        "filename_uuid": execution.id,
        "state": "3",
        "status": "3",
        "created": "1700000000123",
        "process_group_name": None,
        "sub_flows": [{"id": step.log_id} for step in execution.steps],
    }
    assert set(integrator.forms) == {"texts", "epoch", "sparse"}
    assert (
        IntegratorSimulator(forms=["texts"]).forms == IntegratorSimulator(forms="texts").forms == ("texts",)
    )


@pytest.mark.parametrize(
    ("forms", "complaint"),
    [
        ("text", "no form text: pages, iso-z"),
        (["texts", "odd", "even"], "no form even, odd"),
        (["texts", "floats"], "texts and floats exclude each other"),
        (["epoch", "iso-z"], "iso-z and epoch exclude"),
        (["text-ids", "hex-ids"], "exclude"),
        (["end-empty", "no-next"], "exclude"),
    ],
)
def test_wrong_forms_are_refused(integrator: IntegratorSimulator, forms: Any, complaint: str) -> None:
    integrator.forms = "texts"
    with pytest.raises(ValueError, match=complaint):
        integrator.forms = forms
    with pytest.raises(ValueError, match=complaint):
        IntegratorSimulator(forms=forms)
    assert integrator.forms == ("texts",)


def test_text_ids(integrator: IntegratorSimulator, caller: Caller, flow: Flow, execution: Execution) -> None:
    log = shown(integrator, caller, flow, "text-ids")
    assert [one["id"] for one in [log, *log["sub_flows"]]] == [
        str(one.number) for one in [execution, *execution.steps]
    ]
    assert (log["state"], log["process_count"]) == (3, 10)
    assert caller.download(flow, execution.log_id).status_code == 200


def test_hex_ids_are_what_download_log_takes(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, execution: Execution
) -> None:
    digits = execution.log_id
    log = shown(integrator, caller, flow, "hex-ids")
    assert log["id"] == execution.log_id != digits
    assert log["sub_flows"][1]["id"] == execution.steps[1].log_id
    assert int(log["id"], 16)
    assert not log["id"].isdigit()
    assert len(caller.log(flow, log["id"])["errors"]) == 3
    assert caller.download(flow, digits).status_code == 400
    integrator.forms = PAGES
    assert execution.log_id == digits
    assert caller.download(flow, log["id"]).status_code == 400


def test_numbers(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, project: Project, execution: Execution
) -> None:
    log = shown(integrator, caller, flow, "numbers")
    assert log["created"] == log["finished"] == 1700000000123
    assert (log["id"], log["state"], log["status"], log["process_count"]) == (execution.number, 3, 3, 10)
    assert log["sub_flows"][0]["created"].startswith("2023-11-14T22:13:20.")
    ((one_project,), (one_flow,)) = groups(caller, project)
    assert one_project["component"]["variables"]["!createdDate"] == 1700000000123
    assert one_flow["component"]["variables"]["!inbound"] is True
    assert one_flow["component"]["variables"]["!outbound"] is False
    running = integrator.add_execution(flow)
    assert caller.results(flow, filename_uuid=running.id)[0]["finished"] is None


def test_texts(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, project: Project, execution: Execution
) -> None:
    log = shown(integrator, caller, flow, "texts")
    assert log["id"] == execution.log_id
    assert (log["state"], log["status"], log["process_count"], log["fail_count"]) == ("3", "3", "10", "3")
    assert (log["is_triggered"], log["in_bound"], log["is_send_S3"]) == ("true", "false", "1")
    assert (log["sub_flows"][0]["state"], log["sub_flows"][0]["id"]) == ("3", execution.steps[0].log_id)
    page = caller.logs(flow).json()
    assert (page["count"], page["limit"], page["page"]) == ("1", "25", "1")
    ((one_project,), (one_flow,)) = groups(caller, project)
    assert one_project["flowCount"] == "1"
    assert one_flow["component"]["variables"]["!inbound"] == "true"


def test_floats(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, project: Project, execution: Execution
) -> None:
    log = shown(integrator, caller, flow, "floats")
    for name, value in {"id": execution.number, "state": 3, "status": 3, "process_count": 10}.items():
        assert (type(log[name]), log[name]) == (float, value)
    assert '"status": 3.0' in caller.logs(flow).text
    assert (log["is_triggered"], log["in_bound"]) == (1, 0)
    assert log["is_triggered"] is not True
    assert type(log["sub_flows"][0]["id"]) is float
    variables = groups(caller, project)[1][0]["component"]["variables"]
    assert (variables["!inbound"], variables["!outbound"]) == (1, 0)


@pytest.mark.parametrize(
    ("form", "main", "sub", "date"),
    [
        ("iso-z", "2023-11-14T22:13:20.123Z", "2023-11-14T22:13:20.120Z", "2023-11-14T22:13:20.123Z"),
        (
            "iso-offset",
            "2023-11-15T01:13:20.123000+03:00",
            "2023-11-15T01:13:20.120000+03:00",
            "2023-11-15T01:13:20.123000+03:00",
        ),
        ("epoch", "1700000000123", "1700000000120", "1700000000123"),
    ],
)
def test_times(
    integrator: IntegratorSimulator,
    caller: Caller,
    flow: Flow,
    project: Project,
    form: str,
    main: str,
    sub: str,
    date: str,
) -> None:
    integrator.add_execution(flow, lasts=0, steps=[f"Step {number}" for number in range(60)])
    integrator.add_execution(flow, created=datetime(2023, 11, 1, tzinfo=timezone.utc))
    integrator.forms = form
    log, running = caller.results(flow)
    assert (log["created"], log["finished"], running["finished"]) == (main, main, None)
    assert running["sub_flows"][2]["finished"] is None
    # The steps' times have 2 to 6 digits before they change their form.
    times = [step[name] for step in log["sub_flows"] for name in ("created", "finished")]
    assert min(times) == sub
    assert {len(time) for time in times} == {len(sub)}
    assert groups(caller, project)[0][0]["component"]["variables"]["!createdDate"] == date


def test_epoch_and_numbers_together(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, execution: Execution
) -> None:
    log = shown(integrator, caller, flow, "epoch", "numbers")
    assert {type(one[name]) for one in [log, *log["sub_flows"]] for name in ("created", "finished")} == {int}


def test_sparse(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, project: Project, execution: Execution
) -> None:
    lines = integrator.add_lines(execution, [{"sku": "A", "size": 1}, {"sku": "B", "size": 2}])
    log = shown(integrator, caller, flow, "sparse")
    assert {name for name, value in log.items() if value is not None} == {
        "id", "filename_uuid", "state", "status", "created", "sub_flows",
    }  # fmt: skip
    assert "process_group_name" in log
    assert log["sub_flows"] == [{"id": step.number} for step in execution.steps]
    by_sku = {"search_field.1": "sku", "search_value.1": "B"}
    assert caller.results(flow, log_type=3, **by_sku) == [{"id": lines[1].number, "sku": "B"}]
    assert caller.results(flow, log_type=3) == [{"id": line.number} for line in reversed(lines)]
    assert caller.results(flow, log_type=2) == [{"id": step.number} for step in reversed(execution.steps)]
    assert groups(caller, project) == (
        [{"id": project.id, "component": {"variables": {"!projectSlug": "acme"}}}],
        [{"id": flow.id, "component": {"variables": {"!flowSlug": "price"}}}],
    )


def test_canvas(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, project: Project, execution: Execution
) -> None:
    before = groups(caller, project)
    integrator.forms = "canvas"
    for listed, (real,) in zip(groups(caller, project), before, strict=True):
        assert listed.count(real) == 1
        assert real not in (listed[0], listed[-1])
        others = [group for group in listed if group != real]
        components = [group.get("component", "absent") for group in others if isinstance(group, dict)]
        variables = [one.get("variables", "absent") for one in components if isinstance(one, dict)]
        assert "absent" in components
        assert None in components
        assert "absent" in variables
        assert None in variables
        assert None in others
        slugs = [one.get(name) for one in variables if isinstance(one, dict) for name in ("!flowSlug",)]
        assert not any(isinstance(slug, str) for slug in slugs)
    for group in groups(caller, project)[1]:
        if isinstance(group, dict) and group.get("id") != flow.id:
            assert caller.get("/logs", projectid=project.id, flowId=group.get("id")).status_code == 400
    assert len(caller.results(flow)) == 1


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
@pytest.mark.parametrize(
    ("share", "limit", "good"), [(0.99, 100, 1), (0.5, 100, 50), (0.9, 20, 2), (1, 7, 1)]
)
def test_garbage_stands_between_all_good_logs(
    integrator: IntegratorSimulator,
    caller: Caller,
    flow: Flow,
    order: Any,
    share: float,
    limit: int,
    good: int,
) -> None:
    wanted = {integrator.add_execution(flow, lasts=0, status=Status.FAILED).id for _ in range(12)}
    integrator.order, integrator.garbage_share, integrator.forms = order, share, "garbage"
    places, found, total = set(), [], 0
    for page in itertools.count(1):
        answer = caller.logs(flow, limit=limit, page=page)
        if answer.status_code == 404:
            break
        logs = answer.json()["results"]
        here = readable(logs)
        assert len(logs) == limit - good + len(here)
        assert len(here) == min(good, 12 - len(found))
        places.add(logs.index(here[0]))
        found += [log["filename_uuid"] for log in here]
        total += len(logs)
        assert answer.json()["count"] == 12 + -(-12 // good) * (limit - good)
    assert sorted(found) == sorted(wanted)
    assert total == 12 + (page - 1) * (limit - good)
    assert len(places) == 1 if page == 2 else len(places) > 1


def test_garbage_is_of_many_kinds_and_never_readable(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, execution: Execution
) -> None:
    integrator.forms = "garbage"
    logs = caller.results(flow, limit=100, filename_uuid=execution.id)
    (good,) = readable(logs)
    assert (good["filename_uuid"], good["id"]) == (execution.id, execution.number)
    others = [log for log in logs if log is not good]
    assert {type(log) for log in others} == {dict, list, str, int, type(None)}
    assert any(isinstance(log, dict) and "filename_uuid" not in log and "state" in log for log in others)
    assert {99, None, 2.5, "x"} <= {log.get("state") for log in others if isinstance(log, dict)}
    # A page of one log holds that log.
    assert caller.results(flow, limit=1) == [good]


@pytest.mark.parametrize("forms", [["garbage"], ["garbage", "sparse"], ["garbage", "texts"]])
def test_garbage_among_steps_and_lines_has_no_id(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, execution: Execution, forms: list[str]
) -> None:
    integrator.forms = forms
    (line,) = integrator.add_lines(execution, [{"sku": "A"}])
    (log,) = (log for log in caller.results(flow, limit=100) if has_id(log) and log.get("sub_flows"))
    assert [str(step["id"]) for step in log["sub_flows"] if has_id(step)] == [
        step.log_id for step in execution.steps
    ]
    assert len(log["sub_flows"]) > 10
    lines = caller.results(flow, limit=100, log_type=3)
    assert [str(one["id"]) for one in lines if has_id(one)] == [line.log_id]
    assert len(lines) == 100
    steps = caller.results(flow, limit=100, log_type=2)
    assert len(steps) == 100
    assert [str(one["id"]) for one in steps if has_id(one)] == [execution.steps[1].log_id]


def has_id(log: Any) -> bool:
    return isinstance(log, dict) and isinstance(log.get("id"), int | str) and log["id"] != ""


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_from_0_to_1(integrator: IntegratorSimulator, share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        integrator.garbage_share = share
    assert integrator.garbage_share == 0.99


@pytest.mark.parametrize("form", ENDS)
def test_the_end_of_the_pages(integrator: IntegratorSimulator, caller: Caller, flow: Flow, form: str) -> None:
    integrator.forms = form
    nothing = caller.logs(flow)
    for _ in range(5):
        integrator.add_execution(flow, lasts=0)
    first, second, last, behind, far = (caller.logs(flow, limit=2, page=page) for page in (1, 2, 3, 4, 9))
    assert [len(page.json()["results"]) for page in (first, second, last)] == [2, 2, 1]
    assert "&page=2" in first.json()["next"]
    assert "&page=3" in second.json()["next"]
    end = {name: last.json().get(name, "absent") for name in ("count", "previous", "next")}
    if form == "no-next-field":
        assert set(end.values()) == {"absent"}
    else:
        assert (end["count"], "&page=2" in end["previous"]) == (5, True)
        assert end["next"].endswith("&page=4") is (form != "no-next")
    statuses = [answer.status_code for answer in (nothing, behind, far)]
    if form == "end-empty":
        assert statuses == [200, 200, 200]
        assert nothing.json()["results"] == behind.json()["results"] == far.json()["results"] == []
        assert behind.json()["next"] == ""
    elif form == "end-repeat":
        assert statuses == [404, 200, 200]
        assert behind.json()["results"] == far.json()["results"] == last.json()["results"]
    else:
        assert statuses == [404, 404, 404]


def test_every_pair_of_forms_that_can_be_combined_answers_each_call(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, project: Project
) -> None:
    now = datetime(2023, 11, 1, tzinfo=timezone.utc)
    for number in range(3):
        integrator.add_execution(flow, lasts=0, created=now + timedelta(minutes=number))
    kinds = {name: form.kind for name, form in FORMS.items()}
    for one, other in itertools.combinations(FORMS, 2):
        if kinds[one] == kinds[other]:
            continue
        integrator.forms = (one, other)
        pages = [caller.logs(flow, limit=2, page=page) for page in (1, 2)]
        assert [page.status_code for page in pages] == [200, 200], (one, other)
        projects, flows = groups(caller, project)
        assert project.id in str(projects)
        assert flow.id in str(flows)


def test_each_form_is_documented() -> None:
    _, _, table = DOCS.read_text("utf-8").partition("| form |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    named = [name for row in rows for name in row.split("|")[1].replace("`", "").split(", ")]
    assert sorted(name.strip() for name in named) == sorted([PAGES, *FORMS])
