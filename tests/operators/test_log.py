"""The log operator: waiting, delivering, judging."""

from __future__ import annotations

import hashlib
import json
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import (
    ConfigurationError,
    IntegratorError,
    LogArchiveError,
    LogTooLargeError,
    WaitTimeoutError,
)
from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.simulator import BigLog, Fault
from tests.tasks import a_context, after_looks, an_operator, run_operator

WAITS = ("poke", "deferrable")
#: Spaces, key order, escapes and a number's form: all of it has to arrive as it is.
RAW = '{ "rows" : [1.50, "é\\u00e9"],\n "errors":[] }\n'.encode()
#: Downloads that can't be read, each with a word of its error.
SPOILED = {
    "bad padding": (lambda: Fault.base64("bad padding"), "base64"),
    "junk": (lambda: Fault.base64("junk"), "base64"),
    "not a zip": (lambda: Fault.archive("not a zip"), "ZIP"),
    "empty": (lambda: Fault.archive("empty"), "empty"),
    "encrypted": (lambda: Fault.archive("encrypted"), "encrypted"),
    "wrong crc": (lambda: Fault.archive("wrong crc"), "CRC"),
    "truncated zip": (lambda: Fault.archive("truncated"), "ZIP"),
    "not json": (lambda: Fault.contents("not json"), "JSON"),
    "not utf-8": (lambda: Fault.contents("not utf-8"), "UTF-8"),
    "bomb": (lambda: Fault.contents(b'"' + b"0" * (17 * 1024 * 1024) + b'"'), "bomb"),
}


def spoiled(kind):
    make, _ = SPOILED[kind]
    return make()


@pytest.fixture
def execution(simulator, flow):
    return simulator.add_execution(flow, lasts=0, log=RAW)


@pytest.fixture
def failed(simulator, flow):
    return simulator.add_execution(flow, status=Status.FAILED, lasts=0)


@pytest.fixture
def empty(simulator, flow):
    return simulator.add_execution(flow, status=Status.EMPTY, lasts=0, log={"errors": []})


def files(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("mode", WAITS)
class TestWait:
    def test_for_the_finish(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, log={"rows": 3})
        after_looks(simulator, 3, lambda: simulator.finish(execution))
        outcome = run_operator(mode)
        assert outcome.value == {"rows": 3}
        assert outcome.xcoms["return_value"] == {"rows": 3}
        assert outcome.xcoms["execution"]["execution_id"] == execution.id
        assert outcome.xcoms["execution"]["state"] == "finished"
        assert len(outcome.deferrals) == (mode == "deferrable")

    def test_for_one_that_is_not_there_yet(self, mode, simulator, flow):
        after_looks(simulator, 3, lambda: simulator.add_execution(flow, lasts=0, log=[1]))
        assert run_operator(mode).value == [1]

    def test_by_id(self, mode, simulator, flow):
        simulator.add_execution(flow, lasts=0, log="another")
        after_looks(simulator, 3, lambda: simulator.add_execution(flow, lasts=0, log="mine", id="mine"))
        assert run_operator(mode, execution_id="mine").value == "mine"

    def test_ends_in_time(self, mode, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_operator(mode, timeout=0.3)
        assert isinstance(outcome.error, WaitTimeoutError)
        assert execution.id in outcome.message
        assert "0.3 s" in outcome.message
        assert outcome.xcoms["execution"]["execution_id"] == execution.id
        assert "return_value" not in outcome.xcoms

    def test_ends_in_time_where_nothing_is_there(self, mode, simulator, flow):
        outcome = run_operator(mode, timeout=0.3)
        assert isinstance(outcome.error, WaitTimeoutError)
        assert "no execution that was created at or after" in outcome.message
        assert outcome.xcoms == {}

    def test_puts_up_with_faults(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, log=[1])
        simulator.inject(Fault.status(503, on="logs", times=8))
        after_looks(simulator, 10, lambda: simulator.finish(execution))
        assert run_operator(mode, max_failed_polls=3).value == [1]

    def test_but_not_for_ever(self, mode, simulator, flow):
        simulator.add_execution(flow)
        simulator.inject(Fault.status(503, on="logs"))
        outcome = run_operator(mode, max_failed_polls=2)
        assert isinstance(outcome.error, IntegratorError)
        assert "503" in outcome.message

    def test_fails_at_once_where_it_is_refused(self, mode, simulator, flow):
        simulator.inject(Fault.status(400, on="logs", body="flowId is odd"))
        outcome = run_operator(mode)
        assert "flowId is odd" in outcome.message
        assert simulator.count("logs") == 1

    def test_that_is_not_needed(self, mode, simulator, execution):
        outcome = run_operator(mode)
        assert outcome.value == json.loads(RAW)
        assert outcome.deferrals == []

    def test_token_expires(self, mode, simulator, flow):
        execution = simulator.add_execution(flow, log=[1])
        after_looks(simulator, 2, simulator.expire_tokens)
        after_looks(simulator, 4, lambda: simulator.finish(execution))
        assert run_operator(mode).value == [1]

    def test_token_expires_before_the_download(self, mode, simulator, execution):
        after_looks(simulator, 1, simulator.expire_tokens)
        assert run_operator(mode).state == "success"
        assert simulator.logins == 2


class TestAfterTheTriggerersWait:
    def resume(self, event, **arguments):
        return an_operator("deferrable", **arguments).execute_complete(a_context(), event=event)

    def test_execution_is_pushed_where_it_timed_out(self, simulator, flow):
        def meanwhile(moment):
            if moment == "deferred":
                simulator.add_execution(flow, id="late")

        outcome = run_operator("deferrable", timeout=0.4, between=meanwhile)
        assert isinstance(outcome.error, WaitTimeoutError)
        assert outcome.xcoms["execution"]["execution_id"] == "late"

    def test_a_look_that_fails_in_passing_is_repeated(self, simulator, execution):
        simulator.inject(Fault.status(503, on="logs", times=7))
        assert self.resume({"status": "finished", "execution_id": execution.id}) == json.loads(RAW)

    def test_a_last_look_that_fails_leaves_it_a_timeout(self, simulator, flow):
        simulator.inject(Fault.status(503, on="logs"))
        with pytest.raises(WaitTimeoutError, match="503"):
            self.resume({"status": "timeout", "execution_id": None})

    @pytest.mark.parametrize(
        "event", [None, {}, {"status": "success"}, {"status": "finished", "execution_id": None}]
    )
    def test_unknown_event_fails(self, event, simulator, execution):
        with pytest.raises(IntegratorError, match="isn't known"):
            self.resume(event)

    def test_error_event_fails(self, simulator, execution):
        with pytest.raises(IntegratorError, match="List logs: no"):
            self.resume({"status": "error", "execution_id": None, "message": "List logs: no"})


@pytest.mark.parametrize("mode", WAITS)
class TestWithoutWait:
    def test_unfinished_is_an_error(self, mode, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_operator(mode, wait=False)
        assert outcome.state == "failed"
        assert execution.id in outcome.message
        assert "wait=True" in outcome.message
        assert outcome.xcoms["execution"]["state"] == "in_progress"
        assert outcome.deferrals == []

    def test_unknown_is_an_error(self, mode, simulator, flow):
        outcome = run_operator(mode, wait=False, execution_id="nobody")
        assert "doesn't know an execution nobody" in outcome.message

    def test_finished_is_none(self, mode, simulator, execution):
        assert run_operator(mode, wait=False).value == json.loads(RAW)


class TestBeforeTheWait:
    """What can be known at once is said at once: nothing is waited for."""

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"flow": "prize"}, "Set flow to a slug, name or id of: price"),
            ({"flow": "{{ '' }}"}, "flow is empty"),
            ({"execution_id": "{{ none }}"}, "execution_id is empty"),
            ({"log_id": "{{ none }}"}, "log_id is empty"),
            ({"output_path": "{{ '' }}"}, "output_path is empty"),
            ({"project_slug": ""}, "project_slug is empty"),
            ({"created_after": "soon"}, "created_after is 'soon'"),
            ({"output_path": "nostore://bucket/log.json"}, "output_path"),
        ],
    )
    @pytest.mark.parametrize("mode", WAITS)
    def test_wrong_argument(self, mode, arguments, says, simulator, flow):
        outcome = run_operator(mode, **arguments)
        assert isinstance(outcome.error, ConfigurationError), repr(outcome.error)
        assert says in outcome.message
        assert simulator.count("logs") == 0

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"on_failed": "ignore"}, "set it to fail or continue"),
            ({"on_empty": "ignore"}, "set it to succeed, skip or fail"),
            ({"adaptive": True, "deferrable": False}, "set deferrable=True"),
            ({"timeout": "1h"}, "timeout is '1h'; set it to a timedelta"),
            ({"timeout": -1}, "from 0 on"),
            ({"poll_interval": 0}, "poll_interval is 0"),
            ({"max_failed_polls": -1}, "max_failed_polls is -1"),
            ({"max_xcom_bytes": 1.5}, "max_xcom_bytes is 1.5"),
            ({"max_log_bytes": "1 GB"}, "max_log_bytes is '1 GB'"),
        ],
    )
    def test_wrong_choice_is_told_when_the_dag_is_read(self, arguments, says):
        with pytest.raises(ConfigurationError, match=says):
            IntegratorLogOperator(task_id="log", flow="price", **arguments)

    def test_durations_may_be_timedeltas(self):
        task = IntegratorLogOperator(
            task_id="log", flow="price", timeout=timedelta(hours=1), poll_interval=timedelta(seconds=5)
        )
        assert (task.timeout, task.poll_interval) == (3600.0, 5.0)

    def test_output_path_is_a_folder(self, simulator, flow, tmp_path):
        outcome = run_operator(output_path=str(tmp_path))
        assert "end it in /" in outcome.message
        assert simulator.count("logs") == 0

    @pytest.mark.parametrize("end", ["log.json", "deep/er/log.json", "folder/", ""])
    def test_output_path_is_below_a_file(self, end, simulator, flow, tmp_path):
        (tmp_path / "file").write_text("")
        outcome = run_operator(output_path=f"{tmp_path}/file/{end}")
        assert isinstance(outcome.error, ConfigurationError)
        assert "can't be written" in outcome.message
        assert simulator.count("logs") == 0

    def test_folder_may_not_be_written(self, simulator, flow, tmp_path, monkeypatch):
        # Root may write everywhere, so the system's answer is what has to be replaced.
        monkeypatch.setattr("os.access", lambda *_, **__: False)
        outcome = run_operator(output_path=f"{tmp_path}/log.json")
        assert "can't be written" in outcome.message
        assert simulator.count("logs") == 0

    def test_project_missing(self, simulator, flow, connect):
        connect(project_id=None)
        assert "set project_id" in run_operator().message

    def test_slug_missing(self, simulator, flow, connect):
        connect(project_slug=None)
        outcome = run_operator()
        assert "set project_slug" in outcome.message
        assert simulator.count("logs") == 0

    def test_slug_from_list_projects(self, simulator, execution, connect):
        connect(project_slug=None, partner_id="partner-1")
        assert run_operator().state == "success"

    def test_slug_of_the_task(self, simulator, execution, connect):
        connect(project_slug=None)
        assert run_operator(project_slug="{{ 'ac' }}me").state == "success"


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
            "a\x00b",
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

    def test_disk_refuses(self, simulator, execution, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("airflow_provider_integrator.api.archive.LogArchive.write", full)
        outcome = run_operator(output_path=f"{tmp_path}/x.json")
        assert isinstance(outcome.error, ConfigurationError)
        assert "No space left" in outcome.message
        assert files(tmp_path) == []

    def test_file_is_as_readable_as_any(self, simulator, execution, tmp_path):
        (tmp_path / "any").write_text("")
        run_operator(output_path=f"{tmp_path}/x.json")
        modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("any", "x.json")}
        assert len(modes) == 1


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
        assert set(outcome.xcoms) == {"execution", "return_value"}
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


class TestTemplatesAndMapping:
    def test_fields_are_attributes(self):
        operator = an_operator()
        assert all(hasattr(operator, name) for name in operator.template_fields)

    def test_execution_id_from_an_xcom(self, simulator, flow):
        simulator.add_execution(flow, lasts=0, log="another")
        simulator.add_execution(flow, lasts=0, log="mine", id="mine")
        xcom = {"execution_id": "mine"}
        assert run_operator(execution_id="{{ xcom.execution_id }}", context={"xcom": xcom}).value == "mine"

    def test_mapped(self, simulator, execution):
        with DAG("mapped", schedule=None):
            mapped = IntegratorLogOperator.partial(task_id="log", on_empty="skip").expand(
                flow=["price", "stock"]
            )
        operator = mapped.unmap({"flow": "price"})
        assert operator.on_empty == "skip"
        assert operator.execute(a_context()) == json.loads(RAW)

    def test_created_after(self, simulator, flow):
        past = datetime(2026, 1, 1, tzinfo=timezone.utc)
        simulator.add_execution(flow, lasts=0, created=past, log="long ago")
        simulator.add_execution(flow, lasts=0, log="now")
        assert run_operator().value == "now"
        assert run_operator(created_after=past).value == "long ago"


class TestDeferral:
    def test_trigger_is_small_and_holds_no_secret(self, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_operator("deferrable", between=lambda _: simulator.finish(execution))
        (deferral,) = outcome.deferrals
        text = json.dumps(deferral.trigger.serialize()) + json.dumps(outcome.events)
        assert len(text) < 1000
        for secret in (simulator.password, *simulator.tokens):
            assert secret not in text

    def test_airflow_waits_longer_than_the_trigger(self, simulator, flow):
        execution = simulator.add_execution(flow)
        outcome = run_operator("deferrable", timeout=50, between=lambda _: simulator.finish(execution))
        assert outcome.deferrals[0].timeout.total_seconds() > 50
