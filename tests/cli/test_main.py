"""What all commands have in common: arguments, errors, exit codes."""

from __future__ import annotations

import subprocess
import sys

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


LOADED = """
import atexit, sys
from airflow_provider_integrator.cli.main import main
atexit.register(lambda: print([name for name in sys.modules if name.partition(".")[0] == "airflow"], file=sys.stderr))
main()
"""


@pytest.mark.parametrize("arguments", [["--version"], ["flows", "--help"], ["flows", "--nonsense"]])
def test_airflow_is_loaded_for_a_command_alone(arguments):
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


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


@pytest.mark.parametrize("where", ["hooks.integrator.IntegratorHook.list_flows", "cli.process.import_module"])
def test_interrupt(where, command, simulator, mocker):
    mocker.patch(f"airflow_provider_integrator.{where}", side_effect=KeyboardInterrupt)
    done = command("flows")
    assert (done.code, done.out, done.err) == (130, "", "flows: interrupted.\n")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(BrokenPipeError(), 141, ""), (OSError(28, "No space left on device"), 2, "flows: [Errno 28] No space")],
)
def test_output_that_nobody_takes(error, code, said, command, simulator, mocker):
    mocker.patch("airflow_provider_integrator.cli.process.os.dup2")
    mocker.patch("airflow_provider_integrator.hooks.integrator.IntegratorHook.list_flows", side_effect=error)
    mocker.patch.object(sys.stdout, "fileno", return_value=1, create=True)
    done = command("flows")
    assert (done.code, done.err[: len(said)], bool(done.err)) == (code, said, bool(said))
