"""The sensor's arguments, what it returns and what it says."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor
from tests.tasks import MODES, a_context, a_sensor, after_looks, run_sensor

NOW = datetime.now(timezone.utc).replace(microsecond=0)


class TestValue:
    def test_keys(self, simulator, flow):
        simulator.add_execution(flow, lasts=0)
        value = run_sensor("poke").value
        assert list(value) == [
            "execution_id",
            "log_id",
            "flow_id",
            "flow_slug",
            "state",
            "status",
            "created",
            "finished",
            "duration",
            "process_count",
            "success_count",
            "fail_count",
            "is_triggered",
            "triggered_by",
            "steps",
        ]
        assert all(list(step) == ["name", "slug", "log_id", "state", "status"] for step in value["steps"])

    def test_values(self, simulator, flow):
        created = NOW - timedelta(seconds=90)
        execution = simulator.add_execution(
            flow,
            status=Status.FAILED,
            created=created,
            lasts=60,
            process_count=12,
            fail_count=2,
            is_triggered=True,
            triggered_by="someone@example.com",
            steps=["login", {"name": "Write data", "slug": "write_data", "status": Status.FAILED}],
        )
        value = run_sensor("poke").value
        steps = value.pop("steps")
        assert value == {
            "execution_id": execution.id,
            "log_id": execution.log_id,
            "flow_id": flow.id,
            "flow_slug": "price",
            "state": "finished",
            "status": "failed",
            "created": created.isoformat(),
            "finished": (created + timedelta(seconds=60)).isoformat(),
            "duration": 60.0,
            "process_count": 12,
            "success_count": 10,
            "fail_count": 2,
            "is_triggered": True,
            "triggered_by": "someone@example.com",
        }
        assert value["created"].endswith("+00:00")
        assert [step["status"] for step in steps] == ["success", "failed"]
        assert steps[1] == {
            "name": "Write data",
            "slug": "write_data",
            "log_id": execution.steps[1].log_id,
            "state": "finished",
            "status": "failed",
        }

    def test_is_json(self, simulator, flow):
        simulator.add_execution(flow, lasts=0)
        value = run_sensor("poke").value
        assert json.loads(json.dumps(value)) == value

    def test_is_not_pushed_where_the_author_says_so(self, simulator, flow):
        simulator.add_execution(flow, lasts=0)
        assert run_sensor("poke", do_xcom_push=False).xcoms == {}


@pytest.mark.parametrize("mode", MODES)
class TestLog:
    def test_failed_is_a_warning(self, mode, simulator, flow, logged):
        execution = simulator.add_execution(flow, status=Status.FAILED, lasts=0)
        assert run_sensor(mode).state == "success"
        (line,) = [line for line in logged.text.splitlines() if "status Failed" in line]
        assert "WARNING" in line.upper()
        for said in (execution.id, "price", "10 rows processed, 7 ok, 3 failed"):
            assert said in line
        assert "\nFailed step: " in logged.text

    def test_success_is_none(self, mode, simulator, flow, logged):
        simulator.add_execution(flow, lasts=0)
        assert run_sensor(mode).state == "success"
        (line,) = [line for line in logged.text.splitlines() if "status Success" in line]
        assert "WARNING" not in line.upper()


def looks_from(simulator, flow, **arguments):
    """Which of three executions the sensor finds: created 3 hours, 30 minutes and 10 minutes ago."""
    for minutes in (180, 30, 10):
        simulator.add_execution(flow, lasts=0, created=NOW - timedelta(minutes=minutes), id=f"{minutes}m")
    outcome = run_sensor("poke", timeout=0.2, **arguments)
    return outcome.value["execution_id"] if outcome.value else outcome.error


class TestCreatedAfter:
    def test_default_is_run_after(self, simulator, flow):
        dag_run = SimpleNamespace(run_after=NOW - timedelta(minutes=20))
        context = {"dag_run": dag_run, "logical_date": NOW - timedelta(days=1)}
        assert looks_from(simulator, flow, context=context) == "10m"

    def test_logical_date_where_there_is_none(self, simulator, flow):
        context = {"dag_run": SimpleNamespace(run_after=None), "logical_date": NOW - timedelta(hours=1)}
        assert looks_from(simulator, flow, context=context) == "30m"

    def test_logical_date_of_airflow_2(self, simulator, flow):
        context = {"dag_run": SimpleNamespace(), "logical_date": NOW - timedelta(hours=1)}
        assert looks_from(simulator, flow, context=context) == "30m"

    def test_neither(self, simulator, flow):
        context = {"dag_run": SimpleNamespace(run_after=None), "logical_date": None}
        error = looks_from(simulator, flow, context=context)
        assert "set created_after or execution_id" in str(error)

    @pytest.mark.parametrize(
        "write",
        [
            lambda moment: moment,
            lambda moment: moment.replace(tzinfo=None),
            lambda moment: moment.astimezone(timezone(timedelta(hours=3))),
            lambda moment: moment.isoformat(),
            lambda moment: moment.replace(tzinfo=None).isoformat(),
            lambda moment: moment.replace(tzinfo=None).isoformat(sep=" "),
            lambda moment: moment.astimezone(timezone(timedelta(hours=-5))).isoformat(),
            lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            lambda moment: f" {moment:%Y-%m-%dT%H:%M:%S.000001+00:00}\n",
            lambda moment: "{{ dag_run.conf['since'] }}",
        ],
        ids=[
            "aware",
            "naive",
            "other zone",
            "text",
            "naive text",
            "with a space",
            "text, other zone",
            "Z",
            "spaces around",
            "template",
        ],
    )
    def test_forms(self, write, simulator, flow):
        since = NOW - timedelta(hours=1)
        context = {"dag_run": SimpleNamespace(run_after=NOW, conf={"since": since.isoformat()})}
        assert looks_from(simulator, flow, created_after=write(since), context=context) == "30m"

    def test_moment_itself_counts(self, simulator, flow):
        assert looks_from(simulator, flow, created_after=NOW - timedelta(minutes=30)) == "30m"

    @pytest.mark.parametrize(
        "text", ["yesterday", "2026-13-01", "20260131", "1700000000", "1700000000000", "", "None"]
    )
    def test_faulty(self, text, simulator, flow):
        # All digits could be a date without dashes, seconds or milliseconds: it isn't guessed at.
        with pytest.raises(ConfigurationError, match="created_after"):
            a_sensor(created_after=text)
        error = looks_from(simulator, flow, created_after=f"{{{{ '{text}' }}}}")
        assert isinstance(error, AirflowFailException)
        assert "created_after" in str(error)
        assert simulator.count("logs") == 0

    def test_airflows_own_moments(self, simulator, flow):
        pendulum = pytest.importorskip("pendulum")
        since = pendulum.instance(NOW - timedelta(hours=1))
        assert looks_from(simulator, flow, created_after=since) == "30m"


class TestTemplates:
    def test_fields_are_attributes(self):
        sensor = a_sensor()
        assert all(hasattr(sensor, name) for name in sensor.template_fields)

    def test_all_that_is_text_is_templated(self, simulator, flow, connect, monkeypatch):
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(simulator.connection(project_id=None)))
        execution = simulator.add_execution(flow, lasts=0)
        outcome = run_sensor(
            "poke",
            flow="{{ names.flow }}",
            execution_id="{{ names.execution }}",
            project_id="{{ names.project }}",
            integrator_conn_id="{{ names.connection }}",
            context={
                "names": {
                    "flow": "price",
                    "execution": execution.id,
                    "project": simulator.projects[0].id,
                    "connection": "other",
                }
            },
        )
        assert outcome.state == "success"

    @pytest.mark.parametrize("text", ["{{ '' }}", "{{ none }}", "{{ ' ' }}", "None"])
    @pytest.mark.parametrize("name", ["flow", "execution_id", "project_id"])
    def test_nothing_is_an_error_before_the_wait(self, name, text, simulator, flow):
        outcome = run_sensor("poke", **{name: text})
        assert isinstance(outcome.error, AirflowFailException)
        assert f"{name} is empty" in outcome.message
        assert simulator.count() == 0


class TestTold:
    """Tell early what may be wrong."""

    def test_an_id_that_is_not_found_at_the_first_look(self, simulator, flow, logged):
        stock = simulator.add_flow(flow.project, "Stock")
        another = simulator.add_execution(stock, lasts=0)
        assert run_sensor("poke", execution_id=another.id, timeout=0.3).state == "failed"
        assert f"List logs doesn't know an execution {another.id} of flow price (yet)" in logged.text
        assert logged.text.count("check execution_id and flow") == 1

    @pytest.mark.parametrize("mode", MODES)
    def test_it_once(self, mode, simulator, flow, logged):
        after_looks(simulator, 5, lambda: simulator.add_execution(flow, lasts=0, id="the-one"))
        assert run_sensor(mode, execution_id="the-one").state == "success"
        assert logged.text.count("check execution_id and flow") == 1

    def test_a_wrong_project(self, simulator, flow):
        outcome = run_sensor("poke", project_id="nobody")
        assert isinstance(outcome.error, AirflowFailException)
        assert "Check project_id (nobody)." in outcome.message

    @pytest.mark.parametrize("text", ["", " "])
    def test_an_empty_flow_when_the_dag_is_parsed(self, text):
        with pytest.raises(ConfigurationError, match="flow is empty"):
            a_sensor(flow=text)

    @pytest.mark.parametrize("value", [-1, "soon", None, True, float("nan")])
    def test_a_wrong_tolerance_when_the_dag_is_parsed(self, value):
        with pytest.raises(ConfigurationError, match="outage_tolerance is"):
            a_sensor(outage_tolerance=value)

    def test_an_open_window_beside_a_data_interval(self, simulator, flow, logged):
        simulator.add_execution(flow, lasts=0)
        interval = {"data_interval_start": NOW - timedelta(days=1), "data_interval_end": NOW}
        assert run_sensor("poke", context=interval).state == "success"
        assert "created_before isn't set: an execution counts however long after" in logged.text
        assert f"data interval is {NOW - timedelta(days=1)} to {NOW}" in logged.text

    def test_not_beside_an_interval_without_length(self, simulator, flow, logged):
        simulator.add_execution(flow, lasts=0)
        run_sensor("poke", context={"data_interval_start": NOW, "data_interval_end": NOW})
        assert "data interval" not in logged.text


class TestMapping:
    def test_over_flows(self, simulator, flow):
        stock = simulator.add_flow(simulator.projects[0], "Stock")
        simulator.add_execution(flow, lasts=0)
        simulator.add_execution(stock, lasts=0)
        with DAG("mapped", schedule=None):
            mapped = IntegratorExecutionSensor.partial(task_id="wait", poke_interval=1, timeout=60).expand(
                flow=["price", "stock"]
            )
        assert mapped.task_id == "wait"
        found = []
        for name in ("price", "stock"):
            sensor = mapped.unmap({"flow": name})
            assert (sensor.poke_interval, sensor.timeout) == (1, 60)
            found.append(sensor.execute(a_context())["flow_slug"])
        assert found == ["price", "stock"]

    def test_over_executions(self):
        with DAG("mapped", schedule=None):
            mapped = IntegratorExecutionSensor.partial(
                task_id="wait", flow="price", deferrable=True, fail_on_failed=True
            ).expand_kwargs([{"execution_id": "a"}, {"execution_id": "b"}])
        sensor = mapped.unmap({"execution_id": "b"})
        assert (sensor.execution_id, sensor.deferrable, sensor.fail_on_failed) == ("b", True, True)


class TestDefaults:
    def test_are_those_of_airflow(self):
        sensor = IntegratorExecutionSensor(task_id="wait", flow="price")
        assert sensor.deferrable is False
        assert sensor.integrator_conn_id == "integrator_default"
        assert sensor.mode == "poke"

    def test_project_of_the_task_goes_before_the_connections(self, simulator, flow, connect):
        connect(project_id="another")
        simulator.add_execution(flow, lasts=0)
        assert run_sensor("poke", project_id=simulator.projects[0].id).state == "success"
