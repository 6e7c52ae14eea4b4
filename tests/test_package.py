"""The package as it is handed over: its metadata, what Airflow is told of it, its wheel and its sdist."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.sdk import BaseOperatorLink

import airflow_provider_integrator
from airflow_provider_integrator import get_provider_info

REPOSITORY = Path(__file__).parents[1]
NAME = "airflow-provider-integrator"
INFO = get_provider_info()
(CONNECTION_TYPE,) = INFO["connection-types"]
AIRFLOW_MINOR = airflow.__version__.rpartition(".")[0]


def run(*command: str | Path, **options) -> str:
    """Run a command that has to succeed, and return what it printed; a failure shows all of it."""
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=300, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class TestProviderInfo:
    def test_follows_airflows_schema(self):
        schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
        jsonschema.validate(INFO, schema)

    def test_is_found_by_the_entry_point(self):
        (entry_point,) = distribution(NAME).entry_points.select(group="apache_airflow_provider")
        assert entry_point.load()() == INFO

    def test_names_the_distribution(self):
        # Airflow refuses a provider whose name isn't its distribution's canonical one.
        canonical = re.sub(r"[-_.]+", "-", distribution(NAME).metadata["Name"]).lower()
        assert INFO["package-name"] == canonical == NAME

    def test_has_the_version_of_the_distribution(self):
        assert INFO["versions"][0] == airflow_provider_integrator.__version__ == distribution(NAME).version

    @pytest.mark.parametrize(
        "module",
        [
            module
            for key in ("hooks", "operators", "sensors", "triggers")
            for part in INFO[key]
            for module in part["python-modules"]
        ],
    )
    def test_modules_exist(self, module):
        if AIRFLOW_MINOR == "2.11" and module == "airflow_provider_integrator.triggers.flow":
            with pytest.raises(ImportError, match=r"needs Airflow 3\.0"):
                import_module(module)
            return
        import_module(module)

    @pytest.mark.parametrize("link", INFO["extra-links"])
    def test_links_exist(self, link):
        module, _, name = link.rpartition(".")
        assert issubclass(getattr(import_module(module), name), BaseOperatorLink)

    def test_integration_is_named_alike_everywhere(self):
        (integration,) = INFO["integrations"]
        for key in ("hooks", "operators", "sensors", "triggers"):
            assert {part["integration-name"] for part in INFO[key]} == {integration["integration-name"]}


class TestConnectionType:
    def test_hook_class_exists_and_says_the_same(self):
        module, _, name = CONNECTION_TYPE["hook-class-name"].rpartition(".")
        hook = getattr(import_module(module), name)
        assert hook.conn_type == CONNECTION_TYPE["connection-type"] == "integrator"
        assert hook.hook_name == CONNECTION_TYPE["hook-name"]

    def test_has_the_documented_fields(self):
        assert set(CONNECTION_TYPE["conn-fields"]) == {
            "token",
            "environment",
            "project_id",
            "project_slug",
            "partner_id",
            "verify",
            "timeout",
            "download_timeout",
            "allow_plain_http",
            "project_parameter",
            "auth_header",
            "ui_url",
        }

    def test_begins_with_what_everybody_sets_and_ends_with_what_nobody_needs(self):
        assert list(CONNECTION_TYPE["conn-fields"])[:3] == ["project_id", "project_slug", "partner_id"]
        assert list(CONNECTION_TYPE["conn-fields"])[-1] == "token"

    @pytest.mark.parametrize("name", CONNECTION_TYPE["conn-fields"])
    def test_field_is_labelled_and_described(self, name):
        field = CONNECTION_TYPE["conn-fields"][name]
        assert field["label"]
        assert field["description"]

    @pytest.mark.parametrize("name", CONNECTION_TYPE["conn-fields"])
    def test_field_has_a_valid_schema_that_its_default_fits(self, name):
        schema = CONNECTION_TYPE["conn-fields"][name]["schema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        if "default" in schema:
            jsonschema.validate(schema["default"], schema)

    def test_token_is_shown_as_a_password(self):
        assert CONNECTION_TYPE["conn-fields"]["token"]["schema"]["format"] == "password"


def test_importing_the_package_is_cheap():
    loaded = run(
        sys.executable,
        "-c",
        "import sys, airflow_provider_integrator as p; p.get_provider_info(); print(*sys.modules)",
    ).split()
    packages = {name.partition(".")[0] for name in loaded}
    assert packages.isdisjoint({"airflow", "aiohttp", "requests", "pendulum", "zipfile"})


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """The sdist of this checkout, and the wheel made from nothing but that sdist."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=REPOSITORY)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)  # noqa: S202, made by the line before
    source = folder / sdist.name.removesuffix(".tar.gz")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


# Each answer is a line, which may stand below warnings. What the web page shows of the connection type comes from the
# service that its API asks.
ASK_AIRFLOW = """
import json, sys
import airflow_provider_integrator
from airflow.__main__ import main
for command in sys.argv[1:]:
    sys.argv = ["airflow", "providers", *command.split(), "--output", "json"]
    print(end=f"\\0{command}\\n")
    main()
print(end=f"\\0file\\n{json.dumps([airflow_provider_integrator.__file__])}\\n")
try:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
except ImportError:  # Airflow 2
    pass
else:
    forms = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "integrator"]
    print(end=f"\\0forms\\n{json.dumps([form.model_dump(mode='json') for form in forms])}\\n")
"""


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """
    The Python of an environment that has the wheel, and the running environment's Airflow, but not this checkout.

    The packages are linked in one by one: the running environment as a whole would bring its editable install
    of this package, which would stand in for whatever the wheel lacks.
    """
    _, wheel = built
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    for entry in Path(airflow.__file__).parents[1].iterdir():
        if "airflow_provider_integrator" not in entry.name:
            (site / entry.name).symlink_to(entry)
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", wheel)
    return python


def run_installed(python: Path, *arguments: str) -> str:
    """Run the installed environment's Python where nothing of this checkout or of the caller's Airflow gets in."""
    environment = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(python.parents[1] / "airflow")}
    return run(python, *arguments, env=environment, cwd=python.parent)


@pytest.fixture(scope="module")
def shown(installed) -> dict[str, list[Any]]:
    """What Airflow shows of the installed wheel, by its commands and in its form, asked for in one process."""
    commands = (f"get {NAME} --full", "hooks", "behaviours", "widgets", "triggers", "links")
    printed = run_installed(installed, "-c", ASK_AIRFLOW, *commands)
    answers = (answer.splitlines() for answer in printed.split("\0")[1:])
    return {
        name: json.loads(next(line for line in reversed(lines) if line.startswith("[")))
        for name, *lines in answers
    }


@pytest.mark.e2e
class TestDistributions:
    def test_wheel_has_the_whole_package_and_nothing_else(self, built):
        _, wheel = built
        with zipfile.ZipFile(wheel) as archive:
            packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        package = REPOSITORY / "airflow_provider_integrator"
        assert packed == {
            path.relative_to(REPOSITORY).as_posix()
            for path in package.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert "airflow_provider_integrator/py.typed" in packed

    def test_wheel_has_licence_and_entry_points(self, built):
        _, wheel = built
        with zipfile.ZipFile(wheel) as archive:
            (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            described = archive.read(metadata).decode()
            licence = archive.read(metadata.replace("METADATA", "licenses/LICENSE")).decode()
            entry_points = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
        assert "License-Expression: Apache-2.0" in described
        assert "Apache License" in licence
        assert "provider_info = airflow_provider_integrator:get_provider_info" in entry_points
        assert "airflow-integrator = airflow_provider_integrator.cli.main:main" in entry_points
        assert "integrator = airflow_provider_integrator.simulator.pytest_plugin" in entry_points

    @pytest.mark.parametrize(
        "name",
        [
            "tests/test_package.py",
            "Makefile",
            "CHANGELOG.md",
            "LICENSE",
            "README.md",
            "requirements/airflow-3.3.txt",
        ],
    )
    def test_sdist_has_what_testing_it_takes(self, built, name):
        sdist, _ = built
        with tarfile.open(sdist) as archive:
            assert f"{sdist.name.removesuffix('.tar.gz')}/{name}" in archive.getnames()

    def test_the_wheel_is_what_is_installed(self, installed, shown):
        (file,) = shown["file"]
        assert Path(file).is_relative_to(installed.parents[1])

    def test_airflow_shows_the_modules(self, shown):
        modules = str(shown[f"get {NAME} --full"])
        for module in (
            "hooks.integrator",
            "sensors.execution",
            "operators.check",
            "operators.log",
            "triggers.execution",
        ):
            assert f"airflow_provider_integrator.{module}" in modules

    def test_airflow_lists_the_connection_type(self, shown):
        (hook,) = [hook for hook in shown["hooks"] if hook["connection_type"] == "integrator"]
        assert hook["class"] == CONNECTION_TYPE["hook-class-name"]
        assert hook["hook_name"] == CONNECTION_TYPE["hook-name"]
        assert NAME in hook.values()

    def test_airflow_lists_the_trigger(self, shown):
        assert "airflow_provider_integrator.triggers.execution" in str(shown["triggers"])

    def test_airflow_lists_the_links(self, shown):
        for link in ("IntegratorExecutionLink", "StoredLogLink"):
            assert f"airflow_provider_integrator.links.{link}" in str(shown["links"])

    def test_airflow_lists_the_form(self, shown):
        behaviours = [behaviour for behaviour in shown["behaviours"] if "integrator" in str(behaviour)]
        widgets = str([widget for widget in shown["widgets"] if NAME in str(widget)])
        if AIRFLOW_MINOR in ("3.0", "3.1"):  # they look at it only where WTForms is installed
            assert (behaviours, widgets) == ([], "[]")
        else:
            assert len(behaviours) == 1
            assert [
                name for name in CONNECTION_TYPE["conn-fields"] if f"integrator__{name}" not in widgets
            ] == []

    @pytest.mark.skipif(AIRFLOW_MINOR == "2.11", reason="has no such service")
    def test_airflow_3_makes_the_form_of_the_connection(self, shown):
        (form,) = shown["forms"]
        if AIRFLOW_MINOR == "3.0":
            # No provider has a form there, unless Flask-AppBuilder is installed: Extra is written as JSON.
            assert form["extra_fields"] is None
            return
        assert set(form["extra_fields"]) == set(CONNECTION_TYPE["conn-fields"])
        assert form["extra_fields"]["environment"]["schema"]["enum"] == ["prod", "dev"]
        assert form["extra_fields"]["token"]["schema"]["format"] == "password"
        assert form["standard_fields"]["url_schema"]["hidden"] is True
        assert form["standard_fields"]["port"]["hidden"] is True
        assert form["standard_fields"]["login"]["title"] == "Login (e-mail)"
