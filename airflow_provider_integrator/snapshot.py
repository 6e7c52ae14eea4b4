"""The command ``python -m airflow_provider_integrator.snapshot``."""

from __future__ import annotations

import sys

from airflow_provider_integrator.assets.snapshot import main

if __name__ == "__main__":
    sys.exit(main())
