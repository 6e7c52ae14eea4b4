"""What is read off a process: its CPU time, its memory, how late its event loop is."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

MEBIBYTE = 1024 * 1024

_STATM = Path("/proc/self/statm")
_MEMINFO = Path("/proc/meminfo")
BEAT = 0.01
_LOOK_AT_OTHER = 0.003
_BEATS_PER_LOOK_AT_MEMORY = 25


def cpu_seconds() -> float:
    """CPU time of this process so far, of all its threads, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_bytes() -> int:
    """Memory that this process holds now."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import psutil  # not on Linux

    return int(psutil.Process().memory_info().rss)


def peak_resident_bytes() -> int:
    """The most memory that this process has held."""
    # Where the system says it, as ru_maxrss would begin with what the parent held when it started this process.
    known = _status_bytes(os.getpid(), "VmHWM:")
    if known is not None:
        return known
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def own_bytes(pid: int) -> int:
    """Memory that a process holds now and that is its own, not a mapped file's, which the system may take back.

    :param pid: The process. If the system doesn't distinguish the two, both count.
    """
    own = _status_bytes(pid, "RssAnon:")
    if own is not None:
        return own
    import psutil  # not on Linux

    return int(psutil.Process(pid).memory_info().rss)


def _status_bytes(pid: int, name: str) -> int | None:
    path = Path(f"/proc/{pid}/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)


class OwnPeak:
    """Notes the most memory of its own that another process holds, from this one. A context manager.

    :param pid: The process.
    """

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> OwnPeak:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_AT_OTHER):
            self.bytes = max(self.bytes, own_bytes(self._pid))


def available_bytes() -> int:
    """Memory that a process could still get; 0 where that isn't known."""
    if _MEMINFO.exists():
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return 0
    import psutil  # not on Linux

    return int(psutil.virtual_memory().available)


def quantile(values: Sequence[float], share: float) -> float:
    """Find the value that a share of the values doesn't pass.

    :param values: At least one value.
    :param share: 0.5 for the median, 0.99 for the 99th percentile.
    :return: One of the values.
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Heartbeat:
    """Notes how late the event loop is, and now and then the memory. An async context manager.

    :param beat: Seconds between two looks.
    """

    def __init__(self, beat: float = BEAT) -> None:
        self._beat_seconds = beat
        self.lags: list[float] = []
        self.peak_bytes = 0
        self._ended = False

    async def __aenter__(self) -> Heartbeat:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *exception: object) -> None:
        # The beat that is due is noted as well: what stopped the loop may have ended just now.
        self._ended = True
        await self._task
        self.peak_bytes = max(self.peak_bytes, resident_bytes())

    async def _beat(self) -> None:
        while not self._ended:
            if len(self.lags) % _BEATS_PER_LOOK_AT_MEMORY == 0:
                self.peak_bytes = max(self.peak_bytes, resident_bytes())
            due = time.perf_counter() + self._beat_seconds
            await asyncio.sleep(self._beat_seconds)
            self.lags.append(time.perf_counter() - due)


class Collections:
    """Notes how long Python's garbage collector stops everything. A context manager.

    That is a part of a loop's lag: the more objects a process has, its libraries' included, the longer. Not for code
    that stays in C for long: being told of a collection, it lets go of Python's lock, which it wouldn't else.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._since = 0.0

    def __enter__(self) -> Collections:
        gc.callbacks.append(self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        gc.callbacks.remove(self._note)

    def _note(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._since = time.perf_counter()
        else:
            self.longest = max(self.longest, time.perf_counter() - self._since)
