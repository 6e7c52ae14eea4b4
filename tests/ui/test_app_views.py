"""What the views show of the Integrator's world."""

from __future__ import annotations

import html
import json
import os
import re
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Fault

NOW = datetime.now(timezone.utc)
UI_URL = "https://integrator.example.com/{project_id}/{flow_id}/{execution_id}"


@pytest.fixture
def failed(simulator, flow):
    """A flow's failed execution after three that succeeded."""
    for hours in (4, 3, 2):
        simulator.add_execution(flow, lasts=30, created=NOW - timedelta(hours=hours), process_count=100)
    execution = simulator.add_execution(
        flow,
        status=Status.FAILED,
        lasts=60,
        created=NOW - timedelta(hours=1),
        process_count=100,
        fail_count=4,
        log={"errors": [{"row": 7, "message": "No <b>price</b>"}, ["odd"], "a text"]},
        id="e-failed",
    )
    simulator.add_lines(execution, [{"sku": "ABC"}, {"sku": "DEF"}], status=Status.FAILED)
    simulator.add_lines(execution, [{"sku": "GHI"}])
    return execution


def rects(text):
    return re.findall(r'<rect class="(\w+)" (?:fill="[^"]*" )?x="\d+" y', text)


def test_the_overview_has_a_row_for_each_flow(browse, simulator, failed):
    empty = simulator.add_flow(simulator.projects[0], "Order", scheduling_period="0 0/5 * * * ? *")
    simulator.add_execution(empty, status=Status.EMPTY, lasts=1, created=NOW - timedelta(minutes=3))
    simulator.add_execution(empty, created=NOW - timedelta(minutes=1))
    simulator.add_flow(simulator.projects[0], "Stock", inbound=False, outbound=True, type="OMS Stock")

    text = html.unescape(browse().get("/overview/integrator_default").text)

    assert re.findall(r'<th scope="row"><a [^>]*>(\w+)</a>', text) == ["Price", "Order", "Stock"]
    assert rects(text) == ["success"] * 3 + ["failed", "empty", "running"]
    assert re.findall(r'data-flags="([\w ]*)"', text) == ["failing", "running", ""]
    assert "Last 4 executions: 3 Success, 1 Failed. Price" in text
    for shown in (
        "hourly at :00, :30",
        "every 5 minutes",
        "when rows are posted",
        "4.0%",
        "OMS Stock",
    ):
        assert shown in text
    assert re.search(r"[12] h ago", text)


def test_a_silent_flow_is_stale(browse, simulator, flow):
    for number in range(6):
        simulator.add_execution(flow, lasts=1, created=NOW - timedelta(days=1, minutes=5 * number))

    text = browse().get("/overview/integrator_default").text

    assert 'data-flags="stale"' in text
    assert rects(text)[-1] == "stale"
    assert "the last Success ended 1 d" in text


def test_a_flow_shows_its_executions(browse, simulator, failed):
    text = browse().get("/flow/integrator_default", params={"flow": "price"}).text

    badges = re.findall(r'<td><span class="badge (\w+)"', text)
    assert badges == ["failed", "success", "success", "success"]
    assert text.count('<svg class="chart"') == 2
    assert f"execution={failed.id}" in text
    assert "IntegratorExecutionSensor" in text
    compile(html.unescape(re.search(r"<code>(from .*?)</code>", text, re.DOTALL)[1]), "snippet", "exec")


def test_a_long_history_has_pages_and_charts_by_day(browse, simulator, flow):
    for number in range(120):
        simulator.add_execution(flow, lasts=60, created=NOW - timedelta(hours=2 * number + 1))

    first = browse().get("/flow/integrator_default", params={"flow": flow.id}).text
    second = browse().get("/flow/integrator_default", params={"flow": flow.id, "page": 2}).text

    assert first.count('class="badge') == 100
    assert "Rows a day" in first
    assert 'rel="next"' in first
    assert second.count('class="badge') == 20
    assert 'rel="next"' not in second
    assert 'rel="prev"' in second


def test_another_order_is_said(browse, simulator, flow):
    simulator.order = "oldest"
    for number in range(40):
        simulator.add_execution(flow, lasts=1, created=NOW - timedelta(hours=number))

    flow_page = browse().get("/flow/integrator_default", params={"flow": flow.id}).text

    assert "doesn't show the newest executions first" in html.unescape(flow_page)


def test_an_execution_shows_steps_lines_and_facts(browse, connect, failed):
    connect(ui_url=UI_URL)

    text = (
        browse().get("/execution/integrator_default", params={"flow": "price", "execution": "e-failed"}).text
    )

    assert re.findall(r'<tr><th scope="row" dir="auto">([\w ]+)</th><td><span', text) == [
        "Login",
        "Read data from ERP",
        "Write data to Omnitron",
    ]
    assert text.count("data-download") == 3  # the log's, and two failed lines'
    assert f'href="https://integrator.example.com/{failed.flow.project.id}/{failed.flow.id}/e-failed"' in text
    assert "4.0%" in text
    assert "/errors/integrator_default?" in text


def test_failed_lines_are_searched_by_a_field(browse, failed):
    query = {"flow": "price", "execution": "e-failed", "field": "sku"}

    found = browse().get("/execution/integrator_default", params={**query, "value": "ABC"}).text
    other = browse().get("/execution/integrator_default", params={**query, "value": "GHI"}).text

    assert found.count(">Download<") == 1
    assert '<span class="quiet">sku</span> ABC</span>' in found
    assert "No failed line matches" in other


def test_a_failed_line_without_an_id_has_no_log_to_download(browse, simulator, failed):
    def without_id(page):
        for log in page["results"]:
            if log["log_type"] == 3:
                log["id"] = None
        return page

    simulator.inject(Fault.mutate(without_id, on="logs"))
    query = {"flow": "price", "execution": "e-failed"}

    text = browse().get("/execution/integrator_default", params=query).text

    assert text.count("data-download") == 1  # the log's
    assert text.count('dir="auto">Write data to Omnitron</th><td class="fields"') == 2


def test_the_first_errors_are_read_from_the_log(browse, failed):
    text = (
        browse().get("/errors/integrator_default", params={"flow": failed.flow.id, "log": failed.log_id}).text
    )

    assert re.findall(r'<span class="pair">(.*?)</span>(?:</span>|<span)', text)
    assert "No &lt;b&gt;price&lt;/b&gt;" in text
    assert '<code dir="auto">a text</code>' in text


def test_the_decoded_log_is_downloaded(browse, failed):
    answer = browse().get("/log/integrator_default", params={"flow": failed.flow.id, "log": failed.log_id})

    assert answer.json()["errors"][2] == "a text"
    assert answer.headers["content-disposition"] == f'attachment; filename="log-{failed.log_id}.json"'
    assert answer.headers["content-length"] == str(len(answer.content))


def test_the_file_of_a_download_is_closed(browse, failed, mocker):
    opened = mocker.spy(os, "fdopen")

    browse().get("/log/integrator_default", params={"flow": failed.flow.id, "log": failed.log_id})

    assert opened.spy_return.closed


def test_a_log_above_the_limit_is_refused(browse, failed, mocker):
    mocker.patch("airflow_provider_integrator.ui.source.MAX_LOG_BYTES", 10)

    answer = browse().get("/log/integrator_default", params={"flow": failed.flow.id, "log": failed.log_id})

    assert answer.status_code == 502
    assert "more than 10 bytes" in answer.text


def test_projects_are_chosen_by_name(browse, simulator, connect):
    other = simulator.add_project("Other", slug="other", partner_id="partner-1")
    simulator.add_flow(other, "Image")
    connect(partner_id="partner-1")

    text = browse().get("/overview/integrator_default", params={"project": other.id}).text

    assert re.findall(r"<option [^>]*>(\w+)</option>", text) == ["integrator_default", "Acme", "Other"]
    assert "Image" in text
    assert f"project={other.id}" in text


def test_projects_that_cannot_be_listed_are_no_choice(browse, simulator, connect):
    simulator.inject(Fault.status(403, on="projects"))
    connect(partner_id="partner-1")

    answer = browse().get("/overview/integrator_default")

    assert answer.status_code == 200
    assert re.findall(r"<option [^>]*>([\w-]+)</option>", answer.text) == [
        "integrator_default",
        simulator.projects[0].id,
    ]


def test_an_execution_is_shown_without_lines_that_cannot_be_read(browse, simulator, failed):
    simulator.inject(
        Fault.status(400, on="logs", body="No lines", where=lambda request: request.param("log_type") == "3")
    )

    text = (
        browse().get("/execution/integrator_default", params={"flow": "price", "execution": "e-failed"}).text
    )

    assert "No lines" in text
    assert "Read data from ERP" in text


def test_another_s_connection_that_cannot_be_read_is_left_out(browse, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", "{no JSON")

    text = browse().get("/overview/integrator_default").text

    assert re.findall(r"<option [^>]*>(\w+)</option>", text)[0] == "integrator_default"
    assert "broken" not in text.lower()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"flow": "nothing"}, "has no flow"),
        ({"flow": "price", "execution": "unknown"}, "has no execution unknown"),
    ],
)
def test_what_is_not_there_is_said(browse, flow, query, text):
    view = "execution" if "execution" in query else "flow"

    answer = browse().get(f"/{view}/integrator_default", params=query)

    assert answer.status_code == 404
    assert text in html.unescape(answer.text)


def test_an_unknown_connection_is_said(browse):
    answer = browse().get("/overview/no_such_one")

    assert answer.status_code == 404
    assert "Airflow has no connection with this id" in answer.text


def test_no_page_holds_a_secret(browse, simulator, failed, connect):
    connect(partner_id="partner-1", ui_url=UI_URL, token=None)
    client = browse()
    pages = [
        client.get(path, params=query).text
        for path, query in (
            ("/overview/integrator_default", {}),
            ("/flow/integrator_default", {"flow": "price"}),
            ("/execution/integrator_default", {"flow": "price", "execution": "e-failed"}),
            ("/errors/integrator_default", {"flow": failed.flow.id, "log": failed.log_id}),
        )
    ]
    simulator.stop()
    pages.append(client.get("/flow/integrator_default", params={"flow": "price", "page": 2}).text)

    for secret in (
        simulator.password,
        html.escape(simulator.password),
        simulator.username,
        *simulator.tokens,
    ):
        assert all(secret not in html.unescape(page) for page in pages), json.dumps(secret)


@pytest.mark.parametrize("view", ["overview", "flow", "execution"])
def test_fields_that_a_server_does_not_have_are_left_out(browse, simulator, failed, view):
    simulator.forms = "sparse"

    answer = browse().get(
        f"/{view}/integrator_default", params={"flow": failed.flow.id, "execution": "e-failed"}
    )

    assert answer.status_code == 200
    assert "e-failed" in answer.text
    assert "None" not in answer.text
