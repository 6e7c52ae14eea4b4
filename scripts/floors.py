"""Print the lowest versions that the package allows of its own dependencies, Airflow's aside, as pinned requirements."""

from __future__ import annotations

import re
import sys
from importlib.metadata import requires

for requirement in requires("airflow-provider-integrator") or []:
    match = re.fullmatch(r"([\w-]+)>=([\w.]+)", requirement)
    if match is None:
        sys.exit(f"{requirement} has no floor of the form name>=version.")
    if not match[1].startswith("apache-airflow"):
        print(f"{match[1]}=={match[2]}")
