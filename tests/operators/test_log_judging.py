"""The log operator: how it judges the execution."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.executions.failures import ExecutionFailedError
from airflow_provider_integrator.simulator import Fault
from tests.operators.conftest import SPOILED, WAITS, files, spoiled
from tests.tasks import after_looks, run_operator


class TestFailed:
    def test_fails_without_retries_and_says_why(self, simulator, failed):
        outcome = run_operator()
        assert isinstance(outcome.error, AirflowFailException)
        for said in (
            failed.id,
            "price",
            "status Failed",
            "10 rows processed, 7 ok, 3 failed",
            failed.steps[-1].log_id,
            "SKU-00001",
            "in XCom",
        ):
            assert said in outcome.message

    def test_log_is_delivered_first(self, simulator, failed, tmp_path):
        outcome = run_operator(output_path=f"{tmp_path}/x.json")
        assert isinstance(outcome.error, AirflowFailException)
        assert len(json.loads((tmp_path / "x.json").read_bytes())["errors"]) == 3
        assert outcome.xcoms["return_value"]["uri"] == (tmp_path / "x.json").as_uri()
        assert outcome.xcoms["return_value"]["uri"] in outcome.message
        assert outcome.xcoms["execution"]["status"] == "failed"

    def test_without_a_log_id_it_still_fails_without_retries_and_says_why(self, simulator, failed):
        def without_id(page):
            for log in page["results"]:
                log["id"] = None
            return page

        simulator.inject(Fault.mutate(without_id, on="logs"))
        outcome = run_operator()
        assert isinstance(outcome.error, AirflowFailException)
        assert "status Failed" in outcome.message
        assert "Its log was not delivered: List logs: field id is missing" in outcome.message

    def test_log_is_in_xcom(self, simulator, failed):
        assert len(run_operator().xcoms["return_value"]["errors"]) == 3

    def test_at_most_ten_errors(self, simulator, flow):
        simulator.add_execution(
            flow, status=Status.FAILED, lasts=0, log={"errors": [f"error no. {n}." for n in range(50)]}
        )
        message = run_operator().message
        assert [f"error no. {n}." in message for n in range(11)] == [True] * 10 + [False]

    @pytest.mark.parametrize(
        "error", ["x" * 5000, {"text": "y" * 5000}, "many\nlines " * 500], ids=["text", "object", "lines"]
    )
    def test_each_cut(self, error, simulator, flow):
        simulator.add_execution(flow, status=Status.FAILED, lasts=0, log={"errors": [error] * 20})
        lines = [line for line in run_operator().message.splitlines() if line.startswith("- ")]
        assert len(lines) == 10
        assert {len(line) for line in lines} == {302}
        assert all(line.endswith("...") for line in lines)

    def test_at_300_characters_and_not_before(self, simulator, flow):
        simulator.add_execution(flow, status=Status.FAILED, lasts=0, log={"errors": ["x" * 300]})
        assert f"- {'x' * 300}\n" in run_operator().message

    @pytest.mark.parametrize(
        "log", [{"errors": "one text"}, {"errors": {"row": "one text"}}, {"first": 1, "errors": ["one text"]}]
    )
    def test_errors_of_another_shape(self, log, simulator, flow):
        simulator.add_execution(flow, status=Status.FAILED, lasts=0, log=log)
        assert "one text" in run_operator().message

    @pytest.mark.parametrize(
        "log",
        [
            {},
            [],
            "text",
            {"errors": []},
            {"errors": None},
            {"errors": 0},
            [{"errors": ["inner"]}],
            {"a": {"errors": ["inner"]}},
        ],
    )
    def test_no_errors(self, log, simulator, flow):
        simulator.add_execution(flow, status=Status.FAILED, lasts=0, log=log)
        outcome = run_operator()
        assert isinstance(outcome.error, AirflowFailException)
        assert "Errors in its log" not in outcome.message

    @pytest.mark.parametrize("number", [b"1" * 5000, b"1e" + b"9" * 400], ids=["whole", "exponent"])
    def test_errors_behind_a_number_that_python_cannot_read(self, number, simulator, flow, tmp_path):
        log = b'{"rows": ' + number + b', "errors": ["behind"]}'
        simulator.add_execution(flow, status=Status.FAILED, lasts=0, log=log)
        outcome = run_operator(output_path=f"{tmp_path}/x.json")
        assert isinstance(outcome.error, AirflowFailException)
        assert (tmp_path / "x.json").read_bytes() == log
        assert "7 ok, 3 failed" in outcome.message
        assert "- behind" in outcome.message

    def test_a_text_that_was_cut_within_a_character(self, simulator, flow, tmp_path):
        log = b'{"errors": ["cut \\ud83d"]}'
        simulator.add_execution(flow, status=Status.FAILED, lasts=0, log=log)
        outcome = run_operator()
        assert outcome.xcoms["return_value"] == {"errors": ["cut \ufffd"]}
        assert "cut \ufffd" in outcome.message
        run_operator(output_path=f"{tmp_path}/x.json")
        assert (tmp_path / "x.json").read_bytes() == log

    def test_show_errors_is_off(self, simulator, failed, logged):
        outcome = run_operator(show_errors=False)
        assert isinstance(outcome.error, AirflowFailException)
        assert "SKU-00001" not in outcome.message
        assert "SKU-00001" not in logged.text
        assert "7 ok, 3 failed" in outcome.message

    @pytest.mark.parametrize("kind", SPOILED)
    def test_log_can_not_be_read(self, kind, simulator, failed, tmp_path):
        simulator.inject(spoiled(kind))
        outcome = run_operator(output_path=f"{tmp_path}/x.json")
        assert isinstance(outcome.error, AirflowFailException)
        assert failed.id in outcome.message
        assert "was not delivered" in outcome.message
        assert SPOILED[kind][1] in outcome.message
        assert files(tmp_path) == []

    def test_a_folder_that_can_not_be_written_hides_no_failure(self, simulator, failed, tmp_path, mocker):
        denied = PermissionError(13, "Permission denied")
        mocker.patch("airflow_provider_integrator.logs.archive.LogArchive.write", side_effect=denied)
        outcome = run_operator(output_path=f"{tmp_path}/x.json")
        assert isinstance(outcome.error, ExecutionFailedError)
        assert "status Failed" in outcome.message
        assert f"Its log was not delivered: The folder {tmp_path} can't be written" in outcome.message

    def test_log_is_refused(self, simulator, failed):
        simulator.inject(Fault.status(400, on="download", body="no such log"))
        outcome = run_operator()
        assert isinstance(outcome.error, AirflowFailException)
        assert failed.id in outcome.message
        assert "no such log" in outcome.message

    def test_log_is_too_large_for_xcom(self, simulator, failed):
        outcome = run_operator(max_xcom_bytes=5)
        assert isinstance(outcome.error, AirflowFailException)
        assert "set output_path" in outcome.message

    def test_a_download_that_may_work_later_is_left_to_a_retry(self, simulator, failed):
        simulator.inject(Fault.status(503, on="download"))
        outcome = run_operator()
        assert not isinstance(outcome.error, AirflowFailException)
        assert "503" in outcome.message

    def test_continue(self, simulator, failed, logged):
        outcome = run_operator(on_failed="continue")
        assert outcome.state == "success"
        assert len(outcome.value["errors"]) == 3
        (line,) = [line for line in logged.text.splitlines() if "status Failed" in line]
        assert "WARNING" in line.upper()

    @pytest.mark.parametrize("mode", WAITS)
    def test_after_a_wait(self, mode, simulator, flow):
        execution = simulator.add_execution(flow)
        after_looks(simulator, 3, lambda: simulator.finish(execution, status=Status.FAILED))
        outcome = run_operator(mode)
        assert isinstance(outcome.error, AirflowFailException)
        assert set(outcome.xcoms) == {"execution", "return_value", "failure"}
        assert "SKU-00001" in outcome.message


class TestEmpty:
    def test_succeeds(self, simulator, empty):
        assert run_operator().value == {"errors": []}

    def test_skip(self, simulator, empty):
        outcome = run_operator(on_empty="skip")
        assert isinstance(outcome.error, AirflowSkipException)
        assert outcome.xcoms["execution"]["status"] == "empty"
        assert simulator.count("download") == 0

    def test_fail(self, simulator, empty, tmp_path):
        outcome = run_operator(on_empty="fail", output_path=f"{tmp_path}/x.json")
        assert isinstance(outcome.error, AirflowFailException)
        assert "status Empty" in outcome.message
        assert "on_empty is fail" in outcome.message
        assert len(files(tmp_path)) == 1

    @pytest.mark.parametrize("on_empty", ["skip", "fail"])
    def test_means_nothing_for_others(self, on_empty, simulator, execution):
        assert run_operator(on_empty=on_empty).state == "success"


@pytest.mark.parametrize(
    "count", [10**400, 1e300, -1, "9" * 400], ids=["integer", "number", "negative", "digits"]
)
@pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILED])
def test_a_count_that_is_none_stops_nothing(count, status, simulator, flow):
    def change(page):
        for log in page["results"]:
            log.update(process_count=1, fail_count=count)
        return page

    simulator.add_execution(flow, status=status, lasts=0)
    simulator.inject(Fault.mutate(change, on="logs"))
    outcome = run_operator(on_failed="continue")
    assert outcome.error is None
    assert outcome.xcoms["execution"]["process_count"] == 1
    assert outcome.xcoms["execution"]["fail_count"] is None
