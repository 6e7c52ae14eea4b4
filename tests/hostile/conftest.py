"""Servers that lie, on loopback; both transports."""

from __future__ import annotations

from tests.api.conftest import (  # noqa: F401 - fixtures
    _environment,
    call_of,
    execution,
    flow,
    integrator,
    project,
    transport,
)
