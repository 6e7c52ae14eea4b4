"""Foreign texts: no secret in any form, no line of its own, no length."""

from __future__ import annotations

import base64
import html
import json
import re
import textwrap
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airflow_provider_integrator.api import texts
from airflow_provider_integrator.api.texts import (
    MAX_INPUT,
    MAX_SECRETS,
    MAX_TEXT,
    fit,
    fit_body,
    fit_name,
    hide,
    listed,
)

SECRET = "p ä&s<s>\"w'o+r/d%41=\\n€"


@pytest.fixture(autouse=True)
def _nothing_hidden(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    texts._hidden.clear()
    texts._name.cache_clear()


FORMS = {
    "as it is": str,
    "percent": lambda text: quote(text, safe=""),
    "percent, lower case": lambda text: re.sub("%..", lambda code: code[0].lower(), quote(text, safe="")),
    "form": quote_plus,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent of every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent in Latin-1": lambda text: quote(text, safe="", encoding="latin-1", errors="replace"),
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "JSON": json.dumps,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON twice": lambda text: json.dumps(json.dumps(text)),
    "JSON with slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "repr": repr,
    "percent in JSON": lambda text: json.dumps(quote(text, safe="")),
    "HTML of JSON": lambda text: html.escape(json.dumps(text)),
    "JSON of HTML": lambda text: json.dumps(html.escape(text)),
    "spaces": " ".join,
    "lines": "\r\n".join,
    "tabs of percent": lambda text: "\t".join(quote(text, safe="")),
    "invisible": "\u200b\u202e".join,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of a pair": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "base64 of a form": lambda text: base64.b64encode(
        f"u=me&password={quote_plus(text)}&x=1".encode()
    ).decode(),
    "base64 of JSON": lambda text: base64.b64encode(json.dumps({"p": text}).encode()).decode(),
    "base64 in lines": lambda text: textwrap.fill(base64.b64encode(f"user:{text}".encode()).decode(), 4),
    "base64, percent": lambda text: quote(base64.b64encode(f"u:{text}".encode()).decode(), safe=""),
}


def pieces(text, size=5):
    """The parts of a form that say something of the secret."""
    flat = "".join(text.split())
    return {flat[index : index + size] for index in range(len(flat) - size + 1)}


@pytest.mark.parametrize("form", [form for form in FORMS if form != "percent in Latin-1"])
def test_each_form_of_a_secret_is_masked(form):
    hide(SECRET)
    echoed = FORMS[form](SECRET)
    shown = fit(f"You sent: {echoed} - that is wrong.")
    assert "***" in shown
    assert "You sent: " in shown
    assert "that is wrong." in shown
    left = shown.replace("You sent: ", "").replace(" - that is wrong.", "")
    if "base64" not in form:  # there the neighbours stay
        assert set(left) <= set("*\"'\\&quot;")
    middle = base64.b64encode(SECRET.encode()).decode()[4:-4]
    assert not pieces(left) & (pieces(SECRET) | pieces(middle))


def test_a_secret_in_latin_1_is_masked():
    hide("geheimnß-ä")
    assert fit(f"was {FORMS['percent in Latin-1']('geheimnß-ä')}.") == "was ***."


def test_a_code_before_white_space_takes_nothing_of_a_secret():
    hide("0000012:")
    assert fit("% 0000012%253A %") == "% *** %"


PRINTABLE = st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" ")


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=30)  # of each form
@given(secret=st.text(PRINTABLE, min_size=8, max_size=40), around=st.text(max_size=20))
def test_no_form_of_any_secret_is_shown(form, secret, around):
    try:
        echoed = FORMS[form](secret)
    except UnicodeError:
        assume(False)
    if form == "percent in Latin-1":
        secret = secret.encode("latin-1", "replace").decode("latin-1")
    bare = "".join(each for each in secret if each.isprintable() and not each.isspace())
    assume(len(set(bare)) >= 4)
    texts._hidden.clear()
    hide(secret)
    shown = fit(f"{around} {echoed} {around}")
    assert "***" in shown
    assert bare not in "".join(shown.split())


@given(st.text(max_size=3000))
def test_any_text_becomes_one_short_line(text):
    for shown in (fit(text), fit_name(text), fit_body(text), listed([text] * 3)):
        assert shown.isprintable() or set(filter(lambda each: not each.isprintable(), shown)) <= {
            "\u200c",
            "\u200d",
        }
        assert shown.splitlines() in ([shown], [])
    assert len(fit(text)) <= MAX_TEXT
    assert fit(fit(text)) == fit(text)


@given(
    st.text(
        st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="@"), max_size=MAX_TEXT
    )
)
def test_plain_text_stays_as_it_is(text):
    texts._hidden.clear()
    assert fit(text) == text


@given(st.text(alphabet="%&#x;\\u0123456789abcdefADF amp\n", max_size=200), st.text(min_size=1, max_size=4))
def test_any_codes_are_read(text, secret):
    texts._hidden.clear()
    hide(secret)
    assert "\n" not in fit(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Step\n[2026-01-01] INFO - Marking task as SUCCESS",
            "Step\\n[2026-01-01] INFO - Marking task as SUCCESS",
        ),
        ("a\r\x0b\x0c\x1b[31m\x00\x7f\x85b", "a\\r\\x0b\\x0c\\x1b[31m\\x00\\x7f\\x85b"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("\u202eevil\u2066x\u2069\u200f\u061c\ufeff\u00ad", "evilx"),
        ("\u0646\u0645\u06cc\u200c\u062e", "\u0646\u0645\u06cc\u200c\u062e"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\ud800x", "\\ud800x"),
        ("Ürün güncelleme: fiyat 9,90 €", "Ürün güncelleme: fiyat 9,90 €"),
    ],
)
def test_what_can_not_be_seen(text, shown):
    assert fit(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to http://user:pass@host:1/x?y=a@b", "to http://***@host:1/x?y=a@b"),
        ("(https://token@host), ftp://a:b@c", "(https://***@host), ftp://***@c"),
        (r"http:\/\/user:pw@host\/x", r"http:\/\/***@host\/x"),
        ("http%3A%2F%2Fuser:pw@host", "http%3A%2F%2F***@host"),
        ("http://a:b@c@host", "http://***@host"),
        ("http://host/ mail me@example.com", "http://host/ mail me@example.com"),
        ("http://host/@evil", "http://host/@evil"),
    ],
)
def test_urls_lose_their_login(text, shown):
    assert fit(text) == shown


@pytest.mark.parametrize(
    "proxy",
    ["http://user:pr%40xy%2Fpass@host:80", "user:pr%40xy%2Fpass@host", "http://user:pr%40xy%2Fpass@host:80a",
     "http://user:pr%40xy%2Fpass@[host", "http://user:pr@xy/pass@host", "user:pr@xy/pass@host:80",
     "http:/user:pr@xy/pass@host", "http:user:pr%40xy%2Fpass@host"],
)  # fmt: skip
def test_the_passwords_of_proxies_are_masked(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    basic = base64.b64encode(b"user:pr@xy/pass").decode()
    shown = fit(f"{proxy} says pr@xy/pass, Basic {basic}, pr%40xy%2Fpass")
    assert "xy" not in shown
    assert basic[8:-4] not in shown


def test_a_secret_that_a_cut_has_halved_is_masked():
    hide("let-me-in-please")
    assert fit("wrong: let-me-i", is_cut=True) == "wrong: ***"
    assert fit("wrong: let-me-i") == "wrong: let-me-i"
    shown = fit(" " * (MAX_INPUT - 10) + "let-me-in-please")
    assert "let" not in fit_body(" " * (MAX_INPUT - 10) + "let-me-in-please")
    assert "let" not in shown


def test_a_cut_never_shows_half_a_secret():
    hide("let-me-in-please")
    for before in range(MAX_TEXT - 20, MAX_TEXT + 5):
        assert "l" not in fit("x" * before + "let-me-in-please" + "y" * 50)


def test_a_new_secret_is_masked_in_names_that_were_shown_before():
    assert fit_name("let-me-in") == "let-me-in"
    hide("let-me-in")
    assert fit_name("let-me-in") == "***"


def test_the_secrets_in_use_are_remembered():
    hide("the-password")
    for number in range(2 * MAX_SECRETS):
        hide(f"token-{number}", "the-password", None, "")
    assert fit("the-password") == "***"
    assert len(texts._hidden) == MAX_SECRETS


def test_names_are_listed_as_far_as_there_is_room():
    assert listed(["a", "b\nc"]) == "a, b\\nc"
    assert listed([]) == ""
    assert listed(str(number) for number in range(2000)).endswith(", and 1878 more")
    assert len(listed(["x" * 10_000] * 3)) < 2 * MAX_TEXT
