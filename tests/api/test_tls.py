from __future__ import annotations

import ssl

import pytest

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.api.tls import is_passing, trusting
from airflow_provider_integrator.exceptions import ConfigurationError, UnavailableError
from airflow_provider_integrator.simulator import IntegratorSimulator
from tests.api.conftest import access_to, listening
from tests.certificates import make_certificate


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return {
        address: make_certificate(tmp_path_factory.mktemp("tls"), address)
        for address in ("127.0.0.1", "127.9.9.9")
    }


def serving(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    simulator = IntegratorSimulator(ssl_context=context)
    simulator.add_project("Acme", slug="acme", partner_id="partner-1", id="project-1")
    return simulator


@pytest.fixture
def bundle(certificates):
    return certificates["127.0.0.1"][0]


@pytest.fixture
def integrator(certificates):
    with serving(certificates["127.0.0.1"]) as simulator:
        yield simulator


PROJECTS = endpoints.list_projects("partner-1")


def test_a_certificate_that_nobody_knows(transport, integrator):
    with pytest.raises(
        ConfigurationError,
        match=r"^Login: no TLS connection .*Set verify in the connection's Extra to the path",
    ):
        transport(access_to(integrator)).call(PROJECTS)
    assert integrator.count() == 0


def test_a_ca_bundle_makes_it_known(transport, integrator, bundle):
    assert len(transport(access_to(integrator, verify=bundle)).call(PROJECTS)) == 1


def test_verify_false_asks_nobody(transport, integrator, recwarn):
    assert len(transport(access_to(integrator, verify=False)).call(PROJECTS)) == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_of_the_environment(transport, integrator, bundle, monkeypatch, variable):
    monkeypatch.setenv(variable, bundle)
    assert len(transport(access_to(integrator)).call(PROJECTS)) == 1


def test_a_certificate_of_another_host(transport, certificates):
    certificate = certificates["127.9.9.9"]
    with (
        serving(certificate) as integrator,
        pytest.raises(ConfigurationError, match=r"^Login: no TLS connection"),
    ):
        transport(access_to(integrator, verify=certificate[0])).call(PROJECTS)


def test_a_ca_bundle_of_another_certificate(transport, integrator, certificates):
    with pytest.raises(ConfigurationError, match=r"^Login: no TLS connection"):
        transport(access_to(integrator, verify=certificates["127.9.9.9"][0])).call(PROJECTS)


@pytest.mark.parametrize("contents", [None, "", "no certificate"], ids=["missing", "empty", "junk"])
def test_a_ca_bundle_that_cannot_be_read(transport, integrator, tmp_path, contents):
    path = tmp_path / "bundle.pem"
    if contents is not None:
        path.write_text(contents)
    with pytest.raises(ConfigurationError, match=r"^The CA bundle .*bundle\.pem can't be read .*Set verify"):
        transport(access_to(integrator, verify=str(path))).call(PROJECTS)
    assert integrator.count() == 0


def test_a_folder_of_certificates_can_be_trusted(tmp_path):
    assert trusting(str(tmp_path)).verify_mode is ssl.CERT_REQUIRED


def test_https_where_there_is_none(transport):
    with IntegratorSimulator() as plain:
        access = access_to(plain, base_url=plain.url.replace("http://", "https://"))
        with pytest.raises(ConfigurationError, match=r"^Login: no TLS connection .*begin Host with http://"):
            transport(access).call(PROJECTS)


def test_a_connection_that_breaks_off_in_the_handshake_is_a_passing_fault(transport):
    connections = []

    def hang_up(client):
        connections.append(client)
        client.recv(65536)

    with listening(hang_up) as address:
        access = Access(f"https://{address}", token="token", timeout=20.0)
        with pytest.raises(UnavailableError, match=r"^List projects: no usable answer .* after 2 attempts"):
            transport(access, retry=Retry(attempts=2, first_delay=0.01)).call(PROJECTS)
    assert len(connections) >= 2


def test_what_passes_is_found_under_any_wrapping():
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = ValueError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))
    assert is_passing(wrapped)
    assert not is_passing(ssl.SSLCertVerificationError(1, "certificate verify failed"))
    circle = RuntimeError("circle")
    circle.__context__ = OSError(circle)
    assert not is_passing(circle)
