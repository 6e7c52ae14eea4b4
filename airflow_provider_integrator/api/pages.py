"""Pages of List logs, and paging through them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import starmap
from types import SimpleNamespace
from typing import Any, NamedTuple

from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.values import shown, whole_number
from airflow_provider_integrator.exceptions import ResponseError

#: The maximum number of logs in a page: ten times what can be asked for.
MAX_LOGS = 1000
#: The fields that a poll reads of every log; the others are decoded on demand.
_HEAD = ("id", "filename_uuid", "state", "status", "created", "finished")
#: The fields of a page besides its logs.
_PAGE = ("next", "limit", "count")


class _Body:
    """The body of List logs, whose logs are cut out of it once one of them is read beyond its head."""

    __slots__ = ("_body", "_logs")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._logs: list[Any] | None = None

    def log(self, index: int) -> bytes:
        """Return one log's JSON by its place, from 0."""
        if self._logs is None:
            self._logs = _decoders().logs(self._body).results
        return bytes(self._logs[index])


class LogFields(Fields):
    """A log of List logs that is decoded only as far as it is read.

    Most logs of a page are another wait's, or of an execution that is still running: of these the head is enough.

    :param call: The name of the call, for messages.
    :param body: The answer.
    :param index: The log's place in it, from 0.
    :param head: The log's head; None if it couldn't be decoded.
    """

    __slots__ = ("_body", "_head", "_index", "_whole")

    def __init__(self, call: str, body: _Body, index: int, head: Any) -> None:
        self.call = call
        self.path = f"results[{index}]."
        self._head = head
        self._body = body
        self._index = index
        self._whole: dict[str, Any] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The log's fields, unparsed; empty if it isn't an object or can't be decoded."""
        if self._whole is None:
            try:
                whole = decode_json(self._body.log(self._index))
            except (ValueError, RecursionError):
                whole = None
            self._whole = whole if isinstance(whole, dict) else {}
        return self._whole

    @property
    def content(self) -> str:
        """The log as text, cut to 100 characters."""
        return shown(self._body.log(self._index))

    def get(self, name: str) -> Any:
        """Return one field, unparsed; None if it is missing."""
        if self._head is not None and name in _HEAD:
            return getattr(self._head, name)
        return self.values.get(name)


class _Decoders(NamedTuple):
    """Decoders of a page with the heads of its logs, of a page with its logs as JSON, and of one log's head."""

    heads: Callable[[bytes], Any]
    logs: Callable[[bytes], Any]
    head: Callable[[Any], Any]
    #: What they raise; the errors of older msgspecs are no ValueErrors.
    errors: tuple[type[Exception], ...]


@cache
def _decoders() -> _Decoders:
    """Make the decoders; on first use, as importing msgspec takes time."""
    import msgspec

    def page(log: Any) -> Any:
        return msgspec.defstruct("Page", [("results", list[log]), *((name, object, None) for name in _PAGE)])

    head = msgspec.defstruct("Head", [(name, object, None) for name in _HEAD], gc=False)
    return _Decoders(
        heads=msgspec.json.Decoder(page(head)).decode,
        logs=msgspec.json.Decoder(page(msgspec.Raw)).decode,
        head=msgspec.json.Decoder(head).decode,
        errors=(ValueError, msgspec.MsgspecError, RecursionError),
    )


def _heads(body: bytes) -> tuple[Any, list[Any]]:
    """Decode a page and the heads of its logs, in one go unless one of them can't be decoded, which is None then."""
    decoders = _decoders()
    try:
        page = decoders.heads(body)
    except decoders.errors:
        page = decoders.logs(body)
        return page, [_head(log) for log in page.results]
    return page, page.results


def _head(log: Any) -> Any:
    decoders = _decoders()
    try:
        return decoders.head(log)
    except decoders.errors:
        return None


def _lenient(call: str, answer: object, *, is_first: bool) -> tuple[Any, list[Any]]:
    """Read a page that isn't in the usual form, and its logs; behind the first page, whatever is empty has none."""
    fields = Fields(call, answer if is_first else answer or {})
    results = fields.get("results")
    if (results is None and "results" in fields.values) if is_first else not results:
        results = []
    if not isinstance(results, list):
        raise fields.fault("results", "a list")
    return SimpleNamespace(**{name: fields.get(name) for name in _PAGE}), results


def _whole_log(call: str, index: int, log: Any) -> Fields:
    return Fields(call, log if isinstance(log, dict) else {}, f"results[{index}].")


def decode_json(body: bytes) -> Any:
    """Decode JSON.

    :param body: The text.
    :return: The value.
    :raises ValueError: The text isn't JSON.
    :raises RecursionError: It is nested too deeply.
    """
    # Decoding is a large part of a poll's CPU time; msgspec takes less than half the time of json.
    import msgspec

    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return json.loads(body)  # accepts more than the JSON standard, as a server may send more


@dataclass(slots=True)
class Page:
    """One page of List logs, with its logs unparsed.

    The logs are parsed one by one, so that a malformed one doesn't hide the others.

    :param logs: The unparsed logs; a member that isn't an object becomes a log without fields.
    :param has_next: Whether ``next`` is set; the last page may have it, too.
    :param limit: The page size, as the answer gives it.
    :param size: The size of the answer's body in bytes.
    :param count: The number of logs, as the answer gives it: whether on this page or on all of them isn't documented.
    """

    logs: tuple[Fields, ...]
    has_next: bool
    limit: int | None = None
    size: int = 0
    count: int | None = None

    @classmethod
    def decode(cls, call: str, body: bytes, number: int) -> Page:
        """Decode the answer of List logs, its logs only as far as they are read.

        :param call: The name of the call, for messages.
        :param body: The body.
        :param number: The number of the requested page. After the first page, an answer without results is an
            empty page: the answer after the last page isn't documented, and may be other than 404.
        :return: The page.
        :raises ValueError: The body isn't JSON.
        :raises RecursionError: It is nested too deeply.
        :raises ResponseError: ``results`` is missing or isn't a list.
        """
        make: Callable[[int, Any], Fields]
        try:
            page, results = _heads(body)
            make = partial(LogFields, call, _Body(body))
        except _decoders().errors:
            page, results = _lenient(call, decode_json(body), is_first=number == 1)
            make = partial(_whole_log, call)
        if number > 1 and not results:
            return EMPTY_PAGE
        if len(results) > MAX_LOGS:
            raise ResponseError(f"{call}: the page has {len(results)} logs; at most {MAX_LOGS} are read.")
        return cls(
            logs=tuple(starmap(make, enumerate(results))),
            has_next=bool(page.next),
            limit=whole_number(page.limit),
            size=len(body),
            count=whole_number(page.count),
        )


EMPTY_PAGE = Page(logs=(), has_next=False)


class Paging:
    """Deduplicates and ends the paging of List logs, while logs are added and their order is unknown.

    A log that moves to the next page between two requests is yielded once. Only the last page is kept, so that a
    long history takes no memory.

    :ivar ended: Whether the last page was taken: it has no logs, repeats the one before, or has no ``next``.
    """

    def __init__(self) -> None:
        self.ended = False
        self._last: Page | None = None
        self._keys: list[str | tuple[int, str]] | None = None

    def take(self, page: Page) -> list[Fields]:
        """Take the next page; return its logs without those of the page before."""
        last, self._last = self._last, page
        self.ended = not page.logs or not page.has_next
        if last is None:  # most polls read one page
            return [*page.logs]
        before, keys = {*(self._keys or _keys(last))}, _keys(page)
        self._keys = keys
        if before == {*keys}:
            self.ended = True
            return []
        return [
            log
            for key, log in zip(keys, page.logs, strict=True)
            if isinstance(key, tuple) or key not in before
        ]


def _keys(page: Page) -> list[str | tuple[int, str]]:
    # A log without any id is known by its place and content: it is never taken for another one's repetition.
    return [
        log.optional_identifier("id") or log.optional_identifier("filename_uuid") or (place, log.content)
        for place, log in enumerate(page.logs)
    ]
