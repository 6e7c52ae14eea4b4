"""Writes docs/benchmarks.md and its plots."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import Section, Table, figures_table

_PLOTS = "benchmarks"


def write(folder: Path, run: Mapping[str, Any], sections: Sequence[Section]) -> Path:
    """Write the document.

    :param folder: The folder of the documents.
    :param run: The run: ``date``, ``full``, ``seconds`` and ``machine``.
    :param sections: What was measured.
    :return: The document.
    """
    plots = folder / _PLOTS
    plots.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for plot in section.plots:
            plot.draw(plots / plot.file)
    document = folder / "benchmarks.md"
    document.write_text(
        "\n\n".join([_head(run, sections), *(each.markdown(_PLOTS) for each in sections)]) + "\n"
    )
    return document


def _head(run: Mapping[str, Any], sections: Sequence[Section]) -> str:
    command = "make bench FULL=1" if run["full"] else "make bench"
    figures = [figure for section in sections for figure in section.figures]
    missed = [figure for figure in figures if not figure.met]
    verdict = (
        f"All {len(figures)} figures to reach are met in this run."
        if not missed
        else f"{len(figures) - len(missed)} of the {len(figures)} figures to reach are met in this run; these are not:"
    )
    parts = [
        "# Benchmarks",
        f"<!-- Written by: {command}. Change benchmarks/ instead. -->",
        f"Measured by `{command}` on {run['date']}, in {run['seconds'] / 60:.0f} minutes, begun at a "
        f"load average of {run['machine']['load average']}: this provider beside the "
        "triggers and sensors of its peers, and beside the recipe for a log that the Integrator's documents give, "
        "all in one run on one machine. Times differ from machine to machine: compare within the run.",
        verdict,
    ]
    if missed:
        parts.append(figures_table("Not met", missed).markdown())
    machine = Table("Machine and versions", ["what", "which"], list(run["machine"].items()))
    return "\n\n".join([*parts, _HOW, machine.markdown()])


_HOW = textwrap.dedent(
    """\
    How the peers are measured: their triggers' own `run()`, with connections from environment variables, against a
    stand-in for their services that says "still running" in their form and has no field that they don't read. All speak
    plain HTTP to 127.0.0.1, which spares a TLS handshake for each new connection. For that, dbt Cloud's `https://` and
    Fivetran's fixed address are replaced; nothing else of theirs is changed. Log messages below ERROR are switched off
    for all. This provider talks to the embedded Integrator of this package, which has whole pages of executions to send.
    The load average says how busy the machine was with other things when the run began: 0 is best. Above 1 or so, the
    seconds and the loop lags hold waiting for the processor too; requests, connections and memory don't change."""
)
