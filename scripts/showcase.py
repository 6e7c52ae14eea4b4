"""A project with a past, for the page in ``make airflow`` and for its pictures: every state that the page can show."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import NamedTuple

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Execution, Flow, IntegratorSimulator, Project

PROJECT_ID = "acme-fashion"
_EXECUTIONS = 45
_WEEKDAYS = {"SUN": (6,), "MON-FRI": range(5)}
_STEPS = ("Login", "Read data from ERP", "Script", "Mapping", "Write data to Omnitron")


class _Habit(NamedTuple):
    """How a flow runs.

    :param name: The flow's name.
    :param cron: When it runs.
    :param rows: The usual number of rows.
    :param seconds: The usual duration.
    :param fails: The share of executions that fail.
    :param empties: The share of executions without rows.
    :param silent_for: Hours since the last execution, if the flow has stopped running.
    """

    name: str
    cron: str
    rows: int
    seconds: float
    fails: float = 0.0
    empties: float = 0.0
    silent_for: float = 0.0


_HABITS = (
    _Habit("Product", "0 0 0/2 * * ? *", 4_200, 310),
    _Habit("Price", "0 0,30 * * * ? *", 18_400, 95, fails=0.12),
    _Habit("Stock", "0 0/5 * * * ? *", 2_650, 24, fails=0.03),
    _Habit("Image", "0 15 * * * ? *", 380, 160, empties=0.2),
    _Habit("Category", "0 0 4 * * ? *", 240, 18),
    _Habit("Attribute", "0 30 4 * * ? *", 1_900, 42, fails=0.1),
    _Habit("Order", "0 0/5 * * * ? *", 14, 6, empties=0.45),
    _Habit("Order Status", "0 0/10 * * * ? *", 31, 9, empties=0.2),
    _Habit("Order Cancel", "0 0/15 * * * ? *", 2, 4, empties=0.7),
    _Habit("Shipment", "0 0/20 * * * ? *", 64, 12, silent_for=5),
    _Habit("Return", "0 0 9,13,17 ? * MON-FRI *", 22, 15, fails=0.06),
    _Habit("Invoice", "0 45 * * * ? *", 120, 33),
    _Habit("Customer", "0 0 3 ? * SUN *", 9_800, 520),
)
#: A field of a row that failed, and why it did.
_FAULTS: tuple[tuple[dict[str, object], str], ...] = (
    ({"price": "0.00"}, "The price 0.00 isn't allowed: it must be greater than 0."),
    ({"currency": "EURO"}, "The currency 'EURO' isn't known: use a code of three letters."),
    ({"price": "129.90"}, "There is no product with this SKU in the catalogue."),
)


def add_showcase(integrator: IntegratorSimulator, partner_id: str) -> Project:
    """Add the project, its flows and their past.

    :param integrator: The simulator.
    :param partner_id: The project's partner.
    :return: The project.
    """
    project = integrator.add_project(
        "Acme Fashion", slug="acme-fashion", partner_id=partner_id, id=PROJECT_ID
    )
    chance = random.Random(11)  # noqa: S311 - the same pictures at every run
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    for habit in _HABITS:
        flow = integrator.add_flow(
            project,
            habit.name,
            scheduling_period=habit.cron,
            id=f"acme-{habit.name.lower().replace(' ', '-')}",
        )
        _add_past(integrator, flow, habit, now, chance)
    integrator.add_flow(
        project,
        "Loyalty Points",
        inbound=False,
        outbound=True,
        type="Generic Proxy",
        id="acme-loyalty-points",
    )
    integrator.add_flow(
        project, "Gift Card", state="STOPPED", scheduling_period="0 0 0/6 * * ? *", id="acme-gift-card"
    )
    return project


def _add_past(
    integrator: IntegratorSimulator, flow: Flow, habit: _Habit, now: datetime, chance: random.Random
) -> None:
    # The last one has finished by now.
    before = now - timedelta(hours=habit.silent_for, seconds=2.5 * habit.seconds)
    times = list(islice(_times(habit.cron, before), _EXECUTIONS))
    for number, due in reversed(list(enumerate(times, start=1))):
        begun = due + timedelta(seconds=chance.randint(1, 9))
        draw = chance.random()
        is_last = number == 1
        if habit.name == "Price" and is_last:
            draw = 0.0
        if draw < habit.fails:
            _add(integrator, flow, habit, begun, Status.FAILED, chance)
        elif draw < habit.fails + habit.empties and not is_last:
            integrator.add_execution(
                flow, status=Status.EMPTY, lasts=chance.uniform(2, 4), created=begun, process_count=0
            )
        else:
            _add(integrator, flow, habit, begun, Status.SUCCESS, chance)
    if habit.name == "Product":
        integrator.add_execution(
            flow, lasts=1800, created=now - timedelta(minutes=2), process_count=2_150, steps=_STEPS[:3]
        )


def _times(cron: str, before: datetime) -> Iterator[datetime]:
    """List when a flow was to run, the newest time first."""
    _, minute, hour, _, _, weekday, _ = cron.split()
    minutes, hours = _members(minute, 60), _members(hour, 24)
    full_hour = before.replace(minute=0)
    while True:
        if full_hour.hour in hours and full_hour.weekday() in _WEEKDAYS.get(weekday, range(7)):
            times = [full_hour.replace(minute=each) for each in reversed(minutes)]
            yield from (each for each in times if each <= before)
        full_hour -= timedelta(hours=1)


def _members(field: str, end: int) -> list[int]:
    if "/" in field:
        return list(range(0, end, int(field.partition("/")[2])))
    return list(range(end)) if field == "*" else [int(each) for each in field.split(",")]


def _add(
    integrator: IntegratorSimulator,
    flow: Flow,
    habit: _Habit,
    begun: datetime,
    status: Status,
    chance: random.Random,
) -> Execution:
    rows = max(1, round(habit.rows * chance.uniform(0.75, 1.2)))
    failed = max(3, round(rows * chance.uniform(0.004, 0.05))) if status is Status.FAILED else 0
    faults = [_fault(chance) for _ in range(min(failed, 7))]
    errors = [error for _, error in faults]
    seconds = habit.seconds * chance.uniform(0.8, 1.35) * (1.8 if status is Status.FAILED else 1)
    execution = integrator.add_execution(
        flow,
        status=status,
        lasts=seconds,
        created=begun,
        process_count=rows,
        fail_count=failed,
        steps=[
            {"name": name, "process_count": count, "fail_count": failed if name == _STEPS[-1] else 0}
            | ({"status": Status.FAILED} if failed and name == _STEPS[-1] else {})
            for name, count in zip(_STEPS, (1, rows, rows, rows, rows), strict=True)
        ],
        is_triggered=chance.random() < 0.06,
        log={"errors": errors, "request": {"flow": flow.slug}, "response": {"status_code": 400}},
        triggered_by="System",
    )
    for fields, error in faults:
        (line,) = integrator.add_lines(execution, [fields], status=Status.FAILED, log={"errors": [error]})
        line.row_num, line.begun = int(str(error["row"])), execution.begun + seconds
    return execution


def _fault(chance: random.Random) -> tuple[dict[str, object], dict[str, object]]:
    """Make the fields of a row that failed, and its error."""
    row = chance.randint(1, 9_999)
    fields, message = chance.choice(_FAULTS)
    sku = f"SKU-{row:05d}"
    return {"sku": sku, **fields}, {"row": row, "sku": sku, "message": message}
