"""Executions to fetch the logs of."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.simulator import Fault

WAITS = ("poke", "deferrable")
#: Spaces, key order, escapes and a number's form: all of it has to arrive as it is.
RAW = '{ "rows" : [1.50, "é\\u00e9"],\n "errors":[] }\n'.encode()
#: Downloads that can't be read, each with a word of its error.
SPOILED = {
    "bad padding": (lambda: Fault.base64("bad padding"), "base64"),
    "junk": (lambda: Fault.base64("junk"), "base64"),
    "not a zip": (lambda: Fault.archive("not a zip"), "ZIP"),
    "empty": (lambda: Fault.archive("empty"), "empty"),
    "encrypted": (lambda: Fault.archive("encrypted"), "encrypted"),
    "wrong crc": (lambda: Fault.archive("wrong crc"), "CRC"),
    "truncated zip": (lambda: Fault.archive("truncated"), "ZIP"),
    "not json": (lambda: Fault.contents("not json"), "JSON"),
    "not utf-8": (lambda: Fault.contents("not utf-8"), "UTF-8"),
    "bomb": (lambda: Fault.contents(b'"' + b"0" * (17 * 1024 * 1024) + b'"'), "bomb"),
}


def spoiled(kind):
    make, _ = SPOILED[kind]
    return make()


@pytest.fixture
def execution(simulator, flow):
    return simulator.add_execution(flow, lasts=0, log=RAW)


@pytest.fixture
def failed(simulator, flow):
    return simulator.add_execution(flow, status=Status.FAILED, lasts=0)


@pytest.fixture
def empty(simulator, flow):
    return simulator.add_execution(flow, status=Status.EMPTY, lasts=0, log={"errors": []})


def check(outcome, kind):
    """Check that pickle and XCom have the facts of a task's exception, and return that."""
    assert type(outcome.error) is kind, repr(outcome.error)
    facts = outcome.error.facts()
    assert outcome.xcoms["failure"] == facts
    again = pickle.loads(pickle.dumps(outcome.error))  # noqa: S301 - this test's own
    assert again.facts() == facts
    return outcome.error


def files(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())
