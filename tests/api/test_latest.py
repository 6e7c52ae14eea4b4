"""A flow's latest executions: what the pages of a server have shown saves requests, and hides no execution."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from airflow_provider_integrator.api.latest import Evidence, read_latest
from tests.api.scripts import main_log, page, pages_of, play


def limits(sent):
    return [(dict(call.query)["page"], dict(call.query)["limit"]) for call in sent]


def latest(logs, is_enough=lambda history: True, first_limit=20):
    """Read the latest executions, of a server that honours ``limit``."""

    def answer(call):
        return pages_of(logs, int(dict(call.query)["limit"]))(call)

    return play(read_latest("p", "f", is_enough, first_limit=first_limit), answer)


def test_read_latest_is_content_with_one_small_page_that_shows_the_order():
    history, sent = latest([main_log(number, -number) for number in range(300)])
    assert [one.execution_id for one in history.executions][-1] == "execution-0"
    assert len(history.executions) == 20
    assert limits(sent) == [("1", "20")]
    assert not history.is_complete


def test_read_latest_goes_on_in_whole_pages_until_it_is_enough():
    logs = [main_log(number, -number) for number in range(1000)]
    history, sent = latest(logs, lambda history: len(history.sightings) > 150)
    assert limits(sent) == [("1", "20"), ("1", "100"), ("2", "100")]
    assert len(history.executions) == 200


@pytest.mark.parametrize("order", ["oldest", "shuffled", "ties"])
def test_read_latest_reads_all_if_no_order_is_shown(order):
    logs = [main_log(number, 0 if order == "ties" else number) for number in range(250)]
    if order == "shuffled":
        random.Random(1).shuffle(logs)
    history, sent = latest(logs)
    assert history.is_complete
    assert len(history.executions) == 250
    assert limits(sent) == [("1", "20"), ("1", "100"), ("2", "100"), ("3", "100"), ("4", "100")]


@pytest.mark.parametrize("count", [1, 10, 19])
def test_read_latest_does_not_begin_again_after_a_page_that_is_not_full(count):
    history, sent = latest([main_log(number, number) for number in range(count)])
    assert history.is_complete
    assert len(history.executions) == count
    assert limits(sent) == [("1", "20"), ("2", "20")]


def test_read_latest_of_a_flow_that_never_ran():
    history, sent = latest([])
    assert history.is_complete
    assert history.sightings == history.faults == ()
    assert len(sent) == 1


def test_read_latest_lets_no_log_hide_another_one():
    logs = [main_log(0, 0, id=None, filename_uuid=None), main_log(1, 1), main_log(2, 2, status=99)]
    history, _ = latest(logs)
    assert [one.execution_id for one in history.sightings] == ["execution-1", "execution-2"]
    assert [one.execution_id for one in history.executions] == ["execution-1"]


def served(logs, sizes=None, count=lambda logs, shown: len(logs)):
    """Answer as the documents show it: with ``limit`` and ``count``, and with a ``next`` on every page.

    :param sizes: How many logs a page of a size has; None: as many as it may.
    :param count: What ``count`` is, by the flow's logs and the page's.
    """

    def answer(call):
        limit, number = (int(dict(call.query)[name]) for name in ("limit", "page"))
        size = (sizes or (lambda limit: limit))(limit)
        shown = logs[(number - 1) * size : number * size]
        return replace(page(shown), limit=limit, count=count(logs, shown))

    return answer


def read(answers, evidence, is_enough=lambda history: True):
    """Read flow after flow.

    :return: The number of executions found of each, and the requests for it.
    """
    found = []
    for answer in answers:
        history, sent = play(read_latest("p", "f", is_enough, first_limit=20, evidence=evidence), answer)
        found.append((len(history.executions), len(sent)))
    return found


def flow_of(size, **how):
    return served([main_log(number, 0) for number in range(size)], **how)


COUNTS = {
    "all logs": lambda logs, shown: len(logs),
    "the page's": lambda logs, shown: len(shown),
    "none": lambda logs, shown: None,
}


@pytest.mark.parametrize("count", COUNTS.values(), ids=COUNTS)
def test_a_short_page_is_the_last_one_once_that_was_seen_often_enough(count):
    found = read([flow_of(1, count=count)] * 15, Evidence())
    assert found == [(1, 2)] * Evidence.ENOUGH_ENDS + [(1, 1)] * 5


def test_a_short_page_is_never_taken_for_the_last_one_on_a_server_that_once_went_on():
    """As of one that chooses among the logs of a page after it has cut it out."""
    halves = {"sizes": lambda limit: limit // 2, "count": COUNTS["none"]}
    found = read([flow_of(1)] * 9 + [flow_of(15, **halves)] + [flow_of(1)] * 3, Evidence())
    assert found[9:] == [(15, 3), (1, 2), (1, 2), (1, 2)]


def test_a_longer_page_than_those_seen_so_far_is_not_taken_for_the_last_one():
    halves = {"sizes": lambda limit: limit // 2, "count": COUNTS["none"]}
    found = read([flow_of(1)] * 12 + [flow_of(15, **halves)] + [flow_of(1)] * 2, Evidence())
    assert found[9:] == [(1, 2), (1, 1), (1, 1), (15, 3), (1, 2), (1, 2)]


@pytest.mark.parametrize(
    "answer",
    [
        flow_of(15, sizes=lambda limit: limit // 2),
        lambda call: replace(flow_of(15, sizes=lambda limit: 10)(call), limit=10),
        lambda call: replace(flow_of(15, sizes=lambda limit: 10)(call), limit=None),
    ],
    ids=["count says that there are more", "the server's own limit is smaller", "no limit"],
)
def test_a_page_that_does_not_mean_to_be_the_last_one_is_not_taken_for_it(answer):
    evidence = Evidence()
    read([flow_of(1)] * 10, evidence)
    assert evidence.shows_end(1)
    ((executions, _),) = read([answer], evidence)
    assert executions == 15


def test_flows_begin_with_a_large_page_once_a_small_one_was_not_enough_for_several():
    many = served([main_log(number, -number) for number in range(300)])
    evidence = Evidence()
    found = read([many] * 5, evidence, lambda history: len(history.sightings) > 30)
    assert [requests for _, requests in found] == [2] * Evidence.ENOUGH_REPEATS + [1, 1]


def test_the_order_shown_by_one_flow_holds_for_the_next_one():
    found = read(
        [served([main_log(number, -number) for number in range(size)]) for size in (40, 2)], Evidence()
    )
    assert found == [(20, 1), (2, 1)]
