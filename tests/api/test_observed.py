"""What an observer of requests sees: each HTTP request once, on both transports."""

from __future__ import annotations

import asyncio
import time
import timeit

import pytest

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.async_client import AsyncClient
from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.api.exchange import Send, _observed, exchange
from airflow_provider_integrator.api.queries import get_execution
from airflow_provider_integrator.exceptions import IntegratorError
from airflow_provider_integrator.simulator import Fault
from tests.api.conftest import FAST, access_to, carry, query
from tests.api.test_exchange import LOGS, RETRY, Hand, answer


@pytest.fixture
def seen():
    return []


@pytest.fixture
def client(transport, integrator, seen):
    return transport(access_to(integrator), observer=lambda *request: seen.append(request))


def outcomes(seen):
    assert all(0 < seconds < 60 for _, _, seconds in seen)
    return [(call, outcome) for call, outcome, _ in seen]


def test_each_call(client, call_of, seen):
    for call in ("projects", "flows", "logs", "download"):
        carry(client, call_of, call)
    assert outcomes(seen) == [
        (call, "ok") for call in ("Login", "List projects", "List flows", "List logs", "Download log")
    ]


def test_a_script(client, execution, seen):
    client.run(get_execution(execution.flow.project.id, execution.flow.id, execution.id))
    assert outcomes(seen) == [("Login", "ok"), ("List logs", "ok")]


def test_no_more_logs_are_no_failure(client, flow, seen):
    client.call(endpoints.list_logs(query(flow)))
    assert outcomes(seen)[-1] == ("List logs", "ok")


def test_all_pages(client, integrator, flow, seen):
    for _ in range(25):
        integrator.add_execution(flow, lasts=0, status=Status.SUCCESS)
    assert len(client.logs(query(flow, limit=10))) == 25
    assert outcomes(seen) == [("Login", "ok"), *[("List logs", "ok")] * integrator.count("logs")]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (lambda: Fault.status(503, on="logs", times=1), "503"),
        (lambda: Fault.status(429, on="logs", times=1), "429"),
        (lambda: Fault.reset(midway=True, on="logs", times=1), "fault"),
        (lambda: Fault.truncated(on="logs", times=1), "fault"),
        (lambda: Fault.not_json(on="logs", times=1), "fault"),
        (lambda: Fault.status(401, on="logs", times=1), "401"),
    ],
)
def test_a_retry_is_a_request_of_its_own(client, integrator, call_of, seen, fault, outcome):
    client.log_in()
    integrator.inject(fault())
    carry(client, call_of, "logs")
    expected = [("Login", "ok"), ("List logs", outcome), ("List logs", "ok")]
    if outcome == "401":
        expected.insert(2, ("Login", "ok"))
    assert outcomes(seen) == expected
    assert integrator.count() == len(seen)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (lambda: Fault.status(400, on="logs"), "400"),
        (lambda: Fault.redirect("http://elsewhere.invalid", on="logs"), "302"),
        (lambda: Fault.body('{"results": 5}', on="logs"), "error"),
    ],
)
def test_what_fails_for_good(client, integrator, call_of, seen, fault, outcome):
    integrator.inject(fault())
    with pytest.raises(IntegratorError):
        carry(client, call_of, "logs")
    assert outcomes(seen) == [("Login", "ok"), ("List logs", outcome)]


def test_a_refused_login(client, integrator, seen):
    integrator.password = "another"
    with pytest.raises(IntegratorError):
        client.log_in()
    assert outcomes(seen) == [("Login", "400")]


def test_the_time_is_that_of_one_request_without_pauses():
    hand, seen = Hand(answer(503), answer(429), answer(200, value="page"), seconds_each=2.0), []
    hand.drive(exchange(LOGS, RETRY, hand.clock, lambda *request: seen.append(request)))
    assert sum(hand.pauses) > 0
    assert [outcome for _, outcome, _ in seen] == ["503", "429", "ok"]
    assert [seconds for *_, seconds in seen] == pytest.approx([2.0, 2.0, 2.0])


def test_a_cancelled_request_has_no_outcome(integrator, flow, seen):
    integrator.inject(Fault.delay(30.0, on="logs"))

    async def scenario():
        async with AsyncClient(
            access_to(integrator), FAST, observer=lambda *each: seen.append(each)
        ) as client:
            await client.log_in()
            task = asyncio.create_task(client.call(endpoints.list_logs(query(flow))))
            while not integrator.count("logs"):  # noqa: ASYNC110 - the server's count has no event
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    assert outcomes(seen) == [("Login", "ok")]


def test_without_an_observer_it_costs_next_to_nothing(transport, integrator, call_of, record_property):
    """What sending a request takes more than yielding it, as a share of a request to a server beside it."""
    client = transport(access_to(integrator))
    request = min(timeit.repeat(lambda: carry(client, call_of, "logs"), number=1, repeat=30))
    send, answered = Send(LOGS, None), answer(200, value="page")

    def drive(effects):
        effects.send(None)
        with pytest.raises(StopIteration):
            effects.send(answered)

    def plain():
        yield send

    hops = 2000
    hop, base = (
        min(timeit.repeat(lambda make=make: drive(make()), number=hops, repeat=5)) / hops
        for make in (lambda: _observed(send, time.monotonic, None), plain)
    )
    record_property("share", (hop - base) / request)
    print(f"{(hop - base) * 1e9:.0f} ns of {request * 1e6:.0f} us: {(hop - base) / request:.4%}")  # noqa: T201
    assert hop - base <= 0.01 * request
