"""Which tests stay together if pytest-xdist spreads them over several processes.

A group is found by the path of its tests: all that the process which spreads them knows of a test is its id.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

GROUPS = {
    # these share one Airflow
    "e2e": ("tests/e2e/",),
    # these look at one build
    "package": ("tests/test_package.py",),
    # these measure times or memory, and would disturb each other
    "measures": (
        "tests/api/test_scale.py",
        "tests/hostile/test_time_limits.py",
        "tests/benchmarks/",
    ),
}


class GroupScheduling(LoadScopeScheduling):
    """Gives a group to one process, and any other test to the next process that is free; large groups first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid) or nodeid


def group_of(nodeid: str) -> str | None:
    """Find the group of a test.

    :param nodeid: The test's id.
    :return: The group's name; None if the test may run anywhere.
    """
    return next((name for name, paths in GROUPS.items() if nodeid.startswith(paths)), None)
