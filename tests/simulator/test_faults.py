"""Every kind of fault, as a client meets it."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_integrator.simulator import BigLog, Execution, Fault, Flow, IntegratorSimulator

if TYPE_CHECKING:
    from tests.simulator.conftest import Caller


@pytest.fixture
def execution(integrator: IntegratorSimulator, flow: Flow) -> Execution:
    return integrator.add_execution(flow, lasts=0, log={"errors": [], "text": "x" * 500})


def statuses(caller: Caller, flow: Flow, number: int) -> list[int]:
    return [caller.logs(flow).status_code for _ in range(number)]


def test_status_with_headers_and_body(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller
) -> None:
    fault = Fault.status(503, headers={"Retry-After": "1"}, body="Come back.", on="/logs", times=2)
    integrator.inject(fault)
    answer = caller.logs(flow)
    assert (answer.status_code, answer.headers["Retry-After"], answer.text) == (503, "1", "Come back.")
    assert statuses(caller, flow, 3) == [503, 200, 200]
    assert fault.hits == 2
    assert [request.status for request in integrator.requests[-4:]] == [503, 503, 200, 200]


def test_faults_come_one_after_the_other(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller
) -> None:
    integrator.inject(Fault.status(503, on="logs", times=1), Fault.status(429, on="logs", times=2))
    integrator.inject(Fault.delay(0.001))
    assert statuses(caller, flow, 4) == [503, 429, 429, 200]
    integrator.inject(Fault.status(500))
    assert statuses(caller, flow, 1) == [500]
    integrator.clear_faults()
    assert statuses(caller, flow, 1) == [200]


@pytest.mark.parametrize("make", [Fault.archive, Fault.base64, Fault.contents])
def test_an_unknown_kind_is_refused_with_those_that_there_are(make):
    with pytest.raises(ValueError, match=r"'odd' is none of .*, "):
        make("odd")


def test_filters(integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller) -> None:
    integrator.inject(
        Fault.status(500, on="download"),
        Fault.status(418, on="logs", where=lambda request: request.param("page") == "2"),
        Fault.status(504, on="/logs", after=2, times=1),
    )
    assert caller.download(flow, execution.log_id).status_code == 500
    assert caller.logs(flow, page=2).status_code == 418
    # The request for page 2 was the first of the two that pass.
    assert statuses(caller, flow, 3) == [200, 504, 200]
    with pytest.raises(ValueError, match="neither a path nor one of login"):
        Fault.status(500, on="log")


@pytest.mark.parametrize(
    ("on", "path"),
    [
        ("login", "/api/nifi/login"),
        ("projects", "/api/nifi/project/list"),
        ("flows", "/api/nifi/flow/list"),
        ("logs", "/logs"),
        ("download", "/logs/download"),
    ],
)
def test_endpoints_by_name(integrator: IntegratorSimulator, anonymous: Caller, on: str, path: str) -> None:
    integrator.inject(Fault.status(599, on=on))
    answer = anonymous.post(path) if on == "login" else anonymous.get(path)
    assert answer.status_code == 599
    assert anonymous.get("/elsewhere").status_code == 404


def test_delay(integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller) -> None:
    integrator.inject(Fault.delay(60, times=1))
    with pytest.raises(requests.ReadTimeout):
        caller.session.get(integrator.url + "/logs", timeout=0.2)
    assert statuses(caller, flow, 1) == [200]


@pytest.mark.parametrize("log", [None, BigLog(3_000_000)])
def test_reset_before_any_byte(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, log: BigLog | None
) -> None:
    execution = integrator.add_execution(flow, lasts=0, log=log)
    integrator.inject(Fault.reset(times=1))
    with pytest.raises(requests.ConnectionError, match="reset"):
        caller.download(flow, execution.log_id)
    assert integrator.requests[-1].status is None
    assert caller.download(flow, execution.log_id).status_code == 200


@pytest.mark.parametrize("log", [None, BigLog(3_000_000)])
def test_reset_midway(
    integrator: IntegratorSimulator, flow: Flow, caller: Caller, log: BigLog | None
) -> None:
    execution = integrator.add_execution(flow, lasts=0, log=log)
    integrator.inject(Fault.reset(midway=True, times=1))
    # RST overtakes what was sent before, so how much of it arrives is a matter of luck.
    with pytest.raises(requests.RequestException, match="reset"):
        caller.download(flow, execution.log_id)
    assert caller.download(flow, execution.log_id).status_code == 200


def test_truncated(integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller) -> None:
    integrator.inject(Fault.truncated(times=2))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="more expected"):
        caller.logs(flow)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="more expected"):
        caller.download(flow, execution.log_id)
    assert statuses(caller, flow, 1) == [200]


def test_not_json(integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller) -> None:
    integrator.inject(Fault.not_json(times=1))
    # Neither of these is JSON, so the fault waits.
    caller.login().download(flow, execution.log_id)
    answer = caller.logs(flow)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("body", ['{"count": 1}', b'{"count": 1}'])
def test_body(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller, body: str | bytes
) -> None:
    integrator.inject(Fault.body(body, content_type="application/json", on="logs"))
    answer = caller.logs(flow)
    assert (answer.status_code, answer.json()) == (200, {"count": 1})
    assert answer.headers["Content-Type"] == "application/json"


def test_mutate(integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller) -> None:
    def unknown_state(page: dict[str, Any]) -> None:
        page["results"][0]["state"] = 7

    integrator.inject(Fault.mutate(unknown_state, times=1), Fault.mutate(lambda page: [page], times=1))
    # An answer without JSON doesn't use the fault up.
    assert caller.logs(flow, page=9).status_code == 404
    assert caller.logs(flow).json()["results"][0]["state"] == 7
    assert caller.logs(flow).json()[0]["count"] == 1


def test_next_elsewhere(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller
) -> None:
    integrator.inject(Fault.next_elsewhere("http://attacker.invalid"))
    following = caller.logs(flow, limit=1).json()["next"]
    assert following.startswith("http://attacker.invalid/logs?projectid=")
    assert following.endswith("&page=2")
    integrator.forms = "no-next-field"
    assert caller.logs(flow).json()["next"] == "http://attacker.invalid/logs?page=2"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect(integrator: IntegratorSimulator, flow: Flow, caller: Caller, status: Any) -> None:
    integrator.inject(Fault.redirect("http://elsewhere.invalid/logs", status=status))
    answer = caller.logs(flow)
    assert (answer.status_code, answer.headers["Location"]) == (status, "http://elsewhere.invalid/logs")


def test_line_breaks_are_legal_base64(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller
) -> None:
    integrator.inject(Fault.base64("line breaks"))
    text = caller.download(flow, execution.log_id).content
    assert text.count(b"\r\n") > 1
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(b"".join(text.split()), validate=True))) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize(
    ("kind", "complaint"), [("bad padding", "1 more than"), ("junk", "[Nn]on-base64|Only")]
)
def test_corrupt_base64(
    integrator: IntegratorSimulator,
    flow: Flow,
    execution: Execution,
    caller: Caller,
    kind: Any,
    complaint: str,
) -> None:
    integrator.inject(Fault.base64(kind))
    text = caller.download(flow, execution.log_id).content
    with pytest.raises(ValueError, match=complaint):
        base64.b64decode(text, validate=True)


def archive_of(caller: Caller, flow: Flow, execution: Execution) -> zipfile.ZipFile:
    answer = caller.download(flow, execution.log_id)
    return zipfile.ZipFile(io.BytesIO(base64.b64decode(answer.content, validate=True)))


@pytest.mark.parametrize("kind", ["not a zip", "truncated"])
def test_no_archive(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller, kind: Any
) -> None:
    integrator.inject(Fault.archive(kind))
    with pytest.raises(zipfile.BadZipFile):
        archive_of(caller, flow, execution)


def test_empty_archive(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller
) -> None:
    integrator.inject(Fault.archive("empty"))
    assert archive_of(caller, flow, execution).namelist() == []


def test_several_files(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller
) -> None:
    integrator.inject(Fault.archive("several files"))
    archive = archive_of(caller, flow, execution)
    assert len(archive.namelist()) == 3
    assert json.loads(archive.read(archive.namelist()[0])) == execution.contents


@pytest.mark.parametrize(
    ("kind", "error", "complaint"),
    [("encrypted", RuntimeError, "encrypted"), ("wrong crc", zipfile.BadZipFile, "CRC")],
)
def test_unreadable_archive(
    integrator: IntegratorSimulator,
    flow: Flow,
    execution: Execution,
    caller: Caller,
    kind: Any,
    error: type[Exception],
    complaint: str,
) -> None:
    integrator.inject(Fault.archive(kind))
    archive = archive_of(caller, flow, execution)
    with pytest.raises(error, match=complaint):
        archive.read(archive.namelist()[0])


@pytest.mark.parametrize(
    ("kind", "error"),
    [("not json", json.JSONDecodeError), ("not utf-8", UnicodeDecodeError), (b"[", ValueError)],
)
def test_contents(
    integrator: IntegratorSimulator,
    flow: Flow,
    execution: Execution,
    caller: Caller,
    kind: Any,
    error: type[Exception],
) -> None:
    integrator.inject(Fault.contents(kind))
    archive = archive_of(caller, flow, execution)
    data = archive.read(archive.namelist()[0])
    with pytest.raises(error):
        json.loads(data)


@pytest.mark.parametrize("contents", ["rows", "zeros"])
def test_oversized(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller, contents: Any
) -> None:
    integrator.inject(Fault.oversized(20_000_000, contents=contents, times=1))
    answer = caller.download(flow, execution.log_id)
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(answer.content, validate=True))) as archive:
        (info,) = archive.infolist()
        assert info.file_size == 20_000_000
        assert (info.compress_size < 200_000) == (contents == "zeros")
    assert caller.log(flow, execution.log_id) == execution.contents


def test_archive_faults_leave_refused_downloads_alone(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller
) -> None:
    fault = Fault.archive("empty", times=1)
    integrator.inject(fault)
    assert caller.download(flow, "unknown").status_code == 400
    assert fault.hits == 0
    assert caller.download(flow, execution.log_id).status_code == 200
    assert fault.hits == 1


def test_times_holds_where_many_ask_at_once(
    integrator: IntegratorSimulator, flow: Flow, execution: Execution, caller: Caller
) -> None:
    fault = Fault.status(503, on="logs", times=5)
    integrator.inject(fault)
    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: caller.logs(flow).status_code, range(60)))
    assert (seen.count(503), seen.count(200), fault.hits) == (5, 55, 5)
