"""Fixtures for tests that run tasks and hooks against the embedded Integrator, in this process."""

from __future__ import annotations

import gc
import json
import logging
import os
from pathlib import Path

import certifi
import hypothesis
import pytest

from airflow_provider_integrator.api import texts, tokens
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.simulator import IntegratorSimulator
from tests import secrets

# A busy machine takes its time for an example now and then.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from tests.scheduling import GroupScheduling

    return GroupScheduling(config, log)


def pytest_runtest_setup(item):
    if hasattr(item.config, "workerinput"):
        from tests.scheduling import group_of

        # The end-to-end tests' Airflow, which begins first, minds a busy machine more than any other test does.
        if group_of(item.nodeid) != "e2e":
            os.nice(max(0, 10 - os.nice(0)))


def pytest_collection_finish():
    # What was imported and collected lives as long as the process: it needn't be looked through for garbage.
    gc.freeze()
    gc.callbacks.append(_freeze_survivors)


def _freeze_survivors(phase, about):
    """Nor what is imported later, of which there is much, once a full collection has left it."""
    if phase == "stop" and about["generation"] == 2:
        gc.freeze()


@pytest.fixture(autouse=True)
def _no_tokens():
    """No test finds the tokens of another one, whose port it may have been given."""
    tokens._stores.cache_clear()


@pytest.fixture(autouse=True)
def _no_secrets():
    """No test pays for the secrets of another: Airflow compiles one expression of all at each new one."""
    yield
    secrets.INTEGRATORS.clear()
    # An invented secret of a letter or two would be hidden in the messages of all other tests.
    texts._hidden.clear()
    texts._name.cache_clear()
    if masker := secrets.masker():
        masker.patterns, masker.replacer = set(), None


@pytest.fixture(scope="session")
def one_ca(tmp_path_factory):
    """A bundle of one CA: reading all that there are takes 30 ms for each asynchronous client."""
    first, end, _ = Path(certifi.where()).read_text("ascii").partition("-----END CERTIFICATE-----\n")
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    file.write_text(first + end)
    return file


@pytest.fixture(autouse=True)
def _one_ca(one_ca, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(one_ca))


@pytest.fixture
def hasty(mocker):
    """Let calls be repeated as often as ever, but without the pauses that nobody asked for."""
    mocker.patch.object(Retry, "delay", lambda self, failures, retry_after: max(0.001, retry_after or 0.0))


@pytest.fixture
def simulator(hasty, monkeypatch):
    """A simulator with the project Acme, which the connection integrator_default leads to."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with IntegratorSimulator(seed=1, password=secrets.PASSWORD) as integrator:
        secrets.INTEGRATORS.append(integrator)
        integrator.add_project("Acme", slug="acme", partner_id="partner-1")
        set_connection(monkeypatch, integrator)
        yield integrator


@pytest.fixture
def connect(simulator, monkeypatch):
    """Change the connection: its fields, anything else goes into Extra, None leaves a field out."""

    def change(**overrides):
        set_connection(monkeypatch, simulator, **overrides)

    return change


@pytest.fixture
def flow(simulator):
    return simulator.add_flow(simulator.projects[0], "Price", slug="price")


class Logged(logging.Handler):
    """All that is logged: Airflow 2's loggers are Python's, a task's own logger of Airflow 3 is structlog's."""

    def __init__(self, capsys):
        super().__init__(logging.DEBUG)
        self._capsys = capsys
        self._lines = []

    def emit(self, record):
        self._lines.append(f"{record.levelname} {record.name} {self.format(record)}")

    @property
    def text(self):
        self._lines.extend(self._capsys.readouterr())
        return "\n".join(self._lines)


@pytest.fixture
def logged(mocker, capsys):
    """All that is logged, down to DEBUG."""
    handler = Logged(capsys)
    for name in (None, "airflow.task", "airflow.hooks", "airflow_provider_integrator"):
        logger = logging.getLogger(name)
        mocker.patch.multiple(logger, handlers=[*logger.handlers, handler], propagate=False)
        logger.setLevel(logging.DEBUG)
    return handler


def set_connection(monkeypatch, integrator, **overrides):
    connection = integrator.connection(**overrides)
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT", json.dumps(connection))
