"""The log operator: what it delivers, where."""

from __future__ import annotations

import hashlib
import stat

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    LogArchiveError,
    LogTooLargeError,
    StorageError,
)
from airflow_provider_integrator.simulator import BigLog, Fault
from tests.operators.conftest import RAW, SPOILED, files, spoiled
from tests.tasks import after_looks, an_operator, run_operator


class TestXCom:
    @pytest.mark.parametrize("log", [{"a": [1, None, True]}, [], 5, "text", {}])
    def test_any_json(self, log, simulator, flow):
        simulator.add_execution(flow, lasts=0, log=log)
        assert run_operator().value == log

    def test_execution_comes_first(self, simulator, execution):
        outcome = run_operator()
        assert [key for key, _ in outcome.pushes] == ["execution", "return_value"]
        assert list(outcome.xcoms["execution"])[:3] == ["execution_id", "log_id", "flow_id"]

    def test_execution_is_pushed_as_soon_as_it_is_known(self, simulator, flow):
        execution = simulator.add_execution(flow)
        after_looks(simulator, 4, lambda: simulator.finish(execution))
        outcome = run_operator()
        assert [value["state"] for key, value in outcome.pushes if key == "execution"] == [
            "in_progress",
            "finished",
        ]

    def test_limit(self, simulator, flow):
        simulator.add_execution(flow, lasts=0, log=b'"12345678"')
        assert run_operator(max_xcom_bytes=10).value == "12345678"
        outcome = run_operator(max_xcom_bytes=9)
        assert isinstance(outcome.error, LogTooLargeError)
        for said in ("set output_path", "raise max_xcom_bytes (9)", "object storage XCom backend"):
            assert said in outcome.message
        assert outcome.xcoms["execution"]["status"] == "success"
        assert "return_value" not in outcome.xcoms

    def test_limit_by_default(self, simulator, flow):
        simulator.add_execution(flow, lasts=0, log=BigLog(1024**2 + 1, "rows"))
        assert isinstance(run_operator().error, LogTooLargeError)

    def test_no_limit_with_output_path(self, simulator, flow, tmp_path):
        simulator.add_execution(flow, lasts=0, log=BigLog(3 * 1024**2, "rows"))
        outcome = run_operator(output_path=f"{tmp_path}/log.json")
        assert outcome.value["bytes"] == (tmp_path / "log.json").stat().st_size == 3 * 1024**2

    def test_nothing_is_returned_where_the_author_says_so(self, simulator, execution):
        assert "return_value" not in run_operator(do_xcom_push=False).xcoms

    def test_nothing_is_returned_of_a_failed_one_either(self, simulator, failed):
        outcome = run_operator(do_xcom_push=False)
        assert isinstance(outcome.error, AirflowFailException)
        assert "return_value" not in outcome.xcoms
        assert "in XCom" not in outcome.message


class TestLogId:
    def test_of_a_step(self, simulator, flow):
        execution = simulator.add_execution(
            flow, lasts=0, log="main", steps=["login", {"name": "Write", "log": "a step's"}]
        )
        assert run_operator(log_id=execution.steps[1].log_id).value == "a step's"

    def test_of_a_line(self, simulator, flow):
        execution = simulator.add_execution(flow, lasts=0)
        (line,) = simulator.add_lines(execution, [{"sku": "A"}], log="a line's")
        assert run_operator(log_id=line.log_id).value == "a line's"

    def test_in_the_path(self, simulator, flow, tmp_path):
        execution = simulator.add_execution(flow, lasts=0)
        step = execution.steps[0].log_id
        run_operator(log_id=step, output_path=f"{tmp_path}/")
        assert files(tmp_path) == [tmp_path / "price" / execution.id / f"{step}.json"]

    def test_unknown(self, simulator, execution):
        outcome = run_operator(log_id="nobody's")
        assert "the flow has no such log" in outcome.message


class TestOutputPath:
    @pytest.mark.parametrize("form", ["{}/logs/x.json", "file://{}/logs/x.json"])
    def test_byte_for_byte(self, form, simulator, execution, tmp_path):
        outcome = run_operator(output_path=form.format(tmp_path))
        target = tmp_path / "logs" / "x.json"
        assert target.read_bytes() == RAW
        assert outcome.value == {
            "uri": target.as_uri(),
            "bytes": len(RAW),
            "sha256": hashlib.sha256(RAW).hexdigest(),
            "execution": outcome.xcoms["execution"],
        }
        assert files(tmp_path) == [target]

    def test_line_breaks_and_several_files_work(self, simulator, execution, tmp_path):
        for fault in (Fault.base64("line breaks", times=1), Fault.archive("several files", times=1)):
            simulator.inject(fault)
            assert run_operator(output_path=f"{tmp_path}/x.json").state == "success"
            assert (tmp_path / "x.json").read_bytes() == RAW

    def test_folder(self, simulator, execution, tmp_path):
        outcome = run_operator(output_path=f"{tmp_path}/")
        target = tmp_path / "price" / execution.id / f"{execution.log_id}.json"
        assert files(tmp_path) == [target]
        assert outcome.value["uri"] == target.as_uri()

    def test_templated(self, simulator, execution, tmp_path):
        run_operator(output_path=f"{tmp_path}/{{{{ day }}}}/x.json", context={"day": "2026-01-31"})
        assert files(tmp_path) == [tmp_path / "2026-01-31" / "x.json"]

    def test_spaces_around_are_not_meant(self, simulator, execution, tmp_path):
        run_operator(output_path=f" {tmp_path}/x.json\n")
        assert files(tmp_path) == [tmp_path / "x.json"]

    @pytest.mark.parametrize(
        "name",
        [
            "../x",
            "..",
            "../../../../etc/x",
            "/etc/x",
            ".",
            "a\\..\\b",
            "a b%2F..",
            "%2e%2e/x",
            "ü?*[",
        ],
    )
    def test_hostile_ids_stay_in_the_folder(self, name, simulator, tmp_path):
        flow = simulator.add_flow(simulator.projects[0], "Hostile", slug=name)
        simulator.add_execution(flow, lasts=0, log=RAW, id=name)
        folder = tmp_path / "in" / "here"
        outcome = run_operator(flow=flow.id, execution_id=None, output_path=f"{folder}/")
        assert outcome.state == "success", repr(outcome.error)
        (target,) = files(tmp_path)
        assert target.is_relative_to(folder)
        assert len(target.relative_to(folder).parts) == 3
        assert target.read_bytes() == RAW

    def test_overwrites(self, simulator, execution, tmp_path):
        target = tmp_path / "x.json"
        target.write_text("older and longer " * 100)
        run_operator(output_path=str(target))
        assert target.read_bytes() == RAW

    @pytest.mark.parametrize("kind", SPOILED)
    def test_nothing_is_left_after(self, kind, simulator, execution, tmp_path):
        simulator.inject(spoiled(kind))
        outcome = run_operator(output_path=f"{tmp_path}/x.json")
        assert isinstance(outcome.error, LogArchiveError)
        assert SPOILED[kind][1] in outcome.message
        assert files(tmp_path) == []

    @pytest.mark.parametrize("kind", SPOILED)
    def test_what_was_there_stays_after(self, kind, simulator, execution, tmp_path):
        (tmp_path / "x.json").write_text("before")
        simulator.inject(spoiled(kind))
        run_operator(output_path=f"{tmp_path}/x.json")
        assert (tmp_path / "x.json").read_text() == "before"
        assert len(files(tmp_path)) == 1

    @pytest.mark.parametrize("fault", [Fault.truncated, Fault.reset], ids=["truncated", "reset"])
    def test_download_is_repeated_after(self, fault, simulator, execution, tmp_path):
        simulator.inject(fault(on="download", times=2))
        run_operator(output_path=f"{tmp_path}/x.json")
        assert (tmp_path / "x.json").read_bytes() == RAW

    @pytest.mark.parametrize(
        "fault",
        [Fault.truncated, Fault.reset, lambda **when: Fault.status(503, **when)],
        ids=["truncated", "reset", "503"],
    )
    def test_nothing_is_left_where_it_never_comes(self, fault, simulator, execution, tmp_path):
        simulator.inject(fault(on="download"))
        outcome = run_operator(output_path=f"{tmp_path}/x.json")
        assert "Download log" in outcome.message
        assert files(tmp_path) == []

    def test_max_log_bytes(self, simulator, execution, tmp_path):
        assert run_operator(output_path=f"{tmp_path}/x.json", max_log_bytes=len(RAW)).state == "success"
        (tmp_path / "x.json").unlink()
        outcome = run_operator(output_path=f"{tmp_path}/x.json", max_log_bytes=len(RAW) - 1)
        assert isinstance(outcome.error, LogTooLargeError)
        assert "raise max_log_bytes" in outcome.message
        assert files(tmp_path) == []

    def test_a_full_disk_is_left_to_retries(self, simulator, execution, tmp_path, mocker):
        full = OSError(28, "No space left on device")
        mocker.patch("airflow_provider_integrator.logs.archive.LogArchive.write", side_effect=full)
        outcome = run_operator(output_path=f"{tmp_path}/x.json")
        assert isinstance(outcome.error, StorageError)
        assert f"The folder {tmp_path} is full (No space left on device)" in outcome.message
        assert f"it has to take x.json, the log's JSON, of {len(RAW)} bytes" in outcome.message
        assert files(tmp_path) == []

    @pytest.mark.parametrize(
        ("given", "modes"),
        [({}, (0o600, 0o700)), ({"file_mode": 0o640}, (0o640, 0o750))],
        ids=["default", "0640"],
    )
    def test_permissions(self, given, modes, simulator, execution, tmp_path):
        run_operator(output_path=f"{tmp_path}/logs/x.json", **given)
        target = tmp_path / "logs" / "x.json"
        assert tuple(stat.S_IMODE(path.stat().st_mode) for path in (target, target.parent)) == modes

    @pytest.mark.parametrize("mode", [600, 640, 0o400, 0o1600, "0600", True, None, -1])
    def test_permissions_that_are_none_are_reported_when_the_dag_is_parsed(self, mode):
        with pytest.raises(ConfigurationError, match=r"file_mode is .*; set it to octal permissions"):
            an_operator(file_mode=mode)
