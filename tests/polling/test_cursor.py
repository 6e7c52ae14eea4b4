"""Each finished execution is delivered once, in whatever order executions come, finish, are read and watchers die."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.polling import cursor as module
from airflow_provider_integrator.polling.cursor import FlowCursor, Seen, from_epoch, read_statuses, to_epoch

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

NOW = 1_800_000_000_000


@pytest.fixture(autouse=True)
def _small_bounds(mocker: MockerFixture) -> None:
    mocker.patch.multiple(module, KEPT=3, BATCH=4, MAX_AGE=timedelta(days=100_000))


def execution(number: int, created: int) -> Execution:
    log = {"id": number, "filename_uuid": f"e{number}", "state": 2, "status": 1, "created": created}
    return Execution.read(Fields("List logs", log))


def finished(each: Execution) -> Execution:
    return replace(each, state=State.FINISHED, status=Status.SUCCESS, finished=each.created)


class World:
    """The Integrator's executions, the stored cursor and the one in memory, and what was delivered."""

    def __init__(self) -> None:
        self.executions: list[Execution] = []
        self.clock = NOW
        self.stored: str | None = None
        self.cursor: FlowCursor | None = None
        self.delivered: Counter[str] = Counter()
        self.maybe_twice: set[str] = set()
        self.before: set[str] = set()
        self.skipped: set[str] = set()
        self.polls = 0

    def create(self, later: int) -> None:
        self.clock += later
        self.executions.append(execution(len(self.executions), self.clock))

    def finish(self, choice: int) -> None:
        running = [n for n, each in enumerate(self.executions) if not each.is_finished]
        if running:
            n = running[choice % len(running)]
            self.executions[n] = finished(self.executions[n])

    def start(self) -> None:
        self.cursor = FlowCursor(NOW - 1)
        self.before = {each.execution_id for each in self.executions if each.is_finished}
        self.cursor.start([Seen.of(each) for each in self.executions])
        self.store()

    def store(self) -> None:
        assert self.cursor is not None
        self.stored = json.dumps(self.cursor.as_json())

    def die(self) -> None:
        assert self.stored is not None
        self.cursor = FlowCursor.read(json.loads(self.stored))

    def read(self, cursor: FlowCursor, skip: int, reach: int, recent: int | None) -> list[Seen]:
        reading = []
        skipped: set[str] = set()
        for n, each in enumerate(self.executions):
            seen = Seen.of(each)
            if seen.execution_id in cursor.open:
                if (n + reach) % 3:  # an open one is looked at in some polls only
                    reading.append(seen)
            elif seen.created >= (cursor.since if recent is None else recent):
                # it slid from a page that wasn't read yet to one that was
                if skip and recent is None and n % 5 == skip and seen.execution_id not in self.skipped:
                    skipped.add(seen.execution_id)
                else:
                    reading.append(seen)
        if recent is None:
            self.skipped = skipped
        return reading[::-1] if reach % 2 else reading

    def poll(self, skip: int, reach: int, dies_after: int | None, *, in_window: bool = False) -> None:
        """Read, deliver and store; die after some deliveries, before or after the cursor knows of the last of them."""
        if self.cursor is None:
            self.start()
        cursor = self.cursor
        assert cursor is not None
        self.polls += 1
        recent = cursor.recent() if self.polls % 3 else None
        reading = self.read(cursor, skip, reach, recent)
        chosen = cursor.choose(reading, is_whole=recent is None)
        assert len(chosen) <= module.BATCH
        for n, seen in enumerate(chosen):
            if n == dies_after and not in_window:
                self.die()
                return
            self.delivered[seen.execution_id] += 1
            if n == dies_after:
                self.maybe_twice.add(seen.execution_id)
                self.die()
                return
            cursor.mark_delivered(seen.execution_id, seen.created)
            self.store()
        self.store()

    def settle(self) -> None:
        for n in range(len(self.executions)):
            self.finish(0)
            if n % 2:
                self.poll(0, n, None)
        for n in range(3 * len(self.executions) + 6):
            self.poll(0, n, None)


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.integers(1, 60), st.tuples(*[st.integers(1, 8)] * 3), st.booleans())
def test_each_is_delivered_once(seed: int, steps: int, weights: tuple[int, int, int], dies: bool) -> None:
    chance, world = random.Random(seed), World()
    for step in chance.choices(("create", "finish", "poll"), weights, k=steps):
        if step == "create":
            for _ in range(chance.randint(1, 4)):
                world.create(chance.choice((0, 1, 1, 2)))
        elif step == "finish":
            for _ in range(chance.randint(1, 4)):
                world.finish(chance.randrange(100))
        else:
            after = chance.choice((None, None, 0, 1, 3)) if dies else None
            world.poll(chance.randrange(5), chance.randrange(6), after, in_window=chance.random() < 0.5)
    if world.cursor is None:
        world.start()
    world.settle()
    assert world.cursor is not None
    assert not world.cursor.open
    assert world.delivered.keys() == {each.execution_id for each in world.executions} - world.before
    twice = {each for each, times in world.delivered.items() if times > 1}
    assert twice <= world.maybe_twice
    assert all(times <= 1 for each, times in world.delivered.items() if each not in world.maybe_twice)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=300), st.integers(1, 40))
def test_the_cursor_stays_small(made: list[tuple[int, bool]], every: int) -> None:
    world = World()
    world.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_OPEN", 7)
        for n, (later, ends) in enumerate(made):
            world.create(later + 1)
            if ends:
                world.executions[-1] = finished(world.executions[-1])
            if n % every == 0:
                world.poll(0, n, None)
                assert world.cursor is not None
                assert len(world.cursor.delivered) <= 2 * module.KEPT + module.BATCH
                assert len(world.cursor.open) <= 7


def test_an_execution_that_shows_up_late_is_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = FlowCursor(NOW)
    late = finished(execution(99, NOW + 8))
    others = [finished(execution(n, NOW + n)) for n in range(10)]
    for _ in range(4):
        for seen in cursor.choose(
            [Seen.of(each) for each in others if each.created >= from_epoch(cursor.since)]
        ):
            cursor.mark_delivered(seen.execution_id, seen.created)
    assert cursor.since == NOW + 7
    assert [seen.execution_id for seen in cursor.choose([Seen.of(late)])] == ["e99"]


def test_what_never_finishes_is_given_up_and_named(
    mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    mocker.patch.object(module, "MAX_AGE", timedelta(days=7))
    cursor = FlowCursor(0, {}, {"old": 0})
    for _ in range(2):
        cursor.choose([])
    assert cursor.open == {}
    assert "Execution old, created 1970-01-01" in caplog.text


@pytest.mark.parametrize("number", [0, 1])
def test_an_execution_without_created_is_placed_by_its_end(number: int) -> None:
    log = {"filename_uuid": "e1", "state": 3, "status": 2, "finished": [NOW, None][number]}
    assert Seen.of(Execution.read(Fields("List logs", log))).created == [NOW, 0][number]


def test_a_cursor_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="delete its key"):
        FlowCursor.read({"since": 1})


@pytest.mark.parametrize("status", ["", "ok", [], ["success", "in_progress"]])
def test_other_statuses_are_refused(status: object) -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        read_statuses(status)  # type: ignore[arg-type]


def test_moments_are_kept_to_the_millisecond() -> None:
    assert to_epoch(from_epoch(NOW)) == NOW
    assert to_epoch(from_epoch(NOW) + timedelta(microseconds=999)) == NOW
