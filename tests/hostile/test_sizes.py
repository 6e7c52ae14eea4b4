"""Both transports over real HTTP: what an answer may become, measured in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import tracemalloc

import pytest

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.async_client import AsyncClient
from airflow_provider_integrator.api.endpoints import LARGE_BYTES, MAX_JSON_BYTES, MAX_TOKEN_BYTES, LogQuery
from airflow_provider_integrator.api.enums import State
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.pages import MAX_LOGS
from airflow_provider_integrator.exceptions import ResponseError
from airflow_provider_integrator.simulator import Fault
from tests.api.conftest import access_to, query
from tests.api.samples import EXECUTION

MIB = 1024 * 1024
CALLS = {
    "logs": endpoints.list_logs(LogQuery("project-1", "flow-1")),
    "flows": endpoints.list_flows("project-1"),
    "projects": endpoints.list_projects("partner-1"),
}
LEAST = {"objects": "{}", "lists": "[]", "numbers": "0.1", "texts": '"ab"', "flows": '{"id":"a"}'}


def many(member, size, kind):
    """An answer of so many bytes, of equal members."""
    members = ",".join([member] * ((size - 100) // (len(member) + 1)))
    return f'{{"results":[{members}]}}' if kind == "logs" else f"[{members}]"


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("member", LEAST)
def test_an_answer_within_the_bytes_that_would_become_large(transport, integrator, kind, member):
    integrator.inject(Fault.body(many(LEAST[member], MAX_JSON_BYTES, kind), on=kind))
    with pytest.raises(
        ResponseError, match=r"the answer has more than 500000 values\. .* ask for less at once"
    ):
        transport(access_to(integrator)).call(CALLS[kind])


@pytest.mark.parametrize("kind", CALLS)
def test_an_answer_beyond_the_bytes(transport, integrator, kind):
    integrator.inject(Fault.body(many("{}", MAX_JSON_BYTES + 1000, kind), on=kind))
    with pytest.raises(
        ResponseError, match=rf"the answer is larger than {MAX_JSON_BYTES} bytes\. .* less at once"
    ):
        transport(access_to(integrator)).call(CALLS[kind])


def test_a_token_that_is_too_large(transport, integrator):
    """Each of its forms would be looked for in each text, which takes a second for one of 64 KiB."""
    integrator.inject(Fault.body("x" * (MAX_TOKEN_BYTES + 1), on="login"))
    with pytest.raises(
        ResponseError, match=r"^Login: the answer is larger than 8192 bytes\. If it is no token, set the"
    ):
        transport(access_to(integrator)).call(CALLS["flows"])


@pytest.mark.parametrize("field", ["created", "state"])
@pytest.mark.parametrize(
    "form", ["{value}{blanks}{number}{value}", "{value}{blanks}"], ids=["garbage", "blanks"]
)
def test_no_value_of_an_answer_stays_in_memory(field, form):
    """What is read again with every poll is kept, but not whatever a server puts in its place."""
    value = EXECUTION[field]
    Fields("List logs", {field: value}).optional_time(field)  # imports what reads times
    tracemalloc.start()
    for number in range(20):
        text = form.format(value=value, number=number, blanks=" " * (MIB + number))
        fields = Fields("List logs", {field: text})
        fields.optional_time(field) if field == "created" else fields.optional_member(field, State)
    del text, fields
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < MIB


@pytest.mark.parametrize("lenient", [False, True])
def test_more_logs_than_can_be_asked_for(transport, integrator, lenient):
    logs = [EXECUTION] * (MAX_LOGS + 1)
    text = json.dumps({"results": logs, "count": float("nan") if lenient else None})
    integrator.inject(Fault.body(text, on="logs"))
    with pytest.raises(ResponseError, match="the page has 1001 logs; at most 1000 are read"):
        transport(access_to(integrator)).call(CALLS["logs"])


def test_a_page_of_executions_with_many_steps_is_read(transport, integrator, flow):
    step = (
        {**EXECUTION["sub_flows"][0]} if EXECUTION.get("sub_flows") else {"id": 1, "filename_uuid": "u" * 36}
    )
    log = {**EXECUTION, "sub_flows": [step] * 60}
    text = json.dumps({"results": [log] * 100})
    assert LARGE_BYTES < len(text) < MAX_JSON_BYTES
    integrator.inject(Fault.body(text, on="logs"))
    page = transport(access_to(integrator)).call(endpoints.list_logs(query(flow)))
    assert len(page.logs) == 100


def test_the_event_loop_goes_on_while_a_large_answer_is_read(integrator):
    """Its longest pause: what can't be read is not read on the loop."""
    integrator.inject(Fault.body(many("{}", MAX_JSON_BYTES, "logs"), on="logs"))

    async def longest_pause():
        longest = 0.0

        async def tick():
            nonlocal longest
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.001)
                longest = max(longest, time.monotonic() - before)

        ticking = asyncio.create_task(tick())
        async with AsyncClient(access_to(integrator), Retry(attempts=1)) as client:
            await client.log_in()
            longest = 0.0
            with pytest.raises(ResponseError):
                await client.call(CALLS["logs"])
        ticking.cancel()
        return longest

    assert asyncio.run(longest_pause()) < 0.5


MEASURE = """
import resource, sys
from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.client import Client
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.exceptions import ResponseError

with Client(Access(sys.argv[1], username=sys.argv[2], password=sys.argv[3]), Retry(attempts=1)) as client:
    client.log_in()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        client.call(endpoints.list_logs(endpoints.LogQuery("project-1", "flow-1")))
    except ResponseError as error:
        print(error, file=sys.stderr)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    ("member", "size"),
    [("{}", 64 * MIB), ("{}", MAX_JSON_BYTES), ('{"sub_flows":[' + "{}," * 1000 + "{}]}", MAX_JSON_BYTES),
     ('{"a":0}', LARGE_BYTES), ('{"sub_flows":[{"id":"x"}]}', MAX_JSON_BYTES)],
)  # fmt: skip
def test_memory_is_bounded_by_what_an_answer_becomes(integrator, member, size):
    integrator.inject(Fault.body(many(member, size, "logs"), on="logs"))
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, integrator.url, integrator.username, integrator.password],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert measured.stderr.startswith("List logs: the")
    assert int(measured.stdout) < 200
