from __future__ import annotations

import json

import pytest

from airflow_provider_integrator.api import pages
from airflow_provider_integrator.api.endpoints import LogQuery, list_logs
from airflow_provider_integrator.api.enums import State
from airflow_provider_integrator.api.fields import Fields
from airflow_provider_integrator.api.models import Execution
from airflow_provider_integrator.api.pages import EMPTY_PAGE, Page, Paging
from airflow_provider_integrator.exceptions import ResponseError
from tests.api.samples import EXECUTION, MISSING, PAGE, PAGE_FIELDS, changed
from tests.api.scripts import main_log, page


def read(sample):
    return Page.decode("List logs", json.dumps(sample).encode(), 1)


class TestPage:
    @pytest.mark.parametrize(("attribute", "value"), [row[1:] for row in PAGE_FIELDS])
    def test_field(self, attribute, value):
        assert getattr(read(PAGE), attribute) == value

    def test_field_results(self):
        (log,) = read(PAGE).logs
        assert Execution.read(log) == Execution.read(Fields("List logs", EXECUTION))

    @pytest.mark.parametrize("value", [MISSING, {}, {"a": 1}, "none", 0, 3, True], ids=repr)
    def test_without_a_list_of_results(self, value):
        with pytest.raises(ResponseError, match="List logs: field results should be a list but is "):
            read(changed(PAGE, "results", value))

    def test_results_that_are_null_are_none(self):
        assert read({**PAGE, "results": None}).logs == ()

    @pytest.mark.parametrize("value", ["20", 20.0, " 20 "], ids=repr)
    def test_a_limit_in_another_form(self, value):
        assert read({**PAGE, "limit": value}).limit == 20

    @pytest.mark.parametrize("value", [MISSING, None, True, "many", [], {}], ids=repr)
    @pytest.mark.parametrize("name", ["count", "limit", "page", "previous"])
    def test_what_decides_nothing_may_be_odd(self, name, value):
        found = read(changed(PAGE, name, value))
        assert found.limit == (None if name == "limit" else 20)
        assert len(found.logs) == 1

    @pytest.mark.parametrize("value", ["", None, MISSING, False, 0], ids=repr)
    def test_without_next(self, value):
        assert read(changed(PAGE, "next", value)).has_next is False

    @pytest.mark.parametrize("value", ["https://elsewhere.invalid/", "2", 2, True, {"page": 2}], ids=repr)
    def test_next_is_a_hint_whatever_it_is(self, value):
        assert read({**PAGE, "next": value}).has_next is True

    def test_a_malformed_log_does_not_hide_the_others(self):
        logs = read(
            {**PAGE, "results": [{**EXECUTION, "state": 9}, EXECUTION, None, 7, "text", [EXECUTION]]}
        ).logs
        for place in (0, 2, 3, 4, 5):
            with pytest.raises(ResponseError, match=rf"field results\[{place}\]\."):
                Execution.read(logs[place])
        assert Execution.read(logs[1]).state is State.FINISHED

    def test_the_empty_page(self):
        assert (EMPTY_PAGE.has_next, EMPTY_PAGE.logs) == (False, ())

    @pytest.mark.parametrize(
        "body", [b"[]", b"{}", b"null", b'""', b'{"results": []}', b'{"results": null}', b'{"count": 0}']
    )
    def test_whatever_is_empty_behind_the_first_page_is_the_end(self, body):
        receiver = list_logs(LogQuery("p", "f"), page=2).receive()
        receiver.feed(body)
        assert receiver.finish() is EMPTY_PAGE

    @pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'{"count": 0}'])
    def test_a_first_page_without_results_is_an_error(self, body):
        receiver = list_logs(LogQuery("p", "f")).receive()
        receiver.feed(body)
        with pytest.raises(ResponseError, match="List logs: "):
            receiver.finish()


def log_ids(paging, *numbers, **options):
    return [
        log.values["id"] for log in paging.take(page([main_log(number, 0) for number in numbers], **options))
    ]


class TestPaging:
    def test_what_the_page_before_held_is_dropped(self):
        paging = Paging()
        assert log_ids(paging, 1, 2, 3) == [1, 2, 3]
        assert log_ids(paging, 3, 4) == [4]
        assert log_ids(paging, 5) == [5]
        assert not paging.ended

    def test_an_id_is_the_same_in_any_form(self):
        paging = Paging()
        paging.take(page([main_log(1, 0, id=17), main_log(2, 0, id="18")]))
        assert log_ids(paging, "17", 18.0, 19) == [19]

    def test_ends_without_results(self):
        for end in (EMPTY_PAGE, page([])):
            paging = Paging()
            assert log_ids(paging, 1, 2) == [1, 2]
            assert not paging.ended
            assert paging.take(end) == []
            assert paging.ended

    def test_ends_where_a_page_repeats(self):
        paging = Paging()
        assert log_ids(paging, 1, 2) == [1, 2]
        assert log_ids(paging, 2, 1) == []
        assert paging.ended

    def test_ends_without_next(self):
        paging = Paging()
        assert log_ids(paging, 1, 2, has_next=False) == [1, 2]
        assert paging.ended

    def test_a_log_without_id_is_known_by_its_execution(self):
        paging = Paging()
        assert len(paging.take(page([{"filename_uuid": "a"}, {"filename_uuid": "b"}]))) == 2
        assert [
            log.values for log in paging.take(page([{"filename_uuid": "b"}, {"filename_uuid": "c"}]))
        ] == [{"filename_uuid": "c"}]

    def test_a_log_without_any_id_is_never_dropped(self):
        paging = Paging()
        garbage = [{}, {"id": {}}, None, {}]
        assert len(paging.take(page([*garbage, main_log(1, 0)]))) == 5
        assert len(paging.take(page([*garbage, main_log(2, 0)]))) == 5
        assert not paging.ended

    def test_pages_of_nothing_but_garbage_hide_no_later_page(self):
        paging = Paging()
        for number in range(3):
            assert len(paging.take(page([{"id": {}, "row": number}, None, 7]))) == 3
            assert not paging.ended
        assert log_ids(paging, 1) == [1]

    def test_a_page_of_nothing_but_garbage_that_repeats_is_the_end(self):
        paging = Paging()
        for ended in (False, True):
            paging.take(page([{"id": {}}, None, 7]))
            assert paging.ended is ended

    def test_each_page_is_looked_into_once(self, mocker):
        """What a log without any id holds is costly to compare."""
        look = mocker.spy(pages, "_keys")
        paging = Paging()
        for number in range(4):
            paging.take(page([main_log(number, 0)]))
        assert look.call_count == 4
