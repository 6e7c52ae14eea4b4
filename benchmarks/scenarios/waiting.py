"""Lets a subject wait for things, in a process of its own, beside its server in another."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.children import Child
from benchmarks.measuring import BEAT
from benchmarks.subjects import Subject

# From the moment when the ends are set to the first of them: time for loading, and for all waits to begin.
_HEAD_START = 2.0


def evenly(seconds: float) -> Callable[[random.Random], float]:
    """Let things finish evenly in some seconds, once all waits have begun.

    :param seconds: The seconds.
    """
    return lambda chance: _HEAD_START + chance.uniform(0, seconds)


@dataclass(frozen=True)
class Load:
    """What is waited for.

    :param waits: How many things.
    :param flows: On how many flows, where there are flows.
    :param interval: Seconds between two polls.
    :param seconds: How long to wait at most.
    :param lasts: Draws how many seconds a thing lasts; None: none of them finishes.
    :param history: How many finished executions each flow has besides.
    :param history_lasts: Draws how many seconds these lasted.
    :param order: The order of List logs.
    :param steps: Whether the executions have steps.
    :param beat: Seconds between two looks at the event loop's lag.
    """

    waits: int
    flows: int
    interval: float
    seconds: float
    lasts: Callable[[random.Random], float] | None = None
    history: int = 100
    history_lasts: Callable[[random.Random], float] = lambda _: 30.0
    order: str = "newest"
    steps: bool = True
    beat: float = BEAT


def wait(subject: Subject, load: Load) -> dict[str, Any]:
    """Let a subject wait.

    :param subject: The subject.
    :param load: What it waits for.
    :return: What the process measured, the counts of its server, and how late each event came.
    :raises RuntimeError: Some waits failed.
    """
    with Child(subject.server) as server, Child("waits") as waits:
        chance = random.Random(1)  # noqa: S311 - the same for all subjects
        history = [load.history_lasts(chance) for _ in range(load.history)]
        flows = server.ask(do="flows", count=load.flows, history=history, order=load.order, steps=load.steps)[
            "flows"
        ]
        first = server.ask(do="things", flows=flows, ends=[None], steps=load.steps)["things"][0]
        environment = subject.environment(server.ask(do="connection")["connection"])
        waits.ask(subject=subject.name, environment=environment, thing=first)
        ends = _ends(load, chance)
        things = server.ask(do="things", flows=flows, ends=ends, steps=load.steps)["things"]
        before = server.ask(do="counts")
        measured = waits.ask(things=things, interval=load.interval, seconds=load.seconds, beat=load.beat)
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


def _ends(load: Load, chance: random.Random) -> Sequence[float | None]:
    if load.lasts is None:
        return [None] * load.waits
    now = time.time()
    return [now + load.lasts(chance) for _ in range(load.waits)]
