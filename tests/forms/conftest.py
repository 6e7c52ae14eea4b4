"""One Integrator per form of its answers, with the same world in each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Execution, Fault, Flow, IntegratorSimulator
from airflow_provider_integrator.simulator.forms import FORMS, PAGES
from tests import secrets

#: Each form alone, and what differs most from the pages: one form of each kind, twice.
EACH = [
    (PAGES,),
    *((name,) for name in FORMS),
    ("iso-z", "text-ids", "end-repeat", "numbers", "canvas", "garbage"),
    ("epoch", "hex-ids", "no-next-field", "texts", "sparse", "canvas", "garbage"),
]
#: Forms enough for a second way to the same readers: the pages, and all kinds of forms at once.
MIXED = [EACH[0], *EACH[-2:]]
NOW = datetime.now(timezone.utc).replace(microsecond=0)
ROWS = [{"sku": f"A-{number}", "shop": "x"} for number in range(3)]
_numbers = count()


class World:
    """An Integrator that answers in some forms, and what there is in it.

    :param integrator: The simulator.
    :param forms: The forms.
    """

    def __init__(self, integrator: IntegratorSimulator, forms: tuple[str, ...]) -> None:
        self.integrator = integrator
        self.forms = forms
        project = integrator.add_project("Acme", slug="acme", partner_id="partner-1")
        self.flow = integrator.add_flow(project, "Product", outbound=True)
        #: Three finished executions, an hour apart, the oldest one first.
        self.executions = [
            integrator.add_execution(
                self.flow,
                status=status,
                lasts=0,
                created=NOW - timedelta(hours=hours, milliseconds=1),
                log={"errors": [f"no price in {hours}"], "hours": hours},
                is_triggered=True,
                triggered_by="user@example.com",
            )
            for hours, status in ((3, Status.SUCCESS), (2, Status.FAILED), (1, Status.EMPTY))
        ]
        self.lines = integrator.add_lines(self.executions[1], ROWS, log={"line": True})

    @property
    def is_sparse(self) -> bool:
        """Whether only what is needed is in an answer."""
        return "sparse" in self.forms

    def new_flow(self) -> Flow:
        """Add a flow that no other test knows."""
        return self.integrator.add_flow(self.integrator.projects[0], f"Flow {next(_numbers)}")

    def after_looks(self, flow: Flow, looks: int, act: Callable[[], Any]) -> None:
        """Do something once a flow's logs have been asked for so often."""
        asked = count(1)

        def is_time(request: Any) -> bool:
            if request.param("flowId") == flow.id and next(asked) == looks:
                act()
            return False

        self.integrator.inject(Fault.delay(0.0, on="logs", where=is_time))

    def described(self, execution: Execution) -> dict[str, Any]:
        """What the tests compare of an execution, whatever it is read from: what there is in each form, and its steps' ids.

        :param execution: The simulator's.
        :return: Names and values as in XCom.
        """
        return {
            "execution_id": execution.id,
            "log_id": execution.log_id,
            "state": "finished",
            "status": Status(execution.status).name.lower(),
            "created": datetime.fromtimestamp(round(execution.begun * 1000) / 1000, timezone.utc),
            "steps": [step.log_id for step in execution.steps],
            **(
                dict.fromkeys(
                    ("flow_id", "flow_slug", "process_count", "success_count", "fail_count", "is_triggered")
                )
                if self.is_sparse
                else {
                    "flow_id": execution.flow.id,
                    "flow_slug": execution.flow.slug,
                    "process_count": execution.counts.process,
                    "success_count": execution.counts.success,
                    "fail_count": execution.counts.fail,
                    "is_triggered": execution.is_triggered,
                }
            ),
        }


def described(value: dict[str, Any]) -> dict[str, Any]:
    """Take from an execution's JSON object what :meth:`World.described` says of it."""
    names = (
        "execution_id", "log_id", "state", "status", "flow_id", "flow_slug", "process_count", "success_count",
        "fail_count", "is_triggered",
    )  # fmt: skip
    return {
        **{name: value[name] for name in names},
        "created": datetime.fromisoformat(value["created"]),
        "steps": [step["log_id"] for step in value["steps"]],
    }


def each_form(name: str, first: Any, *others: Any, indirect: Sequence[str] = ()) -> pytest.MarkDecorator:
    """Go one way in each form, and the others in some: what reads an answer is the same on all of them.

    :param name: The test's parameter for the way.
    :param first: The way that is gone in each form.
    :param others: The ways that are gone in :data:`MIXED` alone.
    :param indirect: ``name``, if it is a fixture's.
    :return: The mark of the test.
    """
    both = [*((form, first) for form in EACH), *((form, other) for other in others for form in MIXED)]
    return pytest.mark.parametrize(
        ("integrator_of_a_form", name),
        [pytest.param(form, way, id=f"{'+'.join(form)}-{_name(way)}") for form, way in both],
        indirect=["integrator_of_a_form", *indirect],
    )


def _name(way: Any) -> str:
    return way if isinstance(way, str) else way.__name__


@pytest.fixture(scope="session", params=EACH, ids="+".join)
def integrator_of_a_form(request: pytest.FixtureRequest) -> Iterator[World]:
    with IntegratorSimulator(seed=1, password=secrets.PASSWORD, forms=request.param) as integrator:
        yield World(integrator, request.param)


@pytest.fixture
def world(integrator_of_a_form: World, hasty: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world of a form, which the connection integrator_default leads to."""
    integrator = integrator_of_a_form.integrator
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(
        "AIRFLOW_CONN_INTEGRATOR_DEFAULT",
        json.dumps(integrator.connection(project_slug=None, partner_id="partner-1")),
    )
    integrator.clear_requests()
    secrets.INTEGRATORS.append(integrator)
    yield integrator_of_a_form
    integrator.clear_faults()
