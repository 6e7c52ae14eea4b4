"""How a task ends after an error: whether it is retried, and which facts it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_integrator.exceptions import AuthenticationError, ConfigurationError, ExecutionError
from airflow_provider_integrator.links import IntegratorExecutionLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.operators.base import ExecutionTask

#: Airflow's own XCom key of what a task returns; its constant costs an import of the database.
RETURN_KEY = "return_value"
#: The XCom key of a failure's facts.
FAILURE_KEY = "failure"


@contextmanager
def fail_without_retries() -> Iterator[None]:
    """Fail the task without retries if a retry can't succeed: after refused credentials it would lock an account.

    :raises AirflowFailException: The credentials were refused, or the connection or an argument is wrong.
    """
    try:
        yield
    except (AuthenticationError, ConfigurationError) as error:
        raise AirflowFailException(str(error)) from None


def ends_task(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a method that Airflow calls with the context, so that its errors end the task as they should.

    What can't succeed later fails without retries, as of :func:`fail_without_retries`, and facts are pushed, as of
    :func:`pushes_facts`.
    """
    return fail_without_retries()(pushes_facts(method))


def pushes_facts(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a method that Airflow calls with the context: a failure's facts are pushed to XCom."""

    @wraps(method)
    def run(task: ExecutionTask, context: Context, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(task, context, *args, **kwargs)
        except ExecutionError as error:
            error.link = task.pushed_links.get(IntegratorExecutionLink().xcom_key)
            context["ti"].xcom_push(key=FAILURE_KEY, value=error.facts())
            raise

    return run
