"""The command that writes a project's flows to a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from airflow_provider_integrator import snapshot


def test_file_is_written_and_replaced(command, simulator, flow, tmp_path):
    path = tmp_path / "acme.json"
    done = command(f"snapshot {path}")
    assert (done.code, done.out) == (0, f"{path}: 1 flows\n")
    assert json.loads(path.read_text())["flows"] == [
        {"flow": "price", "name": "Price", "id": flow.id, "inbound": True}
    ]
    assert path.stat().st_mode & 0o777 == 0o644
    simulator.add_flow(simulator.projects[0], "Stock")
    command(f"snapshot {path} --project {simulator.projects[0].id}")
    found = json.loads(path.read_text())
    assert len(found["flows"]) == 2
    assert found["project_id"] == simulator.projects[0].id


def test_file_stays_if_the_server_is_down(command, simulator, tmp_path):
    path = tmp_path / "acme.json"
    path.write_text("old")
    simulator.stop()
    done = command(f"snapshot {path}")
    assert done.code == 2
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["{folder}", "/proc/nobodys/acme.json"])
def test_unwritable_file(path, command, flow, tmp_path):
    done = command("snapshot", path.format(folder=tmp_path))
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1


def test_module_is_the_same_command(mocker, monkeypatch):
    main = mocker.patch("airflow_provider_integrator.cli.main.main", side_effect=SystemExit(3))
    monkeypatch.setattr(sys, "argv", ["snapshot", "acme.json", "--project-id", "p"])
    source = Path(snapshot.__file__).read_text()
    with pytest.raises(SystemExit) as end:
        exec(compile(source, snapshot.__file__, "exec"), {"__name__": "__main__"})  # noqa: S102 - as python -m does
    assert end.value.code == 3
    main.assert_called_once_with(["snapshot", "acme.json", "--project-id", "p"])
