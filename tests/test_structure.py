"""The package's structure, from its imports: arrows one way, no circle, no large module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_provider_integrator

PACKAGE = airflow_provider_integrator.__name__
ROOT = Path(airflow_provider_integrator.__file__).parent
#: From what Airflow loads down to what knows nothing of it: a room imports from its own rank and from lower ones.
RANKS = [
    {"snapshot", "lineage", "ui"},
    {"cli"},
    {"sensors", "assets"},
    {"operators"},
    {"links", "triggers"},
    {"polling"},
    {"executions"},
    {"hooks"},
    {"logs"},
    {"api"},
    {"arguments", "metrics", ""},
    {"exceptions", "provider_info"},
]
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
#: Light modules that rooms below theirs may use: a URI is read by whoever meets one; lineage is imported late.
ANYWHERE = {"assets.uri", "lineage"}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imports(path: Path, *, at_run_time: bool) -> Iterator[str]:
    """List the package's modules that a module imports, also inside functions, without those for types only."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if at_run_time and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            skipped.update(each for child in node.body for each in ast.walk(child))
        if node in skipped:
            continue
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            inner = name.removeprefix(PACKAGE).removeprefix(".")
            if name.startswith(PACKAGE) and inner in MODULES:
                yield inner


def room(module: str) -> str:
    return module.partition(".")[0]


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    return sorted(
        {
            (module, imported)
            for module, path in MODULES.items()
            if room(module) != "simulator"
            for imported in imports(path, at_run_time=True)
        }
    )


def test_there_is_something_to_check(pairs):
    assert len(pairs) > 100
    assert ("operators.log", "executions.delivery") in pairs


def test_arrows_point_one_way(pairs):
    wrong = [
        f"{module} -> {imported}"
        for module, imported in pairs
        if imported not in ANYWHERE and RANK[room(module)] > RANK[room(imported)]
    ]
    assert wrong == []


def test_no_circle(pairs):
    open_pairs = {pair for pair in pairs if pair[0] != pair[1] and not pair[0].startswith(f"{pair[1]}.")}
    while open_pairs:
        ends = {module for module, _ in open_pairs} & {imported for _, imported in open_pairs}
        left = {pair for pair in open_pairs if set(pair) <= ends}
        if left == open_pairs:
            pytest.fail(f"These imports form a circle: {sorted(left)}")
        open_pairs = left


def test_the_simulator_shares_only_the_enums():
    shared = {
        imported
        for module, path in MODULES.items()
        if room(module) == "simulator"
        for imported in imports(path, at_run_time=False)
        if room(imported) != "simulator"
    }
    assert shared - {"", "api"} == {"api.enums"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_on_a_few_screens(module):
    assert len(MODULES[module].read_text("utf-8").splitlines()) <= 350
