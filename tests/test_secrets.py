"""Neither the password nor a token stands where somebody can read it, whatever happens."""

from __future__ import annotations

import asyncio
import json
import traceback
from importlib import import_module

import airflow
import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault
from tests.tasks import MODES, a_sensor, after_looks, an_operator, run_operator, run_sensor

AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
home_of_masking = import_module(
    "airflow.sdk.log" if AIRFLOW >= (3, 0) else "airflow.utils.log.secrets_masker"
)

PASSWORD = "pass-word/with+signs&all"


def success(simulator, flow):
    execution = simulator.add_execution(flow)
    after_looks(simulator, 2, lambda: simulator.finish(execution))


def failure(simulator, flow):
    simulator.add_execution(flow, status=Status.FAILED, lasts=0)


def expiry(simulator, flow):
    success(simulator, flow)
    after_looks(simulator, 1, simulator.expire_tokens)


def fault(make):
    def arrange(simulator, flow):
        simulator.add_execution(flow)
        simulator.inject(make())

    return arrange


def wrong_password(simulator, flow):
    simulator.password = "changed-meanwhile"


def lost_midway(simulator, flow):
    """The connection is cut once the token is in use."""
    success(simulator, flow)
    simulator.inject(Fault.reset(on="logs"))


SITUATIONS = {
    "success": success,
    "failed execution": failure,
    "token expires": expiry,
    "wrong password": wrong_password,
    "login fails": fault(lambda: Fault.status(500, on="login")),
    "login cut off": fault(lambda: Fault.reset(on="login")),
    "login truncated": fault(lambda: Fault.truncated(on="login")),
    "login redirected": fault(lambda: Fault.redirect("http://elsewhere.invalid/", on="login")),
    "token refused": fault(lambda: Fault.status(401, on="logs")),
    "400": fault(lambda: Fault.status(400, on="logs")),
    "503": fault(lambda: Fault.status(503, on="logs")),
    "reset": lost_midway,
    "redirect": fault(lambda: Fault.redirect("http://elsewhere.invalid/", on="logs")),
    "not JSON": fault(lambda: Fault.not_json(on="logs")),
    "unknown state": fault(
        lambda: Fault.mutate(
            lambda page: [log.update(state=9) for log in page["results"]] and None, on="logs"
        )
    ),
    "download refused": lambda simulator, flow: (
        failure(simulator, flow),
        simulator.inject(Fault.status(400, on="download")),
    ),
    "timeout": lambda simulator, flow: simulator.add_execution(flow),
}


@pytest.fixture
def masked(monkeypatch):
    """What Airflow is given to mask, which it masks as ever."""
    given, original = [], home_of_masking.mask_secret

    def noting(secret, *rest):
        given.append(secret)
        original(secret, *rest)

    monkeypatch.setattr(home_of_masking, "mask_secret", noting)
    return given


def everything(outcome, logged):
    """All that an outcome shows to anybody."""
    error = "".join(traceback.format_exception(outcome.error)) if outcome.error else ""
    triggers = [(repr(deferral.trigger), deferral.trigger.serialize()) for deferral in outcome.deferrals]
    kwargs = [deferral.kwargs for deferral in outcome.deferrals]
    return "\n".join(
        [
            error,
            repr(outcome.error),
            json.dumps([triggers, kwargs, outcome.events, outcome.pushes]),
            logged.text,
        ]
    )


@pytest.fixture
def secrets(simulator, connect):
    simulator.password = PASSWORD
    connect()

    def known():
        return {PASSWORD, "pass-word%2Fwith%2Bsigns%26all", *simulator.tokens}

    return known


def used(simulator):
    """The tokens that reached the provider: those that it sent back."""
    headers = [request.headers.get("Authorization") for request in simulator.requests]
    return {header.removeprefix("Bearer ") for header in headers if header}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_sensor(situation, mode, simulator, flow, secrets, masked, logged):
    SITUATIONS[situation](simulator, flow)
    outcome = run_sensor(
        mode, outage_tolerance=0.2, timeout=2 if situation != "timeout" else 0.2, fail_on_failed=True
    )
    shown = everything(outcome, logged)
    assert shown.strip()
    assert [secret for secret in secrets() if secret in shown] == []
    assert [token for token in used(simulator) if token not in masked] == []


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_operator(situation, mode, simulator, flow, secrets, masked, logged):
    SITUATIONS[situation](simulator, flow)
    outcome = run_operator(mode, outage_tolerance=0.2, timeout=2 if situation != "timeout" else 0.2)
    shown = everything(outcome, logged)
    assert shown.strip()
    assert [secret for secret in secrets() if secret in shown] == []
    assert [token for token in used(simulator) if token not in masked] == []


@pytest.mark.parametrize("situation", ["success", "wrong password", "login fails", "token refused", "reset"])
def test_hook(situation, simulator, flow, secrets, masked, logged):
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
    text = "\n".join(shown)
    assert [secret for secret in secrets() if secret in text] == []
    assert [token for token in used(simulator) if token not in masked] == []


def test_token_of_the_connection(simulator, flow, connect, logged):
    simulator.accept_token("given-by-hand-and-long-enough")
    connect(login=None, password=None, token="given-by-hand-and-long-enough")
    success(simulator, flow)
    outcomes = [run_sensor("deferrable"), run_operator("deferrable")]
    simulator.expire_tokens()
    outcomes += [run_sensor(mode) for mode in MODES]
    assert [outcome.state for outcome in outcomes] == ["success"] * 2 + ["failed"] * 3
    for outcome in outcomes:
        assert "given-by-hand" not in everything(outcome, logged)


def test_used_tokens_are_known(simulator, flow):
    IntegratorHook().list_flows()
    assert used(simulator) == set(simulator.tokens)


def test_tasks_that_ran_show_nothing(simulator, flow, secrets):
    simulator.add_execution(flow, lasts=0)
    for task in (a_sensor(), an_operator()):
        task.hook.list_flows()
        text = repr(task) + repr(vars(task))
        assert [secret for secret in secrets() if secret in text] == []
