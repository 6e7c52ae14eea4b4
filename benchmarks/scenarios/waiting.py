"""Lets a subject wait for things, in a process of its own, beside its server in another."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.children import Child
from benchmarks.subjects import Subject

# From the moment when the ends are set to the first of them: time for loading, and for all waits to begin.
_HEAD_START = 2.0


@dataclass(frozen=True)
class Load:
    """What is waited for.

    :param waits: How many things.
    :param flows: On how many flows, where there are flows.
    :param interval: Seconds between two polls.
    :param seconds: How long to wait at most.
    :param ends: From when to when they finish, in seconds; None: they never do.
    :param history: How many finished executions each flow has besides.
    :param order: The order of List logs.
    """

    waits: int
    flows: int
    interval: float
    seconds: float
    ends: tuple[float, float] | None = None
    history: int = 100
    order: str = "newest"


def wait(subject: Subject, load: Load) -> dict[str, Any]:
    """Let a subject wait.

    :param subject: The subject.
    :param load: What it waits for.
    :return: What the process measured, the counts of its server, and how late each event came.
    :raises RuntimeError: Some waits failed.
    """
    with Child(subject.server) as server, Child("waits") as waits:
        flows = server.ask(do="flows", count=load.flows, history=load.history, order=load.order)["flows"]
        first = server.ask(do="things", flows=flows, ends=[None])["things"][0]
        environment = subject.environment(server.ask(do="connection")["connection"])
        waits.ask(subject=subject.name, environment=environment, thing=first)
        ends = _ends(load)
        things = server.ask(do="things", flows=flows, ends=ends)["things"]
        before = server.ask(do="counts")
        measured = waits.ask(things=things, interval=load.interval, seconds=load.seconds)
        counts = {name: count - before[name] for name, count in server.ask(do="counts").items()}
    if mistakes := measured.pop("mistakes"):
        raise RuntimeError(f"{subject.label}'s waits failed: {mistakes}")
    events = measured.pop("events")
    found = [event - end for event, end in zip(events, ends, strict=True) if event and end]
    return {
        "subject": subject.name,
        "waits": load.waits,
        "flows": load.flows,
        **measured,
        **counts,
        "found": found,
    }


def _ends(load: Load) -> Sequence[float | None]:
    if load.ends is None:
        return [None] * load.waits
    chance = random.Random(1)  # noqa: S311
    now = time.time() + _HEAD_START
    return [now + chance.uniform(*load.ends) for _ in range(load.waits)]
