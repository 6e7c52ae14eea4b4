"""The pages of List logs: one of them, and the way from the first to the last."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.exceptions import ResponseError

#: The fields of a log that a poll looks at while its execution is running.
_HEAD = ("id", "filename_uuid", "state", "status", "created", "finished")


class LogFields(Fields):
    """A log of List logs, decoded only as far as it is read: of most logs that is the head.

    :param call: The call that was answered, for messages.
    :param raw: The log's JSON.
    :param path: Its place in the answer, for messages.
    """

    __slots__ = ("_head", "_raw")

    def __init__(self, call: str, raw: Any, path: str) -> None:
        self.call = call
        self.path = path
        self._values = None
        self._raw = raw
        try:
            self._head = _decoders()[1](raw)
        except ValueError:
            self._head = None

    @property
    def values(self) -> dict[str, Any]:
        """The whole log; without fields if it is no object.

        :raises ResponseError: It can't be decoded.
        """
        if self._values is None:
            try:
                whole = decode_json(bytes(self._raw))
            except (ValueError, RecursionError) as error:
                raise ResponseError(
                    f"{self.call}: {self.path.rstrip('.')} can't be decoded ({type(error).__name__})."
                ) from error
            self._values = whole if isinstance(whole, dict) else {}
        return self._values

    def get(self, name: str) -> Any:
        """Return a field as it came.

        :param name: The field.
        :return: Its value; None if it is missing.
        """
        return getattr(self._head, name, None) if name in _HEAD else self.values.get(name)


@cache
def _decoders() -> tuple[Any, Any]:
    """Make the decoders of a page and of a log's head; late, as msgspec is heavy for a DAG file."""
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


def decode_json(body: bytes) -> Any:
    """Decode JSON.

    :param body: The text.
    :return: What it holds.
    :raises ValueError: It isn't JSON.
    :raises RecursionError: It is nested too deeply.
    """
    import msgspec

    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return json.loads(body)  # which takes more than the standard, and so may a server


@dataclass(frozen=True)
class Page:
    """One page of List logs, its logs still unread.

    Reading them one by one keeps a malformed log from hiding the others.

    :param logs: The logs, unread; what isn't an object is one without fields.
    :param has_next: Whether the server hints at another page; it may do so on the last one too.
    :param count: As the server says it, like the next two; what it counts isn't documented.
    :param limit: The size of a page.
    :param number: The page's number, from 1.
    :param size: The bytes of the answer's body.
    """

    logs: tuple[Fields, ...]
    has_next: bool
    count: int | None = None
    limit: int | None = None
    number: int | None = None
    size: int = 0

    @classmethod
    def decode(cls, call: str, body: bytes, number: int) -> Page:
        """Decode the answer of List logs, its logs only as far as they will be read.

        :param call: The call, for messages.
        :param body: The body.
        :param number: The page that was asked for. Behind the first one, an answer without results is an empty page.
        :return: The page.
        :raises ValueError: The body isn't JSON.
        :raises RecursionError: It is nested too deeply.
        :raises ResponseError: ``results`` is missing, or isn't a list.
        """
        try:
            shallow = _decoders()[0](body)
        except ValueError:  # another form than the usual one, which is read as a whole, or no JSON
            answer = decode_json(body)
            if number > 1 and (not answer or (isinstance(answer, dict) and not answer.get("results"))):
                return EMPTY_PAGE
            return replace(cls.read(Fields(call, answer)), size=len(body))
        if number > 1 and not shallow.results:
            return EMPTY_PAGE
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
        """Read the answer of List logs that has been decoded as a whole.

        :param fields: The answer.
        :return: The page.
        :raises ResponseError: ``results`` is missing, or isn't a list.
        """
        results = fields.values.get("results")
        if "results" not in fields.values or not isinstance(results, (list, type(None))):
            raise fields.fault("results", "a list")
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


EMPTY_PAGE = Page(logs=(), has_next=False)


class Paging:
    """Goes through pages that are fetched by number while logs are added and their order is unknown.

    A log may slide to the next page meanwhile. Of the pages only the last one's ids are kept, so that a long history
    takes no memory.

    :ivar ended: Whether the page taken last is the end: it has no logs, repeats the one before, or hints at no other.
    """

    def __init__(self) -> None:
        self.ended = False
        self._last: frozenset[str | int] = frozenset()

    def take(self, page: Page) -> list[Fields]:
        """Choose what is new on the next page.

        :param page: The page.
        :return: Its logs, without those of the page before.
        """
        # A log without any id stands for its place: it is never taken for another one's repetition.
        keys = [
            log.optional_identifier("id") or log.optional_identifier("filename_uuid") or place
            for place, log in enumerate(page.logs)
        ]
        if not keys or frozenset(keys) == self._last:
            self.ended = True
            return []
        before, self._last = self._last, frozenset(keys)
        self.ended = not page.has_next
        return [
            log for key, log in zip(keys, page.logs, strict=True) if isinstance(key, int) or key not in before
        ]
