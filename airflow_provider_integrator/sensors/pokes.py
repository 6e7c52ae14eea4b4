"""What a rescheduled sensor knows of its earlier pokes, each of which was another process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.executions.spec import WaitSpec

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 2
    from airflow.exceptions import AirflowRescheduleException

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.executions.wait import ExecutionWait

#: The key in the task's state store.
KEY = "integrator_wait"
#: Seconds between two pokes at least. Airflow 3 fails a task that it has queued again before its scheduler hears of
#: the last worker's end (apache/airflow#71172): twice the longest that a busy one was seen to take.
MIN_RESCHEDULE = 30.0


class Pokes:
    """The earlier pokes, as far as Airflow knows them; from 3.3 on its state store keeps what they found.

    :param context: The task's context.
    :param spec: The specification of the wait by the task's arguments.
    :ivar count: Their number.
    """

    def __init__(self, context: Context, spec: WaitSpec) -> None:
        given: Any = context
        self.count: int
        self._first_date: datetime | None = None
        if "task_reschedule_count" in given:  # Airflow 3
            self.count = given["task_reschedule_count"]
        else:
            self.count, self._first_date = read_reschedules(given["ti"])
        self._store: Any = given.get("task_state_store")
        self._context = context
        self._spec = spec
        self._kept: Any = None

    def began(self) -> datetime:
        """Return when the first poke began."""
        ti: Any = self._context["ti"]
        if self.count and self._first_date is None:
            self._first_date = ti.get_first_reschedule_date(self._context)
        return self._first_date or datetime.now(timezone.utc)

    def recall(self) -> dict[str, Any] | None:
        """Read what the last poke has kept.

        :return: The values; None if nothing is kept, or if it belongs to another try, provider or other arguments.
        """
        if not self.count or self._store is None:
            return None
        self._kept = self._store.get(KEY)
        try:
            kept = WaitSpec(**self._kept["spec"])
        except (KeyError, TypeError):
            return None
        fresh = self._spec
        if fresh.execution_id not in (None, kept.execution_id):
            return None
        resolved = {name: getattr(kept, name) for name in ("flow_id", "execution_id", "usual_duration")}
        if replace(fresh, **resolved, end_time=None) != kept:
            return None
        return {**self._kept, "spec": replace(fresh, **resolved).as_arguments()}

    def keep(self, wait: ExecutionWait) -> None:
        """Keep what the next poke needs, if it has changed."""
        if self._store is None:
            return
        # A flow without the execution may have been deleted and created again, so it's looked up in each poke.
        flow_id = None if wait.is_empty else wait.spec.flow_id
        values = wait.suspend()
        spec = replace(wait.spec, flow_id=flow_id, end_time=None, polled_at=None)
        values |= {"spec": spec.as_arguments(), "progress": wait.progress.memory}
        if values != self._kept:
            self._store.set(KEY, values)
            self._kept = values


def spaced(interval: float) -> float:
    """Return the seconds between two pokes for which a task asked, or the least that there may be."""
    return max(interval, MIN_RESCHEDULE)


@contextmanager
def spaced_reschedule() -> Iterator[None]:
    """Put off a reschedule to a moment that is too near."""
    try:
        yield
    except AirflowRescheduleException as again:
        now = datetime.now(timezone.utc)
        again.reschedule_date = now + timedelta(seconds=spaced((again.reschedule_date - now).total_seconds()))
        raise


def read_reschedules(ti: Any) -> tuple[int, datetime | None]:
    """Read from the database of Airflow 2 how often a task's try was rescheduled, and when it began.

    :param ti: The task instance.
    :return: The number, and the beginning; None if there is none.
    """
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.utils.session import create_session
    from sqlalchemy import func

    statement = TaskReschedule.stmt_for_task_instance(ti).order_by(None)
    with create_session() as session:
        found = session.execute(
            statement.with_only_columns(func.count(), func.min(TaskReschedule.start_date))
        ).one()
    return found[0], found[1]
