"""The lines operator with logs: several at once, in order, and not again after a kill."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    LogCancelledError,
    ResponseError,
    StorageError,
    UnavailableError,
)
from airflow_provider_integrator.operators.lines import IntegratorLinesOperator
from airflow_provider_integrator.simulator import Fault
from tests.operators.conftest import SPOILED, files, spoiled
from tests.processes import started
from tests.stores import attached, uri
from tests.tasks import a_context, lines_operator, run_lines

COUNT = 30


@pytest.fixture
def lines(simulator, execution):
    simulator.order = "oldest"
    return [
        *simulator.add_lines(execution, [{"row": number} for number in range(COUNT)], status=Status.FAILED),
        *simulator.add_lines(execution, [{"row": "good"}]),
    ][:COUNT]


class Tries:
    """The tries of one task, which keep what Airflow keeps of them."""

    def __init__(self, tries=2, **context):
        self.context = a_context(**context)
        self.context["ti"].max_tries = tries - 1
        self.context["ti"].try_number = 0

    def run(self, **arguments):
        self.context["ti"].try_number += 1
        # Not execute, which Airflow 2 allows in the main thread alone.
        return lines_operator(with_logs=True, **arguments).run_wait(self.context)


class StateStore:
    """Stands in for Airflow 3.3's, of which each value is small."""

    def __init__(self):
        self.values = {}

    def get(self, key, default=None):
        return self.values.get(key, default)

    def set(self, key, value, *, retention=None):
        assert len(json.dumps(value)) <= 65536
        self.values[key] = value

    def delete(self, key):
        self.values.pop(key, None)


def downloads(simulator):
    return [request.param("id") for request in simulator.requests if request.path == "/logs/download"]


def stop_after(simulator, count):
    """Let the Integrator be out of reach for all downloads after some."""
    served = []
    lock = threading.Lock()

    def is_over(request):
        with lock:
            served.append(request)
            return len(served) > count

    simulator.inject(Fault.status(503, on="download", where=is_over))


class TestLogs:
    @pytest.mark.parametrize("concurrency", [1, 8, 50])
    def test_stand_with_their_lines_in_order(self, concurrency, lines):
        found = run_lines(with_logs=True, concurrency=concurrency).value
        assert [line["id"] for line in found] == [line.log_id for line in lines]
        assert [line["log"]["request"]["body"]["row"] for line in found] == list(range(COUNT))
        assert {line["log_error"] for line in found} == {None}

    @pytest.mark.parametrize("store", [False, True])
    def test_stand_in_the_file(self, store, lines, tmp_path):
        memory = attached()
        path = uri(memory, "lines.jsonl") if store else f"{tmp_path}/lines.jsonl"
        outcome = run_lines(with_logs=True, output_path=path)
        text = memory.objects["/lines.jsonl"] if store else (tmp_path / "lines.jsonl").read_bytes()
        found = [json.loads(line) for line in text.splitlines()]
        assert [line["log"]["errors"][0]["row"] for line in found] == list(range(1, COUNT + 1))
        assert outcome.value["logs_missing"] == 0
        assert list(memory.objects) == ["/lines.jsonl"] * store
        assert len(files(tmp_path)) == (not store)

    def test_stand_in_a_file_for_others_too(self, lines, tmp_path):
        run_lines(with_logs=True, output_path=f"{tmp_path}/new/lines.jsonl", file_mode=0o640)
        modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("new", "new/lines.jsonl")]
        assert modes == [0o750, 0o640]

    def test_take_no_more_of_xcom_than_is_said(self, lines):
        size = len(json.dumps(run_lines(with_logs=True).value, separators=(",", ":")))
        assert run_lines(with_logs=True, max_xcom_bytes=size + 1).state == "success"
        assert "max_xcom_bytes" in run_lines(with_logs=True, max_xcom_bytes=size - 1).message

    def test_are_fetched_at_once(self, simulator, lines):
        simulator.inject(Fault.delay(1, on="download", times=6))
        run_lines(with_logs=True, concurrency=6)
        first, *_, sixth = [each.time for each in simulator.requests if "download" in each.path][:6]
        assert sixth - first < 1  # the first one isn't answered yet
        assert simulator.logins == 1
        assert simulator.connections <= 8

    @pytest.mark.parametrize("kind", SPOILED)
    def test_that_cannot_be_read_are_errors_of_their_lines(self, kind, simulator, lines, logged):
        bad = {lines[3].log_id, lines[COUNT - 1].log_id}
        fault = spoiled(kind)
        fault.where = lambda request: request.param("id") in bad
        simulator.inject(fault)
        outcome = run_lines(with_logs=True)
        found = {line["id"]: line for line in outcome.value}
        assert {each for each, line in found.items() if line["log"] is None} == bad
        says = "max_log_bytes" if kind == "bomb" else SPOILED[kind][1]
        assert all(says in found[each]["log_error"] for each in bad)
        assert "2 of 30 logs can't be had" in logged.text

    @pytest.mark.parametrize("status", [400, 403, 404, 410])
    def test_that_are_refused_are_errors_of_their_lines(self, status, simulator, lines, tmp_path):
        bad = lines[5].log_id
        simulator.inject(Fault.status(status, on="download", where=lambda r: r.param("id") == bad))
        path = tmp_path / "lines.jsonl"
        outcome = run_lines(with_logs=True, output_path=str(path))
        found = [json.loads(line) for line in path.read_bytes().splitlines()]
        assert str(status) in found[5]["log_error"]
        assert [line["log"] is None for line in found].count(True) == 1
        assert outcome.value["logs_missing"] == 1

    def test_of_a_line_without_an_id(self, simulator, execution):
        simulator.add_lines(execution, [{"row": 1}, {"row": 2}], status=Status.FAILED)

        def without_id(page):
            if page["results"] and page["results"][0]["log_type"] == 3:
                page["results"][0]["id"] = None
            return page

        simulator.inject(Fault.mutate(without_id, on="logs"))
        (bad, good) = run_lines(with_logs=True).value
        assert "has no id" in bad["log_error"]
        assert good["log"] is not None
        assert len(downloads(simulator)) == 1

    def test_that_are_stored_later_are_waited_for(self, simulator, lines):
        late = {lines[2].log_id, lines[7].log_id}
        simulator.inject(Fault.status(404, on="download", times=4, where=lambda r: r.param("id") in late))
        found = run_lines(with_logs=True, log_timeout=60).value
        assert all(line["log"] for line in found)
        assert len(downloads(simulator)) == COUNT + 4

    def test_that_are_never_stored_are_waited_for_together(self, simulator, flow):
        ended = datetime.now(timezone.utc) - timedelta(seconds=59)
        execution = simulator.add_execution(flow, lasts=0, created=ended)
        simulator.add_lines(execution, [{"row": number} for number in range(20)], status=Status.FAILED)
        simulator.inject(Fault.status(400, on="download"))
        began = time.monotonic()
        found = run_lines(with_logs=True, log_timeout=60, execution_id=execution.id).value
        assert time.monotonic() - began < 5
        assert len(downloads(simulator)) > 20
        assert all("400" in line["log_error"] for line in found)

    def test_too_much_for_xcom(self, simulator, execution):
        simulator.add_lines(execution, [{}] * COUNT, status=Status.FAILED, log={"text": "x" * 10_000})
        outcome = run_lines(with_logs=True, max_xcom_bytes=150_000)
        assert isinstance(outcome.error, AirflowFailException)
        assert "more than 150000 bytes of JSON" in outcome.message
        assert not {"return_value", "counts"} & set(outcome.xcoms)
        assert len(downloads(simulator)) < COUNT

    def test_slug_missing(self, lines, simulator, connect):
        connect(project_slug=None)
        outcome = run_lines(with_logs=True)
        assert "set project_slug" in outcome.message
        assert simulator.count("logs") == 0
        assert run_lines().state == "success"

    def test_of_a_whole_flow(self, lines):
        assert all(line["log"] for line in run_lines(with_logs=True, whole_flow=True).value)


#: What keeps a task's logs over its tries.
KEEPERS = ("folder", "store", "state", "named folder", "named store", "XComs' folder", "XComs' store")


@pytest.fixture
def kept_by(tmp_path, monkeypatch):
    """Make what keeps a task's logs over its tries: the operator's arguments, the context, and what is left of them."""

    def make(kind):
        memory, store = attached(), StateStore()
        if kind == "state":
            return {}, {"task_state_store": store}, lambda: list(store.values)
        in_store = kind.endswith("store")
        left = (lambda: list(memory.objects)) if in_store else (lambda: files(tmp_path))
        if kind.startswith("XComs'"):
            path = uri(memory, "xcoms") if in_store else f"file://{tmp_path}/xcoms"
            monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", path)
            return {}, {}, left
        if kind.startswith("named"):  # before all others
            path = uri(memory, "kept/") if in_store else f"{tmp_path}/kept"
            return {"checkpoint_path": path}, {"task_state_store": store}, left
        path = uri(memory, "lines.jsonl") if in_store else f"{tmp_path}/lines.jsonl"
        return {"output_path": path}, {"task_state_store": store}, left

    return make


@pytest.mark.parametrize("kind", KEEPERS)
class TestTries:
    def test_the_next_one_goes_on(self, kind, kept_by, simulator, lines):
        arguments, context, left = kept_by(kind)
        tries = Tries(**context)
        stop_after(simulator, 12)
        with pytest.raises(UnavailableError):
            tries.run(concurrency=2, **arguments)
        fetched = 12
        assert left()
        simulator.clear_faults()
        simulator.clear_requests()
        value = tries.run(concurrency=2, **arguments)
        assert len(downloads(simulator)) == COUNT - fetched
        assert "3" not in [request.param("log_type") for request in simulator.requests]
        if "output_path" not in arguments:
            assert [line["log"]["request"]["body"]["row"] for line in value] == list(range(COUNT))
            assert left() == []
        else:
            assert value["lines"] == COUNT
            assert value["counts"] == {"failed": COUNT, "success": 1}
            assert len(left()) == 1

    def test_the_last_one_leaves_nothing(self, kind, kept_by, simulator, lines):
        arguments, context, left = kept_by(kind)
        stop_after(simulator, 12)
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            Tries(tries=1, **context).run(**arguments)
        assert left() == []
        assert time.monotonic() - began < 4  # downloads that hadn't begun aren't waited for

    def test_one_that_is_not_retried_leaves_nothing(self, kind, kept_by, simulator, lines):
        arguments, context, left = kept_by(kind)
        served = []

        def is_revoked(request):
            served.append(request)
            if len(served) == 12:
                simulator.password = "another"
            return len(served) > 12

        simulator.inject(Fault.status(401, on="download", where=is_revoked))
        with pytest.raises(AuthenticationError):
            Tries(tries=4, **context).run(concurrency=1, **arguments)
        assert len(served) > 12
        assert left() == []

    def test_another_question_begins_anew(self, kind, kept_by, simulator, lines):
        arguments, context, _ = kept_by(kind)
        tries = Tries(**context)
        stop_after(simulator, 12)
        with pytest.raises(UnavailableError):
            tries.run(**arguments)
        simulator.clear_faults()
        simulator.clear_requests()
        tries.run(**arguments, search={"row": 1})
        assert len(downloads(simulator)) == 1

    def test_a_kill_is_no_end(self, kind, kept_by, simulator, lines):
        """What Airflow calls on SIGTERM ends the downloads; what was fetched is there for the next try."""
        arguments, context, left = kept_by(kind)
        tries = Tries(**context)
        tries.context["ti"].try_number = 1
        task = lines_operator(with_logs=True, concurrency=1, **arguments)
        simulator.inject(
            Fault.delay(0, on="download", where=lambda _: len(downloads(simulator)) > 5 and task.on_kill())
        )
        with pytest.raises(LogCancelledError):
            task.execute({**tries.context, "ti": _patient(tries)})
        assert left()
        assert not [each for each in left() if str(each).endswith("lines.jsonl")]

    def test_two_at_once_spoil_nothing(self, kind, kept_by, simulator, lines):
        """As when Airflow takes the first one for dead, and starts the next one."""
        arguments, context, left = kept_by(kind)
        tries = Tries(tries=4, **context)
        simulator.inject(Fault.delay(0.01, on="download"))
        stop_after(simulator, 20)
        errors = []

        def run():
            with pytest.raises(UnavailableError) as caught:
                tries.run(concurrency=1, **arguments)
            errors.append(caught.value)

        first = threading.Thread(target=run)
        first.start()
        while len(downloads(simulator)) < 4:
            assert first.is_alive()
            time.sleep(0.001)
        run()
        first.join()
        assert len(errors) == 2
        simulator.clear_faults()
        simulator.clear_requests()
        value = tries.run(**arguments)
        if "output_path" not in arguments:
            assert [line["log"]["request"]["body"]["row"] for line in value] == list(range(COUNT))
        assert len(downloads(simulator)) < COUNT
        assert len(left()) == ("output_path" in arguments)


@pytest.mark.parametrize("tries", [1, 2])
def test_a_task_that_keeps_nothing_says_so_if_it_may_be_tried_again(tries, simulator, lines, logged):
    stop_after(simulator, 12)
    task = Tries(tries=tries)
    with pytest.raises(UnavailableError):
        task.run()
    assert ("Set checkpoint_path" in logged.text) == (tries > 1)
    simulator.clear_faults()
    simulator.clear_requests()
    assert len(task.run()) == len(downloads(simulator)) == COUNT


def test_a_folder_for_the_next_try_is_checked_before_anything_is_asked(simulator, lines, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = run_lines(with_logs=True, checkpoint_path=f"{tmp_path}/file")
    assert isinstance(outcome.error, AirflowFailException)
    assert "can't be written" in outcome.message
    assert simulator.count("logs") == 0


def test_a_folder_for_the_next_try_from_a_template(simulator, lines, tmp_path):
    tries = Tries(ts_nodash="today", params={"folder": tmp_path})
    stop_after(simulator, 12)
    task = lines_operator(with_logs=True, checkpoint_path="{{ params.folder }}/{{ ts_nodash }}")
    task.render_template_fields(tries.context)
    with pytest.raises(UnavailableError):
        task.execute({**tries.context, "ti": _patient(tries)})
    assert [file.parent for file in files(tmp_path)] == [tmp_path / "today"]


@pytest.mark.parametrize(
    "arguments", [{"checkpoint_path": "/kept"}, {"checkpoint_path": "nope://x", "with_logs": True}]
)
def test_a_folder_for_the_next_try_that_means_nothing(arguments):
    with pytest.raises(ConfigurationError, match="checkpoint_path"):
        lines_operator(**arguments)


def _patient(tries):
    ti = tries.context["ti"]
    ti.max_tries = 5
    return ti


@pytest.mark.parametrize("error", [StorageError("The disk is full."), LogCancelledError("killed")])
def test_lines_of_a_failed_execution_that_may_be_delivered_later_are_retried(
    error, simulator, flow, tmp_path, mocker
):
    execution = simulator.add_execution(flow, lasts=0, status=Status.FAILED)
    simulator.add_lines(execution, [{"row": 1}], status=Status.FAILED)
    mocker.patch.object(IntegratorLinesOperator, "_deliver", side_effect=error)
    with pytest.raises(type(error)):
        lines_operator(on_failed="fail", output_path=f"{tmp_path}/x.jsonl").execute(a_context())


def test_lines_of_a_failed_execution_that_are_not_listed_are_retried(simulator, flow, tmp_path):
    execution = simulator.add_execution(flow, lasts=0, status=Status.FAILED)
    simulator.add_lines(execution, [{"row": 1}], status=Status.FAILED)
    simulator.inject(
        Fault.body(
            '{"message": "maintenance"}', on="logs", where=lambda asked: asked.param("log_type") == "3"
        )
    )
    with pytest.raises(ResponseError):
        lines_operator(on_failed="fail", output_path=f"{tmp_path}/x.jsonl").execute(a_context())


def test_a_place_that_nobody_named_and_that_can_not_be_used_is_not(simulator, lines, logged, monkeypatch):
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", "nonsense://bucket/xcoms")
    assert len(Tries().run()) == COUNT
    assert "can't be kept where Airflow has XComs" in logged.text


def test_a_whole_flow_is_listed_again_once_its_task_is_cleared(simulator, lines, flow, tmp_path):
    tries = Tries()
    stop_after(simulator, 12)
    with pytest.raises(UnavailableError):
        tries.run(whole_flow=True, output_path=f"{tmp_path}/x.jsonl")
    simulator.clear_faults()
    execution = simulator.add_execution(flow, lasts=0, status=Status.FAILED)
    simulator.add_lines(execution, [{"row": 1}], status=Status.FAILED, log={"errors": []})
    tries.context["ti"].max_tries += 2
    assert tries.run(whole_flow=True, output_path=f"{tmp_path}/x.jsonl")["lines"] == COUNT + 1


def first_try(_, arguments):
    context = a_context()
    context["ti"].max_tries = 1
    lines_operator(with_logs=True, **arguments).execute(context)


@pytest.mark.parametrize("kept", ["output_path", "checkpoint_path"])
def test_a_sigkill_costs_at_most_the_requests_under_way(kept, simulator, flow, tmp_path):
    execution = simulator.add_execution(flow, lasts=0)
    simulator.add_lines(execution, [{"row": number} for number in range(200)], status=Status.FAILED)
    simulator.inject(Fault.delay(0.02, on="download"))
    path = tmp_path / "lines.jsonl"
    arguments = {kept: str(path)}
    with started(first_try, arguments) as (process, _):
        while len(downloads(simulator)) < 60:
            assert process.is_alive()
            time.sleep(0.005)
        process.kill()
        process.join()
    assert not path.is_file()
    assert [file.stat().st_mode & 0o777 for file in files(tmp_path)] == [0o600]
    before = len(downloads(simulator))
    value = Tries().run(**arguments)
    after = len(downloads(simulator))
    assert before < 200
    assert 200 <= after <= 200 + 8
    if kept == "output_path":
        value = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert files(tmp_path) == [path] * (kept == "output_path")
    assert sorted(line["log"]["request"]["body"]["row"] for line in value) == list(range(200))


def peaks(pipe, path, executions):
    found = []
    for with_logs in (False, True):
        for execution in executions:
            task = lines_operator(output_path=path, execution_id=execution, with_logs=with_logs)
            tracemalloc.start()
            task.execute(a_context())
            found.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    pipe.send(found)


def test_memory_does_not_grow_with_the_number_of_lines(simulator, flow, tmp_path):
    executions = []
    for count in (1, 200, 500):  # the first one is for what is imported late
        executions.append(simulator.add_execution(flow, lasts=0))
        rows = ({"text": "x" * 1000} for _ in range(count))
        simulator.add_lines(executions[-1], rows, status=Status.FAILED)
    with started(peaks, f"{tmp_path}/lines.jsonl", [each.id for each in executions]) as (_, pipe):
        _, few, many, _, few_logs, many_logs = pipe.recv()
    # 300 lines more take 0.5 MB as texts; a page more or less, 0.16 MB, is chance.
    assert many - few < 400_000
    assert many_logs - few_logs < 400_000
