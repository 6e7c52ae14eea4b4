"""The command that waits."""

from __future__ import annotations

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Fault
from tests.tasks import after_looks

FAST = "--interval 0.01s"


@pytest.mark.parametrize(("status", "code"), [(Status.SUCCESS, 0), (Status.EMPTY, 0), (Status.FAILED, 1)])
class TestOutcome:
    def test_of_an_execution(self, status, code, command, simulator, flow):
        simulator.add_execution(flow, lasts=0, status=status, id="e1")
        done = command(f"wait e1 {FAST} -o json")
        assert done.code == code
        assert done.json["status"] == status.name.lower()

    def test_of_a_running_one(self, status, code, command, simulator, flow):
        running = simulator.add_execution(flow, id="e1")
        after_looks(simulator, 3, lambda: simulator.finish(running, status=status))
        done = command(f"wait price {FAST} -o json")
        assert (done.code, done.json["execution_id"]) == (code, "e1")
        assert "Waiting for execution e1 of flow price:" in done.err

    def test_of_the_next_one(self, status, code, command, simulator, flow):
        simulator.add_execution(flow, lasts=0, id="e1")
        after_looks(simulator, 3, lambda: simulator.add_execution(flow, lasts=0, status=status, id="e2"))
        done = command(f"wait price {FAST} -o json")
        assert (done.code, done.json["execution_id"]) == (code, "e2")
        assert "Waiting for the first execution of flow price" in done.err


def test_running_one_before_one_that_has_finished(command, simulator, flow):
    running = simulator.add_execution(flow, id="older")
    simulator.add_execution(flow, lasts=0, id="newer")
    after_looks(simulator, 4, lambda: simulator.finish(running))
    done = command(f"wait price {FAST} -o json")
    assert (done.code, done.json["execution_id"]) == (0, "older")


def test_outage_at_the_beginning(command, simulator, flow):
    simulator.add_execution(flow, lasts=0, id="e1")
    simulator.inject(Fault.status(500, on="flows", times=7))
    done = command(f"wait e1 {FAST}")
    assert done.code == 0
    assert "A poll failed; the wait goes on" in done.err


def test_outage_until_the_end(command, simulator, flow):
    simulator.inject(Fault.status(500, on="flows"))
    done = command(f"wait price {FAST} --timeout 0.05s")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("See airflow-integrator doctor.\n")


def test_text(command, simulator, flow):
    simulator.add_execution(flow, lasts=0, id="e1")
    lines = command(f"wait e1 {FAST}").lines
    assert lines[:2] == ["execution e1", "flow price"]


def test_timeout(command, simulator, flow):
    simulator.add_execution(flow, id="e1")
    done = command(f"wait e1 {FAST} --timeout 0.05s")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1] == (
        "wait: execution e1 of flow price has not finished (state in_progress) within 0.05 s."
    )


@pytest.mark.parametrize("flows", [0, 3])
def test_unknown_name(flows, command, simulator):
    for number in range(flows):
        simulator.add_flow(simulator.projects[0], f"Flow {number}")
    done = command("wait nobodys")
    assert (done.code, done.out) == (2, "")
    assert f"None of the {flows} flows" in done.err


def test_ambiguous_flow(command, simulator):
    for name in ("A", "B"):
        simulator.add_flow(simulator.projects[0], name, slug="price")
    done = command("wait price")
    assert done.code == 2
    assert "is ambiguous" in done.err


@pytest.mark.parametrize("wrong", ["--timeout 5", "--timeout 0s", "--interval x", "--timeout 1d1"])
def test_wrong_duration(wrong, command, flow):
    done = command(f"wait price {wrong}")
    assert done.code == 2
    assert "is no duration such as 45s, 30m, 2h30m, 1d or 1w" in done.err
