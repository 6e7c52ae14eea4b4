"""The template of an execution's page: what it may be, and what comes of it."""

from __future__ import annotations

import pytest

from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.hooks.ui_url import UiUrl

IDS = {"project_id": "p 1", "flow_id": "f/2", "execution_id": "e&3", "log_id": "l#4ü"}
ALL = "/{project_id}/{flow_id}?run={execution_id}#{log_id}"


@pytest.mark.parametrize(
    ("template", "url"),
    [
        (f"https://ui.example{ALL}", "https://ui.example/p%201/f%2F2?run=e%263#l%234%C3%BC"),
        ("http://ui.example:3000/x/{execution_id}", "http://ui.example:3000/x/e%263"),
        ("https://[::1]:3000/{execution_id}/{execution_id}", "https://[::1]:3000/e%263/e%263"),
        ("https://ui.example/all", "https://ui.example/all"),
        ("https://ui.example/{{x}}/{log_id}", "https://ui.example/{x}/l%234%C3%BC"),
        ("HTTPS://ui.example/{log_id}", "HTTPS://ui.example/l%234%C3%BC"),
    ],
)
def test_values_are_percent_encoded(template, url):
    assert UiUrl.read(template).fill(**IDS) == url


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert({execution_id})",
        "ftp://ui.example/{execution_id}",
        "//ui.example/{execution_id}",
        "ui.example/{execution_id}",
        "{execution_id}",
        "https:///{execution_id}",
        "https://ui.example/{execution}",
        "https://ui.example/{}",
        "https://ui.example/{0}",
        "https://ui.example/{execution_id.__class__}",
        "https://ui.example/{execution_id[0]}",
        "https://ui.example/{execution_id!r}",
        "https://ui.example/{execution_id:>9}",
        "https://ui.example/{execution_id",
        "https://ui.example/}",
        "https://ui.example:port/{execution_id}",
        "https://{flow_id}.example/{execution_id}",
        "https://ui.example:{flow_id}/",
        "https://me:secret@ui.example/{execution_id}",
        "https://ui.example/a b",
        "https://ui.example/\n{execution_id}",
        "https://[::1/{execution_id}",
    ],
)
def test_what_could_lead_elsewhere_is_refused(template):
    with pytest.raises(ConfigurationError, match="ui_url in the connection's Extra can't be used") as caught:
        UiUrl.read(template)
    assert "secret" not in str(caught.value)


def test_the_connection_has_it(connect):
    connect(ui_url=f" https://ui.example{ALL} ")
    assert IntegratorHook().settings.ui_url == UiUrl(f"https://ui.example{ALL}")


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_the_connection_may_do_without(nothing, connect):
    connect(ui_url=nothing)
    assert IntegratorHook().settings.ui_url is None


def test_the_connections_test_says_what_is_wrong(connect):
    connect(ui_url="https://ui.example/{execution}")
    passed, message = IntegratorHook().test_connection()
    assert not passed
    assert "it has {execution}" in message


def test_an_id_that_is_unknown_leads_nowhere():
    url = UiUrl.read("https://ui.example/{flow_id}/{log_id}")
    assert url.fill(**{**IDS, "log_id": None}) is None
    assert url.fill(**{**IDS, "execution_id": None}) is not None
