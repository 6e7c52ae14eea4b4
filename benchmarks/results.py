"""What a benchmark shows: tables, figures with their targets, plots."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WIDTH = 110


@dataclass(frozen=True)
class Table:
    """A table.

    :param title: What it shows.
    :param header: The columns' names, with their units.
    :param rows: Its cells; all but the first column are numbers.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Format it for a terminal."""
        widths = [
            max(len(row[column]) for row in (self.header, *self.rows)) for column in range(len(self.header))
        ]
        lines = [
            "  ".join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (self.header, *self.rows)
        ]
        return "\n".join([self.title, *lines])

    def markdown(self) -> str:
        """Format it for a document."""
        lines = [self.header, ["---"] + ["---:"] * (len(self.header) - 1), *self.rows]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


@dataclass(frozen=True)
class Figure:
    """A figure to reach.

    :param what: What was measured.
    :param target: What it is to be.
    :param got: What it is.
    :param met: Whether that is enough.
    """

    what: str
    target: str
    got: str
    met: bool

    def row(self) -> list[str]:
        """Make a row of a table."""
        return [self.what, self.target, self.got, "yes" if self.met else "NO"]


@dataclass(frozen=True)
class Plot:
    """A plot.

    :param file: Its file's name.
    :param shows: What it shows, in a sentence.
    :param draw: Draws it into a file.
    """

    file: str
    shows: str
    draw: Callable[[Path], None]


@dataclass(frozen=True)
class Section:
    """What a benchmark has to show.

    :param title: Its title.
    :param method: How it was measured.
    :param tables: Its tables.
    :param figures: Its figures to reach.
    :param plots: Its plots.
    """

    title: str
    method: str
    tables: Sequence[Table]
    figures: Sequence[Figure] = field(default_factory=tuple)
    plots: Sequence[Plot] = field(default_factory=tuple)

    def text(self) -> str:
        """Format it for a terminal."""
        parts = [
            f"== {self.title}",
            textwrap.fill(self.method, WIDTH),
            *(table.text() for table in self.tables),
        ]
        if self.figures:
            parts.append(figures_table("Figures to reach", self.figures).text())
        return "\n\n".join(parts) + "\n"

    def markdown(self, folder: str) -> str:
        """Format it for a document.

        :param folder: Where the plots are, seen from the document.
        """
        parts = [f"## {self.title}", self.method]
        parts += [f"![{plot.shows}]({folder}/{plot.file})" for plot in self.plots]
        parts += [table.markdown() for table in self.tables]
        if self.figures:
            parts.append(figures_table("Figures to reach", self.figures).markdown())
        return "\n\n".join(parts)


def figures_table(title: str, figures: Sequence[Figure]) -> Table:
    """Make a table of figures to reach.

    :param title: Its title.
    :param figures: The figures.
    """
    return Table(title, ["what", "target", "got", "met"], [figure.row() for figure in figures])


@dataclass(frozen=True)
class Size:
    """How much is measured.

    :param full: Whether it takes as long as it takes.
    :param tiny: Whether only the benchmark itself is to be tried out.
    """

    full: bool = False
    tiny: bool = False

    def pick(self, default: Any, full: Any, tiny: Any) -> Any:
        """Choose one of three."""
        return full if self.full else tiny if self.tiny else default


def number(value: float, digits: int = 3) -> str:
    """Format a number with as many digits as say something.

    :param value: The number.
    :param digits: How many digits.
    """
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def milliseconds(seconds: float) -> str:
    """Format seconds as milliseconds."""
    return number(seconds * 1000)


def mebibytes(count: float) -> str:
    """Format bytes as MiB."""
    return number(count / 1024**2)
