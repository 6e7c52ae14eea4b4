"""Both transports over real HTTP, against the embedded Integrator: what goes wrong."""

from __future__ import annotations

import pytest

from airflow_provider_integrator.api import endpoints, queries
from airflow_provider_integrator.api.pages import EMPTY_PAGE
from airflow_provider_integrator.api.retry_after import MAX_RETRY_AFTER
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    LogArchiveError,
    LogTooLargeError,
    RequestError,
    ResponseError,
    UnavailableError,
)
from airflow_provider_integrator.logs.archive import Limits
from airflow_provider_integrator.simulator import Fault
from tests.api.conftest import (
    ALL,
    CONTENTS,
    access_to,
    assert_no_secret,
    carry,
    download,
    named,
    query,
)

PASSING = {
    "408": lambda on: Fault.status(408, on=on, times=2),
    "429": lambda on: Fault.status(429, on=on, times=2),
    "429 Retry-After": lambda on: Fault.status(429, headers={"Retry-After": "0"}, on=on, times=2),
    "500": lambda on: Fault.status(500, body="Oops", on=on, times=2),
    "502": lambda on: Fault.status(502, on=on, times=2),
    "503": lambda on: Fault.status(503, on=on, times=2),
    "reset": lambda on: Fault.reset(on=on, times=2),
    "reset midway": lambda on: Fault.reset(midway=True, on=on, times=2),
    "truncated": lambda on: Fault.truncated(on=on, times=2),
    "not JSON": lambda on: Fault.not_json(on=on, times=2),
}


def makes_sense(kind, fault):
    return not (fault == "not JSON" and kind in ("login", "download"))


MATRIX = [(kind, fault) for kind in ALL for fault in PASSING if makes_sense(kind, fault)]


@pytest.mark.parametrize(("kind", "fault"), MATRIX)
def test_what_passes_is_got_over(transport, integrator, call_of, kind, fault):
    integrator.inject(PASSING[fault](kind))
    carry(transport(access_to(integrator)), call_of, kind)
    assert integrator.count(kind) == 3


@pytest.mark.parametrize(("kind", "fault"), MATRIX)
def test_what_stays_is_an_error_that_names_the_call(transport, integrator, call_of, kind, fault):
    struck = PASSING[fault](kind)
    struck.times = None
    integrator.inject(struck)
    client = transport(access_to(integrator))
    with pytest.raises(
        UnavailableError, match=f"^{named(kind)}: no usable answer .* after 3 attempts"
    ) as caught:
        carry(client, call_of, kind)
    # aiohttp itself sends a GET once more where a kept connection turns out to be closed.
    assert 3 <= integrator.count(kind) <= (6 if fault == "reset" else 3)
    assert_no_secret(integrator, caught.value)


@pytest.mark.parametrize("kind", ALL)
def test_400_is_not_repeated_and_its_text_shown(transport, integrator, call_of, kind):
    integrator.inject(Fault.status(400, body="Field x is wrong.", on=kind))
    with pytest.raises(
        (RequestError, AuthenticationError), match=rf"^{named(kind)}: .*400: Field x is wrong\."
    ):
        carry(transport(access_to(integrator)), call_of, kind)
    assert integrator.count(kind) == 1


def test_404_of_list_logs_is_nothing_yet(transport, integrator, flow):
    assert transport(access_to(integrator)).call(endpoints.list_logs(query(flow))) is EMPTY_PAGE
    assert integrator.count("logs") == 1


@pytest.mark.parametrize("said", ["86400", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_long_retry_after_is_capped(transport, integrator, call_of, said):
    integrator.inject(Fault.status(429, headers={"Retry-After": said}, on="logs"))
    with pytest.raises(
        UnavailableError, match=r"after 1 attempt .* retry after \d.* s \(at most 300 s are honoured\)"
    ) as caught:
        carry(transport(access_to(integrator)), call_of, "logs")
    assert caught.value.retry_after == MAX_RETRY_AFTER


@pytest.mark.parametrize(
    "said",
    ["-5", "nan", "inf", "soon", "0.5", "Mon, 99999999999999999999 Jan 2020 00:00:00 GMT",
     "Thu, 01 Jan 1970 00:00:00 GMT"],
)  # fmt: skip
def test_a_retry_after_that_can_not_be_read_is_ignored(transport, integrator, call_of, said):
    integrator.inject(Fault.status(429, headers={"Retry-After": said}, on="logs", times=2))
    assert len(carry(transport(access_to(integrator)), call_of, "logs").logs) == 1
    assert integrator.count("logs") == 3


@pytest.mark.parametrize("kind", ["login", "logs", "download"])
def test_a_timeout_passes(transport, integrator, call_of, kind):
    client = transport(access_to(integrator, timeout=0.5))
    if kind != "login":
        client.log_in()
    integrator.inject(Fault.delay(5.0, on=kind, times=1))
    carry(client, call_of, kind)
    assert integrator.count(kind) == 2


def test_a_lasting_timeout_is_an_error(transport, integrator, call_of):
    client = transport(access_to(integrator, timeout=0.2))
    integrator.inject(Fault.delay(5.0, on="flows"))
    with pytest.raises(UnavailableError, match=r"^List flows: .*[Tt]ime"):
        carry(client, call_of, "flows")


def test_nobody_listens(transport, integrator, call_of):
    client = transport(access_to(integrator))
    integrator.stop()
    with pytest.raises(UnavailableError, match=r"^Login: no usable answer"):
        carry(client, call_of, "logs")
    integrator.start()
    assert len(carry(client, call_of, "logs").logs) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda page: page.pop("results"), "field results should be a list but is missing"),
        (
            lambda page: page["results"][0].update(filename_uuid=[5]),
            r"field results\[0\]\.filename_uuid should be the id of the requested execution but is \[5\]",
        ),
        (
            lambda page: page["results"][0].update(state=9),
            r"results\[0\]\.state should be one of .* but is 9",
        ),
        (
            lambda page: page["results"][0].update(status=0),
            r"results\[0\]\.status should be one of .* but is 0",
        ),
        (
            lambda page: page["results"][0].update(status="ok"),
            r"results\[0\]\.status should be one of .* but is 'ok'",
        ),
    ],
)
def test_a_malformed_answer_names_the_field(transport, integrator, flow, execution, change, message):
    integrator.inject(Fault.mutate(lambda page: change(page) and None, on="logs"))
    with pytest.raises(ResponseError, match=f"^List logs: .*{message}"):
        transport(access_to(integrator)).run(queries.get_execution(flow.project.id, flow.id, execution.id))
    assert integrator.count("logs") == 1


@pytest.mark.parametrize("kind", ["projects", "flows", "logs"])
def test_json_of_another_form_is_not_asked_for_again(transport, integrator, call_of, kind):
    integrator.inject(Fault.body('"nothing to see"', on=kind))
    with pytest.raises(
        ResponseError, match=f"^{named(kind)}: the answer should be .* but is 'nothing to see'"
    ):
        carry(transport(access_to(integrator)), call_of, kind)
    assert integrator.count(kind) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault.base64("bad padding"),
        Fault.base64("junk"),
        *(Fault.archive(kind) for kind in ("not a zip", "empty", "encrypted", "wrong crc", "truncated")),
        Fault.contents("not json"),
        Fault.contents("not utf-8"),
        Fault.body("<html>Please wait</html>", on="download"),
        Fault.body("", on="download"),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_faulty_log_is_an_archive_error(transport, integrator, call_of, fault):
    integrator.inject(fault)
    with pytest.raises(LogArchiveError, match=r"^Download log"):
        carry(transport(access_to(integrator)), call_of, "download")
    assert integrator.count("download") == 1


@pytest.mark.parametrize(
    "fault", [Fault.base64("line breaks"), Fault.archive("several files")], ids=lambda f: f.kind
)
def test_an_odd_log_is_read(transport, integrator, call_of, fault):
    integrator.inject(fault)
    assert carry(transport(access_to(integrator)), call_of, "download") == CONTENTS


@pytest.mark.parametrize(
    ("limits", "message"),
    [(Limits(max_log_bytes=2**20), "more than 1048576 bytes"), (Limits(max_ratio=100), "100 times the size")],
    ids=["size", "ratio"],
)
def test_an_oversized_log(transport, integrator, execution, limits, message):
    integrator.inject(Fault.oversized(32 * 2**20))
    with pytest.raises(LogTooLargeError, match=message):
        transport(access_to(integrator)).call(download(execution, limits))
    assert integrator.count("download") == 1


def test_a_body_beyond_the_limit(transport, integrator, execution):
    integrator.inject(Fault.body("QUJD" * 2**20, on="download"))
    with pytest.raises(LogTooLargeError, match="the body passes"):
        transport(access_to(integrator)).call(download(execution, Limits(max_log_bytes=100)))
    assert integrator.count("download") == 1


def test_a_log_is_whole_after_a_broken_beginning(transport, integrator, execution):
    integrator.inject(
        Fault.truncated(on="download", times=1), Fault.reset(midway=True, on="download", times=1)
    )
    with transport(access_to(integrator)).call(download(execution)) as log:
        assert log.load() == CONTENTS
