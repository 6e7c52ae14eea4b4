"""The commands, run in this process over real HTTP."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass

import pytest

import airflow_provider_integrator.cli.connection  # noqa: F401 - Airflow 2.11 warns on stderr as it is loaded
from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.cli.main import main
from tests import secrets


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [" ".join(line.split()) for line in self.out.splitlines() if line.strip()]


@pytest.fixture
def command(capsys, monkeypatch):
    """Run a command, given as a line or as its arguments."""
    root, ours = logging.getLogger(), logging.getLogger("airflow_provider_integrator")
    before = root.handlers, ours.level

    def run(*arguments):
        if len(arguments) == 1:
            arguments = arguments[0].split()
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        return Done(end.value.code, *capsys.readouterr())

    yield run
    root.handlers = before[0]
    ours.setLevel(before[1])


#: Of the doctor.
STEPS = ["connection", "host", "TLS", "login", "project", "flows", "slug", "List logs", "download"]


@dataclass
class Examined:
    """What the doctor printed: of each step its state, its text and its advice."""

    code: int
    states: dict[str, str]
    texts: dict[str, str]
    advice: dict[str, str]

    @property
    def failed(self):
        return [step for step, state in self.states.items() if state == "FAILED"]

    @property
    def skipped(self):
        return [step for step, state in self.states.items() if state == "skipped"]


def read(done):
    states, texts = {}, {}
    for line in done.out.splitlines():
        if found := re.match(r"(ok|note|FAILED|skipped) +(.*?)  +(.*)", f"{line[:20]} {line[20:]}"):
            states[found[2]], texts[found[2]] = found[1], found[3]
            step = found[2]
        elif line.startswith("    "):
            texts[step] += f" {line.strip()}"
    parts = {step: text.partition(" -> ") for step, text in texts.items()}
    return Examined(
        done.code,
        states,
        {step: text for step, (text, _, _) in parts.items()},
        {step: advice for step, (_, _, advice) in parts.items()},
    )


@pytest.fixture
def doctor(command):
    def examine(*options):
        done = command("doctor", *options)
        assert done.err == "", done.err
        assert [secret for secret in secrets.known() if secret in done.out] == []
        examined = read(done)
        assert list(examined.states) == STEPS, done.out
        return examined

    return examine


@pytest.fixture
def executions(simulator, flow):
    return [
        simulator.add_execution(flow, status=status, lasts=0) for status in (Status.SUCCESS, Status.FAILED)
    ]
