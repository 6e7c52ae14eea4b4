"""Every error of this provider that a user can meet."""

from __future__ import annotations


class IntegratorError(Exception):
    """The base of them all."""


class ConfigurationError(IntegratorError):
    """The connection or an argument is missing, unusable or ambiguous; the message says what to set."""


class AuthenticationError(IntegratorError):
    """The Integrator refused the login, or refused a token that had just been issued."""


class RequestError(IntegratorError):
    """The Integrator refused a call for good.

    :param message: What was asked and what the server said.
    :param status: The HTTP status of the answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TransientError(IntegratorError):
    """The base of what may pass: asking again may help."""


class UnavailableError(TransientError):
    """A call got no usable answer within its retries; a later one may.

    :param message: What was asked and how it failed.
    :param retry_after: Seconds the server asked to be left alone for, None if it didn't say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ResponseError(TransientError):
    """An answer isn't what the API's documents describe; the message names call, field and value."""


class LogArchiveError(IntegratorError):
    """A downloaded log can't be read: faulty base64, ZIP or JSON."""


class LogTooLargeError(LogArchiveError):
    """A downloaded log passes a limit on its size or on its compression ratio."""


class WaitTimeoutError(IntegratorError):
    """An execution had not finished when the time to wait for it was over."""
