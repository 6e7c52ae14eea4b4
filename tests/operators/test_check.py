"""The flow check operator, over real HTTP."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError, TransientError
from airflow_provider_integrator.executions.failures import FlowsUnhealthyError
from airflow_provider_integrator.executions.health import FlowHealth
from airflow_provider_integrator.operators.check import IntegratorFlowCheckOperator, table
from airflow_provider_integrator.simulator import Fault
from tests.operators.conftest import check
from tests.tasks import Runner

ORDERS = ("newest", "oldest", "shuffled")
HOUR = 3600


#: Of each of 20 flows: the number of its executions, their order in List logs, and what is checked.
SHAPES = {
    **{f"{runs} executions": (runs, "newest", {}) for runs in (0, 1, 2, 3, 11, 20, 40)},
    "fewer executions than are asked for": (3, "newest", {"executions": 5}),
    "just as many": (5, "newest", {"executions": 5}),
    "more than a page has": (60, "newest", {"executions": 100}),
    "all since": (5, "newest", {"since": timedelta(days=1)}),
    "a small page since": (20, "newest", {"since": timedelta(days=1)}),
    "more than a small page since": (30, "newest", {"since": timedelta(days=2)}),
    "more than a page since, and all of it": (90, "newest", {"since": timedelta(days=9)}),
    "no Success since": (30, "newest", {"max_age": None, "since": timedelta(days=2)}),
    **{
        f"{runs} executions, {order}": (runs, order, {})
        for order in ("oldest", "shuffled")
        for runs in (19, 90)
    },
}


def a_check(**arguments):
    return IntegratorFlowCheckOperator(**{"task_id": "check", "flow": "price", **arguments})


def run_check(context=None, **arguments):
    return Runner(lambda: a_check(**arguments), context or {}).run()


def ago(seconds):
    return datetime.now(timezone.utc) - timedelta(seconds=seconds)


@pytest.fixture
def fill(simulator, flow):
    """Add executions that took a minute: the newest begins an hour ago, each other one an hour earlier."""

    def add(*statuses, flow=flow, **more):
        return [
            simulator.add_execution(flow, created=ago(number * HOUR), lasts=60, status=status, **more)
            for number, status in enumerate(statuses, start=1)
        ]

    return add


@pytest.fixture
def history(fill):
    """Forty executions, all Success."""
    return fill(*[Status.SUCCESS] * 40)


def problems(outcome):
    return [each["problems"] for each in outcome.xcoms["return_value"]]


@pytest.mark.parametrize("order", ORDERS)
class TestInAnyOrder:
    def test_passes(self, order, simulator, history, flow):
        simulator.order = order
        outcome = run_check(
            max_age=2 * HOUR, max_fail_count=0, max_fail_rate=0.0, max_duration=60, min_rows=10
        )
        assert outcome.state == "success"
        (found,) = outcome.value
        assert found["flow"] == "price"
        assert found["flow_id"] == flow.id
        assert (found["runs"], found["failed"], found["running"]) == (1, 0, 0)
        assert (found["rows"], found["fail_rate"], found["duration"]) == (10, 0.0, 60.0)
        assert HOUR - 60 <= found["age"] < HOUR
        assert found["problems"] == found["notes"] == []

    def test_fails_after_a_failed_execution(self, order, simulator, fill):
        simulator.order = order
        failed, *_ = fill(Status.FAILED, *[Status.SUCCESS] * 40)
        outcome = run_check()
        assert isinstance(outcome.error, AirflowFailException)
        assert outcome.message == (
            f"1 of 1 flow doesn't run well:\n- price: 1 of 1 execution Failed, the last: {failed.id}."
        )
        assert problems(outcome) == [[f"1 of 1 execution Failed, the last: {failed.id}."]]

    def test_is_stale_without_a_recent_success(self, order, simulator, fill):
        simulator.order = order
        fill(*[Status.FAILED] * 150, Status.SUCCESS)
        outcome = run_check(max_age=HOUR, on_failed="continue")
        assert outcome.state == "failed"
        assert "price: It is stale: " in outcome.message

    def test_finds_a_success_a_few_executions_ago(self, order, simulator, fill):
        simulator.order = order
        fill(*[Status.FAILED] * 30, Status.SUCCESS)
        assert run_check(max_age=40 * HOUR, on_failed="continue").state == "success"
        assert run_check(max_age=30 * HOUR, on_failed="continue").state == "failed"

    def test_last_executions(self, order, simulator, fill):
        simulator.order = order
        fill(*[Status.SUCCESS] * 4, Status.FAILED, *[Status.SUCCESS] * 40)
        assert run_check(executions=4).state == "success"
        assert run_check(executions=5).state == "failed"

    @pytest.mark.parametrize("form", [timedelta, str, datetime])
    def test_since(self, form, order, simulator, fill):
        simulator.order = order
        fill(*[Status.SUCCESS] * 29, Status.FAILED, *[Status.SUCCESS] * 80)

        def since(hours):
            return {
                timedelta: timedelta(hours=hours),
                str: ago(hours * HOUR).isoformat(),
                datetime: ago(hours * HOUR),
            }[form]

        outcome = run_check(since=since(29.5))
        assert outcome.state == "success"
        assert outcome.value[0]["runs"] == 29
        assert run_check(since=since(30.5)).state == "failed"

    def test_never_ran(self, order, simulator, flow):
        simulator.order = order
        outcome = run_check(max_age=HOUR)
        assert isinstance(outcome.error, AirflowFailException)
        assert "price: It has never run." in outcome.message


class TestRunning:
    @pytest.fixture
    def running(self, simulator, flow, history):
        return simulator.add_execution(flow, created=ago(600))

    def test_is_allowed(self, running):
        outcome = run_check()
        assert outcome.state == "success"
        assert (outcome.value[0]["runs"], outcome.value[0]["running"]) == (1, 1)

    def test_is_not_allowed(self, running):
        outcome = run_check(allow_running=False)
        assert f"Execution {running.id} has been running for 10 min" in outcome.message

    def test_is_too_long(self, running):
        assert run_check(max_duration=timedelta(minutes=9)).state == "failed"
        assert run_check(max_duration=timedelta(minutes=11)).state == "success"


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ({"max_fail_count": 36}, "37 rows failed; max_fail_count is 36."),
        ({"max_fail_rate": 0.03}, "37 of 1000 rows failed; max_fail_rate is 0.03."),
        ({"max_duration": 59}, "Execution {id} took 0:01:00; max_duration is 59 s."),
        ({"min_rows": 1001}, "1000 rows were processed; min_rows is 1001."),
    ],
)
def test_threshold_is_breached_by_a_success(threshold, message, fill):
    (execution,) = fill(Status.SUCCESS, process_count=1000, fail_count=37)
    outcome = run_check(**threshold)
    assert isinstance(outcome.error, AirflowFailException)
    assert problems(outcome) == [[message.format(id=execution.id)]]


class TestSeveralFlows:
    @pytest.fixture
    def flows(self, simulator, fill):
        found = [simulator.add_flow(simulator.projects[0], f"Flow {number}") for number in range(20)]
        for each in found:
            fill(*[Status.SUCCESS] * 30, flow=each)
        return found

    def test_each_has_its_row(self, flows, fill, logged):
        fill(Status.FAILED)
        outcome = run_check(flow=["flow_3", "price", flows[5].id, "flow_3"])
        assert [each["flow"] for each in outcome.xcoms["return_value"]] == ["flow_3", "price", "flow_5"]
        assert [bool(each) for each in problems(outcome)] == [False, True, False]
        assert outcome.message.startswith("1 of 3 flows doesn't run well:\n- price: ")
        rows = [line for line in logged.text.splitlines() if re.search("  (ok|PROBLEM)  ", line)]
        assert [line.split()[:2] for line in rows] == [
            ["flow_3", "ok"],
            ["price", "PROBLEM"],
            ["flow_5", "ok"],
        ]

    def test_one_request_each_and_one_for_all(self, flows, simulator):
        outcome = run_check(flow=[each.slug for each in flows], max_age=2 * HOUR)
        assert outcome.state == "success"
        assert simulator.count("logs") == 20
        assert simulator.count("flows") == 1
        assert simulator.count() <= 22

    @pytest.mark.parametrize(
        ("shape", "end"),
        [
            *((shape, "end-404") for shape in SHAPES),
            *itertools.product(("1 executions", "all since"), ("end-empty", "end-repeat", "no-next")),
        ],
    )
    def test_requests_of_the_check_of_20_flows(self, shape, end, simulator, fill):
        """As many as 40: what some flows have shown of the server holds for all."""
        runs, order, arguments = SHAPES[shape]
        flows = [simulator.add_flow(simulator.projects[0], f"Flow {number}") for number in range(20)]
        for each in flows:
            fill(*[Status.SUCCESS] * runs, flow=each)
        simulator.forms, simulator.order = (end,), order
        outcome = run_check(flow=[each.slug for each in flows], **{"max_age": 2 * HOUR, **arguments})
        assert outcome.state == ("success" if runs else "failed")
        wanted = arguments.get("executions", runs if "since" in arguments else 1)
        assert [each["runs"] for each in outcome.xcoms["return_value"]] == [min(wanted, runs)] * 20
        assert simulator.count() <= 40

    def test_requests_of_the_check_of_20_flows_that_fail(self, flows, simulator, fill):
        for each in flows:
            fill(Status.FAILED, flow=each)
        outcome = run_check(flow=[each.slug for each in flows], max_age=HOUR / 2)
        assert len(problems(outcome)) == 20
        assert simulator.count() == 22

    @pytest.mark.parametrize("order", ["oldest", "shuffled"])
    def test_a_flow_in_another_order_is_read_whole(self, order, flows, simulator, fill):
        """What the flows before have shown of the order holds until a page contradicts it."""
        failed, *_ = fill(Status.FAILED, *[Status.SUCCESS] * 30)

        def change_order(request):  # once the last of them is answered
            if request.param("flowId") == flows[2].id:
                simulator.order = order
            return False

        simulator.inject(Fault.delay(0.0, on="logs", where=change_order))
        outcome = run_check(flow=[*(each.slug for each in flows[:3]), "price"])
        assert problems(outcome)[-1] == [f"1 of 1 execution Failed, the last: {failed.id}."]
        assert simulator.count("logs") > 4

    def test_one_that_is_refused_hides_no_other(self, flows, simulator):
        simulator.inject(Fault.status(403, on="logs", times=1, body="not this one"))
        outcome = run_check(flow=["flow_1", "flow_2"])
        assert isinstance(outcome.error, AirflowFailException)
        (refused,), none = problems(outcome)
        assert "not this one" in refused
        assert none == []

    def test_from_a_template(self, flows):
        outcome = run_check({"params": {"flows": ["flow_1"]}}, flow=["{{ params.flows[0] }}", "flow_2"])
        assert [each["flow"] for each in outcome.value] == ["flow_1", "flow_2"]


def test_lines_of_the_table_are_short():
    large = FlowHealth("f" * 200, "id", None, 86399.0, 1000, 1000, 9, 10**9 - 1, 1.0, 86399.0)
    unknown = FlowHealth("price", "id", problems=("Something is wrong.",))
    lines = table([large, unknown])
    assert len(lines) == 4
    assert all(len(line) <= 110 for line in lines)
    assert len({len(line) for line in lines[1:]}) == 1


class TestFacts:
    UI_URL = "https://integrator.example/{project_id}/{flow_id}/{execution_id}/{log_id}"

    def facts(self, outcome):
        error = check(outcome, FlowsUnhealthyError)
        facts = error.facts()
        assert (facts["error"], facts["message"]) == ("FlowsUnhealthyError", outcome.message)
        assert facts["flows"] == error.flows
        return facts["flows"]

    def test_of_the_flows_with_problems(self, simulator, fill, connect, flow):
        connect(ui_url=self.UI_URL)
        stock = simulator.add_flow(simulator.projects[0], "Stock")
        fill(Status.SUCCESS, flow=stock)
        _, failed, _ = fill(Status.SUCCESS, Status.FAILED, Status.FAILED)
        outcome = run_check(flow=["stock", "price"], executions=3)
        (found,) = self.facts(outcome)
        (returned,) = [each for each in outcome.xcoms["return_value"] if each["flow"] == "price"]
        assert {name: found[name] for name in returned} == returned
        assert found["execution"]["execution_id"] == failed.id
        assert found["execution"]["fail_count"] == 3
        assert found["link"] == self.UI_URL.format(
            project_id=simulator.projects[0].id,
            flow_id=flow.id,
            execution_id=failed.id,
            log_id=failed.log_id,
        )

    def test_of_a_flow_whose_executions_did_not_fail(self, fill):
        newest, _ = fill(Status.SUCCESS, Status.SUCCESS)
        (found,) = self.facts(run_check(max_age=60))
        assert found["execution"]["execution_id"] == newest.id
        assert found["link"] is None

    def test_of_a_flow_that_never_ran(self, flow):
        (found,) = self.facts(run_check(max_age=60))
        assert (found["execution"], found["link"], found["problems"]) == (None, None, ["It has never run."])

    def test_of_a_flow_that_is_refused(self, simulator, flow):
        simulator.inject(Fault.status(403, on="logs"))
        (found,) = self.facts(run_check())
        assert found["execution"] is None


class TestRequests:
    def test_one_small_page(self, simulator, history):
        run_check(max_age=2 * HOUR, executions=5)
        (request,) = [each for each in simulator.requests if each.path.endswith("/logs")]
        assert int(dict(request.query)["limit"]) < 30

    @pytest.mark.parametrize("count", [0, 1, 5, 11, 19, 20, 100])
    def test_at_most_two(self, count, simulator, fill):
        fill(*[Status.SUCCESS] * count)
        run_check(max_age=2 * HOUR)
        assert simulator.count("logs") <= 2

    def test_two_for_a_stale_flow(self, simulator, fill):
        fill(*[Status.FAILED] * 300)
        run_check(max_age=50 * HOUR)
        assert simulator.count("logs") == 2


class TestFaults:
    def test_outage_is_left_to_retries(self, simulator, history):
        simulator.inject(Fault.status(503, on="logs"))
        assert isinstance(run_check().error, TransientError)

    def test_short_fault_is_survived(self, simulator, history):
        simulator.inject(Fault.status(503, on="logs", times=2))
        assert run_check().state == "success"

    def test_refused_credentials_fail_without_retries(self, history, connect):
        connect(password="not-the-password")
        assert isinstance(run_check().error, AirflowFailException)

    def test_unknown_flow_fails_without_retries(self, history, simulator):
        outcome = run_check(flow=["price", "prices"])
        assert isinstance(outcome.error, AirflowFailException)
        assert "has no flow 'prices'" in outcome.message
        assert simulator.count("logs") == 0

    def test_flows_may_not_be_listed(self, history, simulator, flow, logged):
        simulator.inject(Fault.status(403, on="flows"))
        outcome = run_check(flow=flow.id)
        assert outcome.value[0]["flow"] == flow.id
        assert f"Taking '{flow.id}' as a flow's id." in logged.text

    def test_slug_is_no_id_if_flows_may_not_be_listed(self, history, simulator):
        simulator.inject(Fault.status(403, on="flows"))
        outcome = run_check(flow="price")
        assert isinstance(outcome.error, AirflowFailException)
        assert "- price: List logs: " in outcome.message

    def test_unreadable_execution_is_no_success(self, simulator, flow, history):
        strange = simulator.add_execution(flow, status=77, lasts=0)
        outcome = run_check()
        assert f"Execution {strange.id} can't be read" in outcome.message

    def test_unreadable_execution_before_the_judged_one_is_noted(self, simulator, flow, history, logged):
        simulator.add_execution(flow, status=77, created=ago(HOUR + 30), lasts=0)
        outcome = run_check()
        assert outcome.state == "success"
        assert "price: 1 other log can't be read" in logged.text


class TestArguments:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"flow": ""}, "flow is empty"),
            ({"flow": []}, "flow is empty"),
            ({"flow": None}, "flow is None"),
            ({"flow": ["price", None]}, "flow is empty"),
            ({"max_age": -1}, "max_age is -1"),
            ({"max_age": "2h"}, "max_age is '2h'"),
            ({"executions": 0}, "executions is 0"),
            ({"executions": 1.5}, "executions is 1.5"),
            ({"executions": 2, "since": timedelta(1)}, "executions and since are both set"),
            ({"since": "yesterday"}, "since is 'yesterday'"),
            ({"since": timedelta(-1)}, "since is "),
            ({"max_fail_count": -1}, "max_fail_count is -1"),
            ({"max_fail_rate": 2}, "max_fail_rate is 2"),
            ({"max_duration": None, "min_rows": "many"}, "min_rows is 'many'"),
            ({"on_failed": "warn"}, "on_failed is 'warn'"),
        ],
    )
    def test_wrong_one_fails_the_dag_at_once(self, wrong, message):
        with pytest.raises(ConfigurationError, match=message):
            a_check(**wrong)

    def test_template_that_renders_to_nothing(self, history):
        outcome = run_check({"params": {"flow": ""}}, flow="{{ params.flow }}")
        assert isinstance(outcome.error, AirflowFailException)
        assert "flow is empty" in outcome.message

    def test_since_from_a_template(self, history):
        outcome = run_check({"params": {"since": ago(2.5 * HOUR).isoformat()}}, since="{{ params.since }}")
        assert outcome.value[0]["runs"] == 2

    def test_project(self, simulator, history):
        outcome = run_check(project_id="another")
        assert isinstance(outcome.error, AirflowFailException)
        assert "project_id" in outcome.message

    def test_no_value_is_pushed_if_xcom_is_off(self, fill):
        fill(Status.FAILED)
        assert list(run_check(do_xcom_push=False).xcoms) == ["failure"]

    def test_can_be_mapped(self):
        with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
            first = IntegratorFlowCheckOperator(task_id="first", flow="price")
            IntegratorFlowCheckOperator.partial(task_id="mapped", max_age=HOUR).expand(
                flow=["price", "stock"]
            )
            then = IntegratorFlowCheckOperator(task_id="then", flow=first.output)
        assert then.upstream_task_ids == {"first"}
