"""How a call is carried through: token, renewal, retries. Sans-I/O: yields what to do, takes what came of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

from airflow_provider_integrator.api.endpoints import PROJECT, Call, Pause, Script
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    IntegratorError,
    RequestError,
    UnavailableError,
)

T = TypeVar("T")

#: Characters of a server's text that stand in a message.
MAX_TEXT = 500
#: Bytes of an unsuccessful answer that are read.
MAX_ERROR_BYTES = 16 * 1024


@dataclass(frozen=True)
class Retry:
    """When a call that failed in passing is sent again.

    :param attempts: How often it is sent at the most.
    :param first_delay: Seconds before the second time; doubles with each further one.
    :param max_delay: Seconds between two times at the most.
    :param max_total: Seconds from the first sending after which it isn't sent again.
    """

    attempts: int = 5
    first_delay: float = 0.5
    max_delay: float = 30.0
    max_total: float = 180.0

    def delay(self, failures: int, retry_after: float | None) -> float:
        """Choose the pause before the next sending.

        :param failures: How often the call has failed, from 1.
        :param retry_after: Seconds the server asked for, None where it didn't.
        :return: Seconds: exponential with jitter, never less than the server asked for.
        """
        backoff = min(self.max_delay, self.first_delay * 2.0 ** (failures - 1))
        jittered = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        return max(jittered, retry_after or 0.0)


@dataclass(frozen=True)
class Send(Generic[T]):
    """Asks the transport to send a call; an :class:`Answer` or a :class:`Fault` comes back."""

    call: Call[T]
    token: str | None = field(repr=False)


@dataclass(frozen=True)
class NeedToken:
    """Asks for a token other than ``stale``; a text comes back."""

    stale: str | None = field(repr=False)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a server answered.

    :param status: The HTTP status.
    :param headers: The headers, found by any spelling of their name.
    :param text: The beginning of an unsuccessful answer's body.
    :param value: What the receiver made of a successful answer's body.
    """

    status: int
    headers: Mapping[str, str]
    text: str = ""
    value: T | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Fault:
    """No answer, or a broken one.

    :param reason: What happened, without any secret.
    """

    reason: str


Effect = Send[Any] | Pause | NeedToken
Exchange = Generator[Effect, Any, T]


def exchange(call: Call[T], retry: Retry, clock: Callable[[], float] = time.monotonic) -> Exchange[T]:
    """Carry a call through.

    :param call: What to ask.
    :param retry: When to ask again.
    :param clock: Seconds, from any beginning.
    :return: A generator that yields effects, is sent what came of each, and returns the call's value.
    :raises AuthenticationError: A token that had just been issued, or one given by hand, was refused.
    :raises RequestError: The call was refused for good.
    :raises UnavailableError: It got no usable answer within its retries.
    """
    started = clock()
    failures = 0
    token: str | None = (yield NeedToken(stale=None)) if call.authorised else None
    renewed = False
    while True:
        outcome: Answer[T] | Fault = _without_secrets((yield Send(call, token)), call, token)
        if isinstance(outcome, Answer):
            if 200 <= outcome.status < 300:
                return outcome.value  # type: ignore[return-value]  # a receiver's value is a T
            if outcome.status == 404 and call.absent is not None:
                return call.absent
            if outcome.status == 401 and call.authorised:
                if renewed:
                    raise AuthenticationError(
                        f"{call.name}: the Integrator refused a new token (401{_quoted(outcome.text)}); "
                        "check that the connection's user may use this project. If it may, set auth_header to "
                        "Authentication in the connection's Extra."
                    )
                token = yield NeedToken(stale=token)
                renewed = True
                continue
            if outcome.status != 429 and outcome.status < 500:
                raise _refusal(call, outcome)
        failures += 1
        yield Pause(_next_delay(call, retry, outcome, failures, clock() - started))


def carry_out(script: Script[T], retry: Retry) -> Exchange[T]:
    """Carry a script of calls through.

    :param script: Yields calls and pauses, is sent their values, and gets their errors thrown in.
    :param retry: When to ask again.
    :return: A generator like :func:`exchange`'s; it returns what the script returns.
    :raises IntegratorError: A call's error that the script lets through.
    """
    try:
        call = next(script)
        while True:
            try:
                value = (yield call) if isinstance(call, Pause) else (yield from exchange(call, retry))
            except IntegratorError as error:
                call = script.throw(error)
            else:
                call = script.send(value)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a script returns a T


def _without_secrets(outcome: Answer[T] | Fault, call: Call[T], token: str | None) -> Answer[T] | Fault:
    """Take out what a server or a library repeats of a request's secrets, as the rest goes into messages."""
    for secret in (token, (call.form or {}).get("password")):
        if secret and isinstance(outcome, Answer):
            outcome = replace(outcome, text=outcome.text.replace(secret, "***"))
        elif secret and isinstance(outcome, Fault):
            outcome = replace(outcome, reason=outcome.reason.replace(secret, "***"))
    return outcome


def _next_delay(
    call: Call[Any], retry: Retry, outcome: Answer[Any] | Fault, failures: int, elapsed: float
) -> float:
    if isinstance(outcome, Answer):
        reason = f"it answers {outcome.status}{_quoted(outcome.text)}"
        retry_after = _retry_after(outcome.headers)
    else:
        reason, retry_after = outcome.reason, None
    delay = retry.delay(failures, retry_after)
    if failures >= retry.attempts or elapsed + delay > retry.max_total:
        asked = f", and asks to be left alone for {retry_after:g} s" if retry_after else ""
        raise UnavailableError(
            f"{call.name}: no usable answer from the Integrator after {failures} "
            f"attempt{'s' * (failures > 1)} in {elapsed:.1f} s: {reason.rstrip('.')}{asked}.",
            retry_after,
        )
    return delay


def _refusal(call: Call[Any], answer: Answer[Any]) -> Exception:
    if 300 <= answer.status < 400:
        return RequestError(
            f"{call.name}: the Integrator answers {answer.status} and points elsewhere. Redirects aren't "
            "followed, as the token goes to the connection's own host only; set Host to the right address.",
            answer.status,
        )
    text = f"{call.name}: the Integrator refuses the call ({answer.status}{_quoted(answer.text)})."
    if answer.status == 400 and any(name == PROJECT for name, _ in call.query):
        text = (
            f"{text} If it minds how the project is spelled, set project_parameter to projectid or projectId in "
            "the connection's Extra."
        )
    if not call.authorised and answer.status in (400, 401, 403):
        return AuthenticationError(f"{text} Check the connection's Login and Password.")
    if not call.authorised:
        text = f"{text} Check the connection's Host; it seems to name something other than an Integrator."
    return RequestError(text, answer.status)


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    if not flat:
        return ""
    return f": {flat if len(flat) <= MAX_TEXT else flat[:MAX_TEXT] + '...'}"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After")
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None  # neither form that HTTP allows: as good as not said
