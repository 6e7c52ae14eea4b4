"""The commands that list."""

from __future__ import annotations

import json

import pytest
import yaml


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

    def test_another_project(self, command, flows, simulator):
        other = simulator.add_project("Other", slug="other", partner_id="partner-1")
        simulator.add_flow(other, "Image", slug="image")
        assert [each["flow"] for each in command(f"flows --project {other.id} -o json").json] == ["image"]

    @pytest.mark.parametrize(("form", "text"), [("json", "[]\n"), ("yaml", "[]\n")])
    def test_none(self, form, text, command, simulator):
        assert command(f"flows -o {form}").out == text

    @pytest.mark.parametrize("form", ["table", "plain", "json", "yaml"])
    def test_hostile_name(self, form, command, simulator):
        simulator.add_flow(simulator.projects[0], "\x1b[2J\u202e[bold]x\nforged", slug="bad")
        done = command(f"flows -o {form}")
        assert "\x1b" not in done.out
        assert "\u202e" not in done.out
        assert "[bold]x" in done.out
        assert [line for line in done.lines if line.startswith("forged")] == []
