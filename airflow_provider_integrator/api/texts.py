"""Foreign texts made fit for messages: a server's bodies and names, and the messages of libraries.

Every text that isn't this package's own goes through :func:`fit` where it enters. What comes out holds no secret,
can't forge a line of a log, and is short.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from urllib.parse import unquote
from urllib.request import getproxies

from airflow_provider_integrator.api.encodings import layers, needles

#: The maximum length of a text in a message.
MAX_TEXT = 500
#: The maximum length of a text of which the beginning is looked at.
MAX_INPUT = 16 * 1024
#: The secrets that are remembered: those of the connections in use, and the last of their many tokens.
MAX_SECRETS = 128

MASK = "***"
# User and password in a URL, whose slashes may be escaped; bounded, so that a hostile text takes no time.
_LOGIN_OF_URL = re.compile(r"(?i)(?::|%3a)(?:/|\\/|%2f){2}([^\s/?#\"'<>]{0,1000})@")
# Where a proxy's login begins, in whatever form the URL is.
_SCHEME = re.compile(r"(?i)^(?:[a-z][a-z0-9+.-]*://|(?:https?|socks\w*):)/*")
# Joiners belong to the letters around them; any other invisible mark goes.
_JOINERS = "\u200c\u200d"

_hidden: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()


def hide(*secrets: str | None) -> None:
    """Keep secrets out of all texts from now on, in every form.

    :param secrets: The secrets of a connection in use; None is ignored. The ones used longest ago are forgotten
        when there are too many.
    """
    with _lock:
        known = len(_hidden)
        for secret in filter(None, secrets):
            _hidden[secret] = None
            _hidden.move_to_end(secret)
        is_new = len(_hidden) > known
        while len(_hidden) > MAX_SECRETS:
            _hidden.popitem(last=False)
    if is_new:
        _name.cache_clear()


def fit(text: str, *, is_cut: bool = False, limit: int = MAX_TEXT) -> str:
    """Make a foreign text fit for a message.

    URLs lose their user and password, secrets are masked in every form (see
    :mod:`airflow_provider_integrator.api.encodings`), control characters and line breaks become visible escapes,
    invisible marks go, among them those that change the direction of writing.

    :param text: The text.
    :param is_cut: Whether the text is the beginning of a longer one, so that its end may be half a secret.
    :param limit: The maximum length.
    :return: One line.
    """
    given, is_cut = text[:MAX_INPUT], is_cut or len(text) > MAX_INPUT
    masked = bytearray(len(given))
    for start, end in _secret_spans(given, is_cut):
        masked[start:end] = b"\1" * (end - start)
    parts = re.finditer(rb"\x00+|\x01+", masked)
    shown = "".join(MASK if masked[part.start()] else _visible(given[slice(*part.span())]) for part in parts)
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def fit_body(text: str, *, is_cut: bool = False, limit: int = MAX_TEXT) -> str:
    """Make a text of several lines fit for a message, as :func:`fit` does, with spaces in place of its line breaks.

    :param text: The text, or its beginning.
    :param is_cut: Whether there is more of it.
    :param limit: The maximum length.
    :return: One line.
    """
    return fit(" ".join(text.split()), is_cut=is_cut, limit=limit)


def fit_name(text: str) -> str:
    """Make a name or another short text of an answer fit for messages, as :func:`fit` does, but cached."""
    return _name(text) if len(text) <= MAX_TEXT else fit(text)


_name = lru_cache(maxsize=8192)(fit)


def listed(names: Iterable[str]) -> str:
    """List names in a message: the first ones, and the number of those that there is no room for."""
    known = [fit_name(name) for name in names]
    lengths = accumulate(len(name) + len(", ") for name in known)
    shown = sum(length <= MAX_TEXT + len(", ") for length in lengths)
    rest = [f"and {len(known) - shown} more"] * (shown < len(known))
    return ", ".join([*known[:shown], *rest])


def _secret_spans(text: str, is_cut: bool) -> Iterator[tuple[int, int]]:
    for found in _LOGIN_OF_URL.finditer(text):
        yield found.span(1)
    with _lock:
        hidden = list(_hidden)
    secrets = [
        form for secret in (*hidden, *_proxy_secrets(*getproxies().values())) for form in needles(secret)
    ]
    for is_tight in (False, True):
        for layer in layers(text, is_tight=is_tight):
            for secret in secrets:
                yield from layer.find(secret, is_cut=is_cut)


@lru_cache(maxsize=16)
def _proxy_secrets(*proxies: str) -> tuple[str, ...]:
    """Find the passwords in the URLs of proxies, decoded and as they are; in malformed URLs, too."""
    found = []
    for proxy in proxies:
        login = _SCHEME.sub("", proxy.rpartition("@")[0], count=1)
        if password := login.partition(":")[2]:
            found += [password, unquote(password)]
    return tuple(found)


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(map(_escape, text))


def _escape(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    match unicodedata.category(character):
        case "Cf":
            return ""
        case "Zs":
            return " "
    return character.encode("unicode_escape").decode("ascii")
