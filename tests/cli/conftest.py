"""The commands, run in this process over real HTTP."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

import pytest

from airflow_provider_integrator.cli.main import main


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
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse
            code = end.code
        return Done(code, *capsys.readouterr())

    yield run
    root.handlers = before[0]
    ours.setLevel(before[1])
