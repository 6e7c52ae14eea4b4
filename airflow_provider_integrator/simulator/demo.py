"""A small world to look at: one project whose flows succeed, fail and stay empty, always in the same way.

Project ``demo-project`` (slug ``demo-shop``, partner ``demo-partner``) has these flows, with ids like
``demo-price``: ``product``, ``stock``, ``image`` and ``order_status`` succeed, ``price`` fails in 3 rows of
12 (in every third execution if it recovers), ``order`` is empty. Their executions are ``demo-<slug>-1``,
``demo-<slug>-2`` and so on; the first ones finished an hour ago. Each row of ``price`` has a line log, found by its ``sku``.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_integrator.api.enums import Status

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_provider_integrator.simulator.integrator import IntegratorSimulator
    from airflow_provider_integrator.simulator.records import Execution, Flow, Project

#: Seconds between two rounds of the demo's flows.
DEFAULT_EVERY = 10.0
_HISTORY = timedelta(hours=1)
_HISTORY_LASTS = 42.0


class _Habit(NamedTuple):
    """How the executions of a flow go."""

    name: str
    status: Status
    rows: int
    seconds: float


_HABITS = {
    "product": _Habit("Product", Status.SUCCESS, 40, 6.0),
    "price": _Habit("Price", Status.FAILED, 12, 5.0),
    "stock": _Habit("Stock", Status.SUCCESS, 120, 4.0),
    "order": _Habit("Order", Status.EMPTY, 0, 3.0),
    "image": _Habit("Image", Status.SUCCESS, 8, 8.0),
    "order_status": _Habit("Order Status", Status.SUCCESS, 5, 4.0),
}
_ERRORS = [
    {"row": 2, "sku": "SKU-00002", "message": "The price 0.00 isn't allowed: it must be greater than 0."},
    {
        "row": 7,
        "sku": "SKU-00007",
        "message": "The currency 'EURO' isn't known: use a code of three letters.",
    },
    {"row": 11, "sku": "SKU-00011", "message": "There is no product with this SKU in the catalogue."},
]


@dataclass
class DemoWorld:
    """What :func:`demo_world` made; ``flows`` by slug, ``recovers`` if what fails does so every third time."""

    integrator: IntegratorSimulator
    project: Project
    flows: dict[str, Flow]
    recovers: bool = False
    _numbers: Counter[str] = field(default_factory=Counter)

    def run(self, slug: str, *, lasts: float | None = None, created: datetime | None = None) -> Execution:
        """Run a flow once, in its usual way.

        :param slug: The flow's slug.
        :param lasts: Seconds until it is finished, a few by default.
        :param created: When it was created, now by default.
        :return: The execution.
        :raises KeyError: If the demo has no such flow.
        """
        habit = _HABITS[slug]
        self._numbers[slug] += 1
        # Every third: a DAG that takes two rounds and is started at once again would always meet the same of two.
        if self.recovers and habit.status is Status.FAILED and self._numbers[slug] % 3 != 1:
            habit = habit._replace(status=Status.SUCCESS)
        errors = _ERRORS if habit.status is Status.FAILED else []
        execution = self.integrator.add_execution(
            self.flows[slug],
            status=habit.status,
            lasts=habit.seconds if lasts is None else lasts,
            created=created,
            process_count=habit.rows,
            fail_count=len(errors),
            log=_log(slug, _rows(slug, habit), errors),
            id=f"demo-{slug}-{self._numbers[slug]}",
        )
        if _HABITS[slug].status is Status.FAILED:
            self._add_lines(execution, slug, habit, errors)
        return execution

    def _add_lines(
        self, execution: Execution, slug: str, habit: _Habit, errors: list[dict[str, Any]]
    ) -> None:
        error_of = {error["row"]: error for error in errors}
        for row in _rows(slug, habit):
            error = error_of.get(row["row"])
            if error is None:
                self.integrator.add_lines(execution, [row])
            else:
                log = _log(slug, [row], [error])
                self.integrator.add_lines(execution, [row], status=Status.FAILED, log=log)


class DemoActivity:
    """Run every flow of the demo in a loop; a context manager with a thread of its own.

    :param world: The demo's world.
    :param every: Seconds between two rounds; the first comes at once.
    :param speed: How many times faster everything goes.
    """

    def __init__(self, world: DemoWorld, *, every: float = DEFAULT_EVERY, speed: float = 1.0) -> None:
        if every <= 0 or speed <= 0:
            raise ValueError(f"every and speed must be above 0, not {every} and {speed}")
        self._world = world
        self._every = every / speed
        self._speed = speed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="integrator-demo", daemon=True)

    def __enter__(self) -> DemoActivity:
        """Start the thread.

        :return: Itself.
        """
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            for slug, habit in _HABITS.items():
                self._world.run(slug, lasts=habit.seconds / self._speed)
            if self._stopping.wait(self._every):
                return


def demo_world(integrator: IntegratorSimulator, *, recovers: bool = False, first: int = 1) -> DemoWorld:
    """Fill a simulator with the demo's project, its flows, and one finished execution of each flow.

    :param integrator: The simulator.
    :param recovers: Whether ``price`` fails in every third execution only, the first one included.
    :param first: The number in the ids of the first executions. An Airflow that has met an id before takes its
        execution for the same.
    :return: The world, with which more executions can be added.
    :raises ValueError: If the simulator has it already.
    """
    project = integrator.add_project(
        "Demo Shop", slug="demo-shop", partner_id="demo-partner", id="demo-project"
    )
    flows = {
        slug: integrator.add_flow(project, habit.name, slug=slug, id=f"demo-{slug}")
        for slug, habit in _HABITS.items()
    }
    world = DemoWorld(integrator, project, flows, recovers, Counter(dict.fromkeys(flows, first - 1)))
    for slug in flows:
        world.run(slug, lasts=_HISTORY_LASTS, created=datetime.now(timezone.utc) - _HISTORY)
    return world


def _rows(slug: str, habit: _Habit) -> list[dict[str, Any]]:
    return [{"row": row, "sku": f"SKU-{row:05d}", slug: row * 10} for row in range(1, habit.rows + 1)]


def _log(slug: str, rows: list[dict[str, Any]], errors: list[dict[str, Any]]) -> dict[str, Any]:
    failed = {error["row"] for error in errors}
    return {
        "errors": errors,
        "request": {"flow": slug, "body": rows},
        "response": {
            "status_code": 400 if errors else 200,
            "body": {"accepted": [row["sku"] for row in rows if row["row"] not in failed]},
        },
    }
