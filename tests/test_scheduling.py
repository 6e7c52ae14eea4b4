"""What stays together if the tests run in several processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scheduling import GROUPS, group_of

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("path", [path for paths in GROUPS.values() for path in paths])
def test_a_groups_tests_exist(path):
    assert (ROOT / path).exists()


def test_all_end_to_end_tests_are_one_group():
    ids = [f"{file.relative_to(ROOT).as_posix()}::test_x[@/]" for file in ROOT.glob("tests/e2e/test_*.py")]
    assert {group_of(each) for each in ids} == {"e2e"}


def test_others_run_anywhere():
    assert group_of("tests/sensors/test_modes.py::test_alike[success-poke]") is None
