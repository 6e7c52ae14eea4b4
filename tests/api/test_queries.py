from __future__ import annotations

import logging

import pytest

from airflow_provider_integrator.api import queries
from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.lines import Line
from airflow_provider_integrator.api.models import Execution, Flow, Project, Step
from airflow_provider_integrator.api.pages import EMPTY_PAGE
from airflow_provider_integrator.api.queries import LogReader, choose_flow
from airflow_provider_integrator.exceptions import (
    AuthenticationError,
    ConfigurationError,
    RequestError,
    ResponseError,
    UnavailableError,
)
from tests.api.samples import EXECUTION, STEP
from tests.api.scripts import main_log, page, pages_of, play


def flow(flow_id, slug, name):
    return Flow(flow_id, slug, name, "project-1", None, None, None, None, None, None, {})


def project(project_id, slug):
    return Project(project_id, slug, "Name", "partner-1", None, None, None, None)


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


def test_find_flow_names_the_project_that_is_wrong():
    refusal = RequestError("List flows: the Integrator refuses the call (400: projectId is wrong).", 400)
    with pytest.raises(ConfigurationError, match=r"projectId is wrong.*Check project_id \(project-1\)"):
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
    found, _ = play(queries.get_execution("p", "f", "execution-2"), lambda call: answer)
    assert found.execution_id == "execution-2"


GARBAGE = [None, "text", 7, [], {}, {"id": {}}, {"filename_uuid": None}, {"state": 3, "status": 2}]


def test_get_execution_among_99_others_that_cannot_be_read():
    logs = [*GARBAGE * 12, main_log(2, 2), *GARBAGE[:3], {**main_log(3, 3), "state": 99}]
    assert len(logs) == 101
    found, _ = play(queries.get_execution("p", "f", "execution-2"), lambda call: page(logs))
    assert (found.execution_id, found.log_id) == ("execution-2", "2")


@pytest.mark.parametrize(("wanted", "sent"), [("17", 17), ("17", 17.0), ("17", "17"), ("17", " 17 ")])
def test_get_execution_whose_id_is_a_number(wanted, sent):
    found, _ = play(
        queries.get_execution("p", "f", wanted), lambda call: page([main_log(1, 1, filename_uuid=sent)])
    )
    assert found.execution_id == wanted


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state": 7}, r"field results\[1\]\.state should be one of .* but is 7\."),
        ({"state": None}, r"field results\[1\]\.state should be one of .* but is None\."),
        ({"status": "ok"}, r"field results\[1\]\.status should be one of .* but is 'ok'\."),
        ({"status": 1}, r"field results\[1\]\.status should be other than In Progress .* but is 1\."),
    ],
)
def test_get_execution_that_cannot_be_judged_is_an_error(changes, message):
    with pytest.raises(ResponseError, match=message):
        play(
            queries.get_execution("p", "f", "execution-1"),
            lambda call: page([main_log(2, 2), main_log(1, 1, **changes)]),
        )


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_get_execution_without_its_id_is_an_error(value):
    with pytest.raises(ResponseError, match=r"filename_uuid should be the id of the requested execution"):
        play(
            queries.get_execution("p", "f", "execution-1"),
            lambda call: page([main_log(1, 1, filename_uuid=value)]),
        )


def test_get_execution_of_which_one_of_two_answers_can_be_read():
    logs = [main_log(1, 1, state=9), main_log(1, 1)]
    found, _ = play(queries.get_execution("p", "f", "execution-1"), lambda call: page(logs))
    assert found.is_finished


@pytest.mark.parametrize(
    ("log_type", "sample", "model"),
    [(LogType.MAIN, EXECUTION, Execution), (LogType.SUB, STEP, Step), (LogType.LINE, STEP, Line)],
)
def test_each_log_type_has_its_model(log_type, sample, model):
    assert type(LogReader(log_type).read(Fields("List logs", sample))) is model


@pytest.mark.parametrize("log_type", list(LogType))
def test_of_logs_that_cannot_be_read_the_first_is_warned_of(log_type, caplog):
    reader = LogReader(log_type)
    sample = EXECUTION if log_type is LogType.MAIN else STEP
    with caplog.at_level(logging.DEBUG):
        read = [reader.read(log) for log in page([{}, sample, *[{}] * 98]).logs]
    assert sum(one is not None for one in read) == 1
    warning, *rest = [record for record in caplog.records if "Skipping a log" in record.getMessage()]
    assert warning.levelno == logging.WARNING
    assert "List logs: field results[0]." in warning.getMessage()
    assert {record.levelno for record in rest} == {logging.DEBUG}
    assert len(rest) == 98
