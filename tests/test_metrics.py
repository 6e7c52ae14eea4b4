"""Metrics and spans of tasks, over real HTTP, by Airflow's own Stats."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import Stats
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from airflow_provider_integrator import metrics
from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.polling.waiting import TriggerWait
from airflow_provider_integrator.simulator import Fault
from tests.polling.making import make_wait
from tests.tasks import MODES, run_lines, run_operator, run_sensor

try:
    from airflow.sdk._shared.observability.metrics import otel_logger, stats
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger

    BACKEND = (stats, "_backend")
except ImportError:  # below Airflow 3.2
    from airflow.metrics import otel_logger
    from airflow.metrics.base_stats_logger import NoStatsLogger

    BACKEND = (Stats, "instance")


class Backend(NoStatsLogger):
    """Keeps what Airflow's Stats passes on."""

    def __init__(self):
        self.passed = []

    def timing(self, stat, dt, *, tags=None):
        self.passed.append((stat, dt, tags or {}))

    def gauge(self, stat, value, *, tags=None):
        self.passed.append((stat, value, tags or {}))

    def incr(self, stat, count=1, *, tags=None):
        self.passed.append((stat, count, tags or {}))

    def of(self, stat):
        return [(value, tags) for name, value, tags in self.passed if name == f"integrator.{stat}"]


@pytest.fixture
def backend(mocker):
    """The backend of Airflow's Stats, which is off."""
    return mocker.patch.object(*BACKEND, Backend())


@pytest.fixture(params=["statsd_on", "otel_on", "statsd_datadog_enabled"])
def any_on(request, backend, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW__METRICS__{request.param.upper()}", "True")
    return backend


@pytest.fixture
def on(backend, monkeypatch):
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    return backend


@pytest.fixture
def spans(mocker, monkeypatch):
    monkeypatch.setenv("AIRFLOW__TRACES__OTEL_ON", "True")
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    mocker.patch.object(trace, "get_tracer_provider", return_value=provider)
    return exporter


def a_minute_ago():
    return datetime.now(timezone.utc) - timedelta(minutes=1)


@pytest.fixture
def execution(simulator, flow):
    return simulator.add_execution(
        flow, created=a_minute_ago(), lasts=20, process_count=12, fail_count=3, log={"errors": []}
    )


def requests(backend):
    assert all(timedelta(0) < took < timedelta(minutes=1) for took, _ in backend.of("request"))
    return [(tags["call"], tags["outcome"]) for _, tags in backend.of("request")]


def test_requests(any_on, simulator, flow):
    simulator.inject(Fault.status(503, on="flows", times=1))
    with IntegratorHook() as hook:
        hook.list_flows()
    assert requests(any_on) == [("login", "ok"), ("list_flows", "503"), ("list_flows", "ok")]


def test_requests_of_the_asynchronous_hook(on, simulator, flow):
    async def scenario():
        async with IntegratorHook() as hook:
            await hook.alist_flows()

    asyncio.run(scenario())
    assert requests(on) == [("login", "ok"), ("list_flows", "ok")]


@pytest.mark.parametrize("mode", MODES)
def test_an_execution(on, mode, execution):
    assert run_sensor(mode, execution_id=execution.id).state == "success"
    assert on.of("execution.duration") == [(timedelta(seconds=20), {"flow": "price"})]
    assert on.of("execution.rows.processed") == [(12, {"flow": "price"})]
    assert on.of("execution.rows.failed") == [(3, {"flow": "price"})]


def test_a_failed_execution(on, simulator, flow):
    failed = simulator.add_execution(flow, created=a_minute_ago(), lasts=20, status=Status.FAILED)
    assert run_operator(execution_id=failed.id).state == "failed"
    assert len(on.of("execution.duration")) == 1


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_a_log_that_is_stored_later_counts_no_execution_twice(on, mode, simulator, execution):
    simulator.inject(Fault.status(404, on="download", times=1))
    outcome = run_operator(mode, execution_id=execution.id, log_timeout=600)
    assert outcome.state == "success"
    assert simulator.count("download") == 2
    assert len(on.of("execution.duration")) == 1


def test_what_an_execution_does_not_have_is_not_reported(on, simulator, execution):
    def strip(page):
        for log in page["results"]:
            log.update(finished=None, process_count=None, fail_count=None)

    simulator.inject(Fault.mutate(strip, on="logs"))
    assert run_sensor(execution_id=execution.id, mode="poke").state == "success"
    assert [name for name, *_ in on.passed if name.startswith("integrator.execution")] == []


def test_a_tag_is_fit_for_every_backend(on, simulator):
    flow = simulator.add_flow(simulator.projects[0], "Odd", slug="fiyat,é=1|#a")
    made = simulator.add_execution(flow, created=a_minute_ago(), lasts=20)
    assert run_sensor("poke", flow=flow.id, execution_id=made.id).state == "success"
    ((_, tags),) = on.of("execution.duration")
    assert tags == {"flow": "fiyat_1_a"}


def test_polls_count_the_waits_that_they_serve(on, simulator, flow):
    made = [simulator.add_execution(flow) for _ in range(3)]

    async def scenario():
        waits = [TriggerWait(make_wait(each.id).spec).until_finished() for each in made]
        running = asyncio.gather(*waits)
        while 3 not in [count for count, _ in on.of("poll.waits")]:  # noqa: ASYNC110 - has no event
            await asyncio.sleep(0.01)
        for each in made:
            simulator.finish(each)
        assert await running == [each.id for each in made]

    asyncio.run(scenario())
    assert max(count for count, _ in on.of("poll.waits")) == 3


def test_by_airflows_own_opentelemetry(on, mocker, execution):
    """Airflow's backend takes what is passed: names, tags, types."""
    reader = InMemoryMetricReader()
    mocker.patch.object(*BACKEND, otel_logger.SafeOtelLogger(MeterProvider(metric_readers=[reader])))
    assert run_sensor("poke", execution_id=execution.id).state == "success"
    poll = metrics.poll_observer()
    poll(2)
    poll(3)
    found = {}
    for resource in reader.get_metrics_data().resource_metrics:
        for scope in resource.scope_metrics:
            found |= {each.name: list(each.data.data_points) for each in scope.metrics}
    ours = {name: points for name, points in found.items() if name.startswith("airflow.integrator.")}
    assert {name.removeprefix("airflow.integrator.") for name in ours} == {
        "request",
        "poll.waits",
        "execution.duration",
        "execution.rows.processed",
        "execution.rows.failed",
    }
    assert dict(ours["airflow.integrator.execution.rows.failed"][0].attributes) == {"flow": "price"}
    assert ours["airflow.integrator.execution.rows.failed"][0].value == 3
    assert ours["airflow.integrator.poll.waits"][0].value == 5
    # An older Airflow shows the first call alone.
    assert {point.attributes["call"] for point in ours["airflow.integrator.request"]} >= {"login"}


def test_nothing_if_off(backend, execution, mocker):
    get_tracer = mocker.spy(trace, "get_tracer")
    assert run_sensor("deferrable", execution_id=execution.id).state == "success"
    assert backend.passed == []
    assert metrics.request_observer() is None
    assert metrics.poll_observer() is None
    get_tracer.assert_not_called()


def test_no_import_if_off():
    """By the module itself: Airflow's own processes have loaded both by then."""
    code = (
        "import sys; from airflow_provider_integrator import metrics\n"
        "before = set(sys.modules)\n"
        "assert metrics.request_observer() is None and metrics.poll_observer() is None\n"
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    added = done.stdout.split()
    assert [name for name in added if "stats" in name or name.startswith("opentelemetry")] == []


class TestSpans:
    def test_one_for_each_request(self, spans, simulator, flow):
        simulator.inject(Fault.status(503, on="flows", times=1))
        began = datetime.now(timezone.utc)
        with trace.get_tracer("task").start_as_current_span("task") as task, IntegratorHook() as hook:
            hook.list_flows()
        ended = datetime.now(timezone.utc)
        *found, _ = spans.get_finished_spans()
        assert [(span.name, dict(span.attributes or {})["integrator.outcome"]) for span in found] == [
            ("integrator Login", "ok"),
            ("integrator List flows", "503"),
            ("integrator List flows", "ok"),
        ]
        assert [span.status.is_ok for span in found] == [True, False, True]
        for span in found:
            assert span.kind is SpanKind.CLIENT
            assert span.parent.span_id == task.get_span_context().span_id
            assert (
                began.timestamp() - 0.01 <= span.start_time / 1e9 <= span.end_time / 1e9 <= ended.timestamp()
            )

    def test_pages_read_ahead_belong_to_the_task(self, spans, simulator, flow):
        for _ in range(5):
            simulator.add_execution(flow, lasts=0)
        with trace.get_tracer("task").start_as_current_span("task") as task, IntegratorHook() as hook:
            assert len(list(hook.list_logs(flow.id, limit=2))) == 5
        *found, _ = spans.get_finished_spans()
        assert len(found) == 1 + simulator.count("logs")
        assert {span.parent.span_id for span in found} == {task.get_span_context().span_id}

    def test_logs_fetched_at_once_belong_to_the_task(self, spans, simulator, execution):
        simulator.add_lines(execution, [{"sku": "A"}] * 5, status=Status.FAILED)
        with trace.get_tracer("task").start_as_current_span("task") as task:
            assert run_lines(execution_id=execution.id, with_logs=True).state == "success"
        *found, _ = spans.get_finished_spans()
        assert [span.name for span in found].count("integrator Download log") == 5
        assert {span.parent.span_id for span in found} == {task.get_span_context().span_id}

    def test_without_metrics(self, spans, backend, simulator, flow):
        with IntegratorHook() as hook:
            hook.list_flows()
        assert backend.passed == []
        assert len(spans.get_finished_spans()) == 2


def test_the_page_names_every_metric():
    names = set(re.findall(r'"(integrator\.[a-z.]+)"', Path(metrics.__file__).read_text("utf-8")))
    page = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(integrator\.[a-z.]+)` ", page, re.MULTILINE)) == {
        name for name in names if name not in ("integrator.call", "integrator.outcome")
    }
