"""What an Airflow connection of type integrator may say, in each way that Airflow takes one."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_integrator import get_provider_info
from airflow_provider_integrator.api.access import BASE_URLS
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.hooks.connection import IntegratorConnection
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.provider_info import CONN_FIELDS

LOGIN = {"conn_type": "integrator", "login": "me@example.com", "password": "very-secret"}


def read(monkeypatch, value):
    text = value if isinstance(value, str) else json.dumps(value)
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT", text)
    connection = BaseHook.get_connection("integrator_default")
    return IntegratorConnection.read(connection, connection.extra_dejson)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, BASE_URLS["prod"]),
        ({"extra": {"environment": "prod"}}, BASE_URLS["prod"]),
        ({"extra": {"environment": "dev"}}, BASE_URLS["dev"]),
        ({"extra": {"environment": ""}}, BASE_URLS["prod"]),
        ({"host": "host.example"}, "https://host.example"),
        ({"host": " host.example "}, "https://host.example"),
        ({"host": "host.example:3000"}, "https://host.example:3000"),
        ({"host": "host.example", "port": 3000}, "https://host.example:3000"),
        ({"host": "http://host.example"}, "http://host.example"),
        ({"host": "http://host.example:8900/"}, "http://host.example:8900"),
        ({"host": "http://host.example", "port": 8900}, "http://host.example:8900"),
        ({"host": "https://host.example/below/it"}, "https://host.example/below/it"),
        ({"host": "https://host.example/below", "port": 1}, "https://host.example:1/below"),
        ({"host": "https://host.example:2", "port": 1}, "https://host.example:2"),
        ({"host": "host.example", "schema": "http", "port": 80}, "http://host.example:80"),
        ({"host": "127.0.0.1:8900"}, "https://127.0.0.1:8900"),
        ({"host": "[::1]"}, "https://[::1]"),
        ({"host": "[::1]", "port": 3000}, "https://[::1]:3000"),
        ({"host": "http://[::1]:3000"}, "http://[::1]:3000"),
        ({"host": "::1"}, "https://[::1]"),
        ({"host": "fe80::1", "port": 3000}, "https://[fe80::1]:3000"),
        ({"host": "host.example", "extra": {"environment": "dev"}}, "https://host.example"),
    ],
)
def test_base_url(fields, url, monkeypatch):
    extra = {"allow_plain_http": True, **fields.get("extra", {})}
    assert read(monkeypatch, {**LOGIN, **fields, "extra": extra}).access.base_url == url


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("integrator://me%40example.com:very-secret@/", BASE_URLS["prod"]),
        ("integrator://me%40example.com:very-secret@/?environment=dev", BASE_URLS["dev"]),
        ("integrator://me%40example.com:very-secret@host.example", "https://host.example"),
        ("integrator://me%40example.com:very-secret@host.example:3000", "https://host.example:3000"),
        ("integrator://me%40example.com:very-secret@host.example:8900/http", "http://host.example:8900"),
        (
            f"integrator://me%40example.com:very-secret@{quote('http://host.example:8900', safe='')}",
            "http://host.example:8900",
        ),
        (
            f"integrator://me%40example.com:very-secret@{quote('http://host.example', safe='')}:8900",
            "http://host.example:8900",
        ),
        ("integrator://me%40example.com:very-secret@[::1]:3000", "https://[::1]:3000"),
    ],
)
def test_uri(uri, url, monkeypatch):
    marks = "&" if "?" in uri else "?"
    access = read(monkeypatch, f"{uri}{marks}allow_plain_http=true").access
    assert (access.base_url, access.username, access.password) == (url, "me@example.com", "very-secret")


def test_uri_with_extra(monkeypatch):
    said = read(
        monkeypatch,
        "integrator://me%40example.com:very-secret@/?project_id=p&project_slug=s&partner_id=7&verify=false&timeout=5",
    )
    assert (said.project_id, said.project_slug, said.partner_id) == ("p", "s", "7")
    assert (said.access.verify, said.access.timeout) == (False, 5.0)


def test_uri_with_a_token(monkeypatch):
    said = read(monkeypatch, "integrator://@host.example?token=a%2Fb%3D")
    assert said.access.token == "a/b="


@pytest.mark.parametrize(
    "host",
    [
        "https://",
        "ftp://host.example",
        "https://me:pw@host.example",
        "host.example?x=1",
        "host:port",
        "host:0",
        "https://host#x",
        "a b:c:d",
        "https://@evil",
        "https://host@evil",
        "https://:@evil",
        "http://a..b",
        "http://.a",
        f"https://{'x' * 64}.example",
        "https://host\x00.example",
        "https://host.example/a\x00b",
        "https://host;.example",
        "https://host\\\\evil.example",
        "https://host\u202e.example",
        "https://host%00.example",
        "https://[::1",
    ],
)
def test_host_that_can_not_be_used(host, monkeypatch):
    with pytest.raises(ConfigurationError, match="Host can't be used; set it to the base URL") as caught:
        read(monkeypatch, {**LOGIN, "host": host})
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "x.localhost",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
    ],
)
def test_plain_http_stays_on_this_machine(host, monkeypatch, logged):
    base_url = read(monkeypatch, {**LOGIN, "host": f"http://{host}:8900"}).access.base_url
    assert base_url == f"http://{host}:8900"
    assert "in the clear" not in logged.text


@pytest.mark.parametrize(
    "host",
    [
        "http://host.example",
        "HTTP://10.0.0.1",
        "http://localhost.example",
        "http://[fe80::1]",
        "http://127.1",
    ],
)
@pytest.mark.parametrize("credentials", [LOGIN, {"conn_type": "integrator", "extra": {"token": "t"}}])
def test_plain_http_to_elsewhere_is_refused(host, credentials, monkeypatch):
    with pytest.raises(
        ConfigurationError, match=r"Begin it with https://; .* set allow_plain_http to true in Extra"
    ):
        read(monkeypatch, {**credentials, "host": host})


def test_plain_http_is_warned_of_once_a_process(monkeypatch, logged):
    fields = {**LOGIN, "host": "http://once.example", "extra": {"allow_plain_http": "true"}}
    for _ in range(3):
        read(monkeypatch, fields)
    assert logged.text.count("cross the network to http://once.example in the clear") == 1


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (
            {"allow_plain_http": "yes"},
            "allow_plain_http in the connection's Extra is 'yes'; set it to true or false",
        ),
        ({"environment": "test"}, "environment in the connection's Extra is 'test'; set it to prod or dev"),
        ({"environment": 5}, "'5'"),
        ({"project_id": ["p"]}, "project_id in the connection's Extra must be a string"),
        ({"token": {"a": 1}}, "token in the connection's Extra must be a string"),
        ({"token": True}, "token"),
        (
            {"timeout": "soon"},
            "timeout in the connection's Extra is 'soon'; set it to a number of seconds above 0",
        ),
        ({"timeout": 0}, "above 0"),
        ({"timeout": -1}, "above 0"),
        ({"timeout": True}, "above 0"),
        ({"timeout": "nan"}, "above 0"),
        ({"timeout": "inf"}, "above 0"),
        ({"download_timeout": 0}, "download_timeout in the connection's Extra is 0; set it to a number"),
        (
            {"project_parameter": "projectID"},
            "project_parameter in the connection's Extra is 'projectID'; set it to both or projectid or projectId",
        ),
        ({"project_parameter": ["both"]}, "project_parameter in the connection's Extra must be a string"),
        (
            {"auth_header": "authorization"},
            "auth_header in the connection's Extra is 'authorization'; set it to Authorization or Authentication",
        ),
        ({"auth_header": True}, "auth_header"),
        ({"verify": "/no/such/bundle.pem"}, "set it to true, false or the path of a CA bundle"),
    ],
)
def test_faulty_extra(extra, says, monkeypatch):
    with pytest.raises(ConfigurationError) as caught:
        read(monkeypatch, {**LOGIN, "extra": extra})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"login": "me@example.com"},
        {"password": "very-secret"},
        {"extra": {"token": " "}},
        {"login": "", "password": ""},
    ],
)
def test_no_credentials(fields, monkeypatch):
    with pytest.raises(
        ConfigurationError, match="set Login \\(e-mail\\) and Password, or token in Extra"
    ) as caught:
        read(monkeypatch, {"conn_type": "integrator", **fields})
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "verify"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("False", False),
        (" TRUE ", True),
        ("", True),
        (None, True),
        (__file__, __file__),
    ],
)
def test_verify(value, verify, monkeypatch):
    assert read(monkeypatch, {**LOGIN, "extra": {"verify": value}}).access.verify == verify


@pytest.mark.parametrize(("name", "default"), [("timeout", 60.0), ("download_timeout", 3600.0)])
@pytest.mark.parametrize(("value", "seconds"), [(5, 5.0), ("5", 5.0), (0.5, 0.5), ("", None), (None, None)])
def test_time_limits(name, default, value, seconds, monkeypatch):
    access = read(monkeypatch, {**LOGIN, "extra": {name: value}}).access
    assert getattr(access, name) == (seconds or default)


@pytest.mark.parametrize(
    ("extra", "names", "header"),
    [
        ({}, ("projectid", "projectId"), "Authorization"),
        ({"project_parameter": "", "auth_header": None}, ("projectid", "projectId"), "Authorization"),
        (
            {"project_parameter": "both", "auth_header": "Authorization"},
            ("projectid", "projectId"),
            "Authorization",
        ),
        ({"project_parameter": "projectid"}, ("projectid",), "Authorization"),
        ({"project_parameter": " projectId "}, ("projectId",), "Authorization"),
        ({"auth_header": "Authentication"}, ("projectid", "projectId"), "Authentication"),
    ],
)
def test_two_ways_out_for_a_server_that_minds(extra, names, header, monkeypatch):
    access = read(monkeypatch, {**LOGIN, "extra": extra}).access
    assert (access.project_parameters, access.auth_header) == (names, header)


@pytest.mark.parametrize("name", ["project_parameter", "auth_header"])
def test_their_choices_in_the_form_are_those_that_are_read(name, monkeypatch):
    schema = CONN_FIELDS[name]["schema"]
    for choice in schema["enum"]:
        read(monkeypatch, {**LOGIN, "extra": {name: choice}})
    first = read(monkeypatch, {**LOGIN, "extra": {name: schema["enum"][0]}})
    assert first.access == read(monkeypatch, LOGIN).access


def test_the_forms_defaults_hold_no_text_that_airflow_would_mask():
    defaults = [field["schema"].get("default") for field in CONN_FIELDS.values()]
    assert [default for default in defaults if isinstance(default, str)] == []


def test_numbers_are_texts_too(monkeypatch):
    assert read(monkeypatch, {**LOGIN, "extra": {"project_id": 5, "partner_id": 0}}).project_id == "5"


def test_repr_holds_no_secret(monkeypatch):
    said = read(monkeypatch, {**LOGIN, "extra": {"token": "given-token"}})
    assert "very-secret" not in repr(said)
    assert "given-token" not in repr(said)


class Asked(dict):
    """An Extra that remembers what it was asked for."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)


def test_form_names_what_is_read(monkeypatch):
    (described,) = get_provider_info()["connection-types"]
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT", json.dumps(LOGIN))
    extra = Asked()
    IntegratorConnection.read(BaseHook.get_connection("integrator_default"), extra)
    assert extra.names == set(described["conn-fields"])


def test_form_of_old_airflow():
    behaviour = IntegratorHook.get_ui_field_behaviour()
    assert set(behaviour) == {"hidden_fields", "relabeling", "placeholders"}
    assert behaviour["relabeling"] == {"login": "Login (e-mail)"}


def test_widgets_of_old_airflow():
    pytest.importorskip("flask_appbuilder")
    pytest.importorskip("wtforms")
    (described,) = get_provider_info()["connection-types"]
    assert list(IntegratorHook.get_connection_form_widgets()) == list(described["conn-fields"])


def test_a_misspelt_field_of_extra_is_named(monkeypatch, logged):
    extra = {"projct_id": "p-1", "token": "t-secret-1", "verify": True}
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT", json.dumps({**LOGIN, "extra": extra}))
    assert IntegratorHook().settings.project_id is None
    assert "Connection integrator_default: Unknown fields in the connection's Extra: projct_id" in logged.text
    assert "project_id" in logged.text
    assert "t-secret-1" not in logged.text


@pytest.mark.parametrize("conn_type", ["http", "postgres"])
def test_credentials_of_another_service_are_refused(conn_type, monkeypatch):
    with pytest.raises(
        ConfigurationError, match=f"is of type {conn_type}, not integrator; correct"
    ) as caught:
        read(monkeypatch, {**LOGIN, "conn_type": conn_type})
    assert "very-secret" not in str(caught.value)


def test_a_connection_without_a_type_is_taken(monkeypatch):
    fields = {name: value for name, value in LOGIN.items() if name != "conn_type"}
    assert read(monkeypatch, fields).access.username == LOGIN["login"]


def test_fields_that_are_known_are_not_complained_of(monkeypatch, logged):
    monkeypatch.setenv(
        "AIRFLOW_CONN_INTEGRATOR_DEFAULT", json.dumps({**LOGIN, "extra": dict.fromkeys(CONN_FIELDS)})
    )
    assert IntegratorHook().settings.project_id is None
    assert "Unknown fields" not in logged.text
