"""The protocol of a call: token, renewal, retries. Sans-I/O: generators of effects."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from airflow_provider_integrator.api.endpoints import PROJECT, Call, Pause, Script
from airflow_provider_integrator.api.retry_after import MAX_RETRY_AFTER, read_retry_after
from airflow_provider_integrator.api.texts import fit, fit_body, hide
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    IntegratorError,
    RequestError,
    UnavailableError,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

#: The maximum number of bytes read of an unsuccessful answer.
MAX_ERROR_BYTES = 16 * 1024
#: A token that is sent within these seconds of its issue and refused is refused for good; an older one may have
#: expired, as tokens may live a minute.
PROMPT_SECONDS = 10.0
#: The statuses below 500 after which the call is retried: Request Timeout and Too Many Requests.
TRANSIENT_STATUSES = (408, 429)


@dataclass(frozen=True)
class Retry:
    """The retry policy for transient faults: exponential backoff with jitter.

    :param attempts: The maximum number of attempts.
    :param first_delay: Seconds before the second attempt; doubles with each further one.
    :param max_delay: The maximum delay between two attempts, in seconds.
    :param max_total: Seconds from the first attempt after which no other one is made.
    """

    attempts: int = 5
    first_delay: float = 0.5
    max_delay: float = 30.0
    max_total: float = 180.0

    def delay(self, failures: int, retry_after: float | None) -> float:
        """Compute the delay before the next attempt.

        :param failures: The number of failed attempts, from 1.
        :param retry_after: The seconds of the server's Retry-After, capped; None if it sent none.
        :return: The delay in seconds, never less than ``retry_after``.
        """
        backoff = min(self.max_delay, self.first_delay * 2.0 ** (failures - 1))
        jittered = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not cryptography
        return max(jittered, retry_after or 0.0)


@dataclass(frozen=True)
class Token:
    """A token that authorises calls.

    :param value: The token.
    :param issued: When it was issued, in seconds of the monotonic clock.
    """

    value: str = field(repr=False)
    issued: float


@dataclass(slots=True)
class Send(Generic[T]):
    """An instruction to send a call; its result is an :class:`Answer` or a :class:`Fault`.

    :param call: The call.
    :param token: The token to send; None if the call needs none.
    """

    call: Call[T]
    token: str | None = field(repr=False)


@dataclass(slots=True)
class NeedToken:
    """An instruction to get a token; its result is a :class:`Token`.

    :param stale: A refused token, which must not be returned; None if none was refused.
    """

    stale: str | None = field(repr=False)


@dataclass(slots=True)
class Answer(Generic[T]):
    """A server's answer.

    :param status: The HTTP status.
    :param headers: The headers, with case-insensitive names.
    :param text: The beginning of an unsuccessful answer's body, as it came.
    :param value: The receiver's value of a successful answer's body.
    """

    status: int
    headers: Mapping[str, str]
    text: str = ""
    value: T | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Fault:
    """A missing or broken answer.

    :param reason: The reason, as a library words it.
    """

    reason: str


Effect = Send[Any] | Pause | NeedToken
Exchange = Generator[Effect, Any, T]
#: Called after each HTTP request with the call's name, the outcome (``ok``, the HTTP status of a refusal, ``fault``
#: for a missing or broken answer, ``error`` for what no retry can help) and the seconds from its beginning to the
#: end of its body.
Observer = Callable[[str, str, float], None]


def exchange(
    call: Call[T],
    retry: Retry,
    clock: Callable[[], float] = time.monotonic,
    observer: Observer | None = None,
) -> Exchange[T]:
    """Make a call.

    :param call: The call.
    :param retry: The retry policy.
    :param clock: A monotonic clock, in seconds.
    :param observer: Called after each request, retries and renewals included; None: nobody is.
    :return: A generator that yields effects, receives their results and returns the call's value.
    :raises AuthenticationError: A renewed token was refused at once, or one set by hand was refused.
    :raises RequestError: The call was refused for good.
    :raises UnavailableError: The call got no usable answer within its retries.
    """
    started = clock()
    failures = 0
    token: Token | None = (yield NeedToken(stale=None)) if call.authorised else None
    renewed = False
    while True:
        sent, value = clock(), token.value if token else None
        hide(value, (call.form or {}).get("password"))
        outcome: Answer[T] | Fault = _fit((yield from _observed(Send(call, value), clock, observer)))
        if isinstance(outcome, Answer):
            if 200 <= outcome.status < 300:
                return outcome.value  # type: ignore[return-value]  # a receiver's value is a T
            if outcome.status == 404 and call.absent is not None:
                return call.absent
            if outcome.status == 401 and token:
                if renewed and sent - token.issued < PROMPT_SECONDS:
                    raise AuthenticationError(
                        f"{call.name}: the Integrator refused a new token (401{_quoted(outcome.text)}); "
                        "check that the connection's user may use this project. If it may, set auth_header to "
                        "Authentication in the connection's Extra."
                    )
                if renewed:  # the renewed token has expired meanwhile
                    failures += 1
                    yield Pause(_next_delay(call, retry, outcome, failures, clock() - started))
                token, renewed = (yield NeedToken(stale=token.value)), True
                continue
            if outcome.status not in TRANSIENT_STATUSES and outcome.status < 500:
                raise _refusal(call, outcome)
        failures += 1
        yield Pause(_next_delay(call, retry, outcome, failures, clock() - started))


def _observed(
    send: Send[T], clock: Callable[[], float], observer: Observer | None
) -> Generator[Effect, Any, Answer[T] | Fault]:
    """Send one request, and report it; one that is cancelled has no outcome."""
    if observer is None:
        return (yield send)  # type: ignore[no-any-return]  # a transport sends one of them
    began = clock()
    try:
        result: Answer[T] | Fault = yield send
    except IntegratorError:
        observer(send.call.name, "error", clock() - began)
        raise
    observer(send.call.name, _outcome(send.call, result), clock() - began)
    return result


def _outcome(call: Call[T], result: Answer[T] | Fault) -> str:
    if isinstance(result, Fault):
        return "fault"
    is_absent = result.status == 404 and call.absent is not None
    return "ok" if is_absent or 200 <= result.status < 300 else str(result.status)


def carry_out(script: Script[T], retry: Retry, observer: Observer | None = None) -> Exchange[T]:
    """Run a script of calls.

    :param script: A generator that yields calls and pauses, and receives their values or errors.
    :param retry: The retry policy.
    :param observer: Called after each request; None: nobody is.
    :return: A generator like :func:`exchange`'s; it returns the script's value.
    :raises IntegratorError: A call's error that the script doesn't handle.
    """
    try:
        call = next(script)
        while True:
            try:
                if isinstance(call, Pause):
                    value = yield call
                else:
                    value = yield from exchange(call, retry, observer=observer)
            except IntegratorError as error:
                call = script.throw(error)
            else:
                call = script.send(value)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a script returns a T


def _fit(outcome: Answer[T] | Fault) -> Answer[T] | Fault:
    """Make a server's or library's text fit for messages; it enters here, whatever the transport."""
    if isinstance(outcome, Fault):
        return Fault(fit(outcome.reason))
    if not outcome.text:  # as of every successful answer, and of most polls
        return outcome
    return replace(outcome, text=fit_body(outcome.text, is_cut=len(outcome.text.encode()) >= MAX_ERROR_BYTES))


def _next_delay(
    call: Call[Any], retry: Retry, outcome: Answer[Any] | Fault, failures: int, elapsed: float
) -> float:
    if isinstance(outcome, Answer):
        reason, asked = (
            f"it answers {outcome.status}{_quoted(outcome.text)}",
            read_retry_after(outcome.headers),
        )
    else:
        reason, asked = outcome.reason, 0.0
    honoured = min(asked, MAX_RETRY_AFTER) or None
    cut = f" (at most {MAX_RETRY_AFTER:g} s are honoured)" if asked > MAX_RETRY_AFTER else ""
    wish = f"asks to retry after {asked:.10g} s{cut}"
    delay = retry.delay(failures, honoured)
    if failures >= retry.attempts or elapsed + delay > retry.max_total:
        reason = f"{reason.rstrip('.')}, and {wish}" if asked else reason.rstrip(".")
        raise UnavailableError(
            f"{call.name}: no usable answer from the Integrator after {failures} "
            f"attempt{'s' * (failures > 1)} in {elapsed:.1f} s: {reason}.",
            honoured,
        )
    if asked:
        log.info("%s: the Integrator %s.", call.name, wish)
    return delay


def _refusal(call: Call[Any], answer: Answer[Any]) -> Exception:
    if 300 <= answer.status < 400:
        return RequestError(
            f"{call.name}: the Integrator answers {answer.status} and points elsewhere. Redirects aren't "
            "followed, as the token goes to the connection's own host only; set Host to the right address.",
            answer.status,
        )
    text = f"{call.name}: the Integrator refuses the call ({answer.status}{_quoted(answer.text)})."
    if answer.status == 400 and _may_mean_project_parameter(call, answer.text):
        text = (
            f"{text} If the project is right, try project_parameter projectid or projectId in the "
            "connection's Extra."
        )
    if not call.authorised and answer.status in (400, 401, 403):
        return AuthenticationError(f"{text} Check the connection's Login and Password.")
    if not call.authorised:
        text = f"{text} Check the connection's Host; it doesn't seem to name an Integrator."
    return RequestError(text, answer.status)


def _may_mean_project_parameter(call: Call[Any], text: str) -> bool:
    """Return whether a 400 may come of the spelling of the project's parameter.

    It doesn't on a later page, as the first one came by the same spelling, or if the text names other parameters.
    """
    query = dict(call.query)
    words = set(re.findall(r"\w+", text.lower()))
    is_named = not words.isdisjoint({"project", PROJECT})
    is_other = any(name.lower() in words for name in query.keys() - {"page", "limit"})
    return PROJECT in query and query.get("page", "1") == "1" and (is_named or not is_other)


def _quoted(text: str) -> str:
    return f": {text}" if text else ""
