"""The command that checks flows."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Fault

HOUR = 3600


@pytest.fixture
def flows(simulator):
    """Twenty flows, the newest execution of each an hour ago, and older ones."""
    now, found = datetime.now(timezone.utc), []
    for number in range(20):
        found.append(simulator.add_flow(simulator.projects[0], f"Flow {number}"))
        for hours in range(1, 35):
            simulator.add_execution(found[-1], created=now - timedelta(hours=hours), lasts=60)
    return found


@pytest.fixture
def fail(simulator, flows):
    def add(number):
        return simulator.add_execution(flows[number], lasts=0, status=Status.FAILED)

    return add


def test_all_are_well(command, flows):
    done = command("health -o json")
    assert done.code == 0
    assert len(done.json) == 20
    first = done.json[0]
    assert (first["flow"], first["rows"], first["fail_rate"], first["problems"]) == ("flow_0", 10, 0.0, [])


def test_one_fails(command, flows, fail):
    execution = fail(3)
    done = command("health -o json")
    assert done.code == 1
    assert [each["flow"] for each in done.json if each["problems"]] == ["flow_3"]
    assert f"the last: {execution.id}." in done.out


@pytest.mark.parametrize(("age", "code"), [("30m", 1), ("2h", 0)])
def test_stale(age, code, command, flows):
    done = command(f"health flow_1 --max-age {age} -o json")
    assert done.code == code
    assert bool(done.json[0]["problems"]) is bool(code)


def test_stale_by_its_habit(command, simulator, flow):
    now = datetime.now(timezone.utc)
    for minutes in range(100, 400, 30):
        simulator.add_execution(flow, created=now - timedelta(minutes=minutes), lasts=60)
    done = command("health -o json")
    assert done.code == 1
    (problem,) = done.json[0]["problems"]
    assert problem.startswith("It is stale: its last Success or Empty ended 1 h 39 min")
    assert problem.endswith("; by its habit, one ends within 1 h 31 min.")
    assert command("health --max-age 2h").code == 0


def test_named_ones(command, flows, fail):
    fail(3)
    done = command(f"health flow_5 {flows[2].id} flow_5 -o json")
    assert (done.code, [each["flow"] for each in done.json]) == (0, ["flow_5", "flow_2"])


@pytest.mark.parametrize("form", ["table", "plain"])
def test_text(form, command, flows, fail):
    fail(3)
    lines = command(f"health flow_3 flow_4 -o {form}").lines
    assert lines[0] == "flow health last Success running rows fail rate duration problems"
    assert lines[-2].startswith("flow_3 PROBLEM 59 min")
    assert "1 of 1 execution Failed" in lines[-2]
    assert lines[-1].startswith("flow_4 ok 59 min")


def test_only_flows_that_run_by_themselves(command, simulator, flows):
    simulator.add_flow(simulator.projects[0], "Out", inbound=False, outbound=True)
    simulator.add_flow(simulator.projects[0], "Off", state="STOPPED")
    assert command("health").code == 0
    done = command("health out off -o json")
    assert (done.code, done.json[0]["problems"]) == (1, ["It has never run."])


@pytest.mark.integrator_forms("canvas")
def test_what_is_no_flow_is_not_checked(command, flows):
    done = command("health -o json")
    assert done.code == 0
    assert not [each for each in done.json if each["flow"].startswith("canvas")]


def test_one_request_each(command, flows, simulator):
    command("health --max-age 2h")
    assert simulator.count("logs") == 20
    assert simulator.logins == 1


def test_one_that_is_refused_hides_no_other(command, flows, simulator):
    simulator.inject(Fault.status(403, on="logs", times=1, body="not this one"))
    done = command("health -o json")
    assert done.code == 1
    (problem,) = [problem for each in done.json for problem in each["problems"]]
    assert "not this one" in problem
    assert len(done.json) == 20


def test_unknown_flow(command, flows):
    done = command("health flow_1 nobodys")
    assert (done.code, done.out) == (2, "")
    assert "has no flow 'nobodys'" in done.err


def test_outage_is_no_answer(command, flows, simulator):
    simulator.inject(Fault.status(503, on="logs"))
    done = command("health")
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
