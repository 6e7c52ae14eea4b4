from __future__ import annotations

import logging
import random
from datetime import timedelta

import pytest

from airflow_provider_integrator.api.history import (
    NewestFirst,
    executions_since,
    first_execution_since,
    read_since,
)
from airflow_provider_integrator.api.pages import EMPTY_PAGE
from airflow_provider_integrator.exceptions import ResponseError
from tests.api.scripts import START, main_log, page, pages_of, play

#: What stands on a page beside the logs that can be read.
GARBAGE = [None, "text", 7, [], {}, {"id": {}}, {"id": 9}, {"created": "soon"}, {"state": 3, "status": 2}]


@pytest.mark.parametrize("shuffled", range(5))
@pytest.mark.parametrize("since", [-1, 0, 37, 40, 99, 100])
@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
def test_read_since_finds_all_in_any_order(order, since, shuffled):
    # Four logs of each moment.
    logs = [main_log(number, number // 4 * 4) for number in range(100)]
    random.Random(shuffled).shuffle(logs)
    if order != "shuffled":
        logs.sort(key=lambda log: log["created"], reverse=order == "newest")
    moment = START + timedelta(minutes=since)
    history, sent = play(read_since("project-1", "flow-1", moment), pages_of(logs, 7))
    wanted = {f"execution-{number}" for number in range(100) if number // 4 * 4 >= since}
    assert {execution.execution_id for execution in history.executions} == wanted
    assert len(history.executions) == len(wanted)
    assert [one.created for one in history.executions] == sorted(one.created for one in history.executions)
    assert history.pages == len(sent)
    assert [dict(call.query)["page"] for call in sent] == [str(number + 1) for number in range(len(sent))]
    assert len(sent) <= 16  # 15 pages, and one request to see that they end
    if order == "newest" and since > 60:
        assert len(sent) < 8
    if order == "oldest":
        assert len(sent) == 16


def test_read_since_takes_ties_for_no_order():
    # All of one moment, older than what is asked for: a newer one may still come.
    logs = [main_log(number, 0) for number in range(10)] + [main_log(10, 50)]
    history, sent = play(read_since("p", "f", START + timedelta(minutes=10)), pages_of(logs, 5))
    assert [one.execution_id for one in history.executions] == ["execution-10"]
    assert len(sent) == 4


def limits(sent):
    return [(dict(call.query)["page"], dict(call.query)["limit"]) for call in sent]


def test_read_since_is_content_with_a_small_page_that_goes_back_far_enough():
    logs = [main_log(number, -number) for number in range(10)]
    script = read_since("p", "f", START - timedelta(minutes=2), first_limit=4)
    history, sent = play(script, lambda call: page(logs[:4]))
    assert [one.execution_id for one in history.executions] == ["execution-2", "execution-1", "execution-0"]
    assert limits(sent) == [("1", "4")]
    assert not history.is_complete


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_read_since_reads_whole_pages_if_a_small_one_is_not_enough(order):
    logs = [main_log(number, -number) for number in range(10)]
    if order == "oldest":
        logs.reverse()

    def answer(call):
        query = dict(call.query)
        return page(logs[: int(query["limit"])] if query["page"] == "1" else [])

    script = read_since("p", "f", START - timedelta(minutes=5), first_limit=3)
    history, sent = play(script, answer)
    assert len(history.executions) == 6
    assert limits(sent)[:2] == [("1", "3"), ("1", "100")]
    assert len(sent) == (2 if order == "newest" else 3)
    assert history.is_complete == (order == "oldest")


def test_read_since_ends_with_a_page_that_is_known_to_be_the_last_one():
    logs = [main_log(number, number) for number in range(3)]
    pages = []
    script = read_since("p", "f", START, is_last=lambda page: pages.append(page) or len(pages) == 2)
    history, sent = play(script, pages_of(logs, 1))
    assert [one.execution_id for one in history.executions] == ["execution-0", "execution-1"]
    assert len(sent) == len(pages) == 2
    assert history.is_complete


@pytest.mark.parametrize(("count", "shown"), [(10, False), (11, True)])
def test_a_few_logs_in_an_order_show_no_order(count, shown):
    logs = [main_log(number, -number) for number in range(count)]
    history, _ = play(read_since("p", "f", START - timedelta(days=1)), pages_of(logs, 100))
    assert history.order.is_shown == shown
    logs[-1], logs[-2] = logs[-2], logs[-1]
    history, _ = play(read_since("p", "f", START - timedelta(days=1)), pages_of(logs, 100))
    assert not history.order.is_shown
    assert not history.order.is_possible


def test_read_since_reads_nothing_of_older_logs_but_their_time():
    logs = [main_log(1, 10), main_log(2, 0, state=9)]
    history, _ = play(read_since("p", "f", START + timedelta(minutes=5)), pages_of(logs, 100))
    assert [one.execution_id for one in history.executions] == ["execution-1"]


def test_read_since_takes_a_log_that_slid_to_the_next_page_once():
    first, second = [main_log(3, 3), main_log(2, 2)], [main_log(2, 2), main_log(1, 1)]
    answers = iter([page(first), page(second, has_next=False)])
    history, _ = play(read_since("p", "f", START), lambda call: next(answers))
    assert [one.execution_id for one in history.executions] == ["execution-1", "execution-2", "execution-3"]


def test_first_execution_since():
    logs = [main_log(number, number) for number in (5, 3, 9, 1)]
    script = first_execution_since("p", "f", START + timedelta(minutes=2))
    assert play(script, pages_of(logs, 2))[0].execution_id == "execution-3"


def test_first_execution_since_of_none_yet():
    assert play(first_execution_since("p", "f", START), lambda call: EMPTY_PAGE)[0] is None


def test_newest_first_is_shown_by_a_descent_only():
    order = NewestFirst()
    assert not order.all_before(START)
    order.see(START - timedelta(1))
    assert not order.all_before(START)
    order.see(START - timedelta(1))
    assert not order.all_before(START)
    order.see(START - timedelta(2))
    assert order.all_before(START)
    assert not order.all_before(START - timedelta(2))
    order.see(START - timedelta(1))
    order.see(START - timedelta(3))
    assert not order.all_before(START)


def shown_by(*ages, before=None):
    order = NewestFirst(before)
    for age in ages:
        order.see(START - timedelta(age))
    return order


def test_newest_first_is_shown_by_eleven_logs_of_one_flow():
    assert not shown_by(*range(10)).is_shown
    assert shown_by(*range(11)).is_shown


def test_newest_first_is_shown_by_several_flows_that_are_as_unlikely_together():
    """11! is 39,916,800: 6 to the power of 10 is more, 2 to the power of 25 is less."""
    for size, flows in ((3, 10), (2, 26)):
        order = None
        for number in range(1, flows + 1):
            order = shown_by(*range(size), before=order)
            assert order.is_shown == (number == flows)
    assert shown_by(1, before=order).is_shown
    assert shown_by(1, before=order).all_before(START)
    assert shown_by(before=order).is_shown


def test_what_other_flows_have_shown_holds_until_a_log_contradicts_it():
    shown = shown_by(*range(11))
    other = shown_by(1, 0, before=shown)
    assert not other.is_shown
    assert not shown_by(0, 1, before=other).is_shown
    assert shown_by(*range(11), before=other).is_shown


@pytest.mark.parametrize("end", ["404", "empty", "repeat", "next"])
def test_a_history_ends_with_at_most_one_request_more_than_pages(end):
    logs = [main_log(number, number) for number in range(10)]
    history, sent = play(read_since("p", "f", START), pages_of(logs, 5, end=end))
    assert len(history.executions) == 10
    assert len(sent) == (2 if end == "next" else 3)


def test_a_server_that_ignores_the_page_does_not_hold_a_history_for_ever():
    same = page([main_log(1, 1), main_log(2, 2)])
    history, sent = play(read_since("p", "f", START), lambda call: same)
    assert len(history.executions) == 2
    assert len(sent) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_the_hundredth_log_is_found_among_99_that_cannot_be_read(order):
    logs = [*GARBAGE * 11, main_log(1, 5)][::order]
    assert len(logs) == 100
    history, _ = play(read_since("p", "f", START), lambda call: page(logs, has_next=False))
    assert [one.execution_id for one in history.executions] == ["execution-1"]
    assert history.errors == []  # of the others none is known to have been created since
    found, _ = play(first_execution_since("p", "f", START), lambda call: page(logs, has_next=False))
    assert found.execution_id == "execution-1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state": 7}, r"state should be one of .* but is 7\."),
        ({"state": None}, r"state should be one of .* but is None\."),
        ({"status": "ok"}, r"status should be one of .* but is 'ok'\."),
    ],
)
def test_an_execution_that_cannot_be_judged_is_named_and_hides_no_other(changes, message, caplog):
    logs = [main_log(1, 1), main_log(2, 2, **changes), main_log(3, 3)]
    history, _ = play(read_since("p", "f", START), pages_of(logs, 100))
    assert [seen.execution_id for seen in history.sightings] == ["execution-1", "execution-2", "execution-3"]
    assert [one.execution_id for one in history.executions] == ["execution-1", "execution-3"]
    (error,) = history.errors
    assert error.args[0].startswith("List logs: field results[1].")
    with pytest.raises(ResponseError, match=message):
        play(first_execution_since("p", "f", START + timedelta(minutes=2)), pages_of(logs, 100))
    found, _ = play(executions_since("p", "f", START), pages_of(logs, 100))
    assert [one.execution_id for one in found] == ["execution-1", "execution-3"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert (
        "Skipped 1 executions that can't be read. The first: List logs: field results[1]."
        in record.getMessage()
    )


@pytest.mark.parametrize("step", [1, -1])
def test_of_one_millisecond_the_readable_execution_is_the_next(step):
    logs = [main_log(1, 1, state=7), main_log(2, 1), main_log(3, 1, status="ok")][::step]
    found, _ = play(first_execution_since("p", "f", START), pages_of(logs, 100))
    assert found.execution_id == "execution-2"


@pytest.mark.parametrize("step", [1, -1])
def test_an_unreadable_log_does_not_hide_a_readable_one_of_the_same_execution(step):
    logs = [main_log(1, 1), main_log(1, 1, id=2, state=7)][::step]
    found, _ = play(executions_since("p", "f", START), pages_of(logs, 100))
    assert [one.execution_id for one in found] == ["execution-1"]


def test_a_nameless_execution_hides_no_other():
    logs = [main_log(1, 1, filename_uuid=None), main_log(2, 2)]
    history, _ = play(read_since("p", "f", START), pages_of(logs, 100))
    assert [one.execution_id for one in history.executions] == ["execution-2"]
    assert len(history.errors) == 1
    found, _ = play(first_execution_since("p", "f", START), pages_of(logs, 100))
    assert found.execution_id == "execution-2"
    with pytest.raises(ResponseError, match=r"field results\[0\]\.filename_uuid should be an id but is None"):
        play(first_execution_since("p", "f", START), pages_of(logs[:1], 100))


def test_an_execution_of_which_only_its_end_is_known_has_its_place_in_the_history():
    logs = [main_log(1, 1), main_log(2, 2, created=None), main_log(3, 3)]
    history, _ = play(read_since("p", "f", START), pages_of(logs, 100))
    assert [one.execution_id for one in history.executions] == ["execution-1", "execution-2", "execution-3"]
    # It may have been created before: it isn't the next one.
    found, _ = play(first_execution_since("p", "f", START + timedelta(minutes=2)), pages_of(logs, 100))
    assert found.execution_id == "execution-3"
