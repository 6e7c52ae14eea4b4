"""The embedded Integrator with the demo's flows, as ``make demo`` and ``make airflow`` use it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_integrator.simulator import IntegratorSimulator
from airflow_provider_integrator.simulator.demo import DemoWorld, demo_world


@contextmanager
def demo_integrator(access_log: Path) -> Iterator[DemoWorld]:
    """Serve the demo's flows; nothing runs there before a ``DemoActivity`` is entered.

    :param access_log: Takes the requests that nobody wants to watch in a terminal.
    :return: The world that is served.
    """
    handler = logging.FileHandler(access_log, "w", "utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("aiohttp")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    with IntegratorSimulator() as integrator:
        yield demo_world(integrator)
