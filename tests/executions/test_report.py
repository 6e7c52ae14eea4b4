"""A flow's report: what is read of it, by how many requests, and when it is stale."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.executions.report import (
    ExecutionSummary,
    read_executions,
    read_failed_lines,
    read_report,
    usual_max_age,
)
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault

NOW = datetime.now(timezone.utc)


@pytest.fixture
def client(simulator):
    with IntegratorHook() as hook:
        yield hook.get_conn()


@pytest.fixture
def listed(client, flow):
    return IntegratorHook().list_flows()[0]


def fill(simulator, flow, count, *, every=timedelta(minutes=30), **options):
    for number in range(count):
        simulator.add_execution(flow, lasts=1, created=NOW - every * (number + 1), **options)


def report(client, flow, **options):
    return client.run(read_report(flow.project_id, flow, NOW, **{"count": 30, "max_requests": 3, **options}))


@pytest.mark.parametrize("count", [0, 1, 12, 29, 30, 31, 200])
def test_one_request_reads_a_flow(simulator, client, flow, listed, count):
    fill(simulator, flow, count)
    simulator.inject(
        Fault.mutate(lambda page: page.update(next="https://elsewhere.invalid/?page=2"), on="logs")
    )

    found = report(client, listed)

    assert len(found.executions) == min(count, 30)
    assert simulator.count("logs") == 1
    assert found.is_latest
    assert [each.created for each in found.executions] == sorted(each.created for each in found.executions)


@pytest.mark.parametrize(("count", "requests", "is_latest"), [(20, 1, True), (250, 3, False)])
def test_another_order_is_read_within_bounds(simulator, client, flow, listed, count, requests, is_latest):
    simulator.order = "oldest"
    fill(simulator, flow, count)

    found = report(client, listed)

    assert simulator.count("logs") == requests
    assert found.is_latest == is_latest


def test_flags(simulator, client, flow, listed):
    fill(simulator, flow, 5)
    quiet = report(client, listed)
    assert (quiet.is_failing, quiet.is_running) == (False, False)

    simulator.add_execution(flow, status=Status.FAILED, lasts=1, created=NOW - timedelta(minutes=1))
    simulator.add_execution(flow, created=NOW - timedelta(seconds=30))
    found = report(client, listed)

    assert found.is_failing
    assert found.is_running
    assert [each.outcome for each in found.executions][-2:] == ["failed", "running"]
    assert found.health.failed == 1


def test_an_execution_that_cannot_be_read_is_failing(simulator, client, flow, listed):
    fill(simulator, flow, 2)
    simulator.inject(Fault.mutate(lambda page: page["results"][0].update(status=99), on="logs"))

    found = report(client, listed)

    assert [each.outcome for each in found.executions] == ["success", "unreadable"]
    assert found.is_failing


@pytest.mark.parametrize(
    ("age", "is_stale"), [(timedelta(minutes=70), False), (timedelta(minutes=100), True)]
)
def test_a_flow_is_stale_after_three_usual_intervals(simulator, client, flow, listed, age, is_stale):
    for number in range(5):
        simulator.add_execution(flow, lasts=1, created=NOW - age - timedelta(minutes=30 * number))

    assert report(client, listed).is_stale == is_stale
    assert report(client, listed, max_age=1.0).is_stale


@pytest.mark.parametrize("status", [Status.EMPTY, Status.FAILED])
def test_a_flow_without_work_is_not_stale(simulator, client, flow, listed, status):
    for number in range(20):
        each = Status.SUCCESS if number == 19 else status
        simulator.add_execution(flow, lasts=1, status=each, created=NOW - timedelta(minutes=10 + 30 * number))

    assert report(client, listed).is_stale == (status is Status.FAILED)
    assert report(client, listed, max_age=3600.0).is_stale


def test_a_success_before_the_shown_executions_counts(simulator, client, flow, listed):
    for number in range(60):
        each = Status.SUCCESS if number == 50 else Status.EMPTY
        simulator.add_execution(flow, lasts=1, status=each, created=NOW - timedelta(minutes=10 + number))

    assert not report(client, listed, max_age=7200.0).is_stale
    assert report(client, listed, max_age=1800.0).is_stale


def summaries(*minutes):
    return [ExecutionSummary(str(each), created=NOW - timedelta(minutes=each)) for each in minutes]


def test_a_stopped_or_outbound_flow_has_no_habit(simulator, client, listed):
    past = summaries(90, 60, 30, 0)
    project = simulator.projects[0]
    simulator.add_flow(project, "Stopped", state="STOPPED")
    simulator.add_flow(project, "Outbound", inbound=False, outbound=True)
    flows = {flow.name: flow for flow in IntegratorHook().list_flows()}

    assert usual_max_age(flows["Price"], past) == 5400
    assert usual_max_age(flows["Price"], past[:3]) is None
    assert usual_max_age(flows["Price"], summaries(1000, 400, 30, 20, 10, 0)) == 1.25 * 600 * 60
    assert usual_max_age(flows["Price"], summaries(3, 2, 1, 0)) == 600
    assert usual_max_age(flows["Stopped"], past) is None
    assert usual_max_age(flows["Outbound"], past) is None


def test_a_page_of_executions(simulator, client, flow, listed):
    fill(simulator, flow, 12)

    first = client.run(read_executions(listed.project_id, flow.id, 1, limit=10))
    second = client.run(read_executions(listed.project_id, flow.id, 2, limit=10))

    assert (len(first.executions), first.has_more) == (10, True)
    assert (len(second.executions), second.has_more) == (2, False)
    assert first.executions[0].created > first.executions[-1].created > second.executions[0].created


def test_a_page_counts_what_cannot_be_read(simulator, client, flow, listed):
    fill(simulator, flow, 3)
    simulator.inject(Fault.mutate(lambda page: page["results"][0].update(state=None), on="logs"))

    page = client.run(read_executions(listed.project_id, flow.id, 1))

    assert (len(page.executions), page.unreadable) == (2, 1)


def test_failed_lines_within_bounds(simulator, client, flow, listed):
    execution = simulator.add_execution(flow, lasts=1)
    simulator.add_lines(execution, [{"sku": str(number)} for number in range(250)])
    simulator.add_lines(execution, [{"sku": "bad"}] * 30, status=Status.FAILED)
    simulator.order = "oldest"

    def read(search=None, **bounds):
        arguments = {"max_lines": 50, "max_requests": 5, **bounds}
        script = read_failed_lines(listed.project_id, flow.id, execution.id, search or {}, **arguments)
        found = client.run(script)
        return len(found.lines), found.seen, found.is_complete

    assert read() == (30, 280, True)
    assert read(max_requests=2) == (0, 200, False)
    assert read(max_lines=10) == (10, 280, False)
    assert read({"sku": "bad"}) == (30, 30, True)


def test_lines_of_another_execution_are_left_out(simulator, client, flow, listed):
    execution = simulator.add_execution(flow, lasts=1)
    simulator.add_lines(execution, [{}], status=Status.FAILED)
    simulator.inject(
        Fault.mutate(lambda page: page["results"][0].update(original_filename_uuid="other"), on="logs")
    )

    found = client.run(
        read_failed_lines(listed.project_id, flow.id, execution.id, {}, max_lines=5, max_requests=1)
    )

    assert found.lines == ()
