"""The connection's test: what the button in Airflow says, and what it says to do."""

from __future__ import annotations

import json
import socket

import pytest

from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.simulator import Fault


def sentence():
    done, message = IntegratorHook().test_connection()
    assert "\n" not in message
    return done, message


class TestTestConnection:
    def test_well(self, simulator, flow):
        done, message = sentence()
        assert done
        assert "1 flow" in message
        assert simulator.count() == 2

    def test_partner_without_a_project(self, simulator, connect):
        connect(project_id=None, project_slug=None, partner_id="partner-1")
        done, message = sentence()
        assert not done
        assert message == (
            "Logged in; partner partner-1 has 1 project. But project_id isn't set in Extra, so that each task must "
            f"set it. It is one of: {simulator.projects[0].id} (acme)."
        )

    def test_partner_without_any_project(self, simulator, connect):
        connect(project_id=None, partner_id="partner-2")
        simulator.inject(Fault.status(200, on="projects", body="[]"))
        assert sentence() == (
            False,
            "Logged in; partner partner-2 has 0 projects. But project_id isn't set in Extra, so that each task must "
            "set it.",
        )

    @pytest.mark.parametrize(
        ("fields", "well", "words"),
        [
            ({"project_slug": "acme", "partner_id": "partner-1"}, True, "has 0 flows."),
            ({"project_slug": None, "partner_id": "partner-1"}, True, "has 0 flows."),
            ({"project_slug": "acme"}, True, "project_slug (acme) isn't checked, as partner_id isn't set."),
            (
                {"project_slug": None},
                False,
                "But no log can be downloaded: set project_slug in Extra, or partner_id",
            ),
            (
                {"project_slug": "acne", "partner_id": "partner-1"},
                False,
                "But project_slug is acne, and the project's slug is acme.",
            ),
            ({"partner_id": "partner-2"}, False, "But partner partner-2 has no such project; its projects: "),
            (
                {"partner_id": "nobody", "project_slug": "acme"},
                False,
                "Check partner_id, or set project_slug.",
            ),
            ({"partner_id": "nobody", "project_slug": None}, False, "Check partner_id, or set project_slug."),
        ],
    )
    def test_slug(self, fields, well, words, simulator, connect):
        simulator.add_project("Other", slug="other", partner_id="partner-2")
        connect(**fields)
        done, message = sentence()
        assert done is well
        assert message.startswith("Logged in; project ")
        assert words in message

    @pytest.mark.parametrize(("slug", "well"), [("acme", True), (None, False)])
    def test_projects_may_not_be_listed(self, slug, well, simulator, connect):
        simulator.inject(Fault.status(403, on="projects", body="Not for you."))
        connect(project_slug=slug, partner_id="partner-1")
        done, message = sentence()
        assert done is well
        assert "Not for you." in message

    def test_project_has_no_slug(self, simulator, connect):
        project = {"id": simulator.projects[0].id, "component": {}}
        simulator.inject(Fault.status(200, on="projects", body=json.dumps([project])))
        connect(project_slug=None, partner_id="partner-1")
        done, message = sentence()
        assert not done
        assert "List projects doesn't have the project's slug" in message

    def test_well_with_a_token(self, simulator, flow, connect):
        simulator.accept_token("given-by-hand")
        connect(login=None, password=None, token="given-by-hand")
        assert sentence()[0]

    def test_refused_credentials(self, simulator):
        simulator.password = "changed-meanwhile"
        done, message = sentence()
        assert not done
        assert "Check the connection's Login and Password" in message
        assert simulator.logins == 1

    def test_refused_token(self, simulator, connect):
        connect(login=None, password=None, token="long-expired")
        done, message = sentence()
        assert not done
        assert "Set a new token" in message
        assert "long-expired" not in message

    def test_unreachable(self, connect):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            connect(host=f"http://127.0.0.1:{closed.getsockname()[1]}")
            done, message = sentence()
        assert not done
        assert "Login: no usable answer" in message

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"login": None, "password": None}, "set Login (e-mail) and Password"),
            ({"host": "https://nobody.invalid"}, "nobody.invalid"),
            ({"project_id": None, "project_slug": None}, "set project_id (or partner_id)"),
            ({"project_id": "nobody"}, "there is no such project"),
            ({"timeout": "soon"}, "timeout"),
        ],
    )
    def test_wrong_fields(self, fields, words, connect):
        connect(**fields)
        done, message = sentence()
        assert not done
        assert words in message

    def test_tls_where_there_is_none(self, simulator, connect):
        connect(host=simulator.url.replace("http://", "https://"))
        done, message = sentence()
        assert not done
        assert "TLS" in message
        assert "http://" in message

    def test_list_flows_refused(self, simulator):
        simulator.inject(Fault.status(403, on="flows", body="Not for you."))
        done, message = sentence()
        assert not done
        assert "List flows" in message
        assert "Not for you." in message

    def test_busy(self, simulator):
        simulator.inject(Fault.status(503, on="flows"))
        done, message = sentence()
        assert not done
        assert simulator.count("flows") == 1  # a person waits for the answer
        assert "503" in message

    def test_misspelt_extra(self, flow, connect):
        connect(partner="p-1", nonsense="x")
        done, message = sentence()
        assert not done
        assert message.startswith(f"Logged in; project {flow.project.id} has 1 flow. ")
        assert (
            "Unknown fields in the connection's Extra: nonsense, partner (partner_id?). The known" in message
        )

    def test_unknown_connection(self):
        done, message = IntegratorHook("nobodys_connection").test_connection()
        assert not done
        assert "nobodys_connection" in message

    def test_an_error_of_a_secrets_backend(self, mocker):
        error = RuntimeError("no way to https://user:s3cr3t-w0rd@vault\nforged" + "." * 1000)
        mocker.patch.object(IntegratorHook, "get_connection", side_effect=error)
        done, message = sentence()
        assert not done
        assert message.startswith("The connection can't be tested: RuntimeError: no way to https://***@vault")
        assert len(message) < 600

    def test_a_server_that_minds_the_header(self, simulator, flow, connect):
        simulator.auth_header = "Authentication"
        done, message = sentence()
        assert not done
        assert "auth_header" in message
        connect(auth_header="Authentication")
        assert sentence()[0]
