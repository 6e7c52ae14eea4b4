"""Pages of List logs, and paging through them."""

from __future__ import annotations

import json
from collections.abc import Sized
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from airflow_provider_integrator.api.fields import Fields, shown
from airflow_provider_integrator.exceptions import ResponseError

#: The maximum number of logs in a page: ten times what can be asked for.
MAX_LOGS = 1000
#: The fields that a poll reads of every log; the others are decoded on demand.
_HEAD = ("id", "filename_uuid", "state", "status", "created", "finished")


class LogFields(Fields):
    """A log of List logs that is decoded only as far as it is read.

    Most logs of a page are another wait's, or of an execution that is still running: of these the head is enough.

    :param call: The name of the call, for messages.
    :param raw: The log's JSON.
    :param path: Its path in the answer, for messages.
    """

    __slots__ = ("_head", "_raw", "_whole")

    def __init__(self, call: str, raw: Any, path: str) -> None:
        super().__init__(call, {}, path)
        self._raw = raw
        self._whole: dict[str, Any] | None = None
        try:
            self._head = _decoders()[1](raw)
        except _undecodable():  # not an object, or JSON that only the lenient parser takes
            self._head = None

    @property
    def values(self) -> dict[str, Any]:
        """The log's fields, unparsed; empty if it isn't an object or can't be decoded."""
        if self._whole is None:
            try:
                whole = decode_json(bytes(self._raw))
            except (ValueError, RecursionError):
                whole = None
            self._whole = whole if isinstance(whole, dict) else {}
        return self._whole

    @property
    def content(self) -> str:
        """The log as text, cut to 100 characters."""
        return shown(bytes(self._raw))

    def get(self, name: str) -> Any:
        """Return one field, unparsed.

        :param name: The field.
        :return: Its value; None if it is missing.
        """
        if self._head is not None and name in _HEAD:
            return getattr(self._head, name)
        return self.values.get(name)


@cache
def _decoders() -> tuple[Any, Any]:
    """Make the decoders of a page and of a log's head; late, as importing msgspec takes time."""
    import msgspec

    page = msgspec.defstruct(
        "Page",
        [
            ("results", list[msgspec.Raw]),
            *((name, object, None) for name in ("next", "count", "limit", "page")),
        ],
    )
    head = msgspec.defstruct("Head", [(name, object, None) for name in _HEAD])
    return msgspec.json.Decoder(page).decode, msgspec.json.Decoder(head).decode


@cache
def _undecodable() -> tuple[type[Exception], ...]:
    """Return the errors of the decoders; those of older msgspecs are no ValueErrors."""
    import msgspec

    return ValueError, msgspec.MsgspecError, RecursionError


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


@dataclass(frozen=True)
class Page:
    """One page of List logs, with its logs unparsed.

    The logs are parsed one by one, so that a malformed one doesn't hide the others.

    :param logs: The unparsed logs; a member that isn't an object becomes a log without fields.
    :param has_next: Whether ``next`` is set; the last page may have it, too.
    :param count: The field ``count`` of the answer; what it counts isn't documented.
    :param limit: The page size, as the answer gives it.
    :param number: The page's number from 1, as the answer gives it.
    :param size: The size of the answer's body in bytes.
    """

    logs: tuple[Fields, ...]
    has_next: bool
    count: int | None = None
    limit: int | None = None
    number: int | None = None
    size: int = 0

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
        try:
            shallow = _decoders()[0](body)
        except _undecodable():  # no page in the usual form
            answer = decode_json(body)
            if number > 1 and (not answer or (isinstance(answer, dict) and not answer.get("results"))):
                return EMPTY_PAGE
            return replace(cls.read(Fields(call, answer)), size=len(body))
        if number > 1 and not shallow.results:
            return EMPTY_PAGE
        _check_length(call, shallow.results)
        rest = Fields(call, {name: getattr(shallow, name) for name in ("count", "limit", "page")})
        return cls(
            logs=tuple(
                LogFields(call, raw, f"results[{index}].") for index, raw in enumerate(shallow.results)
            ),
            has_next=bool(shallow.next),
            count=rest.optional_count("count"),
            limit=rest.optional_count("limit"),
            number=rest.optional_count("page"),
            size=len(body),
        )

    @classmethod
    def read(cls, fields: Fields) -> Page:
        """Parse the answer of List logs, decoded as a whole.

        :param fields: The answer.
        :return: The page.
        :raises ResponseError: ``results`` is missing or isn't a list.
        """
        results = fields.values.get("results")
        if "results" not in fields.values or not isinstance(results, (list, type(None))):
            raise fields.fault("results", "a list")
        _check_length(fields.call, results or ())
        return cls(
            logs=tuple(
                Fields(fields.call, log if isinstance(log, dict) else {}, f"results[{index}].")
                for index, log in enumerate(results or ())
            ),
            has_next=bool(fields.values.get("next")),
            count=fields.optional_count("count"),
            limit=fields.optional_count("limit"),
            number=fields.optional_count("page"),
        )


def _check_length(call: str, results: Sized) -> None:
    if len(results) > MAX_LOGS:
        raise ResponseError(f"{call}: the page has {len(results)} logs; at most {MAX_LOGS} are read.")


EMPTY_PAGE = Page(logs=(), has_next=False)


class Paging:
    """Deduplicates and ends the paging of List logs, while logs are added and their order is unknown.

    A log that moves to the next page between two requests is yielded once. Only the ids of the last page are
    kept, so that a long history takes no memory.

    :ivar ended: Whether the last page was taken: it has no logs, repeats the one before, or has no ``next``.
    """

    def __init__(self) -> None:
        self.ended = False
        self._last: frozenset[str | tuple[int, str]] = frozenset()

    def take(self, page: Page) -> list[Fields]:
        """Take the next page.

        :param page: The page.
        :return: The page's logs without those of the page before.
        """
        # A log without any id is known by its place and content: it is never taken for another one's repetition.
        keys = [
            log.optional_identifier("id") or log.optional_identifier("filename_uuid") or (place, log.content)
            for place, log in enumerate(page.logs)
        ]
        if not keys or frozenset(keys) == self._last:
            self.ended = True
            return []
        before, self._last = self._last, frozenset(keys)
        self.ended = not page.has_next
        return [
            log
            for key, log in zip(keys, page.logs, strict=True)
            if isinstance(key, tuple) or key not in before
        ]
