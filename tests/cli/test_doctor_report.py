"""The report of ``doctor --report``: a simulator that is started from it speaks so that its own report is the same."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_integrator.api import tokens
from airflow_provider_integrator.api.enums import LogType, Status
from airflow_provider_integrator.simulator import Fault, IntegratorSimulator
from airflow_provider_integrator.simulator.forms import FORMS, PAGES
from tests import secrets
from tests.cli.test_shapes import DATA
from tests.conftest import set_connection

NOW = datetime(2026, 11, 27, tzinfo=timezone.utc)
#: Each form alone, and what differs most from the pages.
EACH = [
    PAGES,
    *FORMS,
    "iso-z text-ids end-repeat numbers canvas garbage",
    "epoch hex-ids no-next-field texts sparse canvas garbage",
]


def world(integrator):
    """Add two projects and two flows, with executions of each outcome, one that runs, and lines."""
    project = integrator.add_project("Acme", slug="acme", partner_id="partner-1")
    integrator.add_project("Other", slug="other", partner_id="partner-1")
    flow = integrator.add_flow(project, "Product", outbound=True)
    integrator.add_flow(project, "Price")
    for hours in range(12):
        status = (Status.FAILED, Status.SUCCESS, Status.EMPTY)[hours % 3]
        integrator.add_execution(flow, lasts=0, created=NOW - timedelta(hours=hours + 1), status=status)
    running = integrator.add_execution(flow)
    integrator.add_lines(running, [{"sku": f"A-{number}"} for number in range(3)])
    return integrator


@pytest.fixture
def report(command, simulator, monkeypatch, tmp_path):
    """Let the doctor write its report on a simulator, whose world is always the same."""
    path = tmp_path / "report.json"

    def write(*faults, code=0, connection=(), **speaking):
        tokens._stores.cache_clear()
        with IntegratorSimulator(
            seed=1, garbage_share=0.5, password=secrets.PASSWORD, **speaking
        ) as integrator:
            world(integrator).inject(*faults)
            set_connection(monkeypatch, integrator, partner_id="partner-1", **dict(connection))
            done = command("doctor", "--report", str(path))
            secrets.INTEGRATORS.append(integrator)
        assert done.code == code, done.out
        text = path.read_text("ascii")
        assert [secret for secret in secrets.known() if secret in text + done.out] == []
        return json.loads(text)

    write.path = path
    return write


def comparable(report):
    """What a simulator can do alike: all but the sizes of its world and its speed."""
    report = deepcopy(report)
    for call in report["calls"].values():
        del call["bytes"], call["seconds"]
    return report


@pytest.mark.parametrize("forms", EACH)
def test_a_simulator_speaks_like_the_report_on_another(forms, report):
    first = report(forms=forms.split())
    assert comparable(report(forms=report.path)) == comparable(first)


@pytest.mark.parametrize(
    "speaking",
    [
        {"order": "oldest"},
        {"order": "shuffled"},
        {"project_parameter": "projectid"},
        {"project_parameter": "projectId"},
        {"auth_header": "either"},
        {"default_log_type": LogType.SUB},
        {"default_log_type": LogType.LINE},
        {"late_log_status": 404},
    ],
    ids=str,
)
def test_what_is_no_form_of_an_answer_is_spoken_alike_too(speaking, report):
    first = report(**speaking)
    second = report(forms=report.path)
    assert comparable(second) == comparable(first)
    assert comparable(second) != comparable(report())


@pytest.mark.parametrize(
    ("speaking", "connection"),
    [
        ({"project_parameter": "projectid-only"}, {}),
        ({"project_parameter": "projectId-only"}, {}),
        ({"auth_header": "Authentication"}, {}),
        ({"auth_header": "Authentication"}, {"auth_header": "Authentication"}),
    ],
    ids=str,
)
def test_a_server_that_minds_is_spoken_like(speaking, connection, report):
    code = 0 if connection else 1
    first = report(code=code, connection=connection, **speaking)
    assert comparable(report(code=code, connection=connection, forms=report.path)) == comparable(first)


@pytest.mark.parametrize("status", [400, 410])
def test_another_end_of_the_pages(status, report):
    behind = Fault.status(
        status,
        on="logs",
        where=lambda request: request.param("page") == "2" and bool(request.param("filename_uuid")),
    )
    first = report(behind)
    assert first["List logs"]["behind the last page"] == f"status {status}"
    assert comparable(report(forms=report.path)) == comparable(first)


@pytest.mark.parametrize(
    "fault",
    [Fault.base64("line breaks", on="download"), Fault.archive("several files", on="download")],
    ids=str,
)
def test_another_download(fault, report):
    first = report(fault)
    assert comparable(report(forms=report.path)) == comparable(first)
    assert comparable(first) != comparable(report())


def test_a_login_with_another_status(report):
    def created(request):
        return request.path == "/api/nifi/login"

    first = report(Fault("created", lambda answer: answer.__class__(201, answer.body), where=created))
    assert first["calls"]["Login"]["statuses"] == [201]
    assert comparable(report(forms=report.path)) == comparable(first)


def test_fields_that_the_pages_do_not_show(report):
    """Other fields, types that differ from log to log, and another log: as a real server may have them."""

    def change(document):
        if isinstance(document, list):
            for number, group in enumerate(document):
                group["priority"] = number or None
                group["permissions"] = {"canRead": True, "users": [{"identity": "x"}], "canWrite": False}
                group["component"]["variables"]["!ACME-4711"] = "x"
            return
        document["total_pages"] = 1
        for number, log in enumerate(document["results"]):
            log["duration"] = [1.5, None, "3"][number % 3]
            log["server"] = {"host": "x", "zone": number}
            log["tags"] = [["x", None], []][number % 2]
            log["process_count"] = [log["process_count"], None, "7"][number % 3]
            log.pop(["schedule", "", "row_num"][number % 3], None)
            log["status_text"] = f"ok {number} "
            log["updated_at"] = "2026-11-27T06:00:00Z"

    log = b'{"errors": ["x", {"row": 1}], "requestBody": {"items": [{"sku": "x", "A-1": 1}]}, "B-2": 2, "ok": true}'
    first = report(Fault.mutate(change), Fault.contents(log, on="download"))
    text = json.dumps(first)
    assert [
        name
        for name in ("priority", "canRead", "server", "zone", "updated_at", "requestBody")
        if name not in text
    ] == []
    assert "ACME" not in text
    assert comparable(report(forms=report.path)) == comparable(first)


def hostile(document):
    """Fill each object of a document with names and values that are a customer's."""
    if isinstance(document, list):
        return [hostile(member) for member in document]
    if not isinstance(document, dict):
        return document
    names = {name: f"{name} of jane" for name in DATA if name.isprintable()}
    by_slug = {"price": {"stock": 1}, "order_status": {"sku-4711": names}}
    return {
        **{name: hostile(value) for name, value in document.items()},
        **names,
        "prices": by_slug,
        "slugs": ["stock", *by_slug],
    }


def test_no_value_is_in_a_report(command, simulator, connect, tmp_path):
    """Ids, names, slugs, host, headers, secrets, and texts of a customer as the names of fields."""
    project = simulator.add_project(
        "Jane & Sons", id="id-of-jane", slug="slug-of-jane", partner_id="partner-of-jane"
    )
    flow = simulator.add_flow(project, "Price", slug="price", variables={"!jane.4711": "x", "!stock": "jane"})
    for user in ("jane@example.com", "4711"):
        done = simulator.add_execution(flow, lasts=0, triggered_by=user, id=f"execution-of-{user}")
    simulator.add_lines(done, [{"sku": "sku-of-jane"}])

    def change(answer):
        body = json.dumps(hostile(json.loads(answer.body))).encode() if answer.kind == "json" else answer.body
        return replace(
            answer, body=body, headers={**answer.headers, "X-Jane-Id": "of-jane", "X-Request-Id": "4711"}
        )

    log = json.dumps(hostile({"request": {"A-1": {"price": "of jane"}}, "error": "of jane"})).encode()
    simulator.inject(Fault.contents(log, on="download"), Fault("hostile", change))
    connect(project_id=project.id, project_slug=project.slug, partner_id="partner-of-jane")
    path = tmp_path / "report.json"
    assert command("doctor", "--report", str(path)).code == 0
    text = path.read_text("ascii")
    assert "X-Request-Id" in text
    values = [
        "jane",
        "Jane",
        "4711",
        "sku-of",
        simulator.url,
        simulator.username,
        simulator.url.rpartition(":")[2],
    ]
    assert [value for value in [*values, *secrets.known()] if value in text] == []
    names = set(words_in(json.loads(text)))
    # Neither a customer's texts nor the slugs of flows, which are values, though each is a technical word.
    assert names & {*DATA, "price", "stock", "order_status"} == set()


def words_in(report):
    """All texts and names of a report."""
    if isinstance(report, dict):
        yield from report
        report = list(report.values())
    if isinstance(report, list):
        for each in report:
            yield from words_in(each)
    elif isinstance(report, str):
        yield report


def test_the_report_on_a_server_that_refuses_says_how_far_it_went(report):
    first = report(code=1, connection={"password": "wrong"})
    assert first["steps"]["login"] == "failed"
    assert first["steps"]["download"] == "skipped"
    assert first["calls"]["Login"]["statuses"] == [400]
    assert "List logs" not in first


def test_an_answer_that_cannot_be_read_is_described_all_the_same(report):
    first = report(Fault.mutate(lambda _: {"flows": []}, on="flows"), code=1)
    assert first["List flows"] == {"each": {}, "odd": [[{"object": {"flows": [{"list": []}]}}]]}
    assert first["steps"]["flows"] == "failed"


def test_logs_of_which_none_can_be_read_are_described_and_spoken_alike(report):
    def spoil(page):
        for log in page["results"]:
            log["state"] = "done"

    for found in (report(Fault.mutate(spoil, on="logs"), code=1), report(forms=report.path, code=1)):
        assert found["steps"]["List logs"] == "failed"
        execution = found["List logs"]["execution"]
        assert execution["each"] == {}
        shapes = [shape[0]["object"] for shape in execution["odd"]]
        assert {(*shape["state"], *shape["finished"]) for shape in shapes} == {
            ("text", "null"), ("text", "text: epoch milliseconds")
        }  # fmt: skip


def test_what_is_no_page_is_described(report):
    first = report(Fault.mutate(lambda _: {"logs": [{"id": 1}]}, on="logs"), code=1)
    assert first["List logs"]["odd pages"] == [
        [{"object": {"logs": [{"list": [{"object": {"id": ["number: whole"]}}]}]}}]
    ]


def test_without_a_connection_there_is_hardly_anything_to_report(command, simulator, tmp_path):
    path = tmp_path / "report.json"
    assert command("doctor", "--conn-id", "nobodys", "--report", str(path)).code == 1
    assert json.loads(path.read_text())["calls"] == {}


def test_a_report_that_cannot_be_written_is_an_error(command, simulator, flow, tmp_path):
    simulator.add_execution(flow, lasts=0)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "report.json", tmp_path / "folder"):
        done = command("doctor", "--report", str(path))
        assert done.code == 2
        assert f"doctor: The folder {path.parent} can't be written" in done.err
        assert done.out == ""
    assert simulator.count() == 0  # found out before the first call
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_report_costs_few_requests(command, simulator, flow, tmp_path):
    for _ in range(3):
        simulator.add_execution(flow, lasts=0)
    assert command("doctor", "--report", str(tmp_path / "report.json")).code == 0
    assert simulator.count() <= 25
    assert simulator.logins == 2  # one more for the header that is refused
