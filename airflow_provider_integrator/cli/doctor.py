"""The command that examines a connection: what works, what doesn't, and what to change."""

from __future__ import annotations

import json
import re
import shlex
import sys
import textwrap
from argparse import Namespace
from contextlib import ExitStack
from typing import IO

from airflow_provider_integrator.cli.examination import FAILED, SKIPPED, Examination, Finding
from airflow_provider_integrator.cli.progress import progress
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.logs.disk import appearing

_WIDTH = 100
_INDENT = " " * 20
_SCALARS = re.compile(r'\[\s+("[^"]*"(?:,\s+"[^"]*")*|[\d.]+(?:,\s+[\d.]+)*)\s+\]')
_REPORTED = """
{path} says what the server speaks: names of fields, types, statuses, sizes and times; no value is in it.
Look through it, and attach it to an issue. For a simulator that speaks alike:
  python -m airflow_provider_integrator.simulator --forms {quoted}
"""


def doctor(hook: IntegratorHook, options: Namespace) -> int:
    """Examine a connection, print the findings, and write a report if requested; 1 if a step failed."""
    with ExitStack() as stack:
        # first, as a path that can't be written to is to be found before all the calls
        file = options.report and stack.enter_context(appearing(options.report, "the report"))
        examination = Examination(hook, options.project, options.flow)
        stack.enter_context(examination.clients)
        for finding in examination.run():
            _write(_text_of(finding))  # at once, as a step may take as long as the connection's timeout
        failed = sum(finding.state == FAILED for finding in examination.findings)
        skipped = sum(finding.state == SKIPPED for finding in examination.findings)
        summary = f"{failed} of {len(examination.findings)} steps failed." if failed else "Nothing is wrong."
        _write(f"{summary} {skipped} not tried.\n" if skipped else f"{summary}\n")
        if file:
            _write_report(examination, file)
    if file:
        _write(_REPORTED.format(path=options.report, quoted=shlex.quote(str(options.report))))
    return int(failed > 0)


def _text_of(finding: Finding) -> str:
    state = "FAILED" if finding.state == FAILED else finding.state
    lines = _wrapped(f"{state:8}{finding.step:12}", finding.text)
    if finding.advice:
        lines += _wrapped(f"{_INDENT}-> ", finding.advice)
    return "\n".join(lines) + "\n"


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


def _write_report(examination: Examination, file: IO[bytes]) -> None:
    """Ask what only a report needs, and write it as JSON, in which lists of words stand in one line."""
    from airflow_provider_integrator.cli.survey import Survey

    with progress("Asking what only the report needs"):
        text = json.dumps(Survey(examination).report(), indent=1)
    text = _SCALARS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text)
    file.write(f"{text}\n".encode("ascii"))
