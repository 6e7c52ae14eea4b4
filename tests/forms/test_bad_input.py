"""What an answer may have wrong with it, and how that ends for each kind of task."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import IntegratorError
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault
from tests.api.samples import MISSING
from tests.tasks import MODES, run_operator, run_sensor

#: Values that say nothing that is known, and the error.
UNKNOWN = [
    ("state", 7, r"state should be one of 1 (start), 2 (in_progress), 3 (finished) but is 7."),
    ("state", None, "state should be one of 1 (start), 2 (in_progress), 3 (finished) but is None."),
    ("state", MISSING, "state should be one of 1 (start), 2 (in_progress), 3 (finished) but is missing."),
    (
        "status",
        "ok",
        "status should be one of 1 (in_progress), 2 (success), 3 (failed), 4 (empty) but is 'ok'.",
    ),
    ("status", 1, "status should be other than In Progress once the state is Finished but is 1."),
]
TASKS = {
    **{f"sensor {mode}": partial(run_sensor, mode) for mode in MODES},
    **{f"operator {mode}": partial(run_operator, mode) for mode in ("poke", "deferrable")},
}
#: The two that poll by themselves, in a worker and in a triggerer; the others share their polls.
POLLING = ("sensor poke", "sensor deferrable")
#: Seconds: of an outage that is to pass, and of one that isn't.
PATIENT, IMPATIENT = 30.0, 0.1


def each_task(names, values):
    """Give both kinds of polls each value, and the other tasks the first one."""
    pairs = [(task, value) for value in values for task in POLLING]
    pairs += [(task, values[0]) for task in TASKS if task not in POLLING]
    return pytest.mark.parametrize(
        ("task", *names), [pytest.param(task, *value, id=f"{task}-{value[:2]}") for task, value in pairs]
    )


BAD = each_task(("field", "value", "message"), UNKNOWN)


@pytest.fixture
def run(task):
    """Run a task that tolerates an outage for a moment."""
    return partial(TASKS[task], **{"outage_tolerance": IMPATIENT})


@pytest.fixture
def awaited(simulator, flow):
    """A finished execution with an older and a younger one beside it."""
    now = datetime.now(timezone.utc)
    _, awaited, _ = (
        simulator.add_execution(flow, id=name, lasts=0, created=now - timedelta(minutes=minutes))
        for name, minutes in (("older", 3), ("awaited", 2), ("younger", 1))
    )
    return awaited


def change(simulator, field, value, **when):
    """Change a field of the awaited execution in the answers of List logs."""

    def spoil(page):
        for log in page["results"]:
            if log["filename_uuid"] == "awaited":
                log[field] = value
                if value is MISSING:
                    del log[field]

    simulator.inject(Fault.mutate(spoil, on="logs", **when))


@each_task(("field", "value"), [("state", "3"), ("status", 2.0), ("id", 1920), ("created", 1687519997186)])
def test_another_form_is_understood(run, simulator, flow, awaited, field, value):
    change(simulator, field, str(awaited.number) if field == "id" else value)
    outcome = run(execution_id="awaited")
    assert outcome.state == "success", outcome.message
    found = IntegratorHook().get_execution(flow.id, "awaited")
    assert (found.execution_id, found.status) == ("awaited", Status.SUCCESS)
    assert found.log_id == awaited.log_id
    if field == "created":
        assert found.created == datetime(2023, 6, 23, 11, 33, 17, 186000, timezone.utc)


@BAD
def test_what_is_unknown_is_an_error_and_never_a_success(run, simulator, awaited, field, value, message):
    change(simulator, field, value)
    outcome = run(execution_id="awaited")
    assert isinstance(outcome.error, IntegratorError)
    assert message in outcome.message
    assert outcome.xcoms == {}
    assert simulator.count("download") == 0


@pytest.mark.parametrize(("field", "value", "message"), UNKNOWN)
def test_neither_is_it_one_where_nobody_waits(simulator, awaited, field, value, message):
    change(simulator, field, value)
    outcome = run_operator(execution_id="awaited", wait=False)
    assert isinstance(outcome.error, IntegratorError)
    assert message in outcome.message


@BAD
def test_the_next_execution_is_not_another_one(run, simulator, awaited, field, value, message):
    change(simulator, field, value)
    outcome = run(created_after=datetime.now(timezone.utc) - timedelta(minutes=2, seconds=30))
    assert isinstance(outcome.error, IntegratorError)
    assert message in outcome.message


@BAD
def test_other_executions_are_unharmed(run, simulator, flow, awaited, field, value, message):
    change(simulator, field, value)
    assert run(execution_id="younger").state == "success"
    since = datetime.now(timezone.utc) - timedelta(minutes=4)
    assert [found.execution_id for found in IntegratorHook().executions_since(flow.id, since)] == [
        "older",
        "younger",
    ]
    assert [found.execution_id for found in IntegratorHook().list_logs(flow.id)] == ["younger", "older"]


@BAD
def test_it_is_tolerated_for_a_while(run, simulator, awaited, logged, field, value, message):
    change(simulator, field, value, times=2)
    outcome = run(execution_id="awaited", outage_tolerance=PATIENT)
    assert outcome.state == "success", outcome.message
    assert message in logged.text


@pytest.mark.parametrize("task", TASKS)
def test_without_its_id_it_is_tolerated_for_a_while(run, simulator, awaited, logged):
    change(simulator, "filename_uuid", MISSING, times=2)
    outcome = run(execution_id="awaited", outage_tolerance=PATIENT)
    assert outcome.state == "success", outcome.message
    assert "filename_uuid should be the id of the requested execution but is missing" in logged.text


@each_task(("value",), [(MISSING,), (None,), ("",), ([],)])
def test_without_its_id_the_awaited_log_is_an_error_within_the_tolerance(run, simulator, awaited, value):
    change(simulator, "filename_uuid", value)
    outcome = run(execution_id="awaited")
    assert isinstance(outcome.error, IntegratorError)
    assert "filename_uuid should be the id of the requested execution but is " in outcome.message
    assert simulator.count("logs") >= 2


@each_task(
    ("field", "value"),
    [
        ("original_filename_uuid", "another"), ("finished", None), ("finished", "soon"), ("process_count", -1),
        ("process_group_name", None), ("process_group_id", {}), ("is_triggered", "perhaps"), ("triggered_by", 7),
        ("created", None), ("sub_flows", "none"), ("sub_flows", [None, {}, {"id": 5, "state": 99}]),
    ],
)  # fmt: skip
def test_what_no_decision_needs_may_be_odd(run, simulator, awaited, field, value):
    change(simulator, field, value)
    outcome = run(execution_id="awaited")
    assert outcome.state == "success", outcome.message


@pytest.mark.parametrize("value", [None, MISSING, [], 0.5], ids=repr)
def test_an_execution_without_a_log_id_is_waited_for_and_its_log_an_error(simulator, awaited, value):
    change(simulator, "id", value)
    for mode in MODES:
        outcome = run_sensor(mode, execution_id="awaited")
        assert (outcome.state, outcome.value["log_id"]) == ("success", None)
    outcome = run_operator(execution_id="awaited")
    assert "field id is missing or unreadable" in outcome.message
    assert outcome.xcoms["execution"]["status"] == "success"
