"""The doctor's first steps: the connection, the host, TLS and the login."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import contextmanager

import pytest

from airflow_provider_integrator.simulator import Fault, IntegratorSimulator
from tests.certificates import make_certificate
from tests.cli.conftest import read
from tests.conftest import set_connection


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    def made(address, **validity):
        return make_certificate(tmp_path_factory.mktemp("tls"), address, **validity)

    return {"own": made("127.0.0.1"), "another": made("127.9.9.9"), "old": made("127.0.0.1", days=-1)}


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
