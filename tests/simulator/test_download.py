"""Download log: its parameters, and what the log holds."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import BigLog, Flow, IntegratorSimulator

if TYPE_CHECKING:
    from tests.simulator.conftest import Caller, Clock


def test_a_failed_executions_log_names_as_many_errors(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    execution = integrator.add_execution(flow, status=Status.FAILED, lasts=0, fail_count=4)
    log = caller.log(flow, execution.log_id)
    assert set(log) == {"errors", "request", "response"}
    assert len(log["errors"]) == 4
    assert caller.log(flow, execution.steps[0].log_id)["errors"] == []
    assert len(caller.log(flow, execution.steps[-1].log_id)["errors"]) == 4


@pytest.mark.parametrize("log", [{"a": [1, "ü"]}, [], "text", 0, False])
def test_any_json_can_be_a_log(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, log: object
) -> None:
    step = {"name": "Login", "log": [log]}
    execution = integrator.add_execution(flow, lasts=0, log=log, steps=[step])
    (line,) = integrator.add_lines(execution, [{"sku": "A"}], log={"line": log})
    assert caller.log(flow, execution.log_id) == log
    assert caller.log(flow, execution.steps[0].log_id) == [log]
    assert caller.log(flow, line.log_id) == {"line": log}


def test_a_lines_own_log_holds_its_row(integrator: IntegratorSimulator, flow: Flow, caller: Caller) -> None:
    execution = integrator.add_execution(flow)
    good, bad = (
        *integrator.add_lines(execution, [{"sku": "A"}]),
        *integrator.add_lines(execution, [{"sku": "B"}], status=Status.FAILED),
    )
    assert caller.log(flow, good.log_id)["request"]["body"] == {"sku": "A"}
    assert caller.log(flow, good.log_id)["errors"] == []
    assert len(caller.log(flow, bad.log_id)["errors"]) == 1


@pytest.mark.parametrize(("status", "delay"), [(400, 0), (404, 0), (400, 30), (404, 30)])
def test_a_log_is_there_once_it_is_stored(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, clock: Clock, status: Any, delay: float
) -> None:
    integrator.log_delay, integrator.late_log_status = delay, status
    execution = integrator.add_execution(flow, lasts=60, steps=["Login", "Write"])
    (line,) = integrator.add_lines(execution, [{"sku": "A"}])
    logs = [execution, *execution.steps, line]

    def stored() -> list[bool]:
        (shown,) = caller.results(flow)
        flags = [log["is_send_S3"] for log in [shown, *shown["sub_flows"], *caller.results(flow, log_type=3)]]
        answers = [caller.download(flow, log.log_id).status_code for log in logs]
        assert answers == [200 if flag == 1 else status for flag in flags]
        return [flag == 1 for flag in flags]

    seen = {}
    for passed in (0, 29, 30, 59, 60, 89, 90):
        clock.now = execution.begun + passed
        seen[passed] = stored()
    assert seen == {passed: [passed >= ended + delay for ended in (60, 30, 60, 0)] for passed in seen}


def test_late_log_status_is_checked(integrator: IntegratorSimulator) -> None:
    with pytest.raises(ValueError, match="late_log_status is one of 400, 404, not 500"):
        integrator.late_log_status = 500  # type: ignore[assignment]
    assert IntegratorSimulator(log_delay=3, late_log_status=404).late_log_status == 404


def test_bytes_are_kept_and_finish_replaces_the_log(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    execution = integrator.add_execution(flow, lasts=0, log=b'{ "spaced" :  1 }')
    answer = caller.download(flow, execution.log_id)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert caller.unpacked(answer) == {"spaced": 1}
    integrator.finish(execution)
    assert caller.log(flow, execution.log_id) == {"spaced": 1}
    integrator.finish(execution, log={"final": True})
    assert caller.log(flow, execution.log_id) == {"final": True}


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"id": None}, "id"),
        ({"id": "unknown"}, "id"),
        ({"projectid": None}, "projectid"),
        ({"projectid": "unknown"}, "projectid"),
        ({"flowId": None}, "flowId"),
        ({"flowId": "unknown"}, "flowId"),
        ({"projectslug": None}, "projectslug"),
        ({"projectslug": "other"}, "projectslug"),
    ],
)
def test_wrong_parameters_are_named(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, params: dict[str, Any], named: str
) -> None:
    execution = integrator.add_execution(flow, lasts=0)
    answer = caller.download(flow, execution.log_id, **params)
    assert answer.status_code == 400
    assert f"The parameter {named} " in answer.text


def test_a_log_belongs_to_its_flow_and_project(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    execution = integrator.add_execution(flow, lasts=0)
    sibling = integrator.add_flow(flow.project, "Stock")
    stranger = integrator.add_flow(integrator.add_project("Other"), "Price")
    assert caller.download(flow, execution.log_id).status_code == 200
    assert "parameter id" in caller.download(sibling, execution.log_id).text
    assert "parameter id" in caller.download(stranger, execution.log_id).text
    assert "parameter flowId" in caller.download(flow, execution.log_id, flowId=stranger.id).text
    assert "parameter id" in caller.download(flow, execution.id).text


@pytest.mark.parametrize("contents", ["rows", "zeros"])
@pytest.mark.parametrize("size", [100, 3_000_001])
def test_a_big_log_is_json_of_exactly_its_size(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, contents: Any, size: int
) -> None:
    big = BigLog(size, contents)
    execution = integrator.add_execution(flow, lasts=0, log=big)
    answer = caller.download(flow, execution.log_id)
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert isinstance(caller.unpacked(answer), dict if contents == "rows" else str)
    with zipfile.ZipFile(big.pack().path) as archive:
        (info,) = archive.infolist()
        digest = hashlib.sha256(archive.read(info)).digest()
    assert info.file_size == size
    assert hashlib.sha256(b"".join(big.json_bytes())).digest() == digest
    assert BigLog(size, contents).pack() is big.pack()


def test_a_big_log_has_a_least_size() -> None:
    with pytest.raises(ValueError, match="bytes or more, not 1"):
        BigLog(1).pack()
