"""Fixtures: an Integrator with a project and a flow, and both transports behind one small face."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.async_client import AsyncClient
from airflow_provider_integrator.api.client import Client
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.logs.archive import Limits
from airflow_provider_integrator.logs.receiver import ArchiveReceiver
from airflow_provider_integrator.simulator import IntegratorSimulator

#: Repeats like the real one, without the pauses.
FAST = Retry(attempts=3, first_delay=0.001, max_delay=0.01, max_total=60.0)


class Sync:
    """The synchronous client."""

    def __init__(self, access, retry=FAST, on_token=None, observer=None):
        self.client = Client(access, retry, on_token, observer)

    def call(self, call):
        return self.client.call(call)

    def run(self, script):
        return self.client.run(script)

    def logs(self, query, between=None):
        """Read all pages; ``between`` gets the number of logs so far, after each."""
        read = []
        for fields in self.client.logs(query):
            read.append(fields.identifier("id"))
            if between is not None:
                between(len(read))
        return read

    def log_in(self):
        self.client.log_in()

    def at_once(self, calls):
        """Carry calls through at once, and give their values or errors."""
        with ThreadPoolExecutor(len(calls)) as pool:
            futures = [pool.submit(self.client.call, call) for call in calls]
        return [future.exception() or future.result() for future in futures]

    def close(self):
        self.client.close()


class Async:
    """The asynchronous client, in a loop of its own."""

    def __init__(self, access, retry=FAST, on_token=None, observer=None):
        async def notify(token):
            on_token(token)

        self.loop = asyncio.new_event_loop()
        self.client = AsyncClient(access, retry, None if on_token is None else notify, observer)

    def _do(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def call(self, call):
        return self._do(self.client.call(call))

    def run(self, script):
        return self._do(self.client.run(script))

    def logs(self, query, between=None):
        async def read_all():
            read = []
            async for fields in self.client.logs(query):
                read.append(fields.identifier("id"))
                if between is not None:
                    # Off the loop, as the page ahead is fetched meanwhile.
                    await asyncio.to_thread(between, len(read))
            return read

        return self._do(read_all())

    def log_in(self):
        self._do(self.client.log_in())

    def at_once(self, calls):
        async def gathered():
            return await asyncio.gather(*map(self.client.call, calls), return_exceptions=True)

        return self._do(gathered())

    def close(self):
        self._do(self.client.close())
        self._do(self.loop.shutdown_default_executor())
        self.loop.close()


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path_factory):
    """Neither a proxy nor a .netrc nor a CA bundle of this machine has a say."""
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "requests_ca_bundle",
        "curl_ca_bundle",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def integrator(one_ca, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(one_ca))
    with IntegratorSimulator(seed=1) as simulator:
        yield simulator


@pytest.fixture
def project(integrator):
    return integrator.add_project("Acme", slug="acme", partner_id="partner-1", id="project-1")


@pytest.fixture
def flow(integrator, project):
    return integrator.add_flow(project, "Price", slug="price", id="flow-1")


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def transport(request):
    """Make clients of one kind; they are closed after the test."""
    made = []

    def make(access, **options):
        made.append(request.param(access, **options))
        return made[-1]

    make.kind = request.param
    yield make
    for client in made:
        client.close()


def access_to(integrator, **changes):
    """Say how to get at a simulator."""
    given = {"base_url": integrator.url, "username": integrator.username, "password": integrator.password}
    return Access(**{**given, "timeout": 30.0, **changes})


#: A log.
CONTENTS = {"errors": ["none"], "rows": [{"sku": "ABC", "price": "9,90 €"}]}


@pytest.fixture
def execution(integrator, flow):
    return integrator.add_execution(flow, lasts=0, log=CONTENTS)


def download(execution, limits=None):
    flow = execution.flow
    return endpoints.download_log(
        execution.log_id,
        flow.project.id,
        flow.project.slug,
        flow.id,
        lambda: ArchiveReceiver(limits or Limits()),
    )


def query(flow, **options):
    return LogQuery(flow.project.id, flow.id, **options)


@pytest.fixture
def call_of(execution):
    """Make each of the calls that carry a token."""
    flow = execution.flow
    return {
        "projects": lambda: endpoints.list_projects("partner-1"),
        "flows": lambda: endpoints.list_flows(flow.project.id),
        "logs": lambda: endpoints.list_logs(query(flow)),
        "download": lambda: download(execution),
    }


def named(kind):
    return {
        "login": "Login",
        "projects": "List projects",
        "flows": "List flows",
        "logs": "List logs",
        "download": "Download log",
    }[kind]


AUTHORISED = ["projects", "flows", "logs", "download"]
ALL = ["login", *AUTHORISED]


def carry(client, call_of, kind):
    if kind == "login":
        return client.log_in()
    value = client.call(call_of[kind]())
    if kind == "download":
        with value:
            return value.load()
    return value


def until(condition, seconds=20.0):
    """Wait for what happens in another thread."""
    waiting = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return True
        waiting.wait(0.01)
    return False


def assert_no_secret(integrator, *shown):
    for thing in shown:
        error = thing
        while error is not None:
            text = f"{error} {error!r}"
            assert integrator.password not in text
            assert not any(token in text for token in integrator.tokens)
            error = getattr(error, "__cause__", None) or getattr(error, "__context__", None)


@contextmanager
def listening(talk):
    """Hand each connection to a function, one after the other; gives where, as host and port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(20)
                talk(client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # A listener that a thread waits on is not ended by close alone.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(20)
