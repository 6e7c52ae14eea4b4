"""Poke, reschedule and deferrable end alike, whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
)

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import ExecutionError, IntegratorError, UnavailableError
from airflow_provider_integrator.executions.failures import (
    ExecutionBreachedError,
    ExecutionFailedError,
    SensorTimeoutError,
)
from airflow_provider_integrator.simulator import Fault
from tests.tasks import MODES, after_looks, run_sensor

NOW = datetime.now(timezone.utc)


@dataclass
class Case:
    """What happens, what the sensor is told, and how every mode has to end.

    ``arrange`` returns the execution that is waited for; ``says`` stands in the error's message, or with
    success in the log.
    """

    name: str
    arrange: Callable[[Any, Any], Any]
    state: str
    arguments: dict[str, Any] = field(default_factory=dict)
    error: type[BaseException] | None = None
    says: str = ""


def finished(status: Status) -> Callable[[Any, Any], Any]:
    return lambda simulator, flow: simulator.add_execution(flow, status=status, lasts=0)


def going(
    status: Status = Status.SUCCESS, *faults: Callable[[], Fault], looks: int = 3
) -> Callable[[Any, Any], Any]:
    """An execution that finishes after some looks; meanwhile faults strike."""

    def arrange(simulator: Any, flow: Any) -> Any:
        execution = simulator.add_execution(flow)
        after_looks(simulator, looks, lambda: simulator.finish(execution, status=status))
        simulator.inject(*(fault() for fault in faults))
        return execution

    return arrange


def later(simulator: Any, flow: Any) -> Any:
    """Nothing there at first, so that List logs answers 404."""
    made = []
    after_looks(simulator, 3, lambda: made.append(simulator.add_execution(flow, lasts=0)))
    return made


def later_by_id(simulator: Any, flow: Any) -> None:
    after_looks(simulator, 3, lambda: simulator.add_execution(flow, lasts=0, id="the-one"))


def unfinished(*faults: Callable[[], Fault]) -> Callable[[Any, Any], Any]:
    def arrange(simulator: Any, flow: Any) -> Any:
        simulator.inject(*(fault() for fault in faults))
        return simulator.add_execution(flow)

    return arrange


def nothing(simulator: Any, flow: Any) -> None:
    """Nothing is there, now or later."""


def first_of_several(order: str) -> Callable[[Any, Any], Any]:
    def arrange(simulator: Any, flow: Any) -> Any:
        simulator.order = order
        first = None
        for minutes in range(240, 0, -1):  # three pages; the moment asked for is 90 minutes ago
            execution = simulator.add_execution(flow, lasts=0, created=NOW - timedelta(minutes=minutes))
            if minutes == 90:
                first = execution
        return first

    return arrange


def expiring(simulator: Any, flow: Any) -> Any:
    execution = simulator.add_execution(flow)
    after_looks(simulator, 2, simulator.expire_tokens)
    after_looks(simulator, 4, lambda: simulator.finish(execution))
    return execution


def wrong_password(simulator: Any, flow: Any) -> None:
    simulator.password = "changed-meanwhile"


def refused_for_good(simulator: Any, flow: Any) -> None:
    simulator.inject(Fault.status(401, on="logs"))


def ambiguous(simulator: Any, flow: Any) -> None:
    simulator.add_flow(simulator.projects[0], "Price two", slug="price")


def listing_refused(simulator: Any, flow: Any) -> Any:
    simulator.inject(Fault.status(403, on="flows", body="Not for you."))
    return simulator.add_execution(flow, lasts=0)


def edited(name: str, value: Any) -> Callable[[], Fault]:
    def edit(page: dict[str, Any]) -> None:
        for log in page["results"]:
            log[name] = value

    return lambda: Fault.mutate(edit, on="logs")


def on_logs(make: Callable[..., Fault], *arguments: Any, **when: Any) -> Callable[[], Fault]:
    return lambda: make(*arguments, on="logs", **when)


FAILED, EMPTY, SUCCESS = Status.FAILED, Status.EMPTY, Status.SUCCESS
#: Outages that end are tolerated, those that don't end soon aren't.
PATIENT, IMPATIENT = {"outage_tolerance": 30}, {"outage_tolerance": 0.03}
SHORT = {"timeout": 0.05}
BREACHED = {"min_rows": 10_000_000}
SOFT, NEVER, SILENT = {"soft_fail": True}, {"never_fail": True}, {"silent_fail": True}
JUDGED = {"fail_on_failed": True}
down, refused = (unfinished(on_logs(Fault.status, status)) for status in (503, 400))

CASES = [
    Case("success", finished(SUCCESS), "success"),
    Case("success in a while", going(), "success"),
    Case("failed", finished(FAILED), "success", says="Finished, status Failed"),
    Case("failed in a while", going(FAILED), "success", says="Finished, status Failed"),
    Case("failed, judged", finished(FAILED), "failed", JUDGED, ExecutionFailedError, "status Failed"),
    Case("failed in a while, judged", going(FAILED), "failed", JUDGED, ExecutionFailedError, "status Failed"),
    Case("breached", going(), "failed", BREACHED, ExecutionBreachedError, "min_rows is 10000000."),
    Case(
        "breached at once",
        finished(SUCCESS),
        "failed",
        BREACHED,
        ExecutionBreachedError,
        "rows were processed",
    ),
    Case("breached, soft_fail", going(), "skipped", {**BREACHED, **SOFT}, AirflowSkipException),
    Case("breached, never_fail", going(), "skipped", {**BREACHED, **NEVER}, AirflowSkipException),
    Case("success, judged", going(), "success", JUDGED),
    Case("empty", finished(EMPTY), "success"),
    Case("empty in a while, judged", going(EMPTY), "success", JUDGED),
    Case("judged, soft_fail", going(FAILED), "skipped", {**JUDGED, **SOFT}, AirflowSkipException),
    Case("judged at once, soft_fail", finished(FAILED), "skipped", {**JUDGED, **SOFT}, AirflowSkipException),
    Case("judged, never_fail", going(FAILED), "skipped", {**JUDGED, **NEVER}, AirflowSkipException),
    Case(
        "judged, silent_fail",
        going(FAILED),
        "failed",
        {**JUDGED, **SILENT},
        ExecutionFailedError,
        "status Failed",
    ),
    Case("timeout", unfinished(), "failed", SHORT, SensorTimeoutError, "of flow price"),
    Case("timeout, soft_fail", unfinished(), "skipped", {**SHORT, **SOFT}, AirflowSkipException),
    Case("timeout, never_fail", unfinished(), "skipped", {**SHORT, **NEVER}, AirflowSkipException),
    Case(
        "timeout, silent_fail", unfinished(), "failed", {**SHORT, **SILENT}, SensorTimeoutError, "timed out"
    ),
    Case("timeout, nothing there", nothing, "failed", SHORT, SensorTimeoutError, "timed out"),
    Case("not there yet", later, "success"),
    Case("not there yet, by id", later_by_id, "success", {"execution_id": "the-one"}),
    *(
        Case(
            f"first of several, {order}",
            first_of_several(order),
            "success",
            {"created_after": NOW - timedelta(minutes=90, seconds=30)},
        )
        for order in ("newest", "oldest", "shuffled")
    ),
    # Faults that pass
    Case("503 for a while", going(SUCCESS, on_logs(Fault.status, 503, times=8)), "success", PATIENT),
    Case(
        "429 with Retry-After",
        going(SUCCESS, on_logs(Fault.status, 429, times=1, headers={"Retry-After": "1"})),
        "success",
        PATIENT,
    ),
    Case("reset", going(SUCCESS, on_logs(Fault.reset, times=2)), "success", PATIENT),
    Case("not JSON", going(SUCCESS, on_logs(Fault.not_json, times=2)), "success", PATIENT),
    Case("faults on the login", going(SUCCESS, lambda: Fault.status(503, on="login", times=2)), "success"),
    Case("faults on List flows", going(SUCCESS, lambda: Fault.status(503, on="flows", times=2)), "success"),
    Case(
        "a slower spell of faults than one look's retries",
        going(SUCCESS, on_logs(Fault.status, 503, times=9, after=1)),
        "success",
        {"outage_tolerance": 60},
    ),
    # Faults that stay
    Case("503 for ever", down, "failed", IMPATIENT, IntegratorError, "503"),
    Case("503 for ever, soft_fail", down, "failed", {**IMPATIENT, **SOFT}, IntegratorError, "503"),
    Case("503 for ever, never_fail", down, "skipped", {**IMPATIENT, **NEVER}, AirflowSkipException),
    Case(
        "503 for ever, silent_fail",
        down,
        "failed",
        {**IMPATIENT, **SILENT, **SHORT},
        SensorTimeoutError,
        "timed out",
    ),
    Case(
        "never JSON", unfinished(on_logs(Fault.not_json)), "failed", IMPATIENT, IntegratorError, "isn't JSON"
    ),
    *(
        Case(f"odd {name}", unfinished(edited(name, odd)), "failed", IMPATIENT, IntegratorError, says)
        for name, odd, says in [
            ("state", 9, "state should be one of"),
            ("filename_uuid", [5], "filename_uuid should be"),
            ("created", "yesterday", "created should be"),
        ]
    ),
    Case(
        "results missing",
        unfinished(lambda: Fault.mutate(lambda page: page.pop("results") and None, on="logs")),
        "failed",
        IMPATIENT,
        IntegratorError,
        "results",
    ),
    Case(
        "400",
        unfinished(on_logs(Fault.status, 400, body="flowId is odd")),
        "failed",
        {},
        IntegratorError,
        "flowId is odd",
    ),
    Case("400, soft_fail", refused, "failed", SOFT, IntegratorError, "400"),
    Case("400, never_fail", refused, "skipped", NEVER, AirflowSkipException),
    Case("400, silent_fail", refused, "failed", {**SILENT, **SHORT}, SensorTimeoutError, "timed out"),
    Case(
        "400 for a while, silent_fail", going(SUCCESS, on_logs(Fault.status, 400, times=2)), "success", SILENT
    ),
    Case(
        "400 after a while",
        unfinished(on_logs(Fault.status, 400, body="no more", after=2)),
        "failed",
        {},
        IntegratorError,
        "no more",
    ),
    Case(
        "400 later for a while, silent_fail",
        going(SUCCESS, on_logs(Fault.status, 400, times=1, after=1)),
        "success",
        SILENT,
    ),
    Case(
        "redirect",
        unfinished(on_logs(Fault.redirect, "http://elsewhere.invalid/")),
        "failed",
        {},
        IntegratorError,
        "points elsewhere",
    ),
    # Access
    Case("token expires", expiring, "success"),
    Case("wrong password", wrong_password, "failed", {}, AirflowFailException, "not valid"),
    Case("wrong password, never_fail", wrong_password, "skipped", NEVER, AirflowSkipException),
    Case("token stays refused", refused_for_good, "failed", {}, AirflowFailException, "401"),
    # What can be known at once
    Case(
        "unknown flow",
        nothing,
        "failed",
        {"flow": "prize"},
        AirflowFailException,
        "Set flow to a slug, name or id of: price",
    ),
    Case(
        "unknown flow, silent_fail",
        nothing,
        "failed",
        {"flow": "prize", **SILENT, **SHORT},
        SensorTimeoutError,
        "timed out",
    ),
    Case(
        "unknown flow, soft_fail", nothing, "failed", {"flow": "prize", **SOFT}, AirflowFailException, "prize"
    ),
    Case("ambiguous flow", ambiguous, "failed", {}, AirflowFailException, "ambiguous"),
    Case("List flows refused, a slug", listing_refused, "failed", {}, IntegratorError, "flowId"),
    Case(
        "empty execution id",
        nothing,
        "failed",
        {"execution_id": "{{ '' }}"},
        AirflowFailException,
        "execution_id is empty",
    ),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_alike(case, mode, simulator, flow, logged):
    execution = case.arrange(simulator, flow)
    outcome = run_sensor(mode, **case.arguments)
    assert outcome.state == case.state, repr(outcome.error)
    if case.state == "success":
        (execution,) = execution if isinstance(execution, list) else [execution]
        assert outcome.value["state"] == "finished"
        assert outcome.value["execution_id"] == ("the-one" if execution is None else execution.id)
        assert outcome.xcoms == {"return_value": outcome.value}
        assert case.says in logged.text
    else:
        assert isinstance(outcome.error, case.error), repr(outcome.error)
        assert case.says in outcome.message
        facts = {"failure": outcome.error.facts()} if isinstance(outcome.error, ExecutionError) else {}
        assert outcome.xcoms == facts


@pytest.mark.parametrize("mode", MODES)
class TestLogins:
    def test_one_where_the_password_is_wrong(self, mode, simulator, flow):
        wrong_password(simulator, flow)
        assert run_sensor(mode).state == "failed"
        assert simulator.logins == 1

    def test_one_more_where_the_token_expires(self, mode, simulator, flow):
        expiring(simulator, flow)
        assert run_sensor(mode).state == "success"
        # A worker or triggerer that starts anew logs in anew; the expiry itself costs one login.
        processes = {"poke": 1, "reschedule": None, "deferrable": 3}[mode]
        assert processes is None or simulator.logins <= processes + 1

    def test_none_with_a_token_of_the_connection(self, mode, simulator, flow, connect):
        simulator.accept_token("given-by-hand")
        connect(token="given-by-hand", login=None, password=None)
        going()(simulator, flow)
        assert run_sensor(mode).state == "success"
        assert simulator.logins == 0

    def test_none_where_that_token_is_refused(self, mode, simulator, flow, connect):
        connect(token="given-by-hand", login=None, password=None)
        outcome = run_sensor(mode)
        assert outcome.state == "failed"
        assert "Set a new token" in outcome.message
        assert simulator.count("flows") == 1
        assert simulator.logins == 0

    def test_none_without_credentials(self, mode, simulator, flow, connect):
        connect(login=None, password=None)
        outcome = run_sensor(mode)
        assert outcome.state == "failed"
        assert "no credentials" in outcome.message
        assert simulator.count() == 0


@pytest.mark.parametrize("mode", MODES)
def test_project_missing(mode, simulator, flow, connect):
    connect(project_id=None)
    outcome = run_sensor(mode)
    assert outcome.state == "failed"
    assert "set project_id" in outcome.message
    assert simulator.count() == 0


@pytest.mark.parametrize("mode", MODES)
def test_flow_id_where_listing_is_refused(mode, simulator, flow, logged):
    execution = listing_refused(simulator, flow)
    outcome = run_sensor(mode, flow=flow.id)
    assert outcome.value["execution_id"] == execution.id
    assert "as a flow's id" in logged.text
    assert "Not for you." in logged.text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by", ["slug", "name", "id"])
def test_flow_by(by, mode, simulator, flow):
    going()(simulator, flow)
    assert run_sensor(mode, flow=getattr(flow, by)).state == "success"


@pytest.mark.parametrize("mode", MODES)
def test_an_outage_is_tolerated_for_its_time(mode, simulator, flow, logged):
    unfinished(on_logs(Fault.status, 503))(simulator, flow)
    began = time.monotonic()
    assert run_sensor(mode, outage_tolerance=0.3).state == "failed"
    assert time.monotonic() - began >= 0.3
    assert "as polls may fail for 0.3 s (outage_tolerance)" in logged.text
    assert "outage_tolerance is 0.3 s" in logged.text


@pytest.mark.parametrize("on", ["login", "flows", "logs"])
@pytest.mark.parametrize("mode", MODES)
def test_an_outage_that_begins_before_the_wait_is_tolerated_too(mode, on, simulator, flow, logged):
    simulator.add_execution(flow, lasts=0)
    simulator.inject(Fault.status(503, on=on, times=30))
    assert run_sensor(mode).state == "success"
    assert logged.text.count("A poll failed; the wait goes on") >= 6  # each has 3 attempts, a login 5


@pytest.mark.parametrize("on", ["login", "flows", "logs"])
@pytest.mark.parametrize("mode", MODES)
def test_none_is_tolerated(mode, on, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    simulator.inject(Fault.status(503, on=on, times=5))
    outcome = run_sensor(mode, outage_tolerance=0)
    assert (outcome.state, outcome.deferrals) == ("failed", [])
    assert isinstance(outcome.error, UnavailableError)


@pytest.mark.parametrize("mode", MODES)
def test_none_of_a_bad_answer_either(mode, simulator, flow):
    simulator.add_execution(flow, lasts=0)
    simulator.inject(Fault.not_json(on="logs", times=3))
    outcome = run_sensor(mode, outage_tolerance=0)
    assert (outcome.state, outcome.deferrals) == ("failed", [])


@pytest.mark.parametrize("mode", MODES)
def test_an_outage_ends_with_a_good_poll(mode, simulator, flow):
    execution = simulator.add_execution(flow)
    after_looks(simulator, 40, lambda: simulator.finish(execution))
    bad = 0

    def mostly(_: Any) -> bool:
        nonlocal bad
        bad = (bad + 1) % 12
        return bad >= 2  # ten bad answers in a row are four failed polls at most

    simulator.inject(Fault.status(503, on="logs", where=mostly))
    assert run_sensor(mode, outage_tolerance=2).state == "success"


@pytest.mark.parametrize("mode", MODES)
def test_a_password_that_is_changed_during_the_wait_skips_nothing(mode, simulator, flow, connect):
    simulator.add_execution(flow)
    after_looks(simulator, 3, lambda: setattr(simulator, "password", "another"))
    after_looks(simulator, 3, simulator.expire_tokens)
    outcome = run_sensor(mode, soft_fail=True, timeout=20)
    assert outcome.state == "failed"
    assert isinstance(outcome.error, AirflowFailException)
