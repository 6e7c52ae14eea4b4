"""Both transports over real HTTP: however slowly a server answers, a request ends within its time limit."""

from __future__ import annotations

import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.exchange import Retry
from airflow_provider_integrator.exceptions import UnavailableError
from airflow_provider_integrator.logs.archive import Limits
from airflow_provider_integrator.logs.receiver import ArchiveReceiver
from tests.api.conftest import listening
from tests.api.test_tls import make_certificate

TIMEOUT = 0.3
#: What a busy machine may take longer.
SLACK = 1.5
ONCE = Retry(attempts=1)
FLOWS = endpoints.list_flows("p")
DOWNLOAD = endpoints.download_log("1", "p", "slug", "f", lambda: ArchiveReceiver(Limits()))

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
#: What comes at once, and what drips after it for ever.
SLOW = {
    "status line": (b"", b"HTTP/1.1 200 " + b"O" * 1000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Slow: y\r\n" * 10_000),
    "body": (HEAD, b"[" + b" " * 10_000),
    "chunked body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 10_000),
    "error body": (HEAD.replace(b"200 OK", b"400 No"), b"x" * 10_000),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000),
}


def request_head(client):
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return b""
        data += more
    return data


def flood(client, data):
    try:
        while True:
            client.sendall(data)
    except OSError:
        return


@contextmanager
def serving(talk):
    """Serve with a function that gets a client, and a function to drip to it until it should long have closed."""
    over = threading.Event()  # as a server doesn't see each client hang up

    def drip(client, data):
        ends = time.monotonic() + 2 * TIMEOUT + SLACK + 1.0
        try:
            for byte in data:
                client.sendall(bytes([byte]))
                if over.wait(0.02) or time.monotonic() > ends:
                    return
        except OSError:
            return

    with listening(lambda client: talk(client, drip)) as address:
        try:
            yield address
        finally:
            over.set()


def dripping(first, slowly):
    def talk(client, drip):
        if request_head(client):
            client.sendall(first)
            drip(client, slowly)

    return serving(talk)


def at_once(places, check):
    """Check all places at the same time: most of it is waiting."""

    def named(place):
        try:
            check(place)
        except BaseException as error:
            raise AssertionError(place) from error  # threads don't say which

    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(named, places))


def assert_ends(client, call=FLOWS, seconds=TIMEOUT, message="timeout"):
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=rf"no whole answer within {message} \({seconds:g} s\)"):
        client.call(call)
    assert seconds * 0.9 < time.monotonic() - started < seconds + SLACK


def assert_ends_somehow(act, message):
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=message):
        act()
    assert time.monotonic() - started < TIMEOUT + SLACK


def test_an_answer_that_drips(transport):
    def check(place):
        with dripping(*SLOW[place]) as address:
            assert_ends(transport(Access(f"http://{address}", token="token", timeout=TIMEOUT), retry=ONCE))

    at_once(SLOW, check)


def test_endless_100_continue_without_a_pause(transport):
    def talk(client):
        if request_head(client):
            flood(client, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    with listening(talk) as address:
        assert_ends(transport(Access(f"http://{address}", token="token", timeout=TIMEOUT), retry=ONCE))


def test_a_login_that_drips(transport):
    def check(place):
        with dripping(*SLOW[place]) as address:
            access = Access(f"http://{address}", username="u", password="p", timeout=TIMEOUT)
            client = transport(access, retry=ONCE)
            assert_ends_somehow(client.log_in, r"^Login: .*no whole answer within timeout")

    at_once(["headers", "body", "error body"], check)


def test_a_download_has_a_time_limit_of_its_own(transport):
    def check(place):
        with dripping(*SLOW[place]) as address:
            access = Access(f"http://{address}", token="token", timeout=TIMEOUT, download_timeout=2 * TIMEOUT)
            assert_ends(transport(access, retry=ONCE), DOWNLOAD, 2 * TIMEOUT, "download_timeout")

    at_once(["headers", "body", "error body"], check)


def test_a_download_has_a_longest_silence(transport):
    def talk(client):
        if request_head(client):
            client.sendall(HEAD + b"QUJD")
            client.recv(1)

    with listening(talk) as address:
        access = Access(f"http://{address}", token="token", timeout=TIMEOUT, download_timeout=60.0)
        client, started = transport(access, retry=ONCE), time.monotonic()
        with pytest.raises(UnavailableError, match=r"^Download log: .*([Tt]imed out|Timeout)"):
            client.call(DOWNLOAD)
        assert TIMEOUT * 0.9 < time.monotonic() - started < TIMEOUT + SLACK


def test_a_kept_connection_has_a_new_limit_each_time(transport):
    """Two answers take most of the limit each; the third one outlasts it."""
    timeout = 0.6  # a busy machine takes some of what is left
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    connections = []

    def talk(client, drip):
        connections.append(client)
        for _ in range(2):
            if not request_head(client):
                return
            client.sendall(whole)
            time.sleep(timeout * 0.55)
            client.sendall(b"[]")
        if request_head(client):
            drip(client, b"".join(SLOW["headers"]))

    with serving(talk) as address:
        client = transport(Access(f"http://{address}", token="token", timeout=timeout), retry=ONCE)
        assert client.call(FLOWS) == client.call(FLOWS) == []
        assert_ends(client, seconds=timeout)
    assert len(connections) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


def test_an_answer_that_drips_over_tls(transport, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def check(place):
        def talk(client, drip):
            try:
                client = context.wrap_socket(client, server_side=True)
                if request_head(client):
                    client.sendall(SLOW[place][0])
                    drip(client, SLOW[place][1])
            except OSError:
                return

        with serving(talk) as address:
            access = Access(f"https://{address}", token="token", timeout=TIMEOUT, verify=certificate[0])
            assert_ends(transport(access, retry=ONCE))

    at_once(["headers", "body", "error body", "100 Continue"], check)


def test_a_tls_handshake_that_drips(transport):
    """A record of a handshake that is announced with 16 KB."""

    def talk(client, drip):
        client.recv(65536)
        drip(client, b"\x16\x03\x03\x40\x00" + b"\x02" * 10_000)

    with serving(talk) as address:
        client = transport(Access(f"https://{address}", token="token", timeout=TIMEOUT), retry=ONCE)
        assert_ends_somehow(lambda: client.call(FLOWS), r"^List flows")


@pytest.mark.parametrize("place", ["status line", "headers", "error body"])
def test_a_proxy_that_drips(transport, monkeypatch, place):
    """Its answer to CONNECT."""
    with dripping(*SLOW[place]) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy}")
        client = transport(Access("https://integrator.invalid", token="token", timeout=TIMEOUT), retry=ONCE)
        assert_ends_somehow(lambda: client.call(FLOWS), r"^List flows")


def test_a_plain_answer_through_a_proxy_that_drips(transport, monkeypatch):
    with dripping(*SLOW["body"]) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy}")
        assert_ends(
            transport(Access("http://integrator.invalid", token="token", timeout=TIMEOUT), retry=ONCE)
        )
