"""Thresholds on the rows and the duration of an execution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from airflow_provider_integrator.arguments import read_count, read_rate, read_seconds
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.executions.progress import counted

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution

OnBreach = Literal["fail", "warn"]


@dataclass(frozen=True)
class Figures:
    """The counts and durations of finished executions, as far as they are known.

    :param runs: The number of executions.
    :param process_count: The rows processed.
    :param fail_count: The rows failed.
    :param rated: The rows failed, and those processed, in the executions that have both counts.
    :param duration: The seconds of the longest execution.
    :param longest: Its id.
    :param has_all_rows: Whether each execution has its count of processed rows, so that there weren't more.
    :param uncounted: The number of executions that lack one of the counts.
    :param untimed: The number of executions without a duration.
    """

    runs: int
    process_count: int | None
    fail_count: int | None
    rated: tuple[int, int]
    duration: float | None
    longest: str | None
    has_all_rows: bool
    uncounted: int
    untimed: int

    @classmethod
    def of(cls, executions: Sequence[Execution]) -> Figures:
        """Add up the figures of finished executions."""
        # Failed rows are a part of the processed ones; counts that contradict this mean no rate above 1.
        pairs = [
            (each.fail_count, max(each.process_count, each.fail_count))
            for each in executions
            if each.process_count is not None and each.fail_count is not None
        ]
        timed = [
            (each.duration.total_seconds(), each.execution_id)
            for each in executions
            if each.duration is not None
        ]
        duration, longest = max(timed, default=(None, None))
        return cls(
            runs=len(executions),
            process_count=_total([each.process_count for each in executions]),
            fail_count=_total([each.fail_count for each in executions]),
            rated=(sum(failed for failed, _ in pairs), sum(rows for _, rows in pairs)),
            duration=duration,
            longest=longest,
            has_all_rows=all(each.process_count is not None for each in executions),
            uncounted=len(executions) - len(pairs),
            untimed=len(executions) - len(timed),
        )

    @property
    def fail_rate(self) -> float | None:
        """The share of failed rows, 0 to 1; None if there are no rows."""
        failed, rows = self.rated
        return failed / rows if rows else None


@dataclass(frozen=True)
class Comparison:
    """The result of comparing executions with thresholds.

    :param breaches: A sentence with the figures for each breached threshold.
    :param unknown: The names of the thresholds whose figures the answer doesn't have.
    """

    breaches: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thresholds:
    """The limits of an execution with status Success, or of several executions together; None: no limit.

    Counts and durations that are unknown breach nothing.

    :param max_fail_count: The maximum number of failed rows.
    :param max_fail_rate: The maximum share of failed rows among the processed ones, 0 to 1.
    :param max_duration: The maximum time from creation to end, in seconds or as a timedelta.
    :param min_rows: The minimum number of processed rows.
    :param on_breach: The action for a breach: ``fail``, or ``warn`` in the log.
    :raises ConfigurationError: A value is out of its range.
    """

    max_fail_count: int | None = None
    max_fail_rate: float | None = None
    max_duration: float | timedelta | None = None
    min_rows: int | None = None
    on_breach: OnBreach = "fail"

    def __post_init__(self) -> None:
        for name, read in (
            ("max_fail_count", read_count),
            ("max_fail_rate", read_rate),
            ("max_duration", read_seconds),
            ("min_rows", read_count),
        ):
            if (value := getattr(self, name)) is not None:
                read(name, value)
        if self.on_breach not in get_args(OnBreach):
            raise ConfigurationError(f"on_breach is {self.on_breach!r}; set it to fail or warn.")

    @property
    def max_seconds(self) -> float | None:
        """``max_duration`` in seconds."""
        limit = self.max_duration
        return limit.total_seconds() if isinstance(limit, timedelta) else limit

    @property
    def needs_counts(self) -> bool:
        """Whether a limit is on rows."""
        return (self.max_fail_count, self.max_fail_rate, self.min_rows) != (None, None, None)

    def compare(self, figures: Figures) -> Comparison:
        """Compare executions with the thresholds."""
        failed, rated = figures.rated
        # The answer's own count, unless a part of the executions lacks it.
        shown = rated if figures.uncounted else figures.process_count
        took = in_figures(figures.duration or 0.0)
        among = "" if figures.runs == 1 else f" in {counted(figures.runs, 'execution')}"
        rows = figures.process_count if figures.has_all_rows else None
        # Divided, not multiplied: 29 of 100 rows are 0.29, but 0.29 * 100 is less than 29.
        rate = None if figures.uncounted == figures.runs else failed / (rated or 1)
        compared: dict[str, tuple[float | None, str]] = {
            "max_fail_count": (figures.fail_count, f"{counted(figures.fail_count, 'row')} failed{among}"),
            "max_fail_rate": (rate, f"{failed} of {counted(shown, 'row')} failed{among}"),
            "max_duration": (figures.duration, f"Execution {figures.longest} took {took}"),
            "min_rows": (rows, f"{counted(rows, 'row')} {'was' if rows == 1 else 'were'} processed{among}"),
        }
        breaches, unknown = [], []
        for name, (figure, text) in compared.items():
            limit = self.max_seconds if name == "max_duration" else getattr(self, name)
            if limit is None:
                continue
            if figure is None:
                unknown.append(name)
            elif figure < limit if name == "min_rows" else figure > limit:
                bound = in_figures(limit, is_limit=True) if name == "max_duration" else limit
                breaches.append(f"{text}; {name} is {bound}.")
        return Comparison(tuple(breaches), tuple(unknown))


def in_figures(seconds: float, *, is_limit: bool = False) -> str:
    """Write a duration, or the limit that it is above: exactly, but a duration of a minute or more rounded up."""
    if seconds < 60:
        return f"{seconds:g} s"
    return str(timedelta(seconds=seconds if is_limit else math.ceil(seconds)))


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known or not counts else None


NO_THRESHOLDS = Thresholds()
NOT_COMPARED = Comparison()
