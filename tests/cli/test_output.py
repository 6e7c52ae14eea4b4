"""What is printed where: tables, values, progress."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from argparse import Namespace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_integrator.cli.output import cell, show, show_value
from airflow_provider_integrator.cli.progress import progress
from airflow_provider_integrator.exceptions import ResponseError

ROWS = [{"flow": "price", "rows": 12, "rate": 0.25, "none": None, "name": "x" * 300}]
COLUMNS = {name: lambda row, name=name: row[name] for name in ROWS[0]}


class TestShow:
    @pytest.mark.parametrize("form", ["table", "plain"])
    def test_pipe_has_a_line_for_each_row(self, form, capsys):
        show(Namespace(output=form), ROWS, COLUMNS)
        lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
        assert lines[0] == list(ROWS[0])
        assert lines[-1] == ["price", "12", "0.25", "-", "x" * 300]

    def test_values_keep_their_types(self, capsys):
        show(Namespace(output="json"), ROWS, COLUMNS)
        assert json.loads(capsys.readouterr().out) == ROWS

    def test_value_that_no_library_can_write(self):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        for form in ("json", "yaml"):
            with pytest.raises(ResponseError, match="nested too deeply"):
                show_value(Namespace(output=form), deep)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_is_printed_as_ascii(value, capsys):
    for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        show_value(Namespace(output=form), value)
        text = capsys.readouterr().out
        assert text.isascii()
        assert [line for line in text if not line.isprintable() and line != "\n"] == []
        assert read(text) == value


@given(text=st.text(st.characters(codec=None)))
def test_any_text_is_one_line_of_a_table(text):
    shown = cell(text)
    assert "\n" not in shown
    assert "\x1b" not in shown
    shown.encode()


SCRIPT = """
from argparse import Namespace
from airflow_provider_integrator.cli.output import show
from airflow_provider_integrator.cli.progress import progress
with progress("Reading [bold]it", 2) as done:
    done(1)
show(Namespace(output="table"), [{"a": "word " * 60}], {"a": lambda row: row["a"]})
"""


def test_terminal_has_a_bar_and_a_table_of_its_width():
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm", "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # how Linux says that the terminal is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0, written.decode()
    text = written.decode()
    assert "Reading [bold]it" in text
    assert "1/2" in text
    assert max(len(line) for line in text.splitlines() if "word" in line) <= 60


def test_pipe_has_no_bar(capsys):
    with progress("Reading", 2) as done:
        done(1)
    assert capsys.readouterr() == ("", "")
