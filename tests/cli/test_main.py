"""What all commands have in common: arguments, errors, exit codes."""

from __future__ import annotations

import pytest

from airflow_provider_integrator.cli.definition import COMMANDS
from airflow_provider_integrator.simulator import Fault


def test_help_names_all_commands(command):
    done = command("--help")
    assert done.code == 0
    assert [each.name for each in COMMANDS if each.name not in done.out] == []


@pytest.mark.parametrize("one", COMMANDS, ids=lambda one: one.name)
def test_command_has_a_help(one, command):
    assert one.help in " ".join(command(f"{one.name} --help").out.split())


@pytest.mark.parametrize("wrong", ["", "nonsense", "flows --nonsense", "flows -o xml"])
def test_wrong_arguments(wrong, command):
    done = command(*wrong.split())
    assert done.code == 2
    assert "usage: airflow-integrator" in done.err
    assert done.out == ""


class TestErrors:
    """One line on stderr, nothing on stdout, exit code 2."""

    def check(self, done, *words):
        assert done.code == 2
        assert done.out == ""
        (line,) = done.err.splitlines()
        assert line.startswith("flows: ")
        assert [word for word in words if word not in line] == []

    def test_no_connection(self, command, simulator):
        self.check(command("flows --conn-id nobodys"), "There is no connection 'nobodys'", "--conn-id")

    def test_unreadable_connection(self, command, simulator, monkeypatch):
        monkeypatch.setenv("AIRFLOW_CONN_BROKEN", '{"conn_type": "integrator"')
        self.check(
            command("flows --conn-id broken"), "'AIRFLOW_CONN_BROKEN' is set, but Airflow can't read it"
        )

    def test_another_connection(self, command, simulator, monkeypatch):
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", '{"conn_type": "http", "host": "example.com"}')
        self.check(command("flows --conn-id other"), "is of type http")

    def test_wrong_password(self, command, simulator, connect):
        connect(password="not-the-password")
        self.check(command("flows"), "Check the connection's Login and Password.")

    def test_no_project(self, command, simulator, connect):
        connect(project_id=None)
        self.check(command("flows"), "No project is set", "project_id")

    def test_unknown_project(self, command, simulator):
        self.check(command("flows --project nobodys"), "400", "no such project")

    def test_server_is_down(self, command, simulator):
        simulator.stop()
        self.check(command("flows"), "no usable answer")

    def test_hostile_text(self, command, simulator):
        simulator.inject(Fault.status(418, on="flows", body="\x1b[31m\u202e\nforged line\x00"))
        self.check(command("flows"), "\\x1b[31m", "forged line")


def test_unknown_field_of_the_connection_is_a_warning(command, simulator, connect):
    connect(projekt="x")
    done = command("flows -o json")
    assert (done.code, done.json) == (0, [])
    assert "Unknown fields in the connection's Extra: projekt (project_id?)." in done.err


def test_interrupt(command, simulator, mocker):
    mocker.patch(
        "airflow_provider_integrator.hooks.integrator.IntegratorHook.list_flows",
        side_effect=KeyboardInterrupt,
    )
    done = command("flows")
    assert (done.code, done.out, done.err) == (130, "", "flows: interrupted.\n")
