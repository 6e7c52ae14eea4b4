"""What commands print: rows as a table, as JSON, as YAML or as plain columns."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_integrator.api.texts import fit_name

#: The width of a table in a pipe: nothing in it is broken into lines.
PIPE_WIDTH = 10_000
#: The columns of a table: the heading, and what a row has there.
Columns = Mapping[str, Callable[[dict[str, Any]], object]]


def show(options: Namespace, rows: Sequence[dict[str, Any]], columns: Columns) -> None:
    """Print rows.

    :param options: The command's arguments.
    :param rows: The rows, of JSON's types; JSON and YAML have all of them.
    :param columns: The columns of the other two forms.
    """
    if options.output in ("json", "yaml"):
        show_value(options, list(rows))
        return
    cells = [[cell(find(row)) for find in columns.values()] for row in rows]
    if options.output == "plain":
        _plain([list(columns), *cells])
    else:
        _table(list(columns), cells)


def show_value(options: Namespace, value: Any) -> None:
    """Print a value as JSON or YAML.

    :param options: The command's arguments.
    :param value: The value, of JSON's types.
    """
    if options.output == "yaml":
        import yaml  # type: ignore[import-untyped]

        text = yaml.safe_dump(value, sort_keys=False)
    else:
        # ASCII alone: a server's text can't move the cursor or turn the direction of writing.
        text = json.dumps(value, indent=2) + "\n"
    sys.stdout.write(text)


def cell(value: object) -> str:
    """Write a value for people.

    :param value: The value.
    :return: One line; ``-`` if the value is None.
    """
    if value is None:
        return "-"
    return fit_name(str(value))


def _plain(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line))  # no markup in a server's text
    console.print(table)
