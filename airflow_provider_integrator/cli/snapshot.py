"""The command that writes a project's flows to a file, for DAG files."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from airflow_provider_integrator.assets.snapshot import take_snapshot
from airflow_provider_integrator.cli.connection import hook_of
from airflow_provider_integrator.logs.disk import appearing

#: The permissions of a new file, which holds no secret and is read by whoever reads DAG files.
_FILE_MODE = 0o644


def snapshot(options: Namespace) -> int:
    """Write the file, whole or not at all.

    :param options: The command's arguments.
    :return: 0.
    """
    with hook_of(options) as hook:
        found = take_snapshot(hook, options.project)
    path = Path(options.path)
    with appearing(path, "a project's flows", _FILE_MODE) as file:
        file.write((json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())
    sys.stdout.write(f"{path}: {len(found['flows'])} flows\n")
    return 0
