"""What the figures depend on: the machine and the versions of what was measured."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from airflow_provider_integrator import __version__
from benchmarks.subjects import OURS, PEERS

_LIBRARIES = ("apache-airflow", "aiohttp", "requests", "msgspec")


def describe() -> dict[str, str]:
    """Describe the machine and the versions, without names of hosts or paths."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    machine = {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{memory:.0f} GiB",
        "load average": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        OURS.distribution: __version__,
    }
    for name in (*_LIBRARIES, *(peer.distribution for peer in PEERS)):
        try:
            machine[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            machine[name] = "not installed: not measured"
    return machine


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        for line in cpus.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
