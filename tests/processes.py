"""Functions in processes of their own, which begin with what a task imports: importing Airflow takes two seconds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["airflow_provider_integrator.hooks.integrator", "tests.tasks"])


@contextlib.contextmanager
def started(
    function: Callable[..., None], *arguments: Any, **environment: str
) -> Iterator[tuple[BaseProcess, Connection]]:
    """Start a process, which is killed at the end.

    :param function: A module's function. Its first argument is the process's end of a pipe.
    :param arguments: What it gets besides.
    :param environment: Variables that differ from this process's.
    :return: The process, and this process's end of the pipe: it has an end once the process has.
    """
    ours, theirs = _context.Pipe()
    child = _context.Process(
        target=_run, args=({**os.environ, **environment}, function, theirs, *arguments), daemon=True
    )
    child.start()
    theirs.close()
    with ours:
        try:
            yield child, ours
        finally:
            child.kill()
            child.join()


def _run(environment: dict[str, str], function: Callable[..., None], *arguments: Any) -> None:
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # TMPDIR may be another one
    function(*arguments)
