"""The demo's world and the command line."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

import airflow_provider_integrator.simulator as package
from airflow_provider_integrator.simulator import IntegratorSimulator
from airflow_provider_integrator.simulator.__main__ import main
from airflow_provider_integrator.simulator.demo import DemoActivity, demo_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.conftest import Caller

MODULE = package.__name__
SOURCES = str(Path(package.__file__).parents[2])


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    path = os.pathsep.join(filter(None, [SOURCES, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", MODULE, "--port", "0", *options]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def welcome(process: subprocess.Popen[str]) -> list[str]:
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.strip())
        if line.strip().startswith("curl"):
            return lines
    raise AssertionError(f"{lines} {process.stderr and process.stderr.read()}")


def test_the_demo_has_a_flow_for_every_outcome(integrator: IntegratorSimulator, caller: Caller) -> None:
    world = demo_world(integrator)
    assert (world.project.id, world.project.slug) == ("demo-project", "demo-shop")
    assert list(world.flows) == ["product", "price", "stock", "order", "image", "order_status"]
    outcomes = {}
    for slug, flow in world.flows.items():
        world.run(slug, lasts=0)
        (log,) = caller.results(flow)
        assert log["filename_uuid"] == f"demo-{slug}-2"
        outcomes[slug] = (log["status"], log["fail_count"])
    assert outcomes == {
        "product": (2, 0),
        "price": (3, 3),
        "stock": (2, 0),
        "order": (4, 0),
        "image": (2, 0),
        "order_status": (2, 0),
    }
    errors = caller.log(world.flows["price"], caller.results(world.flows["price"])[0]["id"])["errors"]
    assert len(errors) == 3
    assert all(error["message"].endswith(".") for error in errors)
    with pytest.raises(ValueError, match="already"):
        demo_world(integrator)


def test_every_row_of_the_failing_flow_has_a_line_log(
    integrator: IntegratorSimulator, caller: Caller
) -> None:
    world = demo_world(integrator)
    price = world.flows["price"]
    world.run("price", lasts=0)
    errors = caller.log(price, caller.results(price)[0]["id"])["errors"]
    lines = caller.results(price, log_type=3, original_filename_uuid="demo-price-2")
    assert len(lines) == 12
    assert {line["row_num"] for line in lines if line["status"] == 3} == {error["row"] for error in errors}
    for error in errors:
        search = {"search_field.1": "sku", "search_value.1": error["sku"]}
        (found,) = caller.results(price, log_type=3, original_filename_uuid="demo-price-2", **search)
        assert caller.log(price, found["id"])["errors"] == [error]
    assert caller.results(world.flows["stock"], log_type=3) == []


def test_the_failing_flow_fails_every_third_time(integrator: IntegratorSimulator, caller: Caller) -> None:
    world = demo_world(integrator, recovers=True)
    for _ in range(3):
        for slug in world.flows:
            world.run(slug, lasts=0)
    outcomes = {
        slug: [(log["status"], log["process_count"], log["fail_count"]) for log in caller.results(flow)]
        for slug, flow in world.flows.items()
    }
    assert outcomes["price"] == [(3, 12, 3), (2, 12, 0), (2, 12, 0)]  # the 4th, the 3rd, the 2nd
    assert {status for status, *_ in outcomes["stock"]} == {2}
    lines = caller.results(world.flows["price"], log_type=3, original_filename_uuid="demo-price-2")
    assert [line["status"] for line in lines] == [2] * 12


def test_the_first_number_of_ids(integrator: IntegratorSimulator) -> None:
    world = demo_world(integrator, first=31)
    assert [world.run("stock").id, world.run("price").id] == ["demo-stock-32", "demo-price-32"]
    assert integrator.finish("demo-stock-31").flow.slug == "stock"


def test_the_activity_runs_every_flow_at_once_and_ends() -> None:
    integrator = IntegratorSimulator()
    world = demo_world(integrator)
    with DemoActivity(world, every=3600):
        pass
    assert {integrator.finish(f"demo-{slug}-2").flow.slug for slug in world.flows} == set(world.flows)
    with pytest.raises(KeyError):
        integrator.finish("demo-price-3")
    with pytest.raises(ValueError, match="above 0"):
        DemoActivity(world, speed=0)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_what_it_says_and_stops(how: signal.Signals) -> None:
    with running("--speed", "1000") as process:
        lines = welcome(process)
        (export,) = (line for line in lines if line.startswith("export"))
        name, _, value = shlex.split(export)[1].partition("=")
        assert name == "AIRFLOW_CONN_INTEGRATOR_DEFAULT"
        connection = json.loads(value)
        assert connection["extra"] == {
            "project_id": "demo-project",
            "project_slug": "demo-shop",
            "partner_id": "demo-partner",
        }
        assert any(line.split() == ["URL", connection["host"]] for line in lines)
        credentials = {"username": connection["login"], "password": connection["password"]}
        token = requests.post(connection["host"] + "/api/nifi/login", credentials, timeout=20).text
        curl = shlex.split(lines[-1].replace("$TOKEN", token))
        answer = requests.get(curl[-1], headers=dict([curl[2].split(": ")]), timeout=20)
        assert answer.json()["results"][-1]["filename_uuid"].startswith("demo-price-")
        process.send_signal(how)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert out.strip() == "The Integrator has stopped."


def test_the_command_answers_in_the_forms_that_it_is_given() -> None:
    with running("--forms", "texts,sparse") as process:
        lines = welcome(process)
        (url,) = (line.split()[1] for line in lines if line.startswith("URL"))
        assert any(line.split(maxsplit=1) == ["forms", "texts, sparse"] for line in lines)
        credentials = {"username": "integrator@example.com", "password": "let-me-in"}
        token = requests.post(url + "/api/nifi/login", credentials, timeout=20).text
        curl = shlex.split(lines[-1].replace("$TOKEN", token))
        answer = requests.get(curl[-1], headers=dict([curl[2].split(": ")]), timeout=20)
        log = answer.json()["results"][-1]
        assert (log["status"], log["id"].isdigit(), "process_count" in log) == ("3", True, False)


def test_the_command_lets_tokens_expire() -> None:
    with running("--token-lifetime", "0.000001") as process:
        lines = welcome(process)
        (url,) = (line.split()[1] for line in lines if line.startswith("URL"))
        credentials = {"username": "integrator@example.com", "password": "let-me-in"}
        token = requests.post(url + "/api/nifi/login", credentials, timeout=20).text
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(url + "/logs", headers=headers, timeout=20).status_code == 401


def test_the_command_says_why_it_cannot_listen(integrator: IntegratorSimulator) -> None:
    with running("--port", integrator.url.rpartition(":")[2]) as process:
        _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "can't listen on 127.0.0.1" in err


@pytest.mark.parametrize(
    "options",
    [
        ["--speed", "0"],
        ["--speed", "fast"],
        ["--token-lifetime", "-1"],
        ["--forms", "odd"],
        ["--forms", "texts,floats"],
        ["--port", "65536"],
        ["--port", "-1"],
        ["--port", "eighty"],
    ],
)
def test_the_command_refuses_wrong_options(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(options)
    err = capsys.readouterr().err
    assert all(part in err for option in options for part in option.split(","))
