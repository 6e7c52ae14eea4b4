"""The hook: each call, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from datetime import datetime, timedelta, timezone

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_integrator.api.enums import LogType, Status
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    LogTooLargeError,
    RequestError,
    UnavailableError,
)
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault
from tests.calls import Async, Sync

NOW = datetime.now(timezone.utc)


RAW = b'{"rows": [1.50] }\n'


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def call(request, simulator):
    return request.param()


def test_every_call_has_a_twin():
    names = {name for name in dir(IntegratorHook) if not name.startswith("_")}
    calls = {
        "log_in",
        "list_projects",
        "list_flows",
        "find_flow",
        "find_project_slug",
        "list_logs",
        "get_execution",
        "executions_since",
        "download_log",
        "load_log",
        "save_log",
    }
    assert calls <= names
    assert {f"a{name}" for name in calls} <= names


class TestCalls:
    def test_log_in(self, call, simulator):
        call("log_in")
        assert simulator.logins == 1

    def test_list_projects(self, call, simulator, connect):
        connect(partner_id="partner-1")
        (project,) = call("list_projects")
        assert (project.id, project.slug, project.name) == (simulator.projects[0].id, "acme", "Acme")
        assert call("list_projects", "partner-1") == [project]

    def test_list_projects_without_a_partner(self, call):
        with pytest.raises(ConfigurationError, match="set partner_id"):
            call("list_projects")

    def test_list_flows(self, call, simulator, flow):
        other = simulator.add_project("Other")
        simulator.add_flow(other, "Theirs")
        assert [each.slug for each in call("list_flows")] == ["price"]
        assert [each.slug for each in call("list_flows", project_id=other.id)] == ["theirs"]

    @pytest.mark.parametrize("by", ["slug", "name", "id"])
    def test_find_flow(self, by, call, flow):
        assert call("find_flow", getattr(flow, by)).id == flow.id

    def test_unknown_flow(self, call, simulator, flow):
        simulator.add_flow(simulator.projects[0], "Stock")
        with pytest.raises(ConfigurationError, match="price, stock"):
            call("find_flow", "prize")

    def test_get_execution(self, call, simulator, flow):
        execution = simulator.add_execution(flow, lasts=0)
        found = call("get_execution", flow.id, execution.id)
        assert (found.execution_id, found.log_id) == (execution.id, execution.log_id)
        assert call("get_execution", flow.id, "nobody") is None

    def test_a_moment_that_cannot_be_read_is_named(self, call, flow):
        with pytest.raises(ConfigurationError, match="moment is 'yesterday'"):
            call("executions_since", flow.id, "yesterday")

    @pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
    def test_executions_since(self, order, call, simulator, flow):
        simulator.order = order
        for minutes in range(150):
            simulator.add_execution(flow, lasts=0, created=NOW - timedelta(minutes=minutes), id=f"m{minutes}")
        found = call("executions_since", flow.id, NOW - timedelta(minutes=3, seconds=1))
        assert [each.execution_id for each in found] == ["m3", "m2", "m1", "m0"]

    def test_download_log(self, call, simulator, flow, tmp_path):
        execution = simulator.add_execution(flow, lasts=0, log=RAW)
        path = tmp_path / "log.json"
        with call("download_log", flow.id, execution.log_id) as archive, path.open("w+b") as file:
            assert archive.write(file).bytes == len(RAW)
        assert path.read_bytes() == RAW

    def test_load_log(self, call, simulator, flow):
        execution = simulator.add_execution(flow, lasts=0, log=RAW)
        assert call("load_log", flow.id, execution.log_id) == {"rows": [1.5]}
        with pytest.raises(LogTooLargeError):
            call("load_log", flow.id, execution.log_id, max_bytes=5)
        with pytest.raises(LogTooLargeError):
            call("load_log", flow.id, execution.log_id, max_log_bytes=5)

    @pytest.mark.parametrize(
        "kind",
        [str, lambda path: path, lambda path: ObjectStoragePath(f"file://{path}")],
        ids=["text", "path", "object storage"],
    )
    def test_save_log(self, kind, call, simulator, flow, tmp_path):
        execution = simulator.add_execution(flow, lasts=0, log=RAW)
        uri, written = call("save_log", flow.id, execution.log_id, kind(tmp_path / "x.json"))
        assert uri == (tmp_path / "x.json").as_uri()
        assert (written.bytes, written.sha256) == (len(RAW), hashlib.sha256(RAW).hexdigest())
        assert (tmp_path / "x.json").read_bytes() == RAW

    def test_save_log_wants_a_file(self, call, simulator, flow, tmp_path):
        execution = simulator.add_execution(flow, lasts=0, log=RAW)
        with pytest.raises(ConfigurationError, match="name a file in it"):
            call("save_log", flow.id, execution.log_id, f"{tmp_path}/")
        assert list(tmp_path.iterdir()) == []


def test_first_calls_that_come_at_once_share_a_session(simulator, flow, recwarn):
    async def ask():
        async with IntegratorHook() as hook:
            return await asyncio.gather(*(hook.afind_flow(flow.slug) for _ in range(10)))

    assert {found.id for found in asyncio.run(ask())} == {flow.id}
    gc.collect()
    assert simulator.logins == 1
    assert not [warning for warning in recwarn if "Unclosed" in str(warning.message)]


class TestListLogs:
    @pytest.fixture
    def executions(self, simulator, flow):
        return [simulator.add_execution(flow, lasts=0, created=NOW - timedelta(minutes=n)) for n in range(7)]

    def test_main_logs(self, call, flow, executions):
        assert [log.execution_id for log in call("list_logs", flow.id)] == [each.id for each in executions]

    def test_limit_is_a_page_size(self, call, simulator, flow, executions):
        assert len(call("list_logs", flow.id, limit=2)) == 7
        asked = [request for request in simulator.requests if request.path == "/logs"]
        assert [request.param("page") for request in asked] == [
            "1",
            "2",
            "3",
            "4",
            "5",
        ]  # the fifth is the end
        assert {request.param("limit") for request in asked} == {"2"}

    def test_page(self, call, flow, executions):
        found = call("list_logs", flow.id, limit=3, page=2)
        assert [log.execution_id for log in found] == [each.id for each in executions[3:6]]

    def test_nothing(self, call, flow):
        assert call("list_logs", flow.id) == []
        assert call("list_logs", flow.id, page=1) == []

    @pytest.mark.parametrize("limit", [0, 101])
    def test_limit_out_of_range(self, limit, call, flow):
        with pytest.raises(ConfigurationError, match="limit"):
            call("list_logs", flow.id, limit=limit)

    def test_page_out_of_range(self, call, flow):
        with pytest.raises(ConfigurationError, match="page"):
            call("list_logs", flow.id, page=0)

    def test_filename_uuid(self, call, flow, executions):
        (found,) = call("list_logs", flow.id, filename_uuid=executions[2].id)
        assert found.execution_id == executions[2].id

    def test_steps(self, call, flow, executions):
        steps = call("list_logs", flow.id, log_type=LogType.SUB, original_filename_uuid=executions[0].id)
        assert {step.log_id for step in steps} == {step.log_id for step in executions[0].steps}

    def test_lines(self, call, simulator, flow, executions):
        simulator.add_lines(executions[0], [{"sku": "A", "size": "1"}, {"sku": "B", "size": "1"}])
        lines = call("list_logs", flow.id, log_type=LogType.LINE, original_filename_uuid=executions[0].id)
        assert len(lines) == 2

    def test_search(self, call, simulator, flow, executions):
        simulator.add_lines(
            executions[0], [{"sku": "A", "size": "1"}, {"sku": "B", "size": "1"}], status=Status.FAILED
        )
        (line,) = call("list_logs", flow.id, log_type=LogType.LINE, search={"sku": "B", "size": "1"})
        assert line.execution_id == executions[0].id
        query = dict(simulator.requests[-1].query)
        assert (query["search_field.1"], query["search_value.1"]) == ("sku", "B")
        assert (query["search_field.2"], query["search_value.2"]) == ("size", "1")

    def test_search_of_main_logs(self, call, flow):
        with pytest.raises(ConfigurationError, match=r"LogType\.LINE"):
            call("list_logs", flow.id, search={"sku": "B"})

    def test_token_expires_between_two_pages(self, call, simulator, flow, executions):
        expired = False

        def on_page_two(request):
            nonlocal expired
            if request.param("page") == "2" and not expired:
                expired = True
                simulator.expire_tokens()
            return False

        simulator.inject(Fault.delay(0.0, on="logs", where=on_page_two))
        assert len(call("list_logs", flow.id, limit=2)) == 7
        assert simulator.logins == 2


class TestProjectSlug:
    def test_of_the_call(self, call, connect):
        connect(project_slug="connections")
        assert call("find_project_slug", project_slug="calls") == "calls"

    def test_of_the_connection(self, call, simulator):
        assert call("find_project_slug") == "acme"
        assert simulator.count() == 0

    def test_of_list_projects(self, call, connect):
        connect(project_slug=None, partner_id="partner-1")
        assert call("find_project_slug") == "acme"

    def test_of_another_project_than_the_connections(self, call, simulator, connect):
        other = simulator.add_project("Other", slug="other")
        connect(partner_id="partner-1")
        assert call("find_project_slug", project_id=other.id) == "other"

    def test_none(self, call, connect):
        connect(project_slug=None)
        with pytest.raises(ConfigurationError, match="set project_slug"):
            call("find_project_slug")

    def test_not_among_the_partners(self, call, connect):
        connect(project_slug=None, project_id="nobody", partner_id="partner-1")
        with pytest.raises(ConfigurationError, match="acme"):
            call("find_project_slug")

    def test_project_missing(self, call, connect):
        connect(project_id=None)
        with pytest.raises(ConfigurationError, match="set project_id"):
            call("list_flows")


class TestErrors:
    def test_wrong_password(self, call, simulator, flow):
        simulator.password = "changed-meanwhile"
        with pytest.raises(AuthenticationError, match="Check the connection's Login and Password"):
            call("list_flows")
        assert simulator.logins == 1

    def test_wrong_password_is_not_tried_again(self, simulator, flow):
        simulator.password = "changed-meanwhile"
        with IntegratorHook() as hook:
            for _ in range(3):
                with pytest.raises(AuthenticationError):
                    hook.list_flows()
        assert simulator.logins == 1

    def test_refused(self, call, simulator, flow):
        simulator.inject(Fault.status(400, on="flows", body="The server's text."))
        with pytest.raises(RequestError, match="The server's text"):
            call("list_flows")
        assert simulator.count("flows") == 1

    def test_unavailable(self, call, simulator, flow):
        simulator.inject(Fault.status(503, on="flows"))
        with pytest.raises(UnavailableError, match=r"List flows.*503"):
            call("list_flows")
        assert simulator.count("flows") == 5

    def test_redirect(self, call, simulator, flow):
        simulator.inject(Fault.redirect("http://elsewhere.invalid/", on="flows"))
        with pytest.raises(RequestError, match="Redirects aren't"):
            call("list_flows")


class TestServerThatMinds:
    """A connection's Extra leads to it; what is said without names the field of Extra."""

    @pytest.mark.parametrize("spelling", ["projectid", "projectId"])
    def test_the_projects_spelling(self, spelling, call, simulator, flow, connect):
        execution = simulator.add_execution(flow, lasts=0, log=RAW)
        simulator.project_parameter = f"{spelling}-only"
        for method, arguments in (
            ("get_execution", (execution.id,)),
            ("list_logs", ()),
            ("load_log", (execution.log_id,)),
        ):
            connect(project_parameter=spelling)
            assert type(call)()(method, flow.id, *arguments)
            connect()
            with pytest.raises(
                RequestError, match="try project_parameter projectid or projectId in the conn"
            ):
                type(call)()(
                    method, flow.id, *arguments, **({"log_timeout": 0} if method == "load_log" else {})
                )

    def test_the_header(self, call, simulator, flow, connect):
        simulator.auth_header = "Authentication"
        connect(auth_header="Authentication")
        assert len(type(call)()("list_flows")) == 1
        connect()
        with pytest.raises(
            AuthenticationError, match="set auth_header to Authentication in the connection's Extra"
        ):
            type(call)()("list_flows")


def test_connection_is_read_once(simulator, flow, monkeypatch):
    with IntegratorHook() as hook:
        hook.list_flows()
        monkeypatch.delenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT")
        hook.list_flows()


def test_works_again_after_close(simulator, flow):
    hook = IntegratorHook()
    for _ in range(2):
        with hook:
            assert hook.list_flows()


def test_hooks_of_a_process_share_one_login(simulator, flow):
    first, second = IntegratorHook(), IntegratorHook()
    first.list_flows()
    second.list_flows()
    assert simulator.logins == 1


def test_requests_say_who_asks(simulator, flow):
    IntegratorHook().list_flows()
    assert simulator.requests[-1].headers["User-Agent"].startswith("airflow-provider-integrator/")
