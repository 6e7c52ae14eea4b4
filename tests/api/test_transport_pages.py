"""Both transports over real HTTP, against the embedded Integrator: pages, and what is left behind."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import datetime, timezone

import pytest

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.history import read_since
from airflow_provider_integrator.exceptions import RequestError
from airflow_provider_integrator.simulator import Fault
from airflow_provider_integrator.simulator.forms import FORMS
from tests.api.conftest import (
    FAST,
    access_to,
    query,
    until,
)


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
def test_all_pages_are_read_in_the_servers_order(transport, integrator, flow, order):
    integrator.order = order
    wanted = {integrator.add_execution(flow, lasts=0).log_id for _ in range(23)}
    read = transport(access_to(integrator)).logs(query(flow, limit=5))
    assert len(read) == 23
    assert set(read) == wanted
    assert integrator.count("logs") == 6


#: Requests for three pages: one more to see that they end, unless the last one has no ``next``.
ENDS = {"end-404": 4, "end-empty": 4, "end-repeat": 4, "no-next": 3, "no-next-field": 3}


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.kind == "ends"])
def test_an_end_costs_at_most_one_request_more(transport, integrator, flow, form):
    wanted = [integrator.add_execution(flow, lasts=0).log_id for _ in range(12)]
    integrator.forms = form
    client = transport(access_to(integrator))
    assert sorted(client.logs(query(flow, limit=5))) == wanted
    assert integrator.count("logs") == ENDS[form]
    history = client.run(read_since(flow.project.id, flow.id, datetime(2000, 1, 1, tzinfo=timezone.utc)))
    assert len(history.executions) == 12
    assert integrator.count("logs") - ENDS[form] == (1 if ENDS[form] == 3 else 2)


def test_no_logs_at_all(transport, integrator, flow):
    assert transport(access_to(integrator)).logs(query(flow)) == []
    assert integrator.count("logs") == 1


def test_a_log_that_slides_to_the_next_page_comes_once(transport, integrator, flow):
    wanted = [integrator.add_execution(flow, lasts=0).log_id for _ in range(20)]

    def between(count):
        if count in (1, 6):
            integrator.add_execution(flow, lasts=0)

    read = transport(access_to(integrator)).logs(query(flow, limit=5), between)
    assert len(read) == len(set(read))
    assert set(wanted) <= set(read)


def test_a_token_that_expires_between_pages_costs_one_login(transport, integrator, flow):
    wanted = {integrator.add_execution(flow, lasts=0).log_id for _ in range(50)}
    client = transport(access_to(integrator))

    def between(count):
        if count == 15:
            integrator.expire_tokens()

    read = client.logs(query(flow, limit=10), between)
    assert sorted(read) == sorted(wanted)
    assert integrator.logins == 2


def test_one_page_at_the_most_is_asked_for_ahead(transport, integrator, flow):
    for _ in range(40):
        integrator.add_execution(flow, lasts=0)
    seen = []

    def between(count):
        ahead = (count - 1) // 10 + 2
        assert until(lambda: integrator.count("logs") >= ahead)
        seen.append((integrator.count("logs"), ahead))

    assert len(transport(access_to(integrator)).logs(query(flow, limit=10), between)) == 40
    assert all(asked == ahead for asked, ahead in seen)
    assert integrator.count("logs") == 5


def test_a_page_that_fails_is_an_error_after_the_ones_before(transport, integrator, flow):
    for _ in range(20):
        integrator.add_execution(flow, lasts=0)
    integrator.inject(Fault.status(400, body="no page 2", where=lambda request: request.param("page") == "2"))
    counts = []
    with pytest.raises(RequestError, match="no page 2"):
        transport(access_to(integrator)).logs(query(flow, limit=10), counts.append)
    assert counts[-1] == 10


def test_a_server_that_ignores_the_page(transport, integrator, flow):
    for _ in range(20):
        integrator.add_execution(flow, lasts=0)
    pages = []

    def same(page):
        pages.append(page)
        return pages[0]

    integrator.inject(Fault.mutate(same, on="logs"))
    read = transport(access_to(integrator)).logs(query(flow, limit=10))
    assert len(read) == len(set(read)) == 10
    assert integrator.count("logs") == 2


def test_an_abandoned_iterator_leaves_no_thread(integrator, flow):
    from airflow_provider_integrator.api.client import Client

    for _ in range(20):
        integrator.add_execution(flow, lasts=0)
    with Client(access_to(integrator), FAST) as client:
        logs = client.logs(query(flow, limit=10))
        next(logs)
        logs.close()
        assert not [one for one in threading.enumerate() if one.name.startswith("integrator-page")]
    assert integrator.count("logs") == 2


@pytest.mark.parametrize("fails", [False, True], ids=["page comes", "page fails"])
def test_an_abandoned_iterator_leaves_no_task_and_no_complaint(integrator, flow, caplog, fails):
    from airflow_provider_integrator.api.async_client import AsyncClient

    for _ in range(20):
        integrator.add_execution(flow, lasts=0)
    if fails:
        integrator.inject(Fault.status(400, where=lambda request: request.param("page") == "2"))
    complaints = []

    async def abandon():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        async with AsyncClient(access_to(integrator), FAST) as client:
            logs = client.logs(query(flow, limit=10))
            await anext(logs)
            assert await asyncio.to_thread(until, lambda: integrator.requests[-1].param("page") == "2")
            await asyncio.sleep(0.05)
            await logs.aclose()
            assert len(asyncio.all_tasks()) == 1

    with caplog.at_level(logging.ERROR):
        asyncio.run(abandon())
    assert complaints == []
    assert caplog.records == []


def test_an_async_call_that_is_cancelled_leaves_nothing_and_harms_nobody(integrator, flow):
    from airflow_provider_integrator.api.async_client import AsyncClient

    integrator.inject(Fault.delay(0.2, on="login", times=1))

    async def cancel_one():
        async with AsyncClient(access_to(integrator), FAST) as client:
            first = asyncio.create_task(client.call(endpoints.list_flows(flow.project.id)))
            second = asyncio.create_task(client.call(endpoints.list_flows(flow.project.id)))
            assert await asyncio.to_thread(until, lambda: integrator.count("login") == 1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert len(await second) == 1
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(cancel_one())


def test_a_log_that_is_cancelled_while_it_is_written_is_discarded_only_then(integrator, flow):
    from airflow_provider_integrator.api.async_client import AsyncClient

    calls, feeding, go_on = [], threading.Event(), threading.Event()

    class SlowDisk:
        def feed(self, data):
            feeding.set()
            go_on.wait(10)
            calls.append("fed")

        def finish(self):
            calls.append("finished")

        def discard(self):
            calls.append("discarded")

    execution = integrator.add_execution(flow, lasts=0)

    async def cancel_it():
        async with AsyncClient(access_to(integrator), FAST) as client:
            download = asyncio.create_task(
                client.call(
                    endpoints.download_log(
                        execution.log_id, flow.project.id, flow.project.slug, flow.id, SlowDisk
                    )
                )
            )
            assert await asyncio.to_thread(feeding.wait, 10)
            download.cancel()
            # Late enough that a discarding which doesn't wait for it comes first.
            asyncio.get_running_loop().call_later(0.3, go_on.set)
            with pytest.raises(asyncio.CancelledError):
                await download

    asyncio.run(cancel_it())
    assert calls == ["fed", "discarded"]
