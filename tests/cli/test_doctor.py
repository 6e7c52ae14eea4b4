"""The examination of a connection: each step that can fail, by what is printed and by the exit code."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.cli import examination
from airflow_provider_integrator.simulator import Fault, IntegratorSimulator
from tests import secrets
from tests.certificates import make_certificate
from tests.conftest import set_connection

STEPS = ["connection", "host", "TLS", "login", "project", "flows", "slug", "List logs", "download"]


@dataclass
class Examined:
    """What the doctor printed: of each step its state, its text and its advice."""

    code: int
    states: dict[str, str]
    texts: dict[str, str]
    advice: dict[str, str]

    @property
    def failed(self):
        return [step for step, state in self.states.items() if state == "FAILED"]

    @property
    def skipped(self):
        return [step for step, state in self.states.items() if state == "skipped"]


def read(done):
    states, texts = {}, {}
    for line in done.out.splitlines():
        if found := re.match(r"(ok|note|FAILED|skipped) +(.*?)  +(.*)", f"{line[:20]} {line[20:]}"):
            states[found[2]], texts[found[2]] = found[1], found[3]
            step = found[2]
        elif line.startswith("    "):
            texts[step] += f" {line.strip()}"
    parts = {step: text.partition(" -> ") for step, text in texts.items()}
    return Examined(
        done.code,
        states,
        {step: text for step, (text, _, _) in parts.items()},
        {step: advice for step, (_, _, advice) in parts.items()},
    )


@pytest.fixture
def doctor(command):
    def examine(*options):
        done = command("doctor", *options)
        assert done.err == "", done.err
        assert [secret for secret in secrets.known() if secret in done.out] == []
        examined = read(done)
        assert list(examined.states) == STEPS, done.out
        return examined

    return examine


@pytest.fixture
def executions(simulator, flow):
    return [
        simulator.add_execution(flow, status=status, lasts=0) for status in (Status.SUCCESS, Status.FAILED)
    ]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    def made(address, **validity):
        return make_certificate(tmp_path_factory.mktemp("tls"), address, **validity)

    return {"own": made("127.0.0.1"), "another": made("127.9.9.9"), "old": made("127.0.0.1", days=-1)}


def test_all_is_well(doctor, executions, simulator):
    examined = doctor()
    assert (examined.code, set(examined.states.values())) == (0, {"ok"})
    assert set(examined.advice.values()) == {""}
    assert "2 executions" in examined.texts["List logs"]
    assert (simulator.logins, simulator.count()) == (1, 5)


def test_nothing_is_sent_before_the_host_is_known_to_speak_tls(doctor, executions, simulator):
    doctor()
    first, login = simulator.requests[:2]
    assert (first.path, first.headers.get("Authorization")) == ("/api/nifi/flow/list", None)
    assert login.path == "/api/nifi/login"


class TestConnection:
    def test_missing(self, doctor, simulator):
        examined = doctor("--conn-id", "nobodys")
        assert (examined.code, examined.failed, len(examined.skipped)) == (1, ["connection"], 8)
        assert "There is no connection 'nobodys'" in examined.texts["connection"]

    def test_of_another_type(self, doctor, simulator, monkeypatch):
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", '{"conn_type": "http", "host": "example.com"}')
        assert "is of type http" in doctor("--conn-id", "other").texts["connection"]

    def test_a_misspelt_field_is_something_to_correct(self, command, connect, executions):
        connect(projectid="p")
        examined = read(command("doctor"))
        assert (examined.code, examined.failed, examined.skipped) == (1, ["connection"], [])
        assert (
            "Unknown fields in the connection's Extra: projectid (project_id?)."
            in examined.advice["connection"]
        )

    @pytest.mark.parametrize(
        ("overrides", "says"),
        [
            ({"password": None}, "no credentials"),
            ({"host": "ftp://x"}, "Host can't be used"),
            ({"verify": "/no/such.pem"}, "no such file"),
            ({"auth_header": "authorization"}, "auth_header in the connection's Extra is 'authorization'"),
        ],
    )
    def test_unusable(self, overrides, says, doctor, connect):
        connect(**overrides)
        examined = doctor()
        assert examined.failed == ["connection"]
        assert says in examined.texts["connection"]


class TestHost:
    def test_unknown_name(self, doctor, connect, mocker):
        connect(host="https://nobody.example:3000")
        mocker.patch("socket.getaddrinfo", side_effect=socket.gaierror(-2, "Name or service not known"))
        examined = doctor()
        assert (examined.code, examined.failed, len(examined.skipped)) == (1, ["host"], 7)
        assert "The host nobody.example isn't known" in examined.texts["host"]
        assert "Correct Host" in examined.advice["host"]

    def test_nothing_listens(self, doctor, connect):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        connect(host=f"http://127.0.0.1:{port}")
        examined = doctor()
        assert examined.failed == ["host"]
        assert re.search(rf"can't be reached at port {port} \(.*refused\)", examined.texts["host"])
        assert "its port above all" in examined.advice["host"]

    def test_no_answer(self, doctor, mocker, simulator):
        mocker.patch("socket.create_connection", side_effect=TimeoutError("timed out"))
        examined = doctor()
        assert examined.failed == ["host"]
        assert "doesn't answer at port" in examined.texts["host"]
        assert "firewall" in examined.advice["host"]

    def test_proxy(self, doctor, monkeypatch, simulator):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("HTTP_PROXY", f"http://me:very-secret@127.0.0.1:{port}")
        examined = doctor()
        assert examined.failed == ["host"]
        assert f"The proxy 127.0.0.1 can't be reached at port {port}" in examined.texts["host"]
        assert "HTTP_PROXY" in examined.advice["host"]
        assert "very-secret" not in str(examined)


class TestTls:
    @contextmanager
    def serving(self, certificate, monkeypatch, **extra):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        with IntegratorSimulator(ssl_context=context) as integrator:
            project = integrator.add_project("Acme", slug="acme", partner_id="partner-1")
            integrator.add_execution(integrator.add_flow(project, "Price"), lasts=0)
            set_connection(monkeypatch, integrator, **extra)
            yield integrator

    @pytest.mark.parametrize(
        ("certificate", "trusted", "says", "advice"),
        [
            (
                "own",
                None,
                "signed by a CA that this machine doesn't trust",
                "Set verify in the connection's Extra",
            ),
            ("another", "another", "is another host's", "Set Host to the name"),
            ("old", "old", "has expired", "clock"),
        ],
    )
    def test_faulty_certificate(
        self, certificate, trusted, says, advice, doctor, simulator, certificates, monkeypatch
    ):
        verify = certificates[trusted][0] if trusted else None
        with self.serving(certificates[certificate], monkeypatch, verify=verify) as integrator:
            examined = doctor()
            assert integrator.count() == 0
        assert (examined.code, examined.failed, len(examined.skipped)) == (1, ["TLS"], 6)
        assert says in examined.texts["TLS"]
        assert advice in examined.advice["TLS"]

    def test_trusted(self, doctor, simulator, certificates, monkeypatch):
        with self.serving(certificates["own"], monkeypatch, verify=certificates["own"][0]):
            examined = doctor()
        assert examined.code == 0
        assert "its certificate is trusted" in examined.texts["TLS"]

    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_not_checked(self, doctor, simulator, certificates, monkeypatch):
        with self.serving(certificates["own"], monkeypatch, verify=False):
            examined = doctor()
        assert examined.code == 0
        assert "isn't checked" in examined.texts["TLS"]

    def test_https_of_a_server_without_tls(self, doctor, connect, simulator):
        connect(host=simulator.url.replace("http://", "https://"))
        examined = doctor()
        assert examined.failed == ["TLS"]
        assert "doesn't speak TLS at this port" in examined.texts["TLS"]
        assert "begin Host with http://" in examined.advice["TLS"]

    def test_http_of_a_server_with_tls(self, doctor, simulator, certificates, monkeypatch):
        with self.serving(certificates["own"], monkeypatch) as integrator:
            set_connection(monkeypatch, integrator, host=integrator.url.replace("https://", "http://"))
            examined = doctor()
        assert examined.failed == ["TLS"]
        assert "speaks TLS" in examined.texts["TLS"]
        assert examined.advice["TLS"] == "Begin Host with https:// instead of http://."

    def test_a_server_that_hangs_up(self, doctor, simulator):
        simulator.inject(Fault.reset())
        examined = doctor()
        assert examined.failed == ["TLS"]
        assert "no usable answer from the Integrator" in examined.texts["TLS"]


class TestLogin:
    def test_wrong_password(self, doctor, connect, simulator):
        connect(password="wrong")
        examined = doctor()
        assert (examined.code, examined.failed, len(examined.skipped)) == (1, ["login"], 5)
        assert "Check the connection's Login and Password" in examined.texts["login"]
        assert simulator.logins == 1

    def test_no_integrator(self, doctor, connect, simulator):
        connect(host=f"{simulator.url}/elsewhere")
        examined = doctor()
        assert examined.failed == ["login"]
        assert "Check the connection's Host" in examined.texts["login"]

    def test_a_web_page(self, doctor, simulator):
        simulator.inject(Fault.body("<html> Sign in </html>", on="login"))
        assert "isn't a token alone" in doctor().texts["login"]

    def test_token(self, doctor, connect, simulator, executions):
        simulator.accept_token("by-hand-1")
        connect(login=None, password=None, token="by-hand-1")
        examined = doctor()
        assert (examined.code, simulator.logins) == (0, 0)
        assert "No login" in examined.texts["login"]

    def test_token_that_has_expired(self, doctor, connect, simulator):
        connect(login=None, password=None, token="by-hand-2")
        examined = doctor()
        assert examined.failed == ["flows"]
        assert "it may have expired" in examined.texts["flows"]
        assert "Other values of auth_header were tried" in examined.advice["flows"]


class TestProject:
    def test_none(self, doctor, connect):
        connect(project_id=None)
        examined = doctor()
        assert (examined.failed, len(examined.skipped)) == (["project"], 4)
        assert examined.advice["project"].startswith("Set project_id in the connection's Extra")

    def test_none_of_a_known_partner(self, doctor, connect, simulator):
        connect(project_id=None, partner_id="partner-1")
        assert f"to one of these: {simulator.projects[0].id} (Acme)" in doctor().advice["project"]

    def test_of_the_command(self, doctor, connect, simulator, executions):
        connect(project_id=None)
        assert doctor("--project", simulator.projects[0].id).code == 0

    def test_wrong(self, doctor, connect):
        connect(project_id="nobodys")
        examined = doctor()
        assert examined.failed == ["flows"]
        assert "Correct project_id (nobodys)" in examined.advice["flows"]

    def test_another_partners(self, doctor, connect, simulator, executions):
        simulator.add_project("Other", slug="other", partner_id="partner-2")
        connect(partner_id="partner-2")
        examined = doctor()
        assert (examined.code, examined.failed, examined.skipped) == (1, ["project"], [])
        assert "Correct project_id or partner_id" in examined.advice["project"]

    def test_unknown_partner(self, doctor, connect, executions):
        connect(partner_id="nobody")
        examined = doctor()
        assert (examined.failed, examined.skipped) == (["project"], [])
        assert "Correct partner_id (nobody)" in examined.advice["project"]


class TestFlows:
    def test_none(self, doctor, simulator):
        examined = doctor()
        assert (examined.failed, examined.skipped) == (["flows"], ["slug", "List logs", "download"])
        assert "has no flows" in examined.texts["flows"]

    def test_named(self, doctor, simulator, executions):
        other = simulator.add_flow(simulator.projects[0], "Stock")
        simulator.add_execution(other, lasts=0)
        examined = doctor("--flow", "stock")
        assert examined.code == 0
        assert "flow stock has 1 execution;" in examined.texts["List logs"]

    def test_unknown(self, doctor, executions):
        examined = doctor("--flow", "nobodys")
        assert examined.failed == ["flows"]
        assert "Set flow to a slug, name or id of: price" in examined.texts["flows"]

    def test_the_first_one_with_an_execution_is_looked_at(self, doctor, simulator, flow):
        simulator.add_execution(simulator.add_flow(simulator.projects[0], "Stock"), lasts=0)
        assert "flow stock has 1 execution;" in doctor().texts["List logs"]

    def test_other_process_groups_are_no_flows(self, doctor, simulator, executions):
        simulator.forms = "canvas"
        examined = doctor()
        assert examined.code == 0
        assert examined.texts["flows"] == "The project has 1 flow: price."

    def test_not_allowed(self, doctor, simulator, executions):
        simulator.inject(Fault.status(403, on="flows", after=1))
        examined = doctor()
        assert examined.failed == ["flows"]
        assert "(403)" in examined.texts["flows"]
        assert "Name a flow by its id" in examined.advice["flows"]
        simulator.clear_faults()
        simulator.inject(Fault.status(403, on="flows", after=1))
        examined = doctor("--flow", executions[0].flow.id)
        assert (examined.code, examined.states["flows"], examined.states["download"]) == (0, "note", "ok")


class TestSlug:
    def test_none(self, doctor, connect, executions):
        connect(project_slug=None)
        examined = doctor()
        assert (examined.code, examined.failed, examined.skipped) == (1, ["slug"], ["download"])
        assert "set project_slug in the connection's Extra, or partner_id" in examined.texts["slug"]

    def test_looked_up(self, doctor, connect, executions):
        connect(project_slug=None, partner_id="partner-1")
        examined = doctor()
        assert examined.code == 0
        assert "acme, as in List projects" in examined.texts["slug"]

    def test_wrong_by_list_projects(self, doctor, connect, executions):
        connect(project_slug="wrong", partner_id="partner-1")
        examined = doctor()
        assert (examined.code, examined.failed, examined.skipped) == (1, ["slug"], [])
        assert examined.advice["slug"] == "Set project_slug to acme in the connection's Extra."
        assert examined.states["download"] == "ok"

    def test_wrong_by_the_download(self, doctor, connect, executions):
        connect(project_slug="wrong")
        examined = doctor()
        assert (examined.code, examined.failed) == (1, ["download"])
        assert "projectslug is wrong" in examined.texts["download"]
        assert "Correct project_slug (wrong)" in examined.advice["download"]


class TestWays:
    @pytest.mark.parametrize("set_to", ["both", "projectid", "projectId"])
    @pytest.mark.parametrize("wanted", ["projectid-only", "projectId-only"])
    def test_project_parameter(self, wanted, set_to, doctor, connect, simulator, executions):
        simulator.project_parameter = wanted
        connect(project_parameter=set_to)
        examined = doctor()
        right = wanted.removesuffix("-only")
        if set_to == right:
            assert (examined.code, examined.failed) == (0, [])
            return
        assert (examined.code, examined.failed, examined.skipped) == (1, ["List logs"], [])
        assert f"Set project_parameter to {right} in the connection's Extra" in examined.advice["List logs"]
        connect(project_parameter=right)
        assert doctor().code == 0

    @pytest.mark.parametrize("partner", [None, "partner-1"])
    @pytest.mark.parametrize(
        ("wanted", "set_to"), [("Authentication", None), ("Authorization", "Authentication")]
    )
    def test_auth_header(self, wanted, set_to, partner, doctor, connect, simulator, executions):
        simulator.auth_header = wanted
        connect(auth_header=set_to, partner_id=partner)
        examined = doctor()
        step = "project" if partner else "flows"
        assert (examined.code, examined.failed, examined.skipped) == (1, [step], [])
        assert f"Set auth_header to {wanted} in the connection's Extra" in examined.advice[step]
        connect(auth_header=wanted, partner_id=partner)
        assert doctor().code == 0

    def test_none_works(self, doctor, simulator, executions):
        simulator.inject(Fault.status(400, body="Never.", on="logs"))
        examined = doctor()
        assert (examined.failed, examined.skipped) == (["List logs"], ["download"])
        assert "(400: Never.)" in examined.texts["List logs"]
        assert "Other values of project_parameter were tried, and don't help." in examined.advice["List logs"]


class TestLogs:
    def test_no_executions(self, doctor, flow):
        examined = doctor()
        assert (examined.code, examined.failed, examined.skipped) == (0, [], ["download"])
        assert examined.states["List logs"] == "note"
        assert "has no execution of price" in examined.texts["List logs"]

    def test_only_a_running_one(self, doctor, simulator, flow):
        simulator.add_execution(flow)
        examined = doctor()
        assert (examined.code, examined.failed, examined.skipped) == (0, [], ["download"])

    def test_some_that_cannot_be_read(self, doctor, simulator, executions):
        simulator.forms = "garbage"
        examined = doctor()
        assert (examined.code, examined.states["List logs"]) == (0, "note")
        assert "99 more can't be read" in examined.texts["List logs"]

    def test_none_that_can_be_read(self, doctor, simulator, executions):
        def spoil(page):
            for log in page["results"]:
                log["state"] = "done"

        simulator.inject(Fault.mutate(spoil, on="logs"))
        examined = doctor()
        assert (examined.code, examined.failed) == (1, ["List logs"])
        assert "state should be one of" in examined.texts["List logs"]

    def test_no_page(self, doctor, simulator, executions):
        simulator.inject(Fault.mutate(lambda _: {"logs": []}, on="logs"))
        assert "results should be a list but is missing" in doctor().texts["List logs"]


class TestDownload:
    @pytest.mark.parametrize("status", [400, 404])
    def test_not_stored_yet(self, status, doctor, simulator, executions):
        simulator.log_delay, simulator.late_log_status = 3600, status
        examined = doctor()
        assert (examined.code, examined.states["download"]) == (0, "note")
        assert "aren't stored yet" in examined.texts["download"]

    def test_one_that_is_stored_is_chosen(self, doctor, simulator, executions):
        def unstored(page):
            page["results"][0]["is_send_S3"] = 0

        simulator.inject(Fault.mutate(unstored, on="logs"))
        simulator.inject(
            Fault.status(
                400, on="download", where=lambda request: request.param("id") == executions[1].log_id
            )
        )
        assert doctor().code == 0

    def test_refused_though_the_slug_is_right(self, doctor, connect, simulator, executions):
        connect(partner_id="partner-1")
        simulator.inject(Fault.status(404, on="download"))
        examined = doctor()
        assert examined.failed == ["download"]
        assert "The slug acme is right" in examined.advice["download"]
        assert "Tried with 2 logs" in examined.texts["download"]

    def test_no_log(self, doctor, simulator, executions):
        simulator.inject(Fault.archive("not a zip", on="download"))
        examined = doctor()
        assert (examined.code, examined.failed) == (1, ["download"])
        assert "ZIP can't be read" in examined.texts["download"]

    def test_a_large_one(self, doctor, mocker, executions):
        mocker.patch.object(examination, "MAX_LOG_BYTES", 10)
        examined = doctor()
        assert examined.code == 0
        assert "larger than 10 bytes" in examined.texts["download"]


def test_an_outage_is_said_once_and_at_once(doctor, simulator, executions):
    simulator.inject(Fault.status(503, on="logs"))
    examined = doctor()
    assert (examined.code, examined.failed, examined.skipped) == (1, ["List logs"], ["download"])
    assert "after 1 attempt" in examined.texts["List logs"]


def test_texts_of_the_server_are_fit_for_a_terminal(command, simulator, connect):
    simulator.add_project("\x1b[2J\u202eforged", slug="\x1b[1m", partner_id="partner-1")
    connect(project_id="nobodys", partner_id="partner-1")
    simulator.inject(Fault.status(400, body="\x1b[2J\nok      download    forged", on="flows", after=1))
    out = command("doctor").out
    assert "forged" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert read(command("doctor")).states["download"] == "skipped"


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"a":' * 100_000, "NaN", "[1e999]", "\xff", "[" + "9" * 5000 + "]", ""]
)
def test_no_answer_breaks_it(body, command, simulator, executions, tmp_path):
    for on in ("flows", "logs", "download"):
        simulator.clear_faults()
        simulator.inject(Fault.body(body.encode("latin-1"), on=on))
        assert command("doctor", "--report", str(tmp_path / "report.json")).code == 1
        assert (tmp_path / "report.json").read_text("ascii")


def test_lines_fit_a_terminal(command, simulator, executions):
    for number in range(30):
        simulator.add_flow(simulator.projects[0], f"Flow {number}")
    assert max(map(len, command("doctor").out.splitlines())) <= 100
