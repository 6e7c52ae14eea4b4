"""The plots of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.subjects import OURS, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {
    "integrator": "#0b6e99",
    "integrator-adaptive": "#e07b39",
    "dbt-cloud": "#e07b39",
    "databricks": "#c23b22",
    "fivetran": "#7b5ea7",
    "http": "#6b8e23",
}
# Larger ones first, so that curves which meet can still be told apart.
_MARKERS = {
    "integrator": ("o", 6),
    "dbt-cloud": ("s", 10),
    "databricks": ("^", 9),
    "fivetran": ("D", 6),
    "http": ("v", 4),
}
_DPI = 100

plt.rcParams.update(
    {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
    }
)


def _plain(value: float, _: int | None = None) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _log_scale(axes: Axes, which: str) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis.set_major_locator(LogLocator(base=10, numticks=12))
    axis.set_major_formatter(FuncFormatter(_plain))
    axis.set_minor_formatter(NullFormatter())


def _style(subject: str) -> dict[str, Any]:
    is_ours = subject.startswith(OURS.name)
    return {
        "color": _COLOURS.get(subject, "#555555"),
        "linewidth": 2.4 if is_ours else 1.4,
        "zorder": 3 if is_ours else 2,
        "label": named(subject).label,
    }


def _save(path: Path) -> None:
    plt.savefig(path, dpi=_DPI)
    plt.close()


def against_waits(
    path: Path,
    runs: Sequence[Mapping[str, Any]],
    panels: Sequence[tuple[str, Callable[[Mapping[str, Any]], float]]],
) -> None:
    """Draw what waiting costs against the number of waits, a panel for each cost.

    :param path: The file.
    :param runs: What was measured.
    :param panels: The title of each panel, and what it takes from a run.
    """
    _, grid = plt.subplots(2, 3, figsize=(9, 5.6), layout="constrained")
    subjects = list(dict.fromkeys(run["subject"] for run in runs))
    for axes, (title, value) in zip(grid.flat, panels, strict=False):
        for subject in subjects:
            marker, size = _MARKERS.get(subject, ("o", 5))
            points = sorted((run["waits"], value(run)) for run in runs if run["subject"] == subject)
            axes.plot(
                [waits for waits, _ in points],
                [max(cost, 0.1) for _, cost in points],
                marker=marker,
                markersize=size,
                **_style(subject),
            )
        _log_scale(axes, "x")
        _log_scale(axes, "y")
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("waits")
    legend = grid.flat[len(panels)]
    legend.axis("off")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    legend.legend(handles, labels, loc="center", frameon=False, fontsize=11)
    _save(path)


def distributions(path: Path, found: Mapping[str, Sequence[float]], interval: float) -> None:
    """Draw how late the waits ended, as distributions.

    :param path: The file.
    :param found: The seconds of each subject's waits.
    :param interval: Seconds between two polls.
    """
    _, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
    for subject, seconds in found.items():
        ordered = sorted(seconds)
        shares = [(number + 1) / len(ordered) for number in range(len(ordered))]
        axes.step(ordered, shares, where="post", **_style(subject))
    axes.axvline(interval, color="#555555", linestyle=":", linewidth=1.2)
    axes.annotate(
        "the interval",
        (interval, 0.02),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        color="#555555",
        fontsize=9,
    )
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("seconds from finishing to the trigger's event")
    axes.set_ylabel("share of the waits")
    axes.legend(frameon=False, loc="upper left")
    _save(path)


def against_size(
    path: Path,
    sizes: Sequence[int],
    seconds: Mapping[str, Sequence[float]],
    mebibytes: Mapping[str, Sequence[float]],
) -> None:
    """Draw time and peak memory against a log's size.

    :param path: The file.
    :param sizes: The sizes in bytes.
    :param seconds: The times of each way.
    :param mebibytes: The peaks of each way.
    """
    colours = ("#0b6e99", "#62b0d0", "#7b5ea7", "#c23b22")
    _, grid = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
    for axes, values, title in (
        (grid[0], seconds, "Time, s (the recipe's without json)"),
        (grid[1], mebibytes, "Peak of own memory above idle, MiB (1 or less: 1)"),
    ):
        for colour, marker, (way, points) in zip(colours, "osDv", values.items(), strict=False):
            megabytes = [size / 1e6 for size in sizes]
            heights = [max(point, 1.0) if values is mebibytes else point for point in points]
            axes.plot(megabytes, heights, marker=marker, color=colour, label=way)
        _log_scale(axes, "x")
        _log_scale(axes, "y")
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("JSON in the log, MB")
    grid[1].axhline(64, color="#555555", linestyle=":", linewidth=1.2)
    grid[1].annotate(
        "64 MiB", (sizes[0] / 1e6, 64), xytext=(0, 3), textcoords="offset points", color="#555555", fontsize=9
    )
    grid[0].legend(frameon=False, loc="upper left")
    _save(path)


def bars(path: Path, labels: Sequence[str], panels: Mapping[str, Sequence[float]]) -> None:
    """Draw bars, a panel for each thing that was measured.

    :param path: The file.
    :param labels: The bars' names.
    :param panels: The title of each panel, and the bars' lengths.
    """
    _, grid = plt.subplots(1, len(panels), figsize=(9, 3), sharey=True, layout="constrained")
    for axes, (title, values) in zip(grid, panels.items(), strict=True):
        colours = [_COLOURS["integrator"], *["#b8b8b8"] * (len(labels) - 1)]
        drawn = axes.barh(labels, values, color=colours, height=0.65)
        axes.bar_label(drawn, labels=[f"{value:,.0f}" for value in values], padding=3, fontsize=9)
        axes.grid(axis="y", visible=False)
        axes.set_xlim(0, max(values) * 1.15)
        axes.set_title(title, fontsize=10, loc="left")
    grid[0].invert_yaxis()
    _save(path)
