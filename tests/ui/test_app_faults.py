"""An Integrator that is down, slow, refuses or speaks nonsense: a page that says so, and how often it is asked."""

from __future__ import annotations

import html
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.exceptions import UnavailableError
from airflow_provider_integrator.simulator import Fault
from airflow_provider_integrator.ui.source import Source

OVERVIEW = "/overview/integrator_default"
HOSTILE = [
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}",
    "\u202egnp.exe",
    "a\x00b\r\nc",
    "\ud800 half",
    "x" * 1_000_000,
]


@pytest.fixture
def clock(mocker):
    """The cache's clock, which only a test moves."""
    moment = [1000.0]
    mocker.patch("airflow_provider_integrator.ui.cache.time", mocker.Mock(monotonic=lambda: moment[0]))
    return moment


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (Fault.status(503), 503, "The Integrator doesn't answer"),
        (Fault.reset(), 503, "The Integrator doesn't answer"),
        (Fault.status(429, headers={"Retry-After": "600"}), 503, "The Integrator doesn't answer"),
        (Fault.status(400, body="No such project", on="flows"), 502, "No such project"),
        (Fault.status(403, on="flows"), 502, "The answer can't be shown"),
        (Fault.not_json(on="flows"), 503, "The Integrator doesn't answer"),
        (Fault.body("{}", on="flows"), 502, "The answer can't be shown"),
    ],
)
def test_a_fault_is_said_in_a_sentence(browse, simulator, fault, status, text):
    simulator.inject(fault)
    began = time.monotonic()

    answer = browse().get(OVERVIEW)

    assert answer.status_code == status
    assert text in html.unescape(answer.text)
    assert time.monotonic() - began < 5


def test_a_refused_login_is_said(browse, connect):
    connect(password="wrong-password")

    answer = browse().get(OVERVIEW)

    assert answer.status_code == 502
    assert "The Integrator refuses the credentials" in answer.text
    assert "wrong-password" not in answer.text
    assert 'value="/airflow/integrator/overview/integrator_default"' in answer.text


def test_a_dead_integrator_is_said(browse, simulator):
    simulator.stop()

    assert browse().get(OVERVIEW).status_code == 503


def test_a_slow_integrator_is_said(browse, simulator, mocker):
    mocker.patch("airflow_provider_integrator.ui.hook.REQUEST_SECONDS", 0.1)
    simulator.inject(Fault.delay(1.0, on="flows"))

    answer = browse().get(OVERVIEW)

    assert answer.status_code == 503
    assert "within timeout (0.1 s)" in answer.text


def test_one_broken_flow_hides_no_other(browse, simulator, flow):
    other = simulator.add_flow(simulator.projects[0], "Stock")
    simulator.add_execution(other, lasts=0)
    simulator.inject(
        Fault.status(400, body="Broken", on="logs", where=lambda request: request.param("flowId") == flow.id)
    )

    text = browse().get(OVERVIEW).text

    assert "Broken" in text
    assert 'data-flags="unread"' in text
    assert text.count('<svg class="cells"') == 1


def test_an_overview_ends_in_time(browse, simulator, flow, mocker):
    mocker.patch("airflow_provider_integrator.ui.source.OVERVIEW_SECONDS", -1.0)

    text = html.unescape(browse().get(OVERVIEW).text)

    assert "It wasn't read" in text
    assert simulator.count("logs") == 0


def test_an_answer_is_shown_again_for_ten_seconds(browse, simulator, flow, clock):
    client = browse()
    for _ in range(3):
        client.get(OVERVIEW)
    asked = simulator.count()
    clock[0] += 9.9
    client.get(OVERVIEW)

    assert simulator.count() == asked
    clock[0] += 0.2
    client.get(OVERVIEW)
    assert simulator.count("flows") == 2


def test_a_fault_is_shown_again_for_ten_seconds(browse, simulator, clock):
    simulator.inject(Fault.status(400, on="flows"))
    client = browse()

    assert {client.get(OVERVIEW).status_code for _ in range(3)} == {502}
    assert simulator.count("flows") == 1


def test_many_viewers_cost_what_one_costs(browse, simulator):
    for number in range(12):
        flow = simulator.add_flow(simulator.projects[0], f"Flow {number}")
        for hours in range(30):
            simulator.add_execution(
                flow,
                lasts=1,
                created=datetime.now(timezone.utc) - timedelta(hours=hours),
                status=Status.SUCCESS,
            )
    simulator.inject(Fault.delay(0.05, on="logs"))
    clients = [browse() for _ in range(10)]
    start = threading.Barrier(10)

    def look(client):
        start.wait()
        return client.get(OVERVIEW).text

    with ThreadPoolExecutor(10) as executor:
        pages = set(executor.map(look, clients))

    assert len(pages) == 1
    assert (simulator.logins, simulator.count("flows"), simulator.count("logs")) == (1, 1, 12)


def test_an_unknown_order_costs_a_bounded_number_of_requests(browse, simulator, flow):
    simulator.order = "shuffled"
    for hours in range(900):
        simulator.add_execution(flow, lasts=1, created=datetime.now(timezone.utc) - timedelta(hours=hours))

    text = html.unescape(browse().get(OVERVIEW).text)

    assert simulator.count("logs") == 3
    assert "may not be the latest of every flow" in text


def test_large_projects_are_cut(browse, simulator, mocker):
    mocker.patch("airflow_provider_integrator.ui.source.MAX_FLOWS", 2)
    for number in range(5):
        simulator.add_flow(simulator.projects[0], f"Flow {number}")

    text = browse().get(OVERVIEW).text

    assert "3 more flows" in text
    assert simulator.count("logs") == 2


def test_viewers_who_wait_too_long_are_turned_away(browse, simulator, source, mocker):
    mocker.patch("airflow_provider_integrator.ui.source.PATIENCE_SECONDS", 0.01)
    source._downloads.acquire()
    source._downloads.acquire()

    answer = browse().get("/log/integrator_default", params={"flow": "f", "log": "1"})

    assert answer.status_code == 503
    assert "Too many others download a log" in answer.text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_do_nothing(browse, simulator, flow, text):
    name = text.encode("utf-8", "replace").decode()
    execution = simulator.add_execution(
        flow,
        status=Status.FAILED,
        lasts=1,
        created=datetime.now(timezone.utc) - timedelta(hours=1),
        process_count=2,
        fail_count=1,
        triggered_by=name,
        log=json.dumps({"errors": [{"message": text, text: text}, text]}).encode(),
        id="e-1",
    )
    simulator.add_lines(execution, [{"sku": name}], status=Status.FAILED)

    def spoil(document):
        for each in document if isinstance(document, list) else ():
            each["component"]["name"] = name
            each["component"]["variables"] |= {
                "!flowType": name,
                "!schedulingPeriod": name,
                "!flowSlug": name,
            }
        for each in document.get("results", ()) if isinstance(document, dict) else ():
            each["process_group_name"] = name
            for step in each.get("sub_flows") or ():
                step["process_group_name"] = name

    simulator.inject(Fault.mutate(spoil))
    client, of_flow = browse(), {"flow": flow.id}
    answers = [
        client.get(OVERVIEW),
        client.get("/flow/integrator_default", params=of_flow),
        client.get("/execution/integrator_default", params={**of_flow, "execution": "e-1"}),
        client.get("/errors/integrator_default", params={**of_flow, "log": execution.log_id}),
    ]

    for answer in answers:
        assert answer.status_code == 200
        assert len(answer.content) < 60_000
        assert not {"\x00", "\r", "\u202e"} & set(answer.text)
        page = Page()
        page.feed(answer.text)
        assert page.scripts == ["/airflow/integrator/static/page.js"]
        assert page.other == []


class Page(HTMLParser):
    """What could do something: scripts, and elements and attributes that no page of ours has."""

    def __init__(self):
        super().__init__()
        self.scripts, self.other = [], []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if tag == "script":
                self.scripts.append(value.partition("?")[0])
            is_address = name in ("href", "src", "action", "data-load", "data-execution")
            if name.startswith("on") or name == "style" or (is_address and value[:1] not in "/#"):
                self.other.append((tag, name, value))
        if tag in ("img", "iframe", "object", "embed", "base", "style"):
            self.other.append(tag)


def test_a_page_that_fails_is_said_in_the_same_frame(browse, flow, mocker):
    mocker.patch(
        "airflow_provider_integrator.ui.pages.readable_connections", side_effect=RuntimeError("secret")
    )
    client = browse()
    client._transport.raise_server_exceptions = False

    answer = client.get(OVERVIEW)

    assert answer.status_code == 500
    assert "This page has failed" in answer.text
    assert "The log of Airflow's API server says why" in html.unescape(answer.text)
    assert "secret" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("view", ["overview", "flow", "execution", "errors", "log"])
def test_the_page_waits_on_threads_of_its_own(browse, mocker, view):
    """A slow Integrator takes none of those on which the API server answers everything else."""
    seen = []

    def ask(settings, connection_id):
        seen.append(threading.current_thread().name)
        raise UnavailableError("slow")

    mocker.patch.object(Source, "settings", ask)

    browse().get(f"/{view}/integrator_default", params={"flow": "f", "execution": "e", "log": "1"})

    assert [name.partition("_")[0] for name in seen] == ["integrator-page"]
