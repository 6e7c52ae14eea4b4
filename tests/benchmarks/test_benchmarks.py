"""The benchmarks' own parts, at a tiny size and without the peers."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import airflow
import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import BigLog
from airflow_provider_integrator.ui.plugin import is_supported
from benchmarks.children import ask_once
from benchmarks.measuring import OwnPeak, own_bytes, peak_resident_bytes, quantile, resident_bytes
from benchmarks.processes.lines import fetch_lines
from benchmarks.processes.log import save_log
from benchmarks.processes.paging import read_history
from benchmarks.report import write
from benchmarks.results import WIDTH, Figure, Section, Table, number
from benchmarks.scenarios import (
    adaptive,
    detection,
    imports,
    lines,
    logs,
    page,
    paging,
    polls,
    shuffled,
    waits,
)
from benchmarks.scenarios.waiting import Load, wait
from benchmarks.subjects import OURS


@pytest.fixture
def environment(monkeypatch):
    """Undo what the processes do to themselves."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT", "{}")
    yield
    logging.disable(logging.NOTSET)


def test_waits_are_measured_and_shown(environment):
    measured = wait(OURS, Load(waits=4, flows=2, interval=0.2, seconds=15, lasts=lambda _: 0.5, history=3))

    assert len(measured["found"]) == 4
    assert max(measured["found"]) < 5
    assert measured["list_logs"] >= 2
    assert 1 <= measured["connections"] <= 4
    assert measured["memory"] < 200e6
    for shown in (
        waits.show({"interval": 1, "runs": [measured], "many": [measured] * 3}),
        detection.show({"interval": 1, "runs": [measured]}),
        polls.show({"pairs": [{"interval": 1, "runs": [measured, {**measured, "subject": "loop"}]}]}),
        shuffled.show({"interval": 1, "executions": 5, **measured}),
        adaptive.show({"interval": 1, "usual": 6, "runs": [{"spread": 0.1, **measured}] * 2}),
    ):
        assert shown.figures
        assert all(len(line) <= WIDTH for line in shown.text().splitlines())


@pytest.mark.parametrize("way", logs.WAYS)
def test_every_way_saves_the_same_log(environment, simulator, tmp_path, way):
    flow = simulator.add_flow(simulator.projects[0], "Product")
    execution = simulator.add_execution(flow, lasts=0, log=BigLog(10_000))
    request = {"connection": simulator.connection(), "flow": flow.id, "log": execution.log_id}

    measured = save_log(way, path=str(tmp_path / "log.json"), idle=False, **request)

    assert (tmp_path / "log.json").read_bytes() == b"".join(BigLog(10_000).json_bytes())
    assert measured["seconds"] > 0
    run = {
        "size": 1_000_000,
        "encoded": 1,
        "idle": 0,
        "own": 0,
        "lag_max": 0.0,
        "lag_p99": 0.0,
        "json_seconds": 0.0,
        "parses": way == "recipe",
        **measured,
    }
    runs = [{"way": each, **run} for each in logs.WAYS]
    decoded = [{"way": each, "lag_aside": 0.0, **run} for each in logs.DECODING]
    assert logs.show({"runs": runs, "decoded": decoded}).figures


@pytest.mark.parametrize("way", logs.DECODING)
def test_every_way_decodes_a_log_beside_a_loop(environment, simulator, way):
    flow = simulator.add_flow(simulator.projects[0], "Product")
    execution = simulator.add_execution(flow, lasts=0, log=BigLog(1_000_000))
    request = {"connection": simulator.connection(), "flow": flow.id, "log": execution.log_id}

    measured = save_log(way, path="", idle=False, **request)

    assert simulator.count("download") == 1
    assert measured["seconds"] >= measured["lag_max"] >= measured["lag_p99"] >= 0


@pytest.mark.parametrize("way", ["ahead", "page by page"])
def test_histories_are_read_whole(environment, simulator, tmp_path, way):
    flow = simulator.add_flow(simulator.projects[0], "Product")
    for _ in range(205):
        simulator.add_execution(flow, lasts=0)
    path = tmp_path / "history.jsonl"

    measured = read_history(way, simulator.connection(), flow.id, str(path), idle=False)

    assert measured["logs"] == 205
    assert len(set(path.read_text().splitlines())) == 205
    runs = [
        {"way": each, "delay": 0.0, "work": 0.0, "idle": 0, **measured} for each in ("ahead", "page by page")
    ]
    assert paging.show({"runs": runs, "logs": 205}).tables


@pytest.mark.parametrize("store", ["", "store://"])
def test_lines_are_fetched_and_shown(store, environment, simulator, tmp_path):
    flow = simulator.add_flow(simulator.projects[0], "Product")
    execution = simulator.add_execution(flow, lasts=0)
    simulator.add_lines(execution, [{"part": number % 2} for number in range(20)], status=Status.FAILED)
    path = tmp_path / "lines.jsonl"
    request = {
        "connection": simulator.connection(),
        "flow": flow.id,
        "execution": execution.id,
        "path": f"{store}{path}",
    }

    measured = fetch_lines(**request, idle=False, with_logs=True, search={"part": 0})

    assert (measured["lines"], measured["missing"], simulator.count("download")) == (10, 0, 10)
    assert len(path.read_text().splitlines()) == 10
    run = {**measured, "own": 0}
    shown = lines.show(
        {
            "alone": measured,
            "together": run,
            "killed": {"until": 5, "downloads": 18},
            "stored": run,
            "killed_stored": {"until": 5, "downloads": 27},
            "listed": {**run, "requests": 2},
        }
    )
    assert [figure.got for figure in shown.figures] == ["x 1.0", "8", "x 1.0", "17", *["0 MiB"] * 3, "2"]
    assert [figure.met for figure in shown.figures] == [False, True, False, False, True, True, True, True]


def test_dag_files_are_compared():
    shown = imports.show({"runs": {OURS.name: {"import": [0.1], "parse": [0.2], "modules": [10]}}})

    assert shown.tables[0].rows == [["this provider", "100", "10", "200", "x 1"]]


@pytest.mark.skipif(not is_supported(airflow.__version__), reason="The page needs Airflow 3.1.1")
def test_the_page_is_measured(environment, simulator, flow):
    simulator.add_execution(flow, lasts=0)

    measured = ask_once("page", connection=simulator.connection(), viewers=3, idle=False)

    assert measured["rows"] == 1
    assert simulator.count() == 3  # a login, List flows, List logs
    runs = [{"viewers": viewers, "list_logs": 1, "requests": 3, **measured} for viewers in (1, 10)]
    assert page.show({"flows": 1, "idle": 0, "runs": runs}).figures


def test_a_document_is_written(tmp_path):
    section = Section("Waiting", "How.", [Table("Cost", ["", "s"], [["this provider", "1"]])])
    missed = Section("Logs", "How.", [], [Figure("time", "≤ 1 s", "2 s", met=False)])
    run = {
        "date": "2026-01-31",
        "full": True,
        "seconds": 60,
        "machine": {"cores": "2", "load average": "0.5"},
    }

    text = write(tmp_path, run, [section, missed]).read_text()

    assert "0 of the 1 figures" in text
    assert "| time | ≤ 1 s | 2 s | NO |" in text
    assert str(Path.home()) not in text


def test_numbers():
    assert [number(value) for value in (0, 0.01234, 1.5, 12.34, 1234.5)] == [
        "0",
        "0.0123",
        "1.5",
        "12.3",
        "1,234",
    ]
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([1.0], 0.99) == 1.0
    assert 0 < own_bytes(os.getpid()) <= resident_bytes() * 1.1
    assert resident_bytes() <= peak_resident_bytes() * 1.1
    with OwnPeak(os.getpid()) as own:
        before, held = own_bytes(os.getpid()), b"x" * 30_000_000
        time.sleep(0.05)
    assert own.bytes - before > 20_000_000
    assert len(held) == 30_000_000
