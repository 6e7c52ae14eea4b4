"""Starts what is measured in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent

_QUIET = {"PYTHONWARNINGS": "ignore", "NO_PROXY": "127.0.0.1"}


class ChildError(Exception):
    """A process of its own ended without an answer."""


class Child:
    """A process that runs a module of ``benchmarks.processes``. Use it as a context manager.

    :param module: The module's name.
    :param environment: Environment variables besides the benchmark's own.
    """

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        self._module = module
        self._environment = {**os.environ, **_QUIET, **(environment or {})}

    def __enter__(self) -> Child:
        self._errors: IO[str] = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.processes.{self._module}"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._errors.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer.

        :param request: What the module's function takes.
        :return: What it returns.
        :raises ChildError: The process ended instead.
        """
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._errors.seek(0)
            raise ChildError(f"{self._module} ended without an answer:\n{self._errors.read()[-3000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def ask_once(module: str, environment: Mapping[str, str] | None = None, /, **request: Any) -> dict[str, Any]:
    """Ask a fresh process one thing.

    :param module: The module's name.
    :param environment: Environment variables besides the benchmark's own.
    :param request: What the module's function takes.
    :return: What it returns.
    """
    with Child(module, environment) as child:
        return child.ask(**request)
