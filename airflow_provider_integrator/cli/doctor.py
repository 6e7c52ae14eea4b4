"""The command that examines a connection: what works, what doesn't, and what to change."""

from __future__ import annotations

import json
import re
import shlex
import sys
import textwrap
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import IO, Any

from airflow_provider_integrator.cli.connection import hook_of
from airflow_provider_integrator.cli.examination import FAILED, SKIPPED, Examination, Finding
from airflow_provider_integrator.cli.progress import progress
from airflow_provider_integrator.logs.disk import appearing

_WIDTH = 100
_INDENT = " " * 20
_SCALARS = re.compile(r'\[\s+("[^"]*"(?:,\s+"[^"]*")*|[\d.]+(?:,\s+[\d.]+)*)\s+\]')
_REPORTED = """
{path} says what the server speaks: names of fields, types, statuses, sizes and times; no value is in it.
Look through it, and attach it to an issue. For a simulator that speaks alike:
  python -m airflow_provider_integrator.simulator --forms {quoted}
"""


def doctor(options: Namespace) -> int:
    """Examine a connection, print the findings, and write a report if requested.

    :param options: The command's arguments.
    :return: 0 if no step failed, 1 otherwise.
    :raises ConfigurationError: The report's path can't be written to.
    :raises StorageError: The disk is full or broken.
    """
    with ExitStack() as stack:
        # first, as a path that can't be written to is to be found before all the calls
        file = options.report and stack.enter_context(appearing(options.report, "the report"))
        hook = stack.enter_context(hook_of(options))
        examination = stack.enter_context(closing(Examination(hook, options.project, options.flow)))
        for finding in examination.run():
            _write(text_of(finding))  # at once, as a step may take as long as the connection's timeout
        _write(summary_of(examination.findings))
        if file:
            write_report(examination, file)
    if file:
        _write(_REPORTED.format(path=options.report, quoted=shlex.quote(str(options.report))))
    return int(any(finding.state == FAILED for finding in examination.findings))


def text_of(finding: Finding) -> str:
    """Write a finding for people.

    :param finding: The finding.
    :return: Lines.
    """
    state = "FAILED" if finding.state == FAILED else finding.state
    lines = _wrapped(f"{state:8}{finding.step:12}", finding.text)
    if finding.advice:
        lines += _wrapped(f"{_INDENT}-> ", finding.advice)
    return "\n".join(lines) + "\n"


def summary_of(findings: Sequence[Finding]) -> str:
    """Count what was found.

    :param findings: The findings of all steps.
    :return: A line.
    """
    failed = sum(finding.state == FAILED for finding in findings)
    skipped = sum(finding.state == SKIPPED for finding in findings)
    rest = f" {skipped} not tried." if skipped else ""
    return (
        f"{failed} of {len(findings)} steps failed.{rest}" if failed else f"Nothing is wrong.{rest}"
    ) + "\n"


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def write_report(examination: Examination, file: IO[bytes]) -> None:
    """Ask what only a report needs, and write it.

    :param examination: An examination that has been run.
    :param file: The file.
    """
    from airflow_provider_integrator.cli.survey import Survey

    with progress("Asking what only the report needs"):
        text = report_text(Survey(examination).report())
    file.write(text.encode("ascii"))


def report_text(report: dict[str, Any]) -> str:
    """Write a report as JSON, in which lists of words stand in one line.

    :param report: The report.
    :return: The text.
    """
    text = json.dumps(report, indent=1)
    return _SCALARS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text) + "\n"
