"""The command that writes a project's flows to a file, for DAG files."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from airflow_provider_integrator.assets.snapshot import take_snapshot
from airflow_provider_integrator.hooks.integrator import IntegratorHook
from airflow_provider_integrator.logs.disk import appearing

#: The permissions of a new file, which holds no secret and is read by whoever reads DAG files.
_FILE_MODE = 0o644


def snapshot(hook: IntegratorHook, options: Namespace) -> None:
    """Write the file, whole or not at all."""
    found = take_snapshot(hook, options.project)
    path = Path(options.path)
    with appearing(path, "a project's flows", _FILE_MODE) as file:
        file.write((json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())
    sys.stdout.write(f"{path}: {len(found['flows'])} flows\n")
