"""The lines operator: which lines it fetches, and where they go."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError, IntegratorError
from airflow_provider_integrator.operators.lines import IntegratorLinesOperator
from airflow_provider_integrator.simulator import Fault
from tests.operators.conftest import WAITS, files
from tests.stores import attached, uri
from tests.tasks import a_context, after_looks, lines_operator, run_lines

ROWS = [{"sku": f"SKU-{number}", "size": number % 2} for number in range(5)]


@pytest.fixture
def lines(simulator, execution):
    """Five lines, of which the last two failed."""
    simulator.order = "oldest"
    return [
        *simulator.add_lines(execution, ROWS[:3]),
        *simulator.add_lines(execution, ROWS[3:], status=Status.FAILED),
    ]


def ids(lines):
    return [line["id"] if isinstance(line, dict) else line.log_id for line in lines]


@pytest.mark.parametrize("mode", WAITS)
class TestWait:
    def test_for_the_execution(self, mode, simulator, flow):
        execution = simulator.add_execution(flow)
        lines = simulator.add_lines(execution, ROWS, status=Status.FAILED)
        after_looks(simulator, 3, lambda: simulator.finish(execution))
        outcome = run_lines(mode)
        assert sorted(ids(outcome.value)) == sorted(ids(lines))
        assert outcome.xcoms["execution"]["execution_id"] == execution.id
        assert outcome.xcoms["counts"] == {"failed": 5}
        assert len(outcome.deferrals) == (mode == "deferrable")

    def test_by_id(self, mode, simulator, flow, lines):
        other = simulator.add_execution(flow, lasts=0)
        simulator.add_lines(other, ROWS, status=Status.FAILED)
        outcome = run_lines(mode, execution_id="{{ xcom }}", context={"xcom": lines[0].execution.id})
        assert ids(outcome.value) == ids(lines[3:])

    def test_one_that_still_runs_is_an_error_without_a_wait(self, mode, simulator, flow):
        simulator.add_execution(flow)
        assert "Set wait=True" in run_lines(mode, wait=False).message


class TestLines:
    def test_are_what_is_known_and_everything_that_came(self, lines):
        (line, _) = run_lines().value
        assert set(line) == {"id", "status", "created", "row_num", "fields"}
        assert (line["id"], line["status"], line["row_num"]) == (lines[3].log_id, "failed", 4)
        assert datetime.fromisoformat(line["created"]).tzinfo == timezone.utc
        assert line["fields"]["sku"] == "SKU-3"
        assert line["fields"]["id"] == lines[3].number
        assert line["fields"]["process_group_name"] == "Write data to Omnitron"

    @pytest.mark.parametrize(
        ("status", "numbers"),
        [
            ("failed", [3, 4]),
            ("success", [0, 1, 2]),
            (["failed", "success"], [0, 1, 2, 3, 4]),
            ("any", [0, 1, 2, 3, 4]),
            (["any"], [0, 1, 2, 3, 4]),
            (("empty", "unknown"), []),
            ("{{ 'failed' }}", [3, 4]),
            (["{{ 'suc' }}cess"], [0, 1, 2]),
        ],
    )
    def test_of_some_statuses(self, status, numbers, lines):
        outcome = run_lines(status=status)
        assert ids(outcome.value) == ids(lines[number] for number in numbers)
        assert outcome.xcoms["counts"] == {"success": 3, "failed": 2}

    @pytest.mark.parametrize(
        ("search", "numbers"),
        [
            ({"sku": "SKU-3"}, [3]),
            ({"sku": "{{ 'SKU' }}-{{ 3 }}"}, [3]),
            ({"size": 1}, [1, 3]),
            ({"size": 1, "sku": "SKU-1"}, [1]),
            ({"size": 0, "sku": "SKU-1"}, []),
        ],
    )
    def test_with_some_fields(self, search, numbers, lines):
        assert ids(run_lines(status="any", search=search).value) == ids(lines[number] for number in numbers)

    @pytest.mark.parametrize(
        "value", ["a&b=c", "é ü?#+%20", "🎉", "🎉" * 2048, "x" * 8192, "a\nb"], ids=lambda value: value[:8]
    )
    def test_with_any_text(self, value, simulator, execution):
        (line, _) = simulator.add_lines(execution, [{"na&me=🎉": value}, {"na&me=🎉": "other"}])
        assert ids(run_lines(status="any", search={"na&me=🎉": value}).value) == [line.log_id]

    def test_with_a_text_that_the_server_refuses(self, simulator, lines):
        simulator.inject(Fault.status(414, on="logs", where=lambda request: request.param("search_value.1")))
        outcome = run_lines(search={"sku": "x" * 100_000})
        assert "List logs: the Integrator refuses the call (414" in outcome.message
        assert len(outcome.message) < 1000

    def test_of_a_whole_flow(self, simulator, flow, lines):
        later = simulator.add_lines(simulator.add_execution(flow), ROWS, status=Status.FAILED)
        simulator.clear_requests()
        outcome = run_lines(whole_flow=True)
        assert sorted(ids(outcome.value)) == sorted(ids([*lines[3:], *later]))
        assert set(outcome.xcoms) == {"counts", "return_value"}
        assert simulator.count("logs") == 2

    def test_of_a_whole_flow_though_it_is_said_how_to_wait(self, simulator, lines):
        """As by a DAG's default_args, which hold for all its tasks."""
        how = {"adaptive": True, "poll_interval": 1, "timeout": 5, "outage_tolerance": 0, "log_timeout": 9}
        outcome = run_lines("deferrable", whole_flow=True, **how)
        assert ids(outcome.value) == ids(lines[3:])
        assert simulator.count("flows") == 1

    def test_none_of_an_execution(self, execution):
        outcome = run_lines()
        assert (outcome.state, outcome.value, outcome.xcoms["counts"]) == ("success", [], {})

    def test_none_of_a_flow(self, flow):
        assert run_lines(whole_flow=True).value == []

    @pytest.mark.parametrize("order", ["newest", "shuffled"])
    def test_of_several_pages(self, order, simulator, execution):
        simulator.order = order
        lines = simulator.add_lines(execution, [{"row": number} for number in range(250)])
        outcome = run_lines(status="any", execution_id=execution.id)
        assert sorted(ids(outcome.value)) == sorted(ids(lines))

    def test_say_how_many_and_nothing_of_a_row(self, lines, logged):
        run_lines()
        assert "5 lines read (2 failed, 3 success), 2 taken." in logged.text
        assert "SKU-3" not in logged.text


class TestOddLines:
    """The shape of a line isn't documented, so any is taken."""

    @pytest.fixture
    def answer(self, simulator, execution):
        """Let List logs answer with these lines."""

        def set_lines(*lines):
            simulator.add_lines(execution, [{"n": number} for number in range(len(lines))])

            def changed(page):
                if page["results"] and page["results"][0]["log_type"] == 3:
                    page["results"] = list(lines)
                return page

            simulator.inject(Fault.mutate(changed, on="logs"))

        return set_lines

    @pytest.mark.parametrize(
        ("line", "known"),
        [
            ({"id": 7, "status": 3}, ("7", "failed", None)),
            ({"id": "7", "status": "3", "state": "3"}, ("7", "failed", None)),
            ({"id": 7.0, "status": 3.0, "row_num": {"a": [1]}}, ("7", "failed", {"a": [1]})),
            ({"id": "a-b-c", "status": 3}, ("a-b-c", "failed", None)),
            ({"status": 3, "sku": "A"}, (None, "failed", None)),
            ({"id": None, "status": 3, "row_num": "9"}, (None, "failed", "9")),
            ({"id": {}, "status": 3}, (None, "failed", None)),
            ({"id": 7, "state": 2, "status": 3}, ("7", "in_progress", None)),
            ({"id": 7, "status": 99}, ("7", "unknown", None)),
            ({"id": 7}, ("7", "unknown", None)),
            ({"id": 7, "status": "bad", "created": "yesterday"}, ("7", "unknown", None)),
        ],
        ids=str,
    )
    def test_is_taken(self, line, known, answer):
        answer(line)
        (found,) = run_lines(status="any").value
        assert (found["id"], found["status"], found["row_num"]) == known
        assert found["created"] is None
        assert found["fields"] == line

    @pytest.mark.parametrize("junk", [None, "text", 7, [], {}], ids=repr)
    def test_what_is_no_object_hides_no_other(self, junk, answer):
        answer(junk, {"id": 1, "status": 3}, junk)
        assert ids(run_lines().value) == ["1"]

    def test_without_a_status_are_left_out_with_a_warning(self, answer, logged):
        answer({"id": 1}, {"id": 2, "status": 3})
        outcome = run_lines()
        assert ids(outcome.value) == ["2"]
        assert outcome.xcoms["counts"] == {"unknown": 1, "failed": 1}
        assert "1 of 2 lines have no status that can be read" in logged.text
        assert ids(run_lines(status=["failed", "unknown"]).value) == ["1", "2"]

    def test_all_without_a_status_can_not_be_chosen_from(self, answer):
        answer({"id": 1}, {"id": 2})
        outcome = run_lines()
        assert isinstance(outcome.error, IntegratorError)
        assert "Set status to any" in outcome.message
        assert "return_value" not in outcome.xcoms

    def test_of_another_execution_are_an_error(self, answer):
        answer({"id": 1, "status": 3, "original_filename_uuid": "another"})
        assert "the filter was not applied" in run_lines().message

    def test_with_what_only_some_parsers_take(self, answer, tmp_path):
        line = {"id": 1, "status": 3, "long": 10**400, "none": float("nan")}
        answer(line)
        path = tmp_path / "lines.jsonl"
        run_lines(output_path=str(path))
        fields = {**line, "none": None}
        assert json.loads(path.read_bytes())["fields"] == fields
        assert run_lines().value[0]["fields"] == fields


class TestXCom:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"max_lines": 249}, "more than 249 lines (max_lines)"),
            ({"max_xcom_bytes": 50_000}, "more than 50000 bytes of JSON (max_xcom_bytes)"),
        ],
    )
    def test_takes_no_more(self, arguments, says, simulator, execution):
        simulator.add_lines(execution, [{"row": number} for number in range(250)])
        outcome = run_lines(status="any", **arguments)
        assert isinstance(outcome.error, AirflowFailException)
        assert says in outcome.message
        assert "or raise" in outcome.message
        assert not {"return_value", "counts"} & set(outcome.xcoms)
        assert len(run_lines(status="any", max_lines=250).value) == 250

    def test_is_left_as_soon_as_it_is_too_much(self, simulator, execution):
        """What 250,000 lines take is known after some pages."""
        simulator.add_lines(execution, [{"row": number} for number in range(3000)])
        simulator.clear_requests()
        outcome = run_lines(status="any", max_xcom_bytes=100_000)
        assert "Set output_path" in outcome.message
        assert simulator.count("logs") < 6

    @pytest.mark.parametrize("is_mapped", [True, False])
    def test_takes_no_more_than_airflow_maps_over(self, is_mapped, simulator, execution, monkeypatch):
        monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "20")
        simulator.add_lines(execution, [{"row": number} for number in range(21)])
        with DAG("mapped", schedule=None):
            task = lines_operator(status="any")
            if is_mapped:
                IntegratorLinesOperator.partial(task_id="each", flow="price").expand(search=task.output)
        if not is_mapped:
            assert len(task.execute(a_context())) == 21
            return
        with pytest.raises(AirflowFailException, match="more than 20 lines") as caught:
            task.execute(a_context())
        assert "[core] max_map_length" in str(caught.value)

    def test_mapped_over_flows(self, lines):
        with DAG("mapped", schedule=None):
            mapped = IntegratorLinesOperator.partial(task_id="lines").expand(flow=["price", "stock"])
        assert ids(mapped.unmap({"flow": "price"}).execute(a_context())) == ids(lines[3:])


class TestFile:
    def test_is_json_lines(self, lines, tmp_path):
        path = tmp_path / "deep/lines.jsonl"
        outcome = run_lines(status="any", output_path=str(path))
        found = [json.loads(line) for line in path.read_bytes().splitlines()]
        assert found == run_lines(status="any").value
        value = outcome.value
        assert value["uri"] == path.as_uri()
        assert (value["lines"], value["counts"]) == (5, {"success": 3, "failed": 2})
        assert value["bytes"] == path.stat().st_size
        assert value["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert value["execution"]["execution_id"] == lines[0].execution.id
        assert path.stat().st_mode & 0o777 == 0o600

    def test_is_compressed_and_always_the_same(self, lines, tmp_path):
        path = tmp_path / "lines.jsonl.gz"
        outcomes = [run_lines(output_path=str(path)).value for _ in range(2)]
        assert outcomes[0]["sha256"] == outcomes[1]["sha256"]
        assert outcomes[0]["bytes"] == path.stat().st_size
        assert len(gzip.decompress(path.read_bytes()).splitlines()) == 2

    def test_in_a_folder(self, lines, tmp_path):
        run_lines(output_path=f"{tmp_path}/")
        run_lines(output_path=f"{tmp_path}/", whole_flow=True)
        names = ["price/lines.jsonl", f"price/{lines[0].execution.id}/lines.jsonl"]
        assert sorted(str(path.relative_to(tmp_path)) for path in files(tmp_path)) == sorted(names)

    def test_in_a_store(self, lines):
        store = attached()
        outcome = run_lines(output_path=uri(store, "lines.jsonl"))
        assert outcome.state == "success", repr(outcome.error)
        assert len(store.objects["/lines.jsonl"].splitlines()) == 2

    def test_without_lines_is_empty(self, execution, tmp_path):
        outcome = run_lines(output_path=f"{tmp_path}/lines.jsonl")
        assert (tmp_path / "lines.jsonl").read_bytes() == b""
        assert (outcome.value["lines"], outcome.value["counts"]) == (0, {})

    @pytest.mark.parametrize(
        ("fault", "arguments"),
        [
            (None, {"max_lines": 200}),
            (Fault.status(400, on="logs", where=lambda r: r.param("page") == "2"), {}),
        ],
        ids=["too many lines", "a page is refused"],
    )
    def test_is_whole_or_not_there(self, fault, arguments, simulator, execution, tmp_path):
        simulator.add_lines(execution, [{"row": number} for number in range(250)], status=Status.FAILED)
        if fault:
            simulator.inject(fault)
        outcome = run_lines(output_path=f"{tmp_path}/lines.jsonl", **arguments)
        assert outcome.state == "failed"
        assert files(tmp_path) == []

    def test_takes_more_than_xcom_and_a_map(self, simulator, execution, tmp_path, monkeypatch):
        monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "20")
        simulator.add_lines(execution, [{"row": number} for number in range(250)])
        simulator.clear_requests()
        outcome = run_lines(status="any", output_path=f"{tmp_path}/lines.jsonl", max_xcom_bytes=10)
        assert outcome.value["lines"] == 250
        lists = [request for request in simulator.requests if request.param("log_type") == "3"]
        assert len(lists) == 4  # three pages, and the answer behind the last one


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (
                {"status": "broken"},
                "status is 'broken'; set it to any, or to one or more of in_progress, success",
            ),
            ({"status": []}, r"status is \[\]"),
            ({"status": None}, "status is None"),
            ({"status": ["failed", 3]}, "status is"),
            ({"status": {"failed": True}}, "status is"),
            ({"search": {}}, "search is {}"),
            ({"search": "sku=A"}, "search is 'sku=A'"),
            ({"search": {"sku": None}}, "the value of 'sku' is None"),
            ({"search": {"sku": True}}, "the value of 'sku' is True"),
            ({"search": {"sku": ""}}, "search: the value of 'sku' is empty"),
            ({"search": {"sku": "\ud800"}}, r"the value of 'sku' is '.+ud800'"),
            ({"search": {"": "A"}}, "search: a name is empty"),
            ({"search": {1.5j: "A"}}, "search: a name is 1.5j"),
            ({"concurrency": 0}, "concurrency is 0"),
            ({"max_lines": -1}, "max_lines is -1"),
            ({"max_fail_rate": 1.5}, "max_fail_rate is 1.5"),
            ({"max_fail_count": -1}, "max_fail_count is -1"),
            ({"on_failed": "ignore"}, "set it to fail or continue"),
            ({"output_path": "nostore://x"}, "nostore://"),
            ({"whole_flow": True, "execution_id": "e"}, "execution_id has no meaning"),
            ({"whole_flow": True, "created_after": "2026-01-31"}, "created_after has no meaning"),
            *(
                ({"whole_flow": True, name: value}, f"{name} has no meaning")
                for name, value in (
                    ("created_before", timedelta(hours=1)),
                    ("on_missing", "skip"),
                    ("wait", False),
                    ("on_failed", "fail"),
                    ("on_empty", "skip"),
                )
            ),
            ({"whole_flow": True, "min_rows": 1}, "a threshold has no meaning"),
            ({"whole_flow": True, "on_breach": "warn"}, "a threshold has no meaning"),
        ],
    )
    def test_wrong_ones_are_errors_when_the_dag_is_parsed(self, arguments, says):
        with pytest.raises(ConfigurationError, match=says):
            lines_operator(**arguments)

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"status": "{{ 'broken' }}"}, "status is 'broken'"),
            ({"search": {"sku": "{{ none }}"}}, "search: the value of 'sku' is empty"),
            ({"output_path": "{{ '' }}"}, "output_path is empty"),
        ],
    )
    @pytest.mark.parametrize("mode", WAITS)
    def test_wrong_ones_are_errors_before_the_wait(self, mode, arguments, says, simulator, flow):
        outcome = run_lines(mode, **arguments)
        assert isinstance(outcome.error, AirflowFailException), repr(outcome.error)
        assert says in outcome.message
        assert simulator.count("logs") == 0

    def test_are_attributes(self):
        task = lines_operator()
        assert all(hasattr(task, name) for name in task.template_fields)
        assert task.template_fields_renderers == {"search": "json"}


class TestJudging:
    def test_a_failed_execution_fails_no_task_by_itself(self, simulator, failed):
        simulator.add_lines(failed, ROWS, status=Status.FAILED)
        assert len(run_lines().value) == 5

    @pytest.mark.parametrize("arguments", [{"on_failed": "fail"}, {}])
    def test_lines_are_delivered_before_a_failure(self, arguments, simulator, flow, tmp_path):
        status = Status.FAILED if arguments else Status.SUCCESS
        execution = simulator.add_execution(flow, status=status, lasts=0, process_count=10, fail_count=3)
        simulator.add_lines(execution, ROWS, status=Status.FAILED)
        path = tmp_path / "lines.jsonl"
        outcome = run_lines(output_path=str(path), max_fail_count=2, **arguments)
        assert isinstance(outcome.error, AirflowFailException)
        assert f"Its lines are in {path.as_uri()}" in outcome.message
        assert ("max_fail_count is 2" in outcome.message) == (not arguments)
        assert outcome.xcoms["return_value"]["lines"] == 5
        assert outcome.xcoms["failure"]["log_uri"] == path.as_uri()
        assert len(path.read_bytes().splitlines()) == 5

    def test_lines_that_are_not_delivered_hide_no_failure(self, simulator, failed):
        simulator.add_lines(failed, ROWS, status=Status.FAILED)
        outcome = run_lines(on_failed="fail", max_lines=1)
        assert "status Failed" in outcome.message
        assert "Its lines were not delivered: There are more than 1 lines" in outcome.message

    def test_an_empty_one_skips(self, simulator, empty):
        outcome = run_lines(on_empty="skip")
        assert outcome.state == "skipped"
        assert "3" not in [request.param("log_type") for request in simulator.requests]
