"""The command ``python -m airflow_provider_integrator.snapshot``, for ``airflow-integrator snapshot``."""

from __future__ import annotations

import sys

from airflow_provider_integrator.cli.main import main

if __name__ == "__main__":
    main(["snapshot", *sys.argv[1:]])
