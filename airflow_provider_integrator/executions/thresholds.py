"""Thresholds on the rows and the duration of an execution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from airflow_provider_integrator.arguments import read_count, read_rate, read_seconds
from airflow_provider_integrator.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_integrator.api.models import Execution

OnBreach = Literal["fail", "warn"]


@dataclass(frozen=True)
class Comparison:
    """The result of comparing an execution with thresholds.

    :param breaches: A sentence with the figures for each breached threshold.
    :param unknown: The names of the thresholds whose figures the answer doesn't have.
    """

    breaches: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thresholds:
    """The limits of an execution with status Success; None: no limit.

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

    def compare(self, execution: Execution) -> Comparison:
        """Compare a finished execution with the thresholds."""
        rows, failed, duration = execution.process_count, execution.fail_count, execution.duration
        # Divided, not multiplied: 29 of 100 rows are 0.29, but 0.29 * 100 is less than 29.
        rate = None if rows is None or failed is None else failed / (rows or 1)
        seconds = None if duration is None else duration.total_seconds()
        figures: dict[str, tuple[float | None, str]] = {
            "max_fail_count": (failed, f"{failed} rows failed"),
            "max_fail_rate": (rate, f"{failed} of {rows} rows failed"),
            "max_duration": (seconds, f"It took {seconds} s"),
            "min_rows": (rows, f"{rows} rows were processed"),
        }
        breaches, unknown = [], []
        for name, (figure, text) in figures.items():
            if (limit := getattr(self, name)) is None:
                continue
            if figure is None:
                unknown.append(name)
            elif _is_breached(name, figure, limit):
                breaches.append(f"{text}; {name} is {limit}.")
        return Comparison(tuple(breaches), tuple(unknown))


def _is_breached(name: str, figure: float, limit: float | timedelta) -> bool:
    bound = limit.total_seconds() if isinstance(limit, timedelta) else limit
    return figure < bound if name.startswith("min_") else figure > bound


NO_THRESHOLDS = Thresholds()
NOT_COMPARED = Comparison()
