"""README and docs: their code runs, their links lead somewhere, and they name every parameter."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

from airflow_provider_integrator.cli.definition import COMMANDS
from airflow_provider_integrator.exceptions import IntegratorError
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.operators.check import IntegratorFlowCheckOperator
from airflow_provider_integrator.operators.lines import IntegratorLinesOperator
from airflow_provider_integrator.operators.log import IntegratorLogOperator
from airflow_provider_integrator.provider_info import CONN_FIELDS
from airflow_provider_integrator.sensors.execution import IntegratorExecutionSensor
from airflow_provider_integrator.simulator import IntegratorSimulator
from airflow_provider_integrator.simulator.demo import demo_world

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PLUGIN = "airflow_provider_integrator.simulator.pytest_plugin"
# Where the site shows one of the repository's own pages, see docs/conf.py.
COPIES = {DOCS / f"{name}.md" for name in ("changelog", "contributing", "security")}
# The benchmarks' pages are written by their own run.
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted(DOCS.glob("*.md")) if not page.name.startswith("benchmarks")),
]
PAGES = [page for page in PAGES if page not in COPIES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def samples() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        codes = [code for language, code in FENCE.findall(page.read_text("utf-8")) if language == "python"]
        found += [(f"{name_of(page)}-{number}", code) for number, code in enumerate(codes, start=1)]
    return found


def has_assets() -> bool:
    return find_spec("airflow.sdk") is not None


def is_test(code: str) -> bool:
    return "def test_" in code


def anchors(page: Path) -> set[str]:
    prose = FENCE.sub("", page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(prose)}


@pytest.fixture
def demo(monkeypatch):
    """The world that the command of the simulator serves, behind the default connection."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with IntegratorSimulator(seed=1) as integrator:
        world = demo_world(integrator)
        connection = integrator.connection(partner_id=world.project.partner_id)
        monkeypatch.setenv("AIRFLOW_CONN_INTEGRATOR_DEFAULT", json.dumps(connection))
        yield world


class TestSamples:
    def test_there_are_some(self):
        assert len(samples()) >= 10

    @pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in samples()])
    def test_compiles(self, code):
        compile(code, "sample", "exec")

    @pytest.mark.filterwarnings("error::UserWarning:airflow_provider_integrator")
    @pytest.mark.parametrize(
        "code", [pytest.param(code, id=name) for name, code in samples() if not is_test(code)]
    )
    def test_runs(self, code, demo, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        variables = {"__name__": "sample"}
        if "airflow.sdk import" in code and not has_assets():
            with pytest.raises(ImportError):
                exec(compile(code, "sample", "exec"), variables)  # noqa: S102 - our own text
            return
        exec(compile(code, "sample", "exec"), variables)  # noqa: S102 - our own text
        if "DAG(" in code:
            assert demo.integrator.count() == 0  # parsing a DAG asks nothing of the network

    def test_the_async_task_fetches_logs(self, demo):
        (code,) = (code for name, code in samples() if "lines.md" in name and "async def" in code)
        variables = {"__name__": "sample"}
        exec(compile(code, "sample", "exec"), variables)  # noqa: S102 - our own text
        logs = asyncio.run(variables["fetch_logs"].function("price", 2))
        assert [len(log["errors"]) for log in logs] == [1, 1]

    @pytest.mark.e2e
    def test_the_test_of_a_dag_passes(self, tmp_path):
        """The test that the simulator's page shows, on the DAG file that it shows, by a pytest of its own."""
        codes = dict(samples())
        (test,) = (code for code in codes.values() if is_test(code))
        (dag,) = (code for name, code in codes.items() if "simulator" in name and "DAG(" in code)
        dags = tmp_path / "dags"
        dags.mkdir()
        (dags / "prices.py").write_text(dag)
        (tmp_path / "test_prices.py").write_text(test)
        (config,) = (
            text for kind, text in FENCE.findall((DOCS / "simulator.md").read_text("utf-8")) if kind == "toml"
        )
        (tmp_path / "pyproject.toml").write_text(config)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
        }
        # Where the package isn't installed, pytest has to be told of its fixture.
        known = {entry.value for entry in entry_points(group="pytest11")}
        plugin = [] if PLUGIN in known else ["-p", PLUGIN]
        # `airflow db migrate` first, in the same process: Airflow takes seconds to start.
        script = "import sys, pytest; from airflow.utils.db import initdb; initdb(); sys.exit(pytest.main(sys.argv[1:]))"
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *plugin]
        done = subprocess.run(
            [sys.executable, "-c", script, *options, "test_prices.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
class TestPage:
    def test_links_lead_somewhere(self, page):
        for link in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
            if link.startswith("https://"):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.is_file(), link
            assert not anchor or anchor in anchors(target), link

    def test_lines_are_short(self, page):
        prose = FENCE.sub("", page.read_text("utf-8"))
        # a row of a table can't be broken
        assert [line for line in prose.splitlines() if len(line) > 120 and not line.startswith("|")] == []

    def test_is_reached_from_the_readme_or_the_map(self, page):
        linked = {
            (start.parent / link.partition("#")[0]).resolve()
            for start in (ROOT / "README.md", DOCS / "index.md")
            for link in LINK.findall(start.read_text("utf-8"))
        }
        assert page in linked or page == ROOT / "README.md"


TASKS = [
    ("sensor.md", IntegratorExecutionSensor),
    ("operator.md", IntegratorLogOperator),
    ("lines.md", IntegratorLinesOperator),
    ("check.md", IntegratorFlowCheckOperator),
]


@pytest.mark.parametrize(("page", "described"), [*TASKS, ("hook.md", IntegratorHook)])
def test_every_parameter_is_named(page, described):
    text = (DOCS / page).read_text("utf-8")
    names = {
        name
        for kind in described.__mro__
        if kind.__module__.startswith("airflow_provider_integrator.") and "__init__" in vars(kind)
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    }
    assert len(names) > 1
    assert [name for name in names if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize(("page", "described"), TASKS)
def test_every_template_field_is_named(page, described):
    text = " ".join((DOCS / page).read_text("utf-8").split())
    assert "Templated: " + ", ".join(f"`{name}`" for name in described.template_fields) in text


def test_every_connection_field_is_named():
    text = (DOCS / "connection.md").read_text("utf-8")
    names = ["login", "password", "host", "port", "schema", *CONN_FIELDS]
    assert [name for name in names if f"| `{name}` |" not in text] == []


def test_every_method_of_the_hook_is_named():
    text = (DOCS / "hook.md").read_text("utf-8")
    # what makes the others work
    inner = {"get_conn", "make_client", "aget_conn", "asettings", "close", "aclose"}
    own = {
        name
        for base in IntegratorHook.__mro__
        if base.__module__.startswith("airflow_provider_integrator")
        for name, member in vars(base).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    assert "list_logs" in own
    assert [name for name in sorted(own - inner) if f"`{name}`" not in text and f"`{name}(" not in text] == []


def test_every_error_is_explained():
    text = (DOCS / "hook.md").read_text("utf-8")
    errors = {error for kind in IntegratorError.__subclasses__() for error in (kind, *kind.__subclasses__())}
    assert [error.__name__ for error in errors if f"`{error.__name__}`" not in text] == []


def test_every_option_of_the_simulator_is_named():
    from airflow_provider_integrator.simulator.__main__ import _parser

    text = (DOCS / "simulator.md").read_text("utf-8")
    options = re.findall(r"--[a-z-]+", _parser().format_help())
    assert [option for option in options if option != "--help" and f"`{option}`" not in text] == []


def test_every_command_and_option_is_named():
    text = (DOCS / "commands.md").read_text("utf-8")
    assert [
        each.name for each in COMMANDS if not re.search(rf"^\| `{each.name}[` ]", text, re.MULTILINE)
    ] == []
    options = {flag for each in COMMANDS for argument in each.arguments for flag in argument.flags}
    wanted = {flag for flag in options if flag.startswith("-")} - {"--project-id", "--partner-id"}
    assert [flag for flag in sorted(wanted) if f"`{flag}`" not in text] == []


def test_every_label_of_the_connections_form_is_named():
    text = " ".join((DOCS / "connection.md").read_text("utf-8").split())
    labels = [f"*{field['label']}*" for field in CONN_FIELDS.values()]
    assert f"{', '.join(labels[:-1])} and {labels[-1]}, in this order" in text
