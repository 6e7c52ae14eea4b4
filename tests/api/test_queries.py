from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_integrator.api import queries
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import EMPTY_PAGE, Execution, Flow, Page, Project
from airflow_provider_integrator.api.queries import FreshLogs, NewestFirst, choose_flow
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    RequestError,
    ResponseError,
    UnavailableError,
)
from tests.api.samples import EXECUTION

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def flow(flow_id, slug, name):
    return Flow(flow_id, slug, name, "project-1", None, None, None, None, None, None, {})


def project(project_id, slug):
    return Project(project_id, slug, "Name", "partner-1", None, None, None, None)


def main_log(number, minutes, **changes):
    milliseconds = int((START + timedelta(minutes=minutes)).timestamp() * 1000)
    name = f"execution-{number}"
    return {
        **EXECUTION,
        "id": f"log-{number}",
        "filename_uuid": name,
        "original_filename_uuid": name,
        "created": str(milliseconds),
        "finished": str(milliseconds + 1000),
        **changes,
    }


def page(logs, has_next=False):
    read = tuple(Fields("List logs", log, f"results[{index}].") for index, log in enumerate(logs))
    return Page(len(logs), 100, None, False, has_next, read)


def play(script, answer):
    """Drive a script; ``answer`` makes a call's value, or an error to be thrown in."""
    sent = []
    try:
        call = next(script)
        while True:
            sent.append(call)
            value = answer(call)
            call = script.throw(value) if isinstance(value, Exception) else script.send(value)
    except StopIteration as stop:
        return stop.value, sent


def pages_of(logs, size):
    """Answer List logs from a list, page by page."""

    def answer(call):
        query = dict(call.query)
        wanted = [log for log in logs if query.get("filename_uuid") in (None, log["filename_uuid"])]
        first = (int(query["page"]) - 1) * size
        if not wanted[first:]:
            return EMPTY_PAGE
        return page(wanted[first : first + size], has_next=first + size < len(wanted))

    return answer


KNOWN = [flow("id-1", "price", "Price"), flow("id-2", "stock", "Stock"), flow("id-3", None, "Order Status")]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("id-1", "id-1"), ("price", "id-1"), ("Stock", "id-2"), ("Order Status", "id-3"), ("id-3", "id-3")],
)
def test_a_flow_is_found_by_id_slug_or_name(wanted, found):
    assert choose_flow(KNOWN, wanted, "project-1").id == found


def test_an_id_goes_before_a_slug():
    assert choose_flow([flow("a", "b", "c"), flow("b", "a", "c")], "b", "project-1").id == "b"


def test_slug_and_name_of_one_flow_are_no_ambiguity():
    assert choose_flow([flow("id-1", "price", "price")], "price", "project-1").id == "id-1"


@pytest.mark.parametrize(
    "flows",
    [
        [flow("id-1", "price", "A"), flow("id-2", "price", "B")],
        [flow("id-1", "price", "A"), flow("id-2", "b", "price")],
    ],
)
def test_an_ambiguous_flow_lists_the_candidates(flows):
    with pytest.raises(
        ConfigurationError, match=r"'price' is ambiguous in project project-1; set flow .*id-1 .*id-2 "
    ):
        choose_flow(flows, "price", "project-1")


def test_an_unknown_flow_lists_the_known_ones():
    with pytest.raises(
        ConfigurationError, match=r"project-1 has no flow 'prise'\. Set flow to .*: id-3, price, stock\."
    ):
        choose_flow(KNOWN, "prise", "project-1")


def test_a_project_without_flows():
    with pytest.raises(ConfigurationError, match="none at all"):
        choose_flow([], "price", "project-1")


def test_find_flow_asks_list_flows():
    found, sent = play(queries.find_flow("project-1", "price"), lambda call: KNOWN)
    assert found.id == "id-1"
    assert [call.name for call in sent] == ["List flows"]


def test_find_flow_takes_an_id_where_list_flows_is_refused(caplog):
    refusal = RequestError("List flows: the Integrator refuses the call (403).", 403)
    found, _ = play(queries.find_flow("project-1", "flow-9"), lambda call: refusal)
    assert (found.id, found.label, found.project_id) == ("flow-9", "flow-9", "project-1")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "403" in record.getMessage()
    assert "Taking 'flow-9' as a flow's id" in record.getMessage()


def test_find_flow_passes_on_that_the_project_is_wrong():
    refusal = RequestError("List flows: the Integrator refuses the call (400: projectId is wrong).", 400)
    with pytest.raises(RequestError, match="projectId is wrong"):
        play(queries.find_flow("project-1", "flow-9"), lambda call: refusal)


@pytest.mark.parametrize("error", [AuthenticationError("no"), UnavailableError("no"), ResponseError("no")])
def test_find_flow_guesses_nothing_where_list_flows_fails_otherwise(error):
    with pytest.raises(type(error)):
        play(queries.find_flow("project-1", "flow-9"), lambda call: error)


def test_find_project_slug():
    slug, sent = play(
        queries.find_project_slug("p-2", "partner-1"),
        lambda call: [project("p-1", "a"), project("p-2", "b")],
    )
    assert slug == "b"
    assert sent[0].query == (("partnerId", "partner-1"),)


@pytest.mark.parametrize("partner_id", [None, ""])
def test_find_project_slug_without_a_partner(partner_id):
    with pytest.raises(ConfigurationError, match=r"set project_slug in .*, or partner_id"):
        play(queries.find_project_slug("p-1", partner_id), lambda call: [])


@pytest.mark.parametrize("known", [[], [project("p-2", "b")], [project("p-1", None)]])
def test_find_project_slug_of_an_unknown_project(known):
    with pytest.raises(
        ConfigurationError, match=r"Partner partner-1 has no project p-1 with a slug.*its projects: "
    ) as caught:
        play(queries.find_project_slug("p-1", "partner-1"), lambda call: known)
    assert ("p-2 (b)" if known and known[0].id == "p-2" else "") in str(caught.value)


def test_get_execution():
    logs = [main_log(number, number) for number in range(5)]
    found, sent = play(queries.get_execution("project-1", "flow-1", "execution-3"), pages_of(logs, 100))
    assert found == Execution.read(Fields("List logs", logs[3]))
    assert dict(sent[0].query)["filename_uuid"] == "execution-3"
    assert len(sent) == 1


def test_get_execution_of_none_yet():
    assert play(queries.get_execution("project-1", "flow-1", "x"), lambda call: EMPTY_PAGE)[0] is None


def test_get_execution_where_the_filter_is_not_applied():
    with pytest.raises(
        ResponseError, match=r"filename_uuid should be 'x' but is 'execution-1'; the filter was not"
    ):
        play(queries.get_execution("project-1", "flow-1", "x"), lambda call: page([main_log(1, 1)]))


def test_get_execution_among_others():
    answer = page([main_log(1, 1, state=9), main_log(2, 2)])
    assert (
        play(queries.get_execution("p", "f", "execution-2"), lambda call: answer)[0].execution_id
        == "execution-2"
    )


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
    history, sent = play(queries.read_since("project-1", "flow-1", moment), pages_of(logs, 7))
    wanted = {f"execution-{number}" for number in range(100) if number // 4 * 4 >= since}
    assert {execution.execution_id for execution in history.executions} == wanted
    assert len(history.executions) == len(wanted)
    assert [one.created for one in history.executions] == sorted(one.created for one in history.executions)
    assert history.pages == len(sent)
    assert [dict(call.query)["page"] for call in sent] == [str(number + 1) for number in range(len(sent))]
    if order == "newest" and since > 60:
        assert len(sent) < 8
    if order == "oldest":
        assert len(sent) == 15


def test_read_since_takes_ties_for_no_order():
    # All of one moment, older than what is asked for: a newer one may still come.
    logs = [main_log(number, 0) for number in range(10)] + [main_log(10, 50)]
    history, sent = play(queries.read_since("p", "f", START + timedelta(minutes=10)), pages_of(logs, 5))
    assert [one.execution_id for one in history.executions] == ["execution-10"]
    assert len(sent) == 3


def test_read_since_starts_with_a_page_at_hand():
    logs = [main_log(number, -number) for number in range(10)]
    answer = pages_of(logs, 5)
    script = queries.read_since("p", "f", START - timedelta(minutes=20), page(logs[:5], has_next=True))
    history, sent = play(script, answer)
    assert len(history.executions) == 10
    assert [dict(call.query)["page"] for call in sent] == ["2"]
    assert history.pages == 2


def test_read_since_reads_nothing_of_older_logs_but_their_time():
    logs = [main_log(1, 10), main_log(2, 0, state=9)]
    history, _ = play(queries.read_since("p", "f", START + timedelta(minutes=5)), pages_of(logs, 100))
    assert [one.execution_id for one in history.executions] == ["execution-1"]


def test_read_since_takes_a_log_that_slid_to_the_next_page_once():
    first, second = [main_log(3, 3), main_log(2, 2)], [main_log(2, 2), main_log(1, 1)]
    answers = iter([page(first, has_next=True), page(second)])
    history, _ = play(queries.read_since("p", "f", START), lambda call: next(answers))
    assert [one.execution_id for one in history.executions] == ["execution-1", "execution-2", "execution-3"]


def test_a_server_that_ignores_the_page_does_not_hold_us_for_ever():
    same = page([main_log(1, 1), main_log(2, 2)], has_next=True)
    with pytest.raises(ResponseError, match="List logs: a page holds the same logs as the one before"):
        play(queries.read_since("p", "f", START), lambda call: same)


def test_first_execution_since():
    logs = [main_log(number, number) for number in (5, 3, 9, 1)]
    script = queries.first_execution_since("p", "f", START + timedelta(minutes=2))
    assert play(script, pages_of(logs, 2))[0].execution_id == "execution-3"


def test_first_execution_since_of_none_yet():
    assert play(queries.first_execution_since("p", "f", START), lambda call: EMPTY_PAGE)[0] is None


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


def ids(fresh, *numbers):
    return [fields.values["id"] for fields in fresh.of(page([main_log(number, 0) for number in numbers]))]


def test_fresh_logs_drop_what_the_page_before_held():
    fresh = FreshLogs()
    assert ids(fresh, 1, 2, 3) == ["log-1", "log-2", "log-3"]
    assert ids(fresh, 3, 4) == ["log-4"]
    assert ids(fresh, 5) == ["log-5"]
    assert ids(fresh) == []
    assert ids(fresh, 5) == ["log-5"]


def test_fresh_logs_refuse_an_id_of_another_type():
    with pytest.raises(
        ResponseError, match=r"field results\[0\]\.id should be a non-empty text but is \[1\]"
    ):
        FreshLogs().of(page([main_log(1, 0, id=[1])]))
