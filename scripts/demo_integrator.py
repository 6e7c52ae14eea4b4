"""The embedded Integrator with the demo's flows, for ``make demo`` and ``make airflow``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_integrator.simulator import IntegratorSimulator
from airflow_provider_integrator.simulator.demo import DemoWorld, demo_world


@contextmanager
def demo_integrator(
    access_log: Path, *, recovers: bool = False, port: int = 0, first: int = 1
) -> Iterator[DemoWorld]:
    """Serve the demo's flows; they run only within a ``DemoActivity``.

    :param access_log: The file to log requests to.
    :param recovers: Whether ``price`` fails in every third execution only.
    :param port: The port; 0: a free one.
    :param first: The number in the ids of the first executions.
    :return: A context manager of the served world.
    """
    handler = logging.FileHandler(access_log, "w", "utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("aiohttp")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    with IntegratorSimulator(port=port) as integrator:
        yield demo_world(integrator, recovers=recovers, first=first)
