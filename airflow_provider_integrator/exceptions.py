"""The errors that this provider raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class IntegratorError(Exception):
    """Base class of all errors of this provider."""

    def facts(self) -> dict[str, Any]:
        """Return the error's class, its message and its attributes as a JSON object."""
        return {"error": type(self).__name__, "message": str(self), **vars(self)}


class ConfigurationError(IntegratorError):
    """The connection or an argument is missing, unusable or ambiguous; the message says what to set."""


class AuthenticationError(IntegratorError):
    """The Integrator refused the login, or refused a token that had just been issued."""


class RequestError(IntegratorError):
    """The Integrator refused a call for good.

    :param message: The call and the server's text.
    :param status: The HTTP status of the answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TransientError(IntegratorError):
    """Base class of transient errors: the same call may succeed later."""


class UnavailableError(TransientError):
    """A call got no usable answer within its retries.

    :param message: The call and how it failed.
    :param retry_after: The seconds of the server's Retry-After, at most 300; None if it sent none.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ResponseError(TransientError):
    """An answer doesn't match the API's documentation; the message names call, field and value."""


class LogArchiveError(IntegratorError):
    """A downloaded log can't be read: faulty base64, ZIP or JSON."""


class LogTooLargeError(LogArchiveError):
    """A downloaded log exceeds a limit on its size or on its compression ratio."""


class LogCancelledError(IntegratorError):
    """The reading or saving of a log was cancelled; nothing of it is left."""


class StorageError(IntegratorError):
    """A disk or a store can't take a log now, such as a full one; the message says where and what to do."""


class ExecutionError(IntegratorError):
    """Base class of the errors about one execution; they carry its facts as attributes.

    :param message: The message.
    :param execution: The execution as a JSON object, as the sensor returns it; None if none was found.
    :param errors: The first entries of its log's ``errors``, as the message shows them.
    :param log_uri: The stored log's URI; None if it isn't stored.
    :param link: The URL of the execution's page; None if the connection has no ``ui_url``.
    """

    def __init__(
        self,
        message: str,
        execution: dict[str, Any] | None = None,
        errors: Sequence[str] = (),
        log_uri: str | None = None,
        link: str | None = None,
    ) -> None:
        super().__init__(message)
        self.execution = execution
        self.errors = list(errors)
        self.log_uri = log_uri
        self.link = link


class WaitTimeoutError(ExecutionError):
    """An execution didn't finish within the timeout of a wait."""


class ExecutionMissingError(ExecutionError):
    """A flow has no execution that was created within the window of a wait, and the window has passed."""
