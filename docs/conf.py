"""The documentation site: these Markdown pages, and a reference from the package's docstrings. Built by: make docs."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.errors import ConfigError

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT))

from airflow_provider_integrator import __version__  # noqa: E402 - its path is set above

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# What users import: modules, and of some modules only these names. All else may change without notice.
PUBLIC: dict[str, tuple[str, ...]] = {
    "airflow_provider_integrator.logs.archive": ("Limits", "LogArchive", "Written"),
    "airflow_provider_integrator.api.enums": (),
    "airflow_provider_integrator.api.models": (),
    "airflow_provider_integrator.api.exchange": ("Retry",),
    "airflow_provider_integrator.assets.flow": (),
    "airflow_provider_integrator.exceptions": (),
    "airflow_provider_integrator.hooks.integrator": (),
    "airflow_provider_integrator.links": (),
    "airflow_provider_integrator.operators.base": (),
    "airflow_provider_integrator.operators.check": ("IntegratorFlowCheckOperator",),
    "airflow_provider_integrator.operators.log": (),
    "airflow_provider_integrator.sensors.execution": (),
    "airflow_provider_integrator.simulator.archives": (),
    "airflow_provider_integrator.simulator.faults": (),
    "airflow_provider_integrator.simulator.integrator": (),
    "airflow_provider_integrator.simulator.recording": (),
    "airflow_provider_integrator.simulator.records": (),
    "airflow_provider_integrator.triggers.execution": (),
    "airflow_provider_integrator.triggers.flow": (),
}
# Methods of the models that only the client calls, on the answers that it reads.
INTERNAL_METHODS = {"common", "read"}

project = "airflow-provider-integrator"
project_copyright = f"the authors of {project}; Apache-2.0"
version = release = __version__
extensions = ["myst_parser", "autoapi.extension"]
exclude_patterns = ["_*"]
nitpicky = True
# A reference to a public name must resolve. Annotations also name others' classes, private ones and type
# variables, and docstrings Airflow's exceptions.
nitpick_ignore_regex = [
    (r"py:.*", rf"(?!({'|'.join(map(re.escape, PUBLIC))})\.[A-Z])\w+\..*"),
    (r"py:.*", r"\w*T"),
    (r"py:exc", r"Airflow\w+"),
]

# a fence without a language is a command or its output
highlight_language = "none"
html_theme = "furo"
html_title = f"{project} {release}"

myst_heading_anchors = 3

autoapi_dirs = [str(CHECKOUT / "airflow_provider_integrator")]
autoapi_root = "reference"
autoapi_template_dir = "_templates/autoapi"
autoapi_options = ["members", "inherited-members", "imported-members", "show-inheritance"]
autoapi_member_order = "groupwise"


def setup(app: Sphinx) -> None:
    """Register what this site does beyond its extensions.

    :raises ConfigError: A module of ``PUBLIC`` doesn't exist.
    """
    missing = [module for module in PUBLIC if find_spec(module) is None]
    if missing:
        raise ConfigError(f"docs/conf.py names modules that don't exist: {', '.join(missing)}")
    app.connect("autoapi-skip-member", _skip_unless_public)
    app.connect("source-read", _prepare_page)


def _skip_unless_public(
    app: Sphinx, kind: str, name: str, obj: Any, skip: bool, options: list[str]
) -> bool | None:
    if kind in ("module", "package"):
        return name not in PUBLIC
    module, _, own_name = name.rpartition(".")
    if own_name in INTERNAL_METHODS or (PUBLIC.get(module) and own_name not in PUBLIC[module]):
        return True
    # An operator inherits a hundred names from Airflow.
    origin = obj.obj.get("inherited_from")
    return True if origin and not origin["full_name"].startswith("airflow_provider_integrator.") else None


def _prepare_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Show the repository's own pages, such as CHANGELOG.md, and make the navigation of index.md.

    The page ``changelog`` gets the text of CHANGELOG.md, and links to CHANGELOG.md lead to it. Each heading of index.md
    becomes a caption of the navigation, each link below it a page.
    """
    page = CHECKOUT / f"{docname.upper()}.md"
    text = page.read_text("utf-8").replace("](docs/", "](") if page.is_file() else source[0]
    text = re.sub(r"\]\((?:\.\./)?([A-Z]+\.md)", lambda found: f"]({found[1].lower()}", text)
    if docname == "index":
        for section in text.split("\n## ")[1:]:
            caption, _, body = section.partition("\n")
            pages = re.findall(r"\]\(([\w-]+)\.md\)", body)
            if caption == "Reference":
                pages.insert(0, f"Modules <{autoapi_root}/index>")
            if pages:
                text += "\n".join(["\n\n```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])
    source[0] = text
