"""Neither the password nor a token stands where somebody can read it, whatever happens.

Each task that a test runs is checked for that by the helper that runs it: see tests/secrets.py. Here are the faults
that no other test has, what isn't a task, and the check itself.
"""

from __future__ import annotations

import asyncio
import traceback

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault
from tests import secrets
from tests.tasks import MODES, Runner, a_sensor, after_looks, an_operator, run_operator, run_sensor


def success(simulator, flow):
    execution = simulator.add_execution(flow)
    after_looks(simulator, 2, lambda: simulator.finish(execution))


def fault(make):
    def arrange(simulator, flow):
        simulator.add_execution(flow)
        simulator.inject(make())

    return arrange


def wrong_password(simulator, flow):
    simulator.password = "changed-meanwhile"


LOGINS = {
    "login fails": fault(lambda: Fault.status(500, on="login")),
    "login cut off": fault(lambda: Fault.reset(on="login")),
    "login truncated": fault(lambda: Fault.truncated(on="login")),
    "login redirected": fault(lambda: Fault.redirect("http://elsewhere.invalid/", on="login")),
}
SITUATIONS = {
    "success": success,
    "wrong password": wrong_password,
    "login fails": LOGINS["login fails"],
    "token refused": fault(lambda: Fault.status(401, on="logs")),
    "reset": fault(lambda: Fault.reset(on="logs")),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("situation", LOGINS)
def test_sensor(situation, mode, simulator, flow):
    LOGINS[situation](simulator, flow)
    assert run_sensor(mode, outage_tolerance=0.05, timeout=2).state == "failed"


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
@pytest.mark.parametrize("situation", LOGINS)
def test_operator(situation, mode, simulator, flow):
    LOGINS[situation](simulator, flow)
    assert run_operator(mode, outage_tolerance=0.05, timeout=2).state == "failed"


@pytest.mark.parametrize("situation", SITUATIONS)
def test_hook(situation, simulator, flow, logged):
    SITUATIONS[situation](simulator, flow)

    async def asynchronously():
        async with IntegratorHook() as hook:
            try:
                await hook.afind_flow("price")
                return repr([vars(hook), hook.__dict__])
            except Exception as error:  # noqa: BLE001 - whatever it shows
                return repr(error) + repr(vars(hook))

    with IntegratorHook() as hook:
        _, sentence = hook.test_connection()
        shown = [sentence, asyncio.run(asynchronously())]
        try:
            hook.list_flows()
        except Exception as error:  # noqa: BLE001 - whatever it shows
            shown.append("".join(traceback.format_exception(error)))
        shown.extend((repr(hook), repr(vars(hook)), logged.text))
    secrets.check("\n".join(shown))


def test_token_of_the_connection(simulator, flow, connect, logged):
    simulator.accept_token("given-by-hand-and-long-enough")
    connect(login=None, password=None, token="given-by-hand-and-long-enough")
    success(simulator, flow)
    outcomes = [run_sensor("deferrable"), run_operator("deferrable")]
    simulator.expire_tokens()
    outcomes += [run_sensor(mode) for mode in MODES]
    assert [outcome.state for outcome in outcomes] == ["success"] * 2 + ["failed"] * 3
    for outcome in outcomes:
        assert "given-by-hand" not in secrets.shown_by(outcome) + logged.text


def test_tasks_that_ran_show_nothing(simulator, flow):
    simulator.add_execution(flow, lasts=0)
    for task in (a_sensor(), an_operator()):
        task.hook.list_flows()
        secrets.check(repr(task) + repr(vars(task)))


class Leak(BaseOperator):
    """Shows a secret."""

    def __init__(self, *, way, **arguments):
        super().__init__(task_id="leak", **arguments)
        self.way = way

    def execute(self, context):
        if self.way == "log":
            self.log.info("The password is %s.", secrets.PASSWORD)
        elif self.way == "print":
            print(secrets.PASSWORD)  # noqa: T201 - Airflow puts it into the task's log
        elif self.way == "XCom":
            context["ti"].xcom_push("password", secrets.PASSWORD)
        elif self.way == "return value":
            return {"token": secrets.INTEGRATORS[0].tokens[0]}
        else:
            raise ValueError(f"login?password={secrets.PASSWORD}")
        return None


@pytest.mark.parametrize("way", ["log", "print", "XCom", "return value", "error"])
def test_a_secret_is_found(way, simulator):
    IntegratorHook().list_flows()
    with pytest.raises(AssertionError):
        Runner(lambda: Leak(way=way)).run()


def test_a_token_that_is_not_masked_is_found(simulator):
    IntegratorHook().list_flows()
    secrets.check("")
    secrets.masker().patterns.clear()
    with pytest.raises(AssertionError):
        secrets.check("")
