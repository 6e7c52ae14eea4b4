"""An answer before it is sent: made by the service, changed by faults, written by the transport."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_integrator.simulator.archives import PackedFile

TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Cut:
    """The connection ends before the answer does.

    ``after`` says how much is sent: nothing at all, or the head with the full length and half of the body.
    """

    after: Literal["nothing", "half"]
    ending: Literal["reset", "close"]


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer.

    ``kind`` says what the service put into the body, so that a fault finds the answers that it can spoil: a
    ``json`` document, a base64 ``archive``, or any other ``text`` (the token, and everything that isn't 200).
    """

    status: int
    body: bytes | PackedFile
    kind: Literal["text", "json", "archive"] = "text"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": TEXT})
    delay: float = 0.0
    cut: Cut | None = None

    @classmethod
    def text(cls, status: int, body: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Answer with plain text.

        :param status: HTTP status.
        :param body: The text.
        :param headers: Headers besides the content type; may replace that one too.
        :return: The answer.
        """
        return cls(status, body.encode(), headers={"Content-Type": TEXT, **(headers or {})})

    @classmethod
    def json(cls, document: Any) -> Answer:
        """Answer 200 with a JSON document.

        :param document: What to show.
        :return: The answer.
        """
        return cls(200, json.dumps(document, ensure_ascii=False).encode(), "json", {"Content-Type": JSON})

    @property
    def length(self) -> int:
        """Bytes of the whole body as it goes over the wire."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.encoded_size

    def chunks(self) -> Iterator[bytes]:
        """Read the body as it goes over the wire.

        :return: Its pieces; a packed file is never whole in memory.
        """
        if isinstance(self.body, bytes):
            yield self.body
        else:
            yield from self.body.encoded()

    def whole(self) -> bytes:
        """Read the body at once.

        :return: All of it.
        """
        return b"".join(self.chunks())
