"""Metrics by Airflow's own ``Stats``, and OpenTelemetry spans; nothing is imported or done if they are off."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution

#: Airflow's settings in ``[metrics]``, each of which switches metrics on.
_BACKENDS = ("statsd_datadog_enabled", "statsd_on", "otel_on")
#: What isn't allowed in a tag's value; some backends drop such a tag.
_UNFIT = re.compile(r"[^\w.-]+", re.ASCII)


def request_observer() -> Callable[[str, str, float], None] | None:
    """Make the observer of a client's HTTP requests.

    :return: A function of the call's name, the outcome and the seconds of a request: it times
        ``integrator.request``, and makes a span. None if both metrics and traces are off.
    """
    stats, tracer = _stats(), _tracer()
    if stats is None and tracer is None:
        return None

    def observe(call: str, outcome: str, seconds: float) -> None:
        if stats is not None:
            tags = {"call": _tag(call.lower()), "outcome": outcome}
            stats.timing("integrator.request", timedelta(seconds=seconds), tags=tags)
        if tracer is not None:
            _add_span(tracer, call, outcome, seconds)

    return observe


def poll_observer() -> Callable[[int], None] | None:
    """Make the observer of a triggerer's polls.

    :return: A function of the number of waits that a poll serves: it counts ``integrator.poll.waits``. None if
        metrics are off.
    """
    stats = _stats()
    return None if stats is None else lambda waits: stats.incr("integrator.poll.waits", waits)


def report_execution(execution: Execution) -> None:
    """Report a finished execution that a task handles, if metrics are on.

    The rows are gauges, as several tasks may handle the same execution: what they report then is the same.

    :param execution: The execution; what it doesn't have isn't reported.
    """
    if (stats := _stats()) is None:
        return
    tags = {"flow": _tag(execution.flow_label)}
    if execution.duration is not None:
        stats.timing("integrator.execution.duration", execution.duration, tags=tags)
    if execution.process_count is not None:
        stats.gauge("integrator.execution.rows.processed", execution.process_count, tags=tags)
    if execution.fail_count is not None:
        stats.gauge("integrator.execution.rows.failed", execution.fail_count, tags=tags)


def _stats() -> Any | None:
    if not any(conf.getboolean("metrics", name, fallback=False) for name in _BACKENDS):
        return None
    from airflow.providers.common.compat.sdk import Stats

    return Stats


def _tracer() -> Any | None:
    if not conf.getboolean("traces", "otel_on", fallback=False):
        return None
    from opentelemetry import trace

    return trace.get_tracer("airflow_provider_integrator")


def _add_span(tracer: Any, call: str, outcome: str, seconds: float) -> None:
    """Add the span of a request that is over, as a child of the current one."""
    from opentelemetry.trace import SpanKind, StatusCode

    ended = time.time_ns()
    span = tracer.start_span(
        f"integrator {call}",
        kind=SpanKind.CLIENT,
        attributes={"integrator.call": call, "integrator.outcome": outcome},
        start_time=ended - round(seconds * 1e9),
    )
    if outcome != "ok":
        span.set_status(StatusCode.ERROR, outcome)
    span.end(ended)


def _tag(text: str) -> str:
    return _UNFIT.sub("_", text)
