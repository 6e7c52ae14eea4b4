"""What commands print: rows as a table, as JSON, as YAML or as plain columns."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_integrator.api.texts import fit_name
from airflow_provider_integrator.exceptions import ResponseError
from airflow_provider_integrator.executions.progress import in_words

#: The width of a table in a pipe: nothing in it is broken into lines.
PIPE_WIDTH = 10_000
#: The columns of a table: the heading, and the row's field, or what is made of the row.
Columns = dict[str, str | Callable[[dict[str, Any]], object]]


def show(options: Namespace, rows: Sequence[dict[str, Any]], columns: Columns) -> None:
    """Print rows.

    :param options: The command's arguments.
    :param rows: The rows, of JSON's types; JSON and YAML have all of them.
    :param columns: The columns of the other two forms.
    """
    if options.output in ("json", "yaml"):
        show_value(options, list(rows))
        return
    cells = [
        [cell(row[each] if isinstance(each, str) else each(row)) for each in columns.values()] for row in rows
    ]
    if options.output == "plain":
        _plain([list(columns), *cells])
    else:
        _table(list(columns), cells)


def show_one(options: Namespace, value: dict[str, Any], facts: Mapping[str, object]) -> None:
    """Print one thing.

    :param options: The command's arguments.
    :param value: The thing, of JSON's types; JSON and YAML have all of it.
    :param facts: What the other two forms say of it.
    """
    if options.output in ("json", "yaml"):
        show_value(options, value)
    else:
        _plain([(name, cell(fact)) for name, fact in facts.items()])


def show_value(options: Namespace, value: Any) -> None:
    """Print a value as JSON or YAML.

    :param options: The command's arguments.
    :param value: The value, of JSON's types.
    """
    try:
        if options.output == "yaml":
            import yaml  # type: ignore[import-untyped]

            text = yaml.safe_dump(value, sort_keys=False)
        else:
            # ASCII alone: a server's text can't move the cursor or turn the direction of writing.
            text = json.dumps(value, indent=2) + "\n"
    except RecursionError:
        raise ResponseError("The answer is nested too deeply to be printed; log prints any.") from None
    sys.stdout.write(text)


def cell(value: object) -> str:
    """Write a value for people in a line, a dash if it is None."""
    return "-" if value is None else fit_name(str(value))


def at(time: str | None) -> str | None:
    """Write a point in time, ISO 8601 in UTC, for people; None if it is unknown."""
    return None if time is None else f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M:%S}"


def took(duration: float | None) -> str | None:
    """Write a duration in seconds for people; None if it is unknown."""
    return None if duration is None else in_words(duration)


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
