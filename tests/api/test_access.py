from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import (
    AUTH_HEADERS,
    BASE_URLS,
    PROJECT_PARAMETERS,
    Access,
    normalize_base_url,
)
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.exceptions import ConfigurationError

PASSWORD, TOKEN = "let-me-in", "secret-token"


def access(**given):
    return Access("https://integrator.invalid", **given)


@pytest.mark.parametrize("given", [{}, {"username": "u"}, {"password": "p"}, {"token": ""}])
def test_credentials_are_required(given):
    with pytest.raises(
        ConfigurationError, match=r"no credentials: set Login .* and Password, or token in Extra"
    ):
        access(**given)


@pytest.mark.parametrize("token", ["se cret", "secret\n", "secr\x00et", "sécret", "secret\r\nX-Other: 1"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token):
    with pytest.raises(ConfigurationError, match="set it to the token alone") as caught:
        access(token=token)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("flow.example.com", "https://flow.example.com"),
        (" flow.example.com:3000/ ", "https://flow.example.com:3000"),
        ("http://127.0.0.1:8900", "http://127.0.0.1:8900"),
        ("https://flow.example.com/base//", "https://flow.example.com/base"),
        ("[::1]:8900", "https://[::1]:8900"),
        (BASE_URLS["prod"], BASE_URLS["prod"]),
        (BASE_URLS["dev"], BASE_URLS["dev"]),
    ],
)
def test_a_host_as_people_write_it(host, url):
    assert normalize_base_url(host) == url


@pytest.mark.parametrize(
    "host",
    [
        "", "/", "https://", "ftp://flow.example.com", "https://u:secret@flow.example.com", "u@flow.example.com",
        "flow.example.com?a=secret", "flow.example.com?", "flow.example.com#secret", "flow.example.com:port",
        "flow.example.com:99999", "flow.example.com:0", "flow .example.com", "https://[::1", "//flow.example.com",
    ],
)  # fmt: skip
def test_a_host_that_cannot_be_used(host):
    with pytest.raises(ConfigurationError, match=r"Host can't be used; set it to the base URL") as caught:
        normalize_base_url(host)
    assert "secret" not in str(caught.value)


def test_the_documented_hosts():
    assert BASE_URLS == {
        "prod": "https://flow.entegrator.akinon.net:3000",
        "dev": "https://flow-dev.entegrator.akinon.net:3000",
    }


@pytest.mark.parametrize(
    ("choice", "names"),
    [("both", ["projectid", "projectId"]), ("projectid", ["projectid"]), ("projectId", ["projectId"])],
)
@pytest.mark.parametrize(
    "call",
    [
        endpoints.list_logs(LogQuery("project-1", "flow-1")),
        endpoints.download_log("17", "project-1", "acme", "flow-1", lambda: None),
    ],
    ids=lambda call: call.name,
)
def test_the_project_is_sent_under_the_chosen_names(call, choice, names):
    query = access(token=TOKEN, project_parameters=PROJECT_PARAMETERS[choice]).query(call.name, call.query)
    assert [(name, value) for name, value in query if name.lower() == "projectid"] == [
        (name, "project-1") for name in names
    ]
    assert {name for name, _ in call.query} - {name for name, _ in query} <= {"projectid"}
    assert len(query) == len(call.query) - 1 + len(names)


def test_both_names_are_sent_by_default():
    assert access(token=TOKEN).project_parameters == ("projectid", "projectId")


@pytest.mark.parametrize("choice", PROJECT_PARAMETERS)
def test_list_flows_spells_its_project_as_documented(choice):
    call = endpoints.list_flows("project-1")
    query = access(token=TOKEN, project_parameters=PROJECT_PARAMETERS[choice]).query(call.name, call.query)
    assert query == [("projectId", "project-1")]


@pytest.mark.parametrize("header", AUTH_HEADERS)
def test_the_token_goes_into_the_chosen_header(header):
    assert access(token=TOKEN, auth_header=header).headers("abc") == {header: "Bearer abc"}
    assert access(token=TOKEN, auth_header=header).headers(None) is None


def test_authorization_is_the_default():
    assert access(token=TOKEN).headers("abc") == {"Authorization": "Bearer abc"}


def test_connections_that_differ_in_either_do_not_share_a_login():
    assert access(token=TOKEN) == access(token=TOKEN)
    assert access(token=TOKEN) != access(token=TOKEN, auth_header="Authentication")
    assert access(token=TOKEN) != access(token=TOKEN, project_parameters=("projectid",))


@pytest.mark.parametrize("given", [{"username": "u", "password": PASSWORD}, {"token": TOKEN}])
def test_no_secret_is_shown(given):
    for shown in (repr(access(**given)), str(access(**given))):
        assert PASSWORD not in shown
        assert TOKEN not in shown


@pytest.mark.parametrize("name", ["username", "password"])
def test_a_login_that_is_no_text(name):
    given = {"username": "me@example.com", "password": "very-secret", name: "very-secret\ud800"}
    with pytest.raises(ConfigurationError, match="Login or Password isn't text") as caught:
        Access("https://integrator.example", **given)
    assert "very-secret" not in str(caught.value)


@given(st.text() | st.from_regex(r"https?://[@:;\[\].a-z%\\\x00\ud800-]{0,9}(/.{0,3})?", fullmatch=True))
def test_any_host_can_be_used_or_is_a_configuration_error(host):
    try:
        url = normalize_base_url(host)
    except ConfigurationError:
        return
    assert "@" not in urlsplit(url).netloc
    assert Request("GET", f"{url}/logs").prepare().url
