"""A simulator that answers as a report of the doctor describes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.simulator import IntegratorSimulator
from airflow_provider_integrator.simulator.__main__ import _parser
from tests.simulator.test_demo import running, welcome

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_integrator.simulator import Flow
    from tests.simulator.conftest import Caller

EXECUTION = {
    "created": ["text: ISO 8601, Z"],
    "filename_uuid": ["text"],
    "finished": ["null", "text: ISO 8601, Z"],
    "id": ["text: digits"],
    "process_count": ["missing", "number: x.0"],
    "state": ["text: digits"],
    "status": ["number: whole"],
    "priority": ["number: whole"],
    "sub_flows": [{"list": [{"object": {"id": ["number: whole"]}}]}],
}
LOGS = {
    "order": "oldest first",
    "behind the last page": "no results",
    "nothing matches": "status 404",
    "without log_type": "line",
    "more pages": {"next": ["text: URL"], "page": ["text: digits"]},
    "last page": {"next": ["null"], "page": ["text: digits"]},
    "page behind": {"page": ["null"]},
    "execution": {"each": EXECUTION, "odd": [["null"], [{"object": {"state": ["number: whole"], "id": ["missing"]}}]]},
    "odd steps of an execution": [["text"]],
    "step": {"each": {}, "odd": []},
    "line": {"each": {"id": ["number: whole"], "*": ["text"]}, "odd": [[{"object": {"id": ["null"]}}]]},
}  # fmt: skip
REPORT = {
    "report": 1,
    "package": "0.1.0",
    "steps": {},
    "ways": {
        "auth_header": {"Authorization": "accepted", "Authentication": "accepted"},
        "project_parameter": {"both": "status 400", "projectid": "status 400", "projectId": "accepted"},
    },
    "calls": {"Login": {"statuses": [201]}},
    "List flows": {
        "each": {
            "id": ["text"],
            "component": [{"object": {"variables": [{"object": {"!flowSlug": ["text"]}}]}}],
        },
        "odd": [["null"], [{"object": {"id": ["text"], "component": [{"object": {"name": ["text"]}}]}}]],
    },
    "List logs": LOGS,
    "Download log": {"a log that isn't stored": "status 404", "files": "one", "base64": "in one line"},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path, REPORT)


def write(folder: Path, report: Any) -> Path:
    path = folder / "report.json"
    path.write_text(json.dumps(report))
    return path


def test_settings_are_the_servers(path: Path) -> None:
    simulator = IntegratorSimulator(forms=path)
    assert simulator.forms == (str(path),)
    assert (simulator.order, simulator.auth_header) == ("oldest", "either")
    assert (simulator.project_parameter, simulator.late_log_status) == ("projectId-only", 404)
    assert simulator.default_log_type == 3


def test_what_a_report_does_not_know_stays(tmp_path: Path) -> None:
    bare = write(tmp_path, {"report": 1, "calls": {}})
    simulator = IntegratorSimulator(forms=bare, order="shuffled", late_log_status=404, auth_header="either")
    assert (simulator.order, simulator.late_log_status, simulator.auth_header) == ("shuffled", 404, "either")
    assert simulator.project_parameter == "either"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "no JSON",
        '{"report": 1}',
        '{"report": 2, "calls": {}}',
        "\xff",
        "[" * 100_000,
        '{"report": [], "calls": {}}',
        '{"report": 1, "calls": []}',
        *(
            f'{{"report": 1, "calls": {{}}, {part}}}'
            for part in (
                '"ways": {"auth_header": {"Authorization": []}}',
                '"calls": {"Login": {"statuses": ["x"]}}',
                '"List flows": []',
                '"List flows": {"each": []}',
                '"List flows": {"odd": [{}]}',
                '"List logs": {"order": []}',
                '"List logs": {"last page": {"next": "text"}}',
                '"List logs": {"step": {"each": {"id": [5]}}}',
                '"List logs": {"odd steps of an execution": 5}',
                '"List logs": {"line": {"odd": [[{"set": []}]]}}',
                '"Download log": {"contents": [{}]}',
                '"Download log": {"files": 1}',
                f'"Download log": {{"contents": {60 * """[{"list": """}[]{60 * "}]"}}}',
            )
        ),
    ],
    ids=lambda text: text[-50:],
)
def test_another_file_is_refused(text: str, tmp_path: Path, integrator: IntegratorSimulator) -> None:
    (tmp_path / "report.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"report\.json is"):
        integrator.forms = tmp_path / "report.json"
    assert integrator.forms == ()
    with pytest.raises(ValueError, match="nowhere isn't a report"):
        integrator.forms = tmp_path / "nowhere"


class TestAnswers:
    @pytest.fixture
    def spoken(self, integrator: IntegratorSimulator, path: Path) -> IntegratorSimulator:
        integrator.forms = path
        integrator.project_parameter = "either"
        return integrator

    def test_login(self, spoken: IntegratorSimulator, anonymous: Caller) -> None:
        credentials = {"username": spoken.username, "password": spoken.password}
        assert anonymous.post("/api/nifi/login", data=credentials).status_code == 201

    @pytest.fixture
    def logged_in(self, caller: Caller, spoken: IntegratorSimulator) -> Caller:
        return caller

    def test_flows_and_other_groups(self, logged_in: Caller, flow: Flow) -> None:
        listed = logged_in.get("/api/nifi/flow/list", projectId=flow.project.id).json()
        assert listed[:2] == [None, {"id": flow.id, "component": {"variables": {"!flowSlug": "price"}}}]
        assert [sorted(group) for group in listed[2:]] == [["component", "id"]]

    def test_executions_beside_what_cannot_be_read(
        self, logged_in: Caller, spoken: IntegratorSimulator, flow: Flow
    ) -> None:
        done = [spoken.add_execution(flow, lasts=0) for _ in range(2)]
        running = spoken.add_execution(flow)
        odd, *logs, other = logged_in.results(flow, limit=100, log_type=1)
        assert (odd, other) == (None, {"state": 99})
        assert [log["filename_uuid"] for log in logs] == [each.id for each in (*done, running)]
        assert [(log["state"], log["status"], log["id"]) for log in logs[:1]] == [("3", 2, done[0].log_id)]
        assert [log.get("process_count", "missing") for log in logs] == ["missing", 10.0, "missing"]
        assert [log["finished"] is None for log in logs] == [False, False, True]
        assert logs[0]["created"].endswith("Z")
        assert {type(log["priority"]) for log in logs} == {int}
        assert [step["id"] for step in logs[0]["sub_flows"][:-1]] == [step.number for step in done[0].steps]
        assert isinstance(logs[0]["sub_flows"][-1], str)
        # A log keeps its form, wherever it stands.
        (again,) = logged_in.results(flow, limit=1, page=2, log_type=1)
        assert again == logs[1]

    def test_lines(self, logged_in: Caller, spoken: IntegratorSimulator, flow: Flow) -> None:
        (line,) = spoken.add_lines(spoken.add_execution(flow), [{"sku": "A"}])
        log, odd = logged_in.results(flow)
        assert (log["id"], len(log), odd) == (line.number, 2, {"id": None})

    def test_pages(self, logged_in: Caller, spoken: IntegratorSimulator, flow: Flow) -> None:
        nothing = logged_in.logs(flow, log_type=1)
        assert nothing.status_code == 404
        for _ in range(3):
            spoken.add_execution(flow, lasts=0)
        first, last, behind = (
            logged_in.logs(flow, limit=4, page=page, log_type=1).json() for page in (1, 2, 3)
        )
        assert [sorted(page) for page in (first, last, behind)] == [
            ["next", "page", "results"], ["next", "page", "results"], ["page", "results"]
        ]  # fmt: skip
        assert "page=2" in first["next"]
        assert (last["next"], last["page"], behind["results"]) == (None, "2", [])

    def test_contents_that_were_given_stay(
        self, logged_in: Caller, spoken: IntegratorSimulator, flow: Flow
    ) -> None:
        given = {"errors": [{"sku": "A"}], "B-1": 1}
        assert logged_in.log(flow, spoken.add_execution(flow, lasts=0, log=given).log_id) == given


def test_opaque_log_ids_are_what_download_log_takes(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, tmp_path: Path
) -> None:
    logs = {**LOGS, "execution": {"each": {**EXECUTION, "id": ["text"]}, "odd": []}}
    contents = [{"object": {"messages": [{"list": ["text"]}]}}]
    report = {
        "report": 1,
        "calls": {},
        "List logs": logs,
        "Download log": {"contents": contents, "files": "several"},
    }
    integrator.forms = write(tmp_path, report)
    execution = integrator.add_execution(flow, lasts=0)
    (log,) = caller.results(flow, log_type=1)
    assert log["id"] == execution.log_id
    assert not log["id"].isdigit()
    (message,) = caller.log(flow, log["id"])["messages"]
    assert isinstance(message, str)


def test_ids_keep_their_values(
    integrator: IntegratorSimulator, caller: Caller, flow: Flow, tmp_path: Path
) -> None:
    number = ["number: whole"]
    names = ("filename_uuid", "original_filename_uuid", "process_group_id")
    logs = {"execution": {"each": {**EXECUTION, **dict.fromkeys(names, number)}, "odd": []}}
    variables = [{"object": {"!flowSlug": ["text: digits"], "!flowType": ["text: digits"]}}]
    groups = {"each": {"id": number, "component": [{"object": {"variables": variables}}]}, "odd": []}
    report = {"report": 1, "calls": {}, "List logs": logs, "List flows": groups}
    integrator.forms = write(tmp_path, report)
    execution = integrator.add_execution(flow, lasts=0)
    (log,) = caller.results(flow, filename_uuid=execution.id)
    assert [log[name] for name in names] == [execution.id, execution.id, flow.id]
    (listed,) = caller.get("/api/nifi/flow/list", projectId=flow.project.id).json()
    assert (listed["id"], listed["component"]["variables"]["!flowSlug"]) == (flow.id, "price")
    assert listed["component"]["variables"]["!flowType"].isdigit()


def test_the_command_takes_a_report(path: Path) -> None:
    assert _parser().parse_args(["--forms", str(path)]).forms == path
    with running("--forms", str(path)) as process:
        assert any(line.split(maxsplit=1) == ["forms", str(path)] for line in welcome(process))


def test_the_command_refuses_another_file(tmp_path: Path) -> None:
    path = write(tmp_path, {})
    with running("--forms", str(path)) as process:
        _, err = process.communicate(timeout=30)
        assert process.returncode == 2
        assert "isn't a report" in err
