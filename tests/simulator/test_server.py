"""The server itself: its life, its connections, what it records, TLS, and changes while it serves."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_integrator.simulator import Fault, Flow, IntegratorSimulator, Project
from tests.certificates import make_certificate

if TYPE_CHECKING:
    from tests.simulator.conftest import Caller, Clock

MakeCaller = Callable[[IntegratorSimulator], "Caller"]


@pytest.fixture
def call(caller: Caller) -> MakeCaller:
    return type(caller)


def descriptors() -> int:
    if not sys.platform.startswith("linux"):
        pytest.skip("counts open files where the system shows them")
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("tls", [False, True])
def test_stop_leaves_no_thread_and_no_socket(tmp_path: Path, tls: bool) -> None:
    context = server_context(tmp_path) if tls else None
    threads, files = set(threading.enumerate()), descriptors()
    simulator = IntegratorSimulator(ssl_context=context)
    with simulator:
        session = requests.Session()
        # Or else the environment's CA bundle would be preferred to this one.
        session.trust_env = False
        session.verify = str(tmp_path / "certificate.pem")
        assert session.get(simulator.url, timeout=20).status_code == 404
        assert set(threading.enumerate()) > threads
    assert set(threading.enumerate()) == threads
    session.close()
    assert descriptors() == files
    with pytest.raises(requests.ConnectionError):
        requests.get(simulator.url, timeout=20)


def test_stop_breaks_off_an_answer_that_is_late(integrator: IntegratorSimulator) -> None:
    integrator.inject(Fault.delay(3600))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(requests.get, integrator.url, timeout=60)
        while not integrator.requests:
            threading.Event().wait(0.01)
        integrator.stop()
        with pytest.raises(requests.ConnectionError):
            late.result(60)


def test_a_second_start_keeps_port_and_world(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller
) -> None:
    integrator.add_execution(flow, lasts=0)
    before = integrator.url
    integrator.stop()
    integrator.stop()
    with pytest.raises(requests.ConnectionError):
        caller.logs(flow)
    integrator.start()
    assert integrator.url == before
    assert caller.logs(flow).status_code == 200
    with pytest.raises(RuntimeError, match="already"):
        integrator.start()


def test_a_taken_port_is_an_error_where_start_was_called(integrator: IntegratorSimulator) -> None:
    threads = set(threading.enumerate())
    other = IntegratorSimulator(port=int(integrator.url.rpartition(":")[2]))
    with pytest.raises(OSError, match="in use"):
        other.start()
    assert set(threading.enumerate()) == threads
    other.stop()


def test_it_binds_to_this_machine_only(integrator: IntegratorSimulator) -> None:
    assert integrator.url.startswith("http://127.0.0.1:")
    assert IntegratorSimulator(host="::1", port=8900).url == "http://[::1]:8900"


def test_connections_are_counted(
    integrator: IntegratorSimulator, call: MakeCaller, caller: Caller, flow: Flow
) -> None:
    for _ in range(3):
        caller.logs(flow)
    assert integrator.connections == 1
    call(integrator).login()
    assert integrator.connections == 2
    assert [request.connection for request in integrator.requests] == [1, 1, 1, 1, 2]


def test_requests_are_recorded(
    integrator: IntegratorSimulator, anonymous: Caller, clock: Clock, flow: Flow
) -> None:
    anonymous.login()
    clock.now += 5
    anonymous.session.headers["User-Agent"] = "tests/1.0"
    anonymous.get("/logs", projectid=flow.project.id, flowId=flow.id, page=[1, 2])
    login, logs = integrator.requests
    assert (login.method, login.path, login.query) == ("POST", "/api/nifi/login", [])
    assert login.form == {"username": integrator.username, "password": integrator.password}
    assert (login.status, logs.status) == (200, 404)
    assert logs.query == [("projectid", flow.project.id), ("flowId", flow.id), ("page", "1"), ("page", "2")]
    assert (logs.param("page"), logs.param("limit")) == ("1", None)
    assert logs.headers["user-agent"] == logs.headers["User-Agent"] == "tests/1.0"
    assert logs.time - login.time == 5
    assert integrator.password not in repr(login)
    assert integrator.tokens[0] not in repr(logs)


def test_counting_and_clearing(integrator: IntegratorSimulator, caller: Caller) -> None:
    caller.get("/logs")
    caller.get("/logs")
    caller.get("/logs/download")
    assert integrator.count() == 4
    assert integrator.count("/logs") == integrator.count("logs") == 2
    assert integrator.count("logs", method="POST") == 0
    assert integrator.count(method="POST") == integrator.count("login") == 1
    integrator.clear_requests()
    assert integrator.count() == len(integrator.requests) == 0
    assert (integrator.logins, integrator.connections) == (1, 1)


def test_the_world_may_change_while_it_is_read(
    integrator: IntegratorSimulator, flow: Flow, call: MakeCaller
) -> None:
    integrator.add_execution(flow, lasts=0)

    def write(_: int) -> None:
        for _ in range(50):
            execution = integrator.add_execution(flow)
            integrator.add_lines(execution, [{"sku": "A"}])
            integrator.finish(execution)

    def read(_: int) -> list[int]:
        reader = call(integrator).login()
        return [reader.logs(flow, log_type=kind % 2 + 1).status_code for kind in range(20)]

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, number) for number in range(4)]
        reads = [pool.submit(read, number) for number in range(4)]
        assert {status for done in reads for status in done.result(60)} == {200}
        for done in writes:
            done.result(60)
    reader = call(integrator).login()
    assert [reader.logs(flow, log_type=kind, limit=1).json()["count"] for kind in (1, 2, 3)] == [
        201,
        603,
        200,
    ]


def test_many_at_once(integrator: IntegratorSimulator, flow: Flow, caller: Caller) -> None:
    integrator.add_execution(flow, lasts=0)
    token = integrator.tokens[0]
    query = {"projectid": flow.project.id, "flowId": flow.id}

    def ask(_: int) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{integrator.url}/logs", query, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(ask, range(300))) == {200}
    assert integrator.count("logs") == 300
    assert integrator.connections == 301


def test_the_connection_is_ready_for_airflow(integrator: IntegratorSimulator, project: Project) -> None:
    integrator.add_project("Other")
    assert integrator.connection() == {
        "conn_type": "integrator",
        "host": integrator.url,
        "login": integrator.username,
        "password": integrator.password,
        "extra": {"project_id": project.id, "project_slug": "acme"},
    }
    changed = integrator.connection(
        password=None, token="abc", project_slug=None, port=1, extra={"timeout": 5, "verify": False}
    )
    assert changed == {
        "conn_type": "integrator",
        "host": integrator.url,
        "port": 1,
        "login": integrator.username,
        "extra": {"project_id": project.id, "token": "abc", "timeout": 5, "verify": False},
    }
    assert IntegratorSimulator().connection()["extra"] == {}


def test_tls(tmp_path: Path, call: MakeCaller) -> None:
    context = server_context(tmp_path)
    with IntegratorSimulator(ssl_context=context) as simulator:
        assert simulator.url.startswith("https://127.0.0.1:")
        caller = call(simulator)
        with pytest.raises(requests.exceptions.SSLError):
            caller.login()
        caller.session.verify = str(tmp_path / "certificate.pem")
        caller.login()
        flow = simulator.add_flow(simulator.add_project("Acme"), "Price")
        simulator.inject(Fault.reset(on="logs", times=1))
        with pytest.raises(requests.ConnectionError):
            caller.logs(flow)
        simulator.add_execution(flow)
        simulator.add_execution(flow)
        assert caller.logs(flow, limit=1).json()["next"].startswith("https://")


def server_context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(folder, "127.0.0.1"))
    return context
