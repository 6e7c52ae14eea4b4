"""Inline SVG: the cells and the sparkline of a flow, the charts of its executions, the timeline of an execution.

No attribute ``style``, which the page's Content-Security-Policy forbids; colours come from the style sheet's classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from airflow_provider_integrator.executions.report import ExecutionSummary
from airflow_provider_integrator.ui.texts import count, described, duration

#: Width of a cell with its gap, height of the strip, and how high a cell is: outcomes differ by more than colour.
_CELL, _HEIGHT = 9, 22
_HEIGHTS = {"failed": 22, "success": 16, "running": 16, "unreadable": 16, "empty": 7}
_SPARK_WIDTH, _SPARK_HEIGHT = 84, 22
_CHART_WIDTH, _CHART_HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 190, 66, 26, 10
_GRID_LINES = 4
#: The ends of an axis, of which a quarter is a whole number: for few rows, for more, as multiples of a power of ten,
#: and for seconds.
_SMALL = (4, 8, 12)
_ENDS = (1.2, 1.6, 2.0, 2.4, 2.8, 3.2, 4.0, 4.8, 6.0, 8.0, 10.0)
_TIME_ENDS = (
    4,
    8,
    20,
    40,
    60,
    120,
    240,
    480,
    1200,
    2400,
    3600,
    7200,
    14_400,
    28_800,
    57_600,
    172_800,
    345_600,
)
_X_LABELS = 5


class Bar(NamedTuple):
    """One bar of a chart, of one part or two.

    :param label: What it is for, on the axis.
    :param title: What it says when pointed at.
    :param parts: The height of each part and its class.
    """

    label: str
    title: str
    parts: tuple[tuple[float, str], ...]


def cells(executions: Sequence[ExecutionSummary], slots: int, stale: str | None) -> Markup:
    """Draw a flow's latest executions, the newest at the right.

    :param executions: The executions, oldest first.
    :param slots: The number of executions that there is room for.
    :param stale: Why the flow is stale, for a hatched cell at the end; None: it isn't.
    :return: The SVG.
    """
    first = slots - len(executions)
    drawn = [Markup("".join(_cell(first + place, each) for place, each in enumerate(executions)))]  # noqa: S704 - escaped
    if stale is not None:
        drawn.append(
            Markup(
                '<rect class="stale" fill="url(#hatch)" x="{}" y="0" width="8" height="22"><title>{}</title></rect>'
            ).format(slots * _CELL + 2, stale)
        )
    width = (slots + 1) * _CELL + 3
    return Markup(
        '<svg class="cells" viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true">{2}</svg>'
    ).format(width, _HEIGHT, Markup("").join(drawn))


def _cell(place: int, execution: ExecutionSummary) -> str:
    # Thousands of them are drawn for an overview, and Markup.format takes its time.
    height = _HEIGHTS[execution.outcome]
    return (
        f'<rect class="{execution.outcome}" x="{place * _CELL}" y="{_HEIGHT - height}" width="7" height="{height}" '
        f'rx="1.5" data-e="{escape(execution.execution_id)}"><title>{escape(described(execution))}</title></rect>'
    )


def sparkline(values: Sequence[float]) -> Markup:
    """Draw a line through a flow's durations.

    :param values: The durations, oldest first.
    :return: The SVG; empty if there are fewer than two.
    """
    if len(values) < 2:
        return Markup("")
    top = max(values) or 1.0
    step = (_SPARK_WIDTH - 6) / (len(values) - 1)
    points = [
        (3 + step * at, _SPARK_HEIGHT - 3 - (_SPARK_HEIGHT - 6) * value / top)
        for at, value in enumerate(values)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup(
        '<svg class="spark" viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true">'
        '<polyline points="{2}"/><circle cx="{3}" cy="{4}" r="2"/></svg>'
    ).format(_SPARK_WIDTH, _SPARK_HEIGHT, path, *(f"{each:.1f}" for each in points[-1]))


def chart(bars: Sequence[Bar], *, name: str, is_time: bool = False) -> Markup:
    """Draw a bar chart.

    :param bars: The bars, oldest first.
    :param name: What it shows, for a screen reader.
    :param is_time: Whether the values are seconds.
    :return: The SVG; empty if there are no bars.
    """
    if not bars:
        return Markup("")
    top = _rounded_up(max(sum(height for height, _ in bar.parts) for bar in bars), is_time=is_time)
    inner, height = _CHART_WIDTH - _LEFT - 8, _CHART_HEIGHT - _BOTTOM - _TOP
    step = inner / max(len(bars), 12)
    drawn = [*_grid(top, height, is_time=is_time)]
    every = max(1, -(-len(bars) // _X_LABELS))
    for place, bar in enumerate(bars):
        x, width = _LEFT + place * step, max(1.5, min(step * 0.78, 46))
        drawn.append(_bar(bar, x, width, height / top))
        if place % every == 0:
            drawn.append(
                Markup('<text class="axis" x="{:.1f}" y="{}">{}</text>').format(
                    x, _CHART_HEIGHT - 6, bar.label
                )
            )
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _CHART_WIDTH, _CHART_HEIGHT, name, Markup("").join(drawn)
    )


def _grid(top: float, height: float, *, is_time: bool) -> Iterable[Markup]:
    for line in range(_GRID_LINES + 1):
        value = top * line / _GRID_LINES
        y = _TOP + height * (1 - line / _GRID_LINES)
        label = duration(value) if is_time else count(round(value))
        yield Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="axis end" x="{}" y="{:.1f}">{}</text>'
        ).format(_LEFT - 4, _CHART_WIDTH, y, y, _LEFT - 8, y + 4, label)


def _bar(bar: Bar, x: float, width: float, scale: float) -> Markup:
    bottom = float(_CHART_HEIGHT - _BOTTOM)
    drawn = []
    for value, kind in bar.parts:
        tall = value * scale
        bottom -= tall
        if value:
            drawn.append(
                Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                    kind, x, bottom, width, max(tall, 1.0)
                )
            )
    return Markup("<g><title>{}</title>{}</g>").format(bar.title, Markup("").join(drawn))


def span(start: float, end: float, kind: str, title: str) -> Markup:
    """Draw a step's bar in a timeline.

    :param start: Where it begins, 0 to 1.
    :param end: Where it ends, 0 to 1.
    :param kind: The bar's class.
    :param title: What it says when pointed at.
    :return: The SVG, as wide as its column.
    """
    left = 100 * min(max(0.0, start), 1.0)
    width = max(0.6, 100 * min(max(0.0, end), 1.0) - left)
    return Markup(
        '<svg class="span" width="100%" height="14" role="img" aria-label="{}"><rect class="track" width="100%" '
        'height="14" rx="3"/><rect class="{}" x="{:.2f}%" width="{:.2f}%" height="14" rx="3"/><title>{}</title></svg>'
    ).format(title, kind, min(left, 99.4), width, title)


def _rounded_up(value: float, *, is_time: bool) -> float:
    """Choose the end of an axis, a little above the largest value, of which a quarter is a round number."""
    if is_time:
        return next((float(end) for end in _TIME_ENDS if end >= value), value)
    if value <= _SMALL[-1]:
        return next(float(end) for end in _SMALL if end >= value)
    magnitude = 10.0 ** max(0, len(str(int(value))) - 1)
    return next(magnitude * end for end in _ENDS if magnitude * end >= value)
