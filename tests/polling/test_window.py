"""Windows are hardly ever dearer than look-ups, wherever the executions stand and however the order changes."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.pages import Page
from airflow_provider_integrator.polling.window import ANSWER_BYTES, MANY, PAGE_BYTES, SHARE, Window

LOG = Fields("List logs", {})


def pages_of(length: int, log_bytes: int) -> list[Page]:
    count = math.ceil(length / MAX_PAGE_SIZE)
    sizes = [length // count + (number < length % count) for number in range(count)]
    return [Page((LOG,) * size, has_next=True, size=PAGE_BYTES + size * log_bytes) for size in sizes]


class Flow:
    """A flow's logs, some of which are awaited, in an order that may change from poll to poll."""

    def __init__(self, count: int, length: int, log_bytes: int, chance: random.Random) -> None:
        self.ids = [f"e{number}" for number in range(count)]
        self.places = {each: number for number, each in enumerate(self.ids, start=1)}
        self.window = Window()
        self.requests = 0
        self.bytes = 0
        self._length = length
        self._log_bytes = log_bytes
        self._chance = chance

    def shuffle(self) -> None:
        places = self._chance.sample(range(1, self._length + 1), len(self.ids))
        self.places = dict(zip(self.ids, places, strict=True))

    def push(self, count: int) -> None:
        self.places = {each: place + count for each, place in self.places.items()}
        self._length += count

    def poll(self) -> int:
        length = self.window.choose(self.ids)
        shown: dict[str, int] = {}
        if length:
            last = math.ceil(max(self.places.values()) / MAX_PAGE_SIZE) * MAX_PAGE_SIZE
            length = min(length, last, self._length)  # no page is read behind the last execution
            pages = pages_of(length, self._log_bytes)
            shown = {each: place for each, place in self.places.items() if place <= length}
            for page in pages:
                self.window.learn(page)
            self.window.record(length, pages, shown)
            self.requests += len(pages)
            self.bytes += len(pages) * ANSWER_BYTES + length * self._log_bytes
        for _ in range(len(self.ids) - len(shown)):
            self.window.learn(pages_of(1, self._log_bytes)[0])
            self.requests += 1
            self.bytes += ANSWER_BYTES + self._log_bytes
        return length

    def look_ups(self, polls: int) -> tuple[float, float]:
        """The requests and bytes of as many look-ups, and of those that may be spent beyond."""
        # The first window is chosen before a log's size is known.
        allowed = len(self.ids) * (polls * (1 + SHARE) + 1.2) + 2
        return allowed, allowed * (ANSWER_BYTES + self._log_bytes)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, MANY),
    st.integers(0, 2000),
    st.integers(200, 20_000),
    st.lists(st.sampled_from(["poll", "poll", "poll", "shuffle", "push"]), max_size=120),
    st.integers(0, 2**32),
)
def test_windows_are_hardly_dearer_than_look_ups(
    count: int, more: int, log_bytes: int, steps: list[str], seed: int
) -> None:
    flow = Flow(count, count + more, log_bytes, random.Random(seed))
    polls = 0
    for step in steps:
        if step == "poll":
            flow.poll()
            polls += 1
        elif step == "shuffle":
            flow.shuffle()
        else:
            flow.push(seed % 3 + 1)
    requests, received = flow.look_ups(polls)
    assert flow.requests <= requests
    assert flow.bytes <= received


@pytest.mark.parametrize("count", [2, 10, 100, 1000])
def test_the_newest_executions_are_read_together_from_the_second_poll_on(count: int) -> None:
    flow = Flow(count, 2 * count, 2000, random.Random(1))
    flow.poll()
    assert count <= flow.poll() <= count + 1
    assert flow.requests <= 2 * math.ceil(1.2 * count / MAX_PAGE_SIZE)


def test_one_execution_is_always_looked_up() -> None:
    flow = Flow(1, 100, 2000, random.Random(1))
    assert [flow.poll() for _ in range(100)] == [0] * 100


def test_executions_that_join_are_searched_for() -> None:
    flow = Flow(10, 1000, 2000, random.Random(1))
    flow.poll()
    flow.push(10)
    flow.ids += [f"new-{number}" for number in range(10)]
    flow.places |= {each: number for number, each in enumerate(flow.ids[10:], start=1)}
    assert flow.poll() >= 20


def test_a_window_that_could_not_be_read_is_not_tried_again_at_once() -> None:
    flow = Flow(10, 1000, 2000, random.Random(1))
    assert flow.poll() > 0
    flow.window.reset()
    lengths = [flow.poll() for _ in range(30)]
    assert lengths[:5] == [0] * 5
    assert any(lengths)
