"""The examination of a connection: each step after the login, by what is printed and by the exit code."""

from __future__ import annotations

import pytest

from airflow_provider_integrator.cli import examination
from airflow_provider_integrator.simulator import Fault
from tests.cli.conftest import read


def test_all_is_well(doctor, executions, simulator):
    examined = doctor()
    assert (examined.code, set(examined.states.values())) == (0, {"ok"})
    assert set(examined.advice.values()) == {""}
    assert "2 executions" in examined.texts["List logs"]
    assert (simulator.logins, simulator.count()) == (1, 5)


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
