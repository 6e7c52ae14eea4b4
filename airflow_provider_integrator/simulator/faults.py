"""Faults: what can go wrong with an answer, for which requests, and how often."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import urlsplit

from airflow_provider_integrator.simulator.answers import TEXT, Answer, Cut
from airflow_provider_integrator.simulator.archives import BigLog
from airflow_provider_integrator.simulator.spoiling import (
    ARCHIVES,
    BASE64,
    CONTENTS,
    ArchiveKind,
    Base64Kind,
    ContentsKind,
    Spoiler,
    spoil_archive,
    spoil_contents,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from airflow_provider_integrator.simulator.recording import RecordedRequest

ENDPOINTS = {
    "login": "/api/nifi/login",
    "projects": "/api/nifi/project/list",
    "flows": "/api/nifi/flow/list",
    "logs": "/logs",
    "download": "/logs/download",
}


def _known(spoilers: Mapping[Any, Spoiler], kind: str) -> Spoiler:
    if kind not in spoilers:
        raise ValueError(f"{kind!r} is none of {', '.join(spoilers)}")
    return spoilers[kind]


class When(TypedDict, total=False):
    """Which requests a fault strikes; every constructor of :class:`Fault` takes these.

    ``on``: a path (``"/logs"``) or a name (``login``, ``projects``, ``flows``, ``logs``, ``download``), None
    for all; ``where``: a predicate over the recorded request; ``times``: how often it strikes, None for
    always; ``after``: how many matching requests pass first.
    """

    on: str | None
    where: Callable[[RecordedRequest], bool] | None
    times: int | None
    after: int


@dataclass(eq=False)
class Fault:
    """One thing that goes wrong. Made by the class methods, injected by ``IntegratorSimulator.inject``.

    Of the faults that match a request the one injected first strikes, so that ``inject(Fault.status(503,
    times=1), Fault.status(429, times=1))`` gives first the one, then the other. Delays strike besides any
    other fault. ``hits`` is how often the fault has struck.
    """

    kind: str
    change: Callable[[Answer], Answer] = field(repr=False)
    on: str | None = None
    where: Callable[[RecordedRequest], bool] | None = None
    times: int | None = None
    after: int = 0
    needs: Literal["json", "archive"] | None = None
    hits: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        """Refuse a filter that can never match."""
        if self.on is not None:
            self.on = ENDPOINTS.get(self.on, self.on)
            if not self.on.startswith("/"):
                raise ValueError(f"on={self.on!r} is neither a path nor one of {', '.join(ENDPOINTS)}")

    def strikes(self, request: RecordedRequest, answer: Answer) -> bool:
        """Check whether the fault is due for this request, and count the request.

        :param request: The request.
        :param answer: What the service would answer.
        :return: Whether the fault is due.
        """
        if self.times is not None and self.hits >= self.times:
            return False
        if self.on not in (None, request.path) or self.needs not in (None, answer.kind):
            return False
        if self.where is not None and not self.where(request):
            return False
        self.seen += 1
        return self.seen > self.after

    @classmethod
    def status(
        cls, status: int, *, headers: Mapping[str, str] | None = None, body: str = "", **when: Unpack[When]
    ) -> Fault:
        """Answer with another status.

        :param status: The HTTP status.
        :param headers: Headers of the answer, such as Retry-After.
        :param body: Its text.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        return cls(f"status {status}", lambda _: Answer.text(status, body, headers), **when)

    @classmethod
    def delay(cls, seconds: float, **when: Unpack[When]) -> Fault:
        """Answer late.

        :param seconds: How late, by the wall clock.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        return cls("delay", lambda answer: replace(answer, delay=answer.delay + seconds), **when)

    @classmethod
    def reset(cls, *, midway: bool = False, **when: Unpack[When]) -> Fault:
        """Reset the TCP connection (RST).

        :param midway: After the head and half of the body, instead of before any byte.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        cut = Cut("half" if midway else "nothing", "reset")
        return cls("reset", lambda answer: replace(answer, cut=cut), **when)

    @classmethod
    def truncated(cls, **when: Unpack[When]) -> Fault:
        """Promise the whole body in Content-Length, send half of it and close.

        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        return cls("truncated", lambda answer: replace(answer, cut=Cut("half", "close")), **when)

    @classmethod
    def body(cls, body: str | bytes, *, content_type: str = TEXT, **when: Unpack[When]) -> Fault:
        """Answer 200 with a given body.

        :param body: The body.
        :param content_type: Its Content-Type.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        data = body.encode() if isinstance(body, str) else body
        return cls("body", lambda _: Answer(200, data, headers={"Content-Type": content_type}), **when)

    @classmethod
    def not_json(cls, **when: Unpack[When]) -> Fault:
        """Answer 200 with a page of HTML instead of JSON, as a proxy does.

        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        page = Answer(200, b"<html><body>Please wait</body></html>", headers={"Content-Type": "text/html"})
        return cls("not json", lambda _: page, needs="json", **when)

    @classmethod
    def mutate(cls, change: Callable[[Any], Any], **when: Unpack[When]) -> Fault:
        """Edit the JSON document of an answer; answers without JSON are left alone.

        :param change: Takes the document; edits it in place and returns None, or returns another document.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """

        def edit(answer: Answer) -> Answer:
            document = json.loads(answer.whole())
            edited = change(document)
            return Answer.json(document if edited is None else edited)

        return cls("mutate", edit, needs="json", **when)

    @classmethod
    def next_elsewhere(cls, base_url: str = "http://elsewhere.invalid", **when: Unpack[When]) -> Fault:
        """Make ``next`` of List logs point to another host, on every page.

        :param base_url: Scheme and host to point to; the path and query stay.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """

        def point_elsewhere(page: Any) -> None:
            parts = urlsplit(page.get("next", ""))
            page["next"] = f"{base_url}{parts.path or ENDPOINTS['logs']}?{parts.query or 'page=2'}"

        when.setdefault("on", "logs")
        return cls.mutate(point_elsewhere, **when)

    @classmethod
    def redirect(cls, to: str, *, status: Literal[301, 302, 307, 308] = 302, **when: Unpack[When]) -> Fault:
        """Answer with a redirect.

        :param to: The URL in Location.
        :param status: The HTTP status.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        return cls("redirect", lambda _: Answer.text(status, "", {"Location": to}), **when)

    @classmethod
    def base64(cls, kind: Base64Kind, **when: Unpack[When]) -> Fault:
        """Change the base64 text of a downloaded log.

        :param kind: ``line breaks`` (legal, it must still work), ``bad padding`` or ``junk``.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        return cls._of_archive(f"base64: {kind}", _known(BASE64, kind), when)

    @classmethod
    def archive(cls, kind: ArchiveKind, **when: Unpack[When]) -> Fault:
        """Change the ZIP of a downloaded log.

        :param kind: ``not a zip``, ``empty``, ``several files`` (legal, the first is the log), ``encrypted``,
            ``wrong crc`` or ``truncated``.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        return cls._of_archive(f"archive: {kind}", spoil_archive(_known(ARCHIVES, kind)), when)

    @classmethod
    def contents(cls, kind: ContentsKind | bytes, **when: Unpack[When]) -> Fault:
        """Change what the ZIP of a downloaded log holds.

        :param kind: ``not json``, ``not utf-8``, or the bytes that the file shall have.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        spoiler = (lambda _: kind) if isinstance(kind, bytes) else _known(CONTENTS, kind)
        return cls._of_archive("contents", spoil_contents(spoiler), when)

    @classmethod
    def oversized(
        cls, size: int, *, contents: Literal["rows", "zeros"] = "zeros", **when: Unpack[When]
    ) -> Fault:
        """Send a log of so many bytes of JSON. The ZIP is made here and now, once per process and size, on disk.

        :param size: Bytes of JSON.
        :param contents: ``zeros``, a bomb that packs a thousandfold, or ``rows``, which pack as real rows do.
        :param when: Which requests, see :class:`When`.
        :return: The fault.
        """
        packed = BigLog(size, contents).pack()
        return cls("oversized", lambda answer: replace(answer, body=packed), needs="archive", **when)

    @classmethod
    def _of_archive(cls, kind: str, spoiler: Callable[[bytes], bytes], when: When) -> Fault:
        def spoil(answer: Answer) -> Answer:
            return replace(answer, body=spoiler(answer.whole()))

        return cls(kind, spoil, needs="archive", **when)


class FaultQueue:
    """The faults that were injected, in order."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Inject faults.

        :param faults: The faults, the first takes precedence.
        """
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Withdraw all faults."""
        with self._lock:
            self._faults.clear()

    def apply(self, request: RecordedRequest, answer: Answer) -> Answer:
        """Apply the faults that are due to an answer.

        :param request: The request.
        :param answer: The right answer.
        :return: The answer to send.
        """
        for fault in self._due(request, answer):
            answer = fault.change(answer)
        return answer

    def _due(self, request: RecordedRequest, answer: Answer) -> list[Fault]:
        # Each fault sees each matching request, so that ``after`` counts requests and not other faults.
        with self._lock:
            due = [fault for fault in self._faults if fault.strikes(request, answer)]
            others = [fault for fault in due if fault.kind != "delay"]
            striking = [*others[:1], *(fault for fault in due if fault.kind == "delay")]
            for fault in striking:
                fault.hits += 1
            return striking
