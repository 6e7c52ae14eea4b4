"""The commands that list projects, flows and executions."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
import yaml

from airflow_provider_integrator.api.enums import Status

HOUR = 3600


@pytest.fixture
def flows(simulator):
    project = simulator.projects[0]
    return [
        simulator.add_flow(project, name, slug=slug)
        for name, slug in (("Stock", "stock"), ("Price", "price"))
    ]


class TestFlows:
    def test_table(self, command, flows):
        done = command("flows")
        assert done.code == 0
        heading, _, *rows = done.lines
        assert heading == "flow name type state direction schedule flow id"
        assert [row.split()[0] for row in rows] == ["price", "stock"]

    def test_plain(self, command, flows):
        heading, *rows = command("flows -o plain").lines
        assert heading.startswith("flow name")
        assert [row.split()[-1] for row in rows] == [flows[1].id, flows[0].id]

    @pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
    def test_values(self, form, read, command, flows):
        price, stock = read(command(f"flows -o {form}").out)
        assert (price["flow"], price["name"], price["flow_id"]) == ("price", "Price", flows[1].id)
        assert price["inbound"] is True
        assert stock["flow"] == "stock"

    def test_directions(self, command, simulator):
        project = simulator.projects[0]
        simulator.add_flow(project, "A", slug="a", inbound=False, outbound=True)
        simulator.add_flow(project, "B", slug="b", inbound=True, outbound=True)
        simulator.add_flow(project, "C", slug="c", inbound=False)
        assert [line.split()[4:6] for line in command("flows -o plain").lines[1:]] == [
            ["outbound", "0"],
            ["inbound,", "outbound"],
            ["-", "0"],
        ]

    def test_another_project(self, command, flows, simulator):
        other = simulator.add_project("Other", slug="other", partner_id="partner-1")
        simulator.add_flow(other, "Image", slug="image")
        assert [each["flow"] for each in command(f"flows --project {other.id} -o json").json] == ["image"]

    @pytest.mark.parametrize("form", ["json", "yaml"])
    def test_none(self, form, command, simulator):
        assert command(f"flows -o {form}").out == "[]\n"

    @pytest.mark.parametrize("form", ["table", "plain", "json", "yaml"])
    def test_hostile_name(self, form, command, simulator):
        simulator.add_flow(simulator.projects[0], "\x1b[2J\u202e[bold]x\nforged", slug="bad")
        done = command(f"flows -o {form}")
        assert "\x1b" not in done.out
        assert "\u202e" not in done.out
        assert "[bold]x" in done.out
        assert [line for line in done.lines if line.startswith("forged")] == []


class TestProjects:
    def test_of_the_connections_partner(self, command, simulator, connect):
        connect(partner_id="partner-1")
        simulator.add_flow(simulator.projects[0], "Price")
        done = command("projects -o json")
        (project,) = done.json
        assert (project["project_id"], project["slug"]) == (simulator.projects[0].id, "acme")
        assert project["flow_count"] == 1
        assert command("projects -o plain").lines[1] == f"{project['project_id']} acme Acme RUNNING 1"

    def test_of_another_partner(self, command, simulator):
        simulator.add_project("Other", slug="other", partner_id="partner-2")
        assert [each["slug"] for each in command("projects --partner partner-2 -o json").json] == ["other"]

    def test_without_a_partner(self, command, simulator):
        done = command("projects")
        assert done.code == 2
        assert done.err.startswith("projects: No partner is set: ")


class TestExecutions:
    @pytest.fixture
    def history(self, simulator, flow):
        now = datetime.now(timezone.utc)
        statuses = [Status.SUCCESS, Status.FAILED, Status.EMPTY, Status.SUCCESS]
        ended = [
            simulator.add_execution(
                flow, created=now - timedelta(hours=10 * number), lasts=90, status=status, id=f"e{number}"
            )
            for number, status in enumerate(statuses, start=1)
        ]
        return [simulator.add_execution(flow, created=now - timedelta(minutes=5), id="e0"), *ended]

    def ids(self, done):
        return [each["execution_id"] for each in done.json]

    @pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
    def test_of_the_last_day(self, order, command, simulator, history):
        simulator.order = order
        assert self.ids(command("executions price -o json")) == ["e0", "e1", "e2"]

    @pytest.mark.parametrize("since", ["11h", "660m", "10h30m"])
    def test_since(self, since, command, history):
        assert self.ids(command(f"executions price --since {since} -o json")) == ["e0", "e1"]

    def test_since_a_point_in_time(self, command, history):
        moment = (datetime.now(timezone.utc) - timedelta(hours=25)).isoformat()
        assert self.ids(command("executions", "price", "--since", moment, "-o", "json")) == ["e0", "e1", "e2"]

    @pytest.mark.parametrize(
        ("status", "ids"),
        [("success", ["e1", "e4"]), ("failed", ["e2"]), ("empty", ["e3"]), ("in_progress", ["e0"])],
    )
    def test_status(self, status, ids, command, history):
        assert self.ids(command(f"executions price --since 1w --status {status} -o json")) == ids

    def test_table(self, command, history):
        heading, _, running, first, *_ = command("executions price").lines
        assert heading == "execution id status created (UTC) duration rows failed triggered by"
        assert running.startswith("e0 in_progress ")
        assert first.startswith("e1 success ")
        assert " 1 min 30 s 10 0 System" in first

    def test_numbers_stay_numbers(self, command, history):
        first = command("executions price -o json").json[1]
        assert (first["process_count"], first["duration"]) == (10, 90.0)

    def test_unknown_flow(self, command, history):
        done = command("executions prices")
        assert done.code == 2
        assert "has no flow 'prices'. Set flow to a slug, name or id of: price." in done.err

    def test_none(self, command, flow):
        assert command("executions price -o json").json == []

    def test_unreadable_one_is_a_warning(self, command, simulator, history):
        simulator.add_execution(history[0].flow, status=77, lasts=0)
        done = command("executions price -o json")
        assert self.ids(done) == ["e0", "e1", "e2"]
        assert "Skipped 1 executions that can't be read." in done.err
