"""Both transports over real HTTP, against the embedded Integrator: what goes over the wire."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_integrator.api import endpoints, queries
from airflow_provider_integrator.api.enums import LogType, Status
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.history import first_execution_since
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.queries import LogReader
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    IntegratorError,
    RequestError,
)
from airflow_provider_integrator.simulator import Fault
from tests.api.conftest import (
    CONTENTS,
    FAST,
    access_to,
    carry,
    query,
)


def test_every_call_is_answered(transport, integrator, call_of, execution):
    client = transport(access_to(integrator))
    assert [one.slug for one in carry(client, call_of, "projects")] == ["acme"]
    assert [one.slug for one in carry(client, call_of, "flows")] == ["price"]
    (log,) = carry(client, call_of, "logs").logs
    assert Execution.read(log).execution_id == execution.id
    assert carry(client, call_of, "download") == CONTENTS
    assert integrator.logins == 1
    assert all(
        one.headers["Authorization"] == f"Bearer {integrator.tokens[0]}" for one in integrator.requests[1:]
    )
    assert all(
        one.headers["User-Agent"].startswith("airflow-provider-integrator/") for one in integrator.requests
    )


def test_a_login_is_a_form_without_a_token(transport, integrator):
    integrator.username, integrator.password = "ü+s@example.com", "a b&c=d%é+€"
    transport(access_to(integrator)).log_in()
    (request,) = integrator.requests
    assert request.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert request.form == {"username": "ü+s@example.com", "password": "a b&c=d%é+€"}
    assert "Authorization" not in request.headers
    assert request.query == []
    assert integrator.tokens


@pytest.mark.parametrize("spelling", ["either", "projectid", "projectId"])
def test_both_spellings_of_the_project_are_served(transport, integrator, call_of, spelling):
    integrator.project_parameter = spelling
    client = transport(access_to(integrator))
    assert len(carry(client, call_of, "logs").logs) == 1
    assert carry(client, call_of, "download") == CONTENTS


@pytest.mark.parametrize("default", list(LogType))
def test_the_servers_default_log_type_does_not_matter(transport, integrator, call_of, default):
    integrator.default_log_type = default
    (log,) = carry(transport(access_to(integrator)), call_of, "logs").logs
    assert Execution.read(log).status is Status.SUCCESS


def test_each_log_type_over_the_wire(transport, integrator, flow, execution):
    integrator.add_lines(execution, [{"sku": "A B&C"}, {"sku": "XYZ"}])
    client = transport(access_to(integrator))
    for log_type, number in ((LogType.MAIN, 1), (LogType.SUB, 3), (LogType.LINE, 2)):
        page = client.call(endpoints.list_logs(query(flow, log_type=log_type)))
        logs = [LogReader(log_type).read(fields) for fields in page.logs]
        assert len(logs) == number
        assert {log.execution_id for log in logs} == {execution.id}


def test_lines_are_searched(transport, integrator, flow, execution):
    integrator.add_lines(execution, [{"sku": "A B&C", "shop": "x"}, {"sku": "XYZ", "shop": "x"}])
    wanted = query(
        flow,
        log_type=LogType.LINE,
        original_filename_uuid=execution.id,
        search=(("sku", "A B&C"), ("shop", "x")),
    )
    page = transport(access_to(integrator)).call(endpoints.list_logs(wanted))
    assert len(page.logs) == 1
    asked = integrator.requests[-1]
    assert [asked.param(f"search_{half}.{n}") for n in (1, 2) for half in ("field", "value")] == [
        "sku", "A B&C", "shop", "x",
    ]  # fmt: skip


def test_a_base_url_with_a_path(transport, integrator, call_of):
    client = transport(access_to(integrator, base_url=f"{integrator.url}/base", token="any", password=None))
    with pytest.raises(RequestError, match="List flows"):
        carry(client, call_of, "flows")
    assert integrator.requests[-1].path == "/base/api/nifi/flow/list"


def test_operations_run(transport, integrator, flow, execution):
    client = transport(access_to(integrator))
    assert client.run(queries.find_flow(flow.project.id, "Price")).id == flow.id
    assert client.run(queries.find_project_slug(flow.project.id, "partner-1")) == "acme"
    assert (
        client.run(queries.get_execution(flow.project.id, flow.id, execution.id)).log_id == execution.log_id
    )
    assert client.run(queries.get_execution(flow.project.id, flow.id, "unknown")) is None
    found = client.run(first_execution_since(flow.project.id, flow.id, execution.created))
    assert found.execution_id == execution.id


def test_a_script_catches_an_error(transport, integrator, flow, caplog):
    integrator.inject(Fault.status(403, body="not yours", on="flows"))
    client = transport(access_to(integrator))
    assert client.run(queries.find_flow(flow.project.id, "some-id")).id == "some-id"
    assert "not yours" in caplog.text


def test_clients_of_one_access_share_a_login_between_threads(integrator, flow):
    from concurrent.futures import ThreadPoolExecutor

    from airflow_provider_integrator.api.client import Client

    integrator.inject(Fault.delay(0.1, on="login"))
    access = access_to(integrator)
    clients = [Client(access, FAST) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda client: client.call(endpoints.list_flows(flow.project.id)), clients))
        assert integrator.logins == 1
        integrator.expire_tokens()
        list(pool.map(lambda client: client.call(endpoints.list_flows(flow.project.id)), clients))
    assert integrator.logins == 2
    for client in clients:
        client.close()


def test_another_password_is_another_login(integrator, flow):
    from airflow_provider_integrator.api.client import Client

    with (
        Client(access_to(integrator, password="wrong"), FAST) as wrong,
        Client(access_to(integrator), FAST) as right,
    ):
        with pytest.raises(AuthenticationError):
            wrong.log_in()
        right.log_in()
        assert len(right.call(endpoints.list_flows(flow.project.id))) == 1


def test_a_client_can_be_opened_again(integrator, flow):
    from airflow_provider_integrator.api.async_client import AsyncClient

    async def twice():
        client = AsyncClient(access_to(integrator), FAST)
        await client.close()
        for _ in range(2):
            assert len(await client.call(endpoints.list_flows(flow.project.id))) == 1
            await client.close()

    asyncio.run(twice())
    assert integrator.logins == 1


def test_all_errors_are_ours(transport, integrator, call_of):
    """Whatever the beginning of any answer is replaced by, one base class catches it."""
    for status in (100, 204, 299, 300, 304, 402, 418, 451, 501, 505, 599):
        integrator.clear_faults()
        integrator.inject(Fault.status(status, on="flows", body="" if status in (100, 204, 304) else "text"))
        client = transport(access_to(integrator, timeout=0.3), retry=Retry(attempts=1))
        with pytest.raises(IntegratorError, match=r"^List flows"):
            carry(client, call_of, "flows")
