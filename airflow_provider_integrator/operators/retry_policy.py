"""A retry policy for tasks that call the Integrator; it needs Airflow 3.3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    LogTooLargeError,
    RequestError,
    UnavailableError,
)

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError as error:
    raise AirflowOptionalProviderFeatureException(
        "IntegratorRetryPolicy needs Airflow 3.3; set retries and retry_delay without it."
    ) from error

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: Errors that the same call would end with again.
PERMANENT = (AuthenticationError, ConfigurationError, LogTooLargeError, RequestError)


class IntegratorRetryPolicy(RetryPolicy):
    """Retries when the server's Retry-After is over, and doesn't retry what can't succeed.

    Everything else is left to the task's ``retries`` and ``retry_delay``. Airflow consults no policy for errors
    that end a task without retries.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the error, or by the first of its causes that is decisive.

        :param exception: The error that ended the try.
        :param try_number: The number of the try.
        :param max_tries: The maximum number of tries.
        :param context: The task's context.
        :return: Whether to fail, to retry after a delay, or to do what the task's own settings say.
        """
        for error in _causes(exception):
            if isinstance(error, PERMANENT):
                return RetryDecision.fail(f"A retry can't succeed: {error}")
            if isinstance(error, UnavailableError) and error.retry_after is not None:
                delay = timedelta(seconds=error.retry_after)
                return RetryDecision.retry(delay, f"The server's Retry-After is {error.retry_after:g} s.")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return the policy as a JSON object: it has no settings."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> IntegratorRetryPolicy:
        """Make the policy from its JSON object, which holds nothing."""
        return cls()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__
