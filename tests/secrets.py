"""Passwords and tokens, which nobody may see whatever a task does."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from airflow_provider_integrator.simulator import IntegratorSimulator

#: A password that changes where it is quoted in a URL or a form.
PASSWORD = "pass-word/with+signs&all"
#: The Integrators of the running test, as its fixtures add them.
INTEGRATORS: list[IntegratorSimulator] = []


def known() -> set[str]:
    """Collect the passwords, and all tokens that were issued."""
    passwords = {PASSWORD, *(integrator.password for integrator in INTEGRATORS)}
    tokens = {token for integrator in INTEGRATORS for token in integrator.tokens}
    return {*passwords, *(quote(password, safe="") for password in passwords), *tokens}


def used() -> set[str]:
    """Collect the tokens that reached the provider: those that it sent back."""
    headers = [
        request.headers.get("Authorization") for integrator in INTEGRATORS for request in integrator.requests
    ]
    return {header.removeprefix("Bearer ") for header in headers if header}


def masker() -> Any:
    """Find what masks secrets in Airflow's logs; None if Airflow isn't imported."""
    places = (
        "airflow.sdk.log",
        "airflow.sdk.execution_time.secrets_masker",
        "airflow.utils.log.secrets_masker",
    )
    for name in places:  # of Airflow 3.1 and later, 3.0, and 2
        if find := getattr(sys.modules.get(name), "_secrets_masker", None):
            return find()
    return None


def check(shown: str) -> None:
    """Check that a text holds no secret, and that Airflow masks each token that was used."""
    assert [secret for secret in known() if secret in shown] == []
    assert [token for token in used() if re.escape(token) not in masker().patterns] == []


def shown_by(outcome: Any) -> str:
    """Show all that a task's outcome shows to anybody."""
    error = "".join(traceback.format_exception(outcome.error)) if outcome.error else ""
    triggers = [(repr(deferral.trigger), deferral.trigger.serialize()) for deferral in outcome.deferrals]
    kwargs = [deferral.kwargs for deferral in outcome.deferrals]
    rest = json.dumps([triggers, kwargs, outcome.events, outcome.pushes], default=str)
    return "\n".join([error, repr(outcome.error), rest])


@contextlib.contextmanager
def recorded() -> Iterator[io.StringIO]:
    """Record all that is logged: Airflow 2's loggers are Python's, a task's own of Airflow 3 prints."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    loggers = [logging.getLogger(name) for name in (None, "airflow.task", "airflow_provider_integrator")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with (
            contextlib.redirect_stdout(_Copied(sys.stdout, text)),
            contextlib.redirect_stderr(_Copied(sys.stderr, text)),
        ):
            yield text
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


class _Copied(io.TextIOBase):
    """A stream that is also written to another one."""

    def __init__(self, stream: Any, copy: io.StringIO) -> None:
        self._stream, self._copy = stream, copy

    def write(self, text: str) -> int:
        self._copy.write(text)
        return int(self._stream.write(text))

    def flush(self) -> None:
        self._stream.flush()
