"""A client that notes what the server's answers are like."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from airflow_provider_integrator.api.access import Access
from airflow_provider_integrator.api.client import Client
from airflow_provider_integrator.api.endpoints import Receiver
from airflow_provider_integrator.api.exchange import Answer, Fault, Retry, Send

T = TypeVar("T")

#: The document of an answer that isn't JSON, or isn't kept.
NO_JSON = object()


@dataclass(frozen=True)
class Heard:
    """An answer of the server.

    :param call: The name of the call.
    :param status: Its HTTP status; None if its body couldn't be read.
    :param headers: The names of its headers.
    :param seconds: The seconds from the request to the answer's end.
    :param size: The size of the body in bytes, if it was read.
    :param has_lines: Whether the body has line breaks.
    :param body: The body, unless it is a log's or an unsuccessful answer's.
    """

    call: str
    status: int | None
    headers: tuple[str, ...]
    seconds: float
    size: int
    has_lines: bool
    body: bytes

    def document(self) -> Any:
        """Decode the body.

        :return: The JSON document; ``NO_JSON`` if it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return NO_JSON


class _Tap(Generic[T]):
    """Passes a body on to its receiver, and notes what it is like."""

    def __init__(self, receiver: Receiver[T], *, keeps: bool) -> None:
        self._receiver = receiver
        self._keeps = keeps
        self.body = bytearray()
        self.size = 0
        self.has_lines = False

    def feed(self, data: bytes) -> None:
        self.size += len(data)
        self.has_lines = self.has_lines or b"\n" in data
        if self._keeps:
            self.body += data
        self._receiver.feed(data)

    def finish(self) -> T:
        return self._receiver.finish()

    def discard(self) -> None:
        self._receiver.discard()


class ListeningClient(Client):
    """A client that sends each request once and notes each answer.

    :param access: The Integrator's address and the credentials.
    :param on_token: Called with each new token, to mask it in logs.
    :param heard: The list to which the answers are added.
    """

    def __init__(self, access: Access, on_token: Callable[[str], None], heard: list[Heard]) -> None:
        super().__init__(access, Retry(attempts=1), on_token)
        self._heard = heard

    def _send(self, send: Send[T]) -> Answer[T] | Fault:
        taps: list[_Tap[T]] = []

        def receive() -> _Tap[T]:
            taps.append(_Tap(send.call.receive(), keeps=not send.call.streamed))
            return taps[-1]

        started = time.monotonic()
        answer: Answer[T] | Fault | None = None
        try:
            answer = super()._send(replace(send, call=replace(send.call, receive=receive)))
        finally:
            (tap,) = taps
            if isinstance(answer, Answer) or tap.size:
                self._heard.append(
                    Heard(
                        call=send.call.name,
                        status=answer.status if isinstance(answer, Answer) else None,
                        headers=tuple(answer.headers) if isinstance(answer, Answer) else (),
                        seconds=time.monotonic() - started,
                        size=tap.size,
                        has_lines=tap.has_lines,
                        body=bytes(tap.body),
                    )
                )
        return answer
