"""Flows as assets: their URIs, their watchers, snapshots, parse time, and which executions are new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrator.assets.snapshot import take_snapshot
from airflow_provider_integrator.assets.uri import (
    FlowUri,
    convert_asset_to_openlineage,
    parse_uri,
    sanitize_uri,
)
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.provider_info import PROVIDER_INFO

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

try:
    from airflow.sdk import Asset

    from airflow_provider_integrator.assets import integrator_flow, integrator_project_flows, new_executions
except ImportError:
    Asset = None

CHECKOUT = Path(__file__).parents[2]
has_assets = pytest.mark.skipif(Asset is None, reason="assets with watchers came with Airflow 3.0")
NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
STATUSES = st.sets(st.sampled_from(["empty", "failed", "success"]), min_size=1).map(
    lambda each: tuple(sorted(each))
)


@pytest.mark.skipif(Asset is not None, reason="there are assets")
@pytest.mark.parametrize(
    ("module", "name"), [("assets", "integrator_flow"), ("triggers.flow", "IntegratorFlowTrigger")]
)
def test_below_airflow_3_the_module_says_what_it_needs(module: str, name: str) -> None:
    with pytest.raises(ImportError, match=r"needs Airflow 3.0 or later.*IntegratorExecutionSensor"):
        getattr(import_module(f"airflow_provider_integrator.{module}"), name)


@given(TEXT, st.none() | TEXT, TEXT, STATUSES)
def test_any_name_survives_the_uri(
    conn_id: str, project: str | None, flow: str, status: tuple[str, ...]
) -> None:
    parts = FlowUri(conn_id, project, flow, status)
    uri = str(parts)
    assert uri.isascii()
    assert parse_uri(uri) == parts
    assert urlunsplit(sanitize_uri(urlsplit(uri))) == uri


@pytest.mark.parametrize(
    ("uri", "normal"),
    [
        ("integrator://c/%70rice", "integrator://c/price"),
        ("integrator://c/a b", "integrator://c/a%20b"),
        ("integrator://c/p%c3%bc/x", "integrator://c/p%C3%BC/x"),
        ("integrator://c/price?status=success", "integrator://c/price"),
        (
            "integrator://c/price?status=success&status=empty",
            "integrator://c/price?status=empty&status=success",
        ),
    ],
)
def test_a_uri_has_one_form(uri: str, normal: str) -> None:
    assert urlunsplit(sanitize_uri(urlsplit(uri))) == normal


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("integrator:///price", "it names no connection"),
        ("integrator://c/", "it names no flow"),
        ("integrator://c//price", "its project or flow is empty"),
        ("integrator://c/a/b/c", "a / in a name is written %2F"),
        ("integrator://c:3000/price", "without port or user"),
        ("integrator://c/price?x=1", "its query may only say status=empty, status=failed, status=success"),
        ("integrator://c/price?status=", "its query may only say"),
        ("http://c/price", "it has another scheme"),
    ],
)
def test_a_faulty_uri_is_refused(uri: str, what: str) -> None:
    with pytest.raises(ValueError, match=what.replace("?", r"\?")) as caught:
        sanitize_uri(urlsplit(uri))
    assert urlsplit(uri).geturl() in str(caught.value)


def test_openlineage_is_told_host_project_and_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("airflow.providers.openlineage")
    connection = {"conn_type": "integrator", "host": "https://i.example.com:3000", "login": "u@example.com"}
    for name, extra in (("ERP", {"project_id": "acme"}), ("BARE", {})):
        text = json.dumps({**connection, "password": "any-password", "extra": extra})
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", text)

    def names(uri: str) -> Any:
        dataset = convert_asset_to_openlineage(SimpleNamespace(uri=uri), None)
        return dataset and (dataset.namespace, dataset.name)

    assert names("integrator://erp/price") == ("integrator://i.example.com:3000", "acme/price")
    assert names("integrator://bare/other/a%20b?status=failed") == (
        "integrator://i.example.com:3000",
        "other/a b",
    )
    assert names("integrator://bare/price") is None
    assert names("integrator://unknown/price") is None


def test_airflow_is_told_of_the_scheme() -> None:
    (told,) = PROVIDER_INFO["asset-uris"]
    assert told["schemes"] == ["integrator"]
    for name in ("handler", "to_openlineage_converter"):
        module, _, function = told[name].rpartition(".")
        assert callable(getattr(import_module(module), function))


@has_assets
def test_an_asset_is_a_uri_and_a_watcher() -> None:
    plain = integrator_flow("price")
    assert (plain.name, plain.uri) == ("integrator://integrator_default/price",) * 2
    assert plain.watchers == []
    watched = integrator_flow(
        "price",
        integrator_conn_id="erp",
        project_id="acme",
        watch=True,
        status={"failed"},
        since=NOW,
        name="p",
    )
    assert (watched.name, watched.uri) == ("p", "integrator://erp/acme/price?status=failed")
    (watcher,) = watched.watchers
    assert watcher.trigger.serialize()[1] == {
        "flow": "price",
        "integrator_conn_id": "erp",
        "project_id": "acme",
        "status": ["failed"],
        "since": NOW.isoformat(),
        "poll_interval": 60.0,
    }


@has_assets
@pytest.mark.parametrize(
    "arguments",
    [
        {"flow": " "},
        {"flow": "price", "integrator_conn_id": ""},
        {"flow": "price", "poll_interval": 0},
        {"flow": "price", "since": "yesterday"},
        {"flow": "price", "status": "ok"},
    ],
)
def test_an_asset_that_cannot_be_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="set") as caught:
        integrator_flow(**arguments)
    assert list(arguments)[-1] in str(caught.value)


@has_assets
def test_a_project_is_read_from_a_file(simulator: Any, flow: Any, tmp_path: Path) -> None:
    simulator.add_flow(simulator.projects[0], "Order", slug="order", inbound=False, outbound=True)
    path = tmp_path / "acme.json"
    path.write_text(json.dumps(take_snapshot(IntegratorHook(), None)))
    simulator.stop()
    found = integrator_project_flows(path, watch=True, poll_interval=5)
    assert {name: asset.uri for name, asset in found.items()} == {
        "price": "integrator://integrator_default/price"
    }
    assert found["price"].watchers
    assert set(integrator_project_flows(path, inbound=False)) == {"price", "order"}


@has_assets
@pytest.mark.parametrize("text", [None, "{", "{}", '{"version": 2}'])
def test_a_file_that_cannot_be_read_says_how_to_make_it(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "acme.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match="airflow-integrator snapshot"):
        integrator_project_flows(path)


PARSE = """
import socket, sys, time
from airflow.sdk import DAG
def cut(*_, **__): raise AssertionError("the network was used")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = cut
began = time.perf_counter()
from airflow_provider_integrator.assets import integrator_flow
imported = time.perf_counter()
with DAG("woken", schedule=[integrator_flow(f"flow-{n}", watch=True) for n in range(50)]) as dag:
    pass
print("RESULT", imported - began, time.perf_counter() - imported)
print("HEAVY", [each for each in ("requests", "aiohttp") if each in sys.modules and each not in before])
"""


def test_the_package_has_its_names_alone() -> None:
    assert not hasattr(import_module("airflow_provider_integrator.assets"), "another_name")


@has_assets
def test_fifty_watched_assets_are_parsed_without_network() -> None:
    script = PARSE.replace(
        "from airflow.sdk import DAG\n", "from airflow.sdk import DAG\nbefore = set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "NO_PROXY": "*"}
    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    numbers = printed.partition("RESULT ")[2].splitlines()[0]
    imports, assets_ = map(float, numbers.split())
    print(f"\n50 watched assets: import {imports:.2f} s, making them {assets_ * 1000:.0f} ms")  # noqa: T201
    assert "HEAVY []" in printed
    assert assets_ < 2.0


@has_assets
@pytest.mark.parametrize("name", ["woken_by_flow", "price_and_stock"])
def test_the_examples_can_be_read(name: str) -> None:
    path = CHECKOUT / "example_dags" / "assets" / f"{name}.py"
    names: dict[str, Any] = {"__name__": name, "__file__": str(path)}
    exec(compile(path.read_text(), path, "exec"), names)  # noqa: S102
    assert names["STOCK"].uri == "integrator://integrator_default/stock"


def event(number: int, execution: str | None, seconds: float) -> Any:
    payload = {"execution_id": execution, "finished": NOW.isoformat()} if execution else None
    return SimpleNamespace(id=number, timestamp=NOW + timedelta(seconds=seconds), extra={"payload": payload})


@has_assets
def test_an_execution_is_new_once(mocker: MockerFixture) -> None:
    price, stock = integrator_flow("price"), integrator_flow("stock")
    history = [
        event(1, "a", 1),
        event(2, "b", 2),
        event(3, None, 3),
        event(4, "b", 4),
        event(5, "c", 5),
        event(6, "c", 6),
    ]
    events_since = mocker.patch(
        "airflow_provider_integrator.assets.flow._events_since", return_value=iter(history)
    )
    # not a dict: below Airflow 3.1 an asset can't be a key
    woken: Any = SimpleNamespace(items=lambda: [(price, history[2:]), (stock, [event(9, None, 7)])])
    assert [each["execution_id"] for each in new_executions(woken)] == ["c"]
    events_since.assert_called_once_with(price, NOW)
