"""Shapes of JSON, and that no value gets into them."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_integrator.cli.names import DOCUMENTED, HIDDEN, WORDS, Names, texts_in
from airflow_provider_integrator.cli.order import order_of
from airflow_provider_integrator.cli.shapes import Shapes, form_of
from airflow_provider_integrator.simulator import shaping
from airflow_provider_integrator.simulator.shaping import shaped

#: The forms of what is neither a list nor an object, each with a value.
VALUES = [
    ("null", None),
    ("boolean", False),
    ("number: whole", 4711),
    ("number: whole", -1),
    ("number: epoch milliseconds", 1687519997186),
    ("number: x.0", 2.0),
    ("number: fraction", 2.5),
    ("text: empty", " \n"),
    ("text", "Price"),
    ("text", "64957f9d00000000000f4251"),
    ("text", "5 €"),
    ("text: digits", "0042"),
    ("text: epoch milliseconds", "1687519997186"),
    ("text: true or false", "True"),
    ("text: ISO 8601, Z", "2026-11-27T06:00:00Z"),
    ("text: ISO 8601, +00:00", "2026-11-27T06:00:00.46+00:00"),
    ("text: ISO 8601, another offset", "2026-11-27T09:00:00.000+0300"),
    ("text: ISO 8601, no offset", "2026-11-27 06:00"),
    ("text: URL", "http://x"),
    ("text: white space around", "System\n"),
]
FORMS = sorted({form for form, _ in VALUES})
#: Names that must not be shown: data, and words that are no field's.
DATA = [
    "SKU-1", "ABC123", "abc123", "tr", "Kýrmýzý Elbise", "istanbul", "jane@example.com", "2026-11-27", "4711", "",
    "a" * 61, "price\n", "price ", "prïce", "user.jane", "orderJane", "order_4711", "!secret", "id\x00", "\ud800", "🎉",
]  # fmt: skip


def shape_of(*values):
    return Shapes(Names([])).of(values)


@pytest.mark.parametrize(("form", "value"), VALUES)
def test_form(form, value):
    assert form_of(value) == form


@pytest.mark.parametrize("form", FORMS)
def test_a_simulator_writes_each_form_of_any_value(form):
    for base in (*(value for _, value in VALUES), {"a": 1}, [1]):
        assert form_of(shaped(base, [form], 0)) == form, base


def test_all_forms_are_known_to_the_simulator():
    assert sorted(shaping.FORMS.keys() - {"missing"}) == FORMS


class TestShape:
    def test_of_nothing(self):
        assert shape_of() == []

    def test_each_form_once(self):
        assert shape_of(1, "x", 2, None, "y") == ["null", "number: whole", "text"]

    def test_of_lists(self):
        assert shape_of([1, 2], [None], []) == [{"list": ["null", "number: whole"]}]
        assert shape_of([]) == [{"list": []}]

    def test_of_objects(self):
        assert shape_of({"id": 1, "name": "x"}, {"id": "7"}) == [
            {"object": {"id": ["number: whole", "text: digits"], "name": ["missing", "text"]}}
        ]

    def test_ids_are_no_times(self):
        ids = {"id": 1687519997186, "original_filename_uuid": "1687519997186", "created": "1687519997186"}
        assert shape_of(ids, {"id": 5}) == [
            {
                "object": {
                    "created": ["missing", "text: epoch milliseconds"],
                    "id": ["number: whole"],
                    "original_filename_uuid": ["missing", "text: digits"],
                }
            }
        ]

    def test_of_a_map_keyed_by_data(self):
        assert shape_of({f"SKU-{number}": {"price": number} for number in range(9)}) == [
            {"object": {HIDDEN: [{"object": {"price": ["number: whole"]}}]}}
        ]

    def test_of_what_is_nested_deeply(self):
        value = []
        for _ in range(5000):
            value = [value]
        assert "deeper" in json.dumps(shape_of(value))

    def test_variants(self):
        variants = Shapes(Names([])).variants([None, 1, 2, {"id": 1}, {"id": None}, {"id": 2}, "x"])
        assert sorted(map(str, variants)) == sorted(
            map(str, [["null"], ["number: whole"], [{"object": {"id": ["number: whole"]}}],
                      [{"object": {"id": ["null"]}}], ["text"]])
        )  # fmt: skip

    def test_variants_are_bounded(self):
        many = [{name: 1} for name in sorted(DOCUMENTED | WORDS)]
        assert len(Shapes(Names([])).variants(many)) == 40


class TestNames:
    @pytest.mark.parametrize("name", ["id", "!flowSlug", "is_send_S3", "!omnitron.param.erp_login_slug"])
    def test_of_the_vendors_pages(self, name):
        assert Names([name]).shown(name) == name

    @pytest.mark.parametrize(
        "name", ["requestBody", "status_code", "X-Request-Id", "!omnitron.param.url", "HTTPStatus"]
    )
    def test_of_technical_words(self, name):
        assert Names([]).shown(name) == name

    @pytest.mark.parametrize("name", DATA, ids=ascii)
    def test_data(self, name):
        assert Names([]).shown(name) == HIDDEN

    @pytest.mark.parametrize("name", ["price", "orderStatus", "order-status"])
    def test_technical_words_that_are_values(self, name):
        assert Names([]).shown(name) == name
        assert Names([f" {name.upper()}\n"]).shown(name) == HIDDEN


def test_texts_in():
    assert texts_in({"a": [1, {"b": "x", "c": None}], "d": True, "e": 2.5}) == {
        "1",
        "x",
        "null",
        "true",
        "2.5",
    }


@pytest.mark.parametrize(
    ("hours", "order"),
    [
        ([], "unknown"), ([1], "unknown"), ([1, 1], "unknown"), ([1, None], "unknown"), ([3, 2, 2, None, 1], "newest first"), ([1, 2, 2], "oldest first"),
        ([1, 3, 2], "neither newest nor oldest first"),
    ],
)  # fmt: skip
def test_order(hours, order):
    begun = datetime(2026, 11, 27, tzinfo=timezone.utc)
    assert order_of([hour if hour is None else begun + timedelta(hours=hour) for hour in hours]) == order


words = st.sampled_from(sorted(WORDS | DOCUMENTED))
hostile = st.one_of(
    st.text(), st.sampled_from(DATA), words, st.from_regex(r"\A[A-Za-z]{1,8}[-_.][a-z0-9]{1,8}\Z")
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), hostile)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(hostile, inner, max_size=5),
    max_leaves=30,
)
#: All that a shape may hold beside names of fields.
VOCABULARY = {*FORMS, "missing", "deeper"}


def names_in(shape):
    """Collect the names of fields in a shape, and check everything else of it."""
    for form in shape:
        if isinstance(form, str):
            assert form in VOCABULARY
            continue
        ((kind, inner),) = form.items()
        assert kind in ("list", "object")
        if kind == "list":
            yield from names_in(inner)
            continue
        yield from inner
        for each in inner.values():
            yield from names_in(each)


def words_of(name):
    """The words of a name: between signs, and from a capital to the next one, but HTTP is one word."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[!_.:-]", " ", name)
    return {word.lower() for word in apart.split()}


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.lists(documents, min_size=1, max_size=4), secrets=st.lists(hostile, max_size=3))
def test_no_value_is_in_a_shape(values, secrets):
    seen = {text for value in values for text in texts_in(value)} | set(secrets)
    shape = Shapes(Names(seen)).of(values)
    for name in names_in(shape):
        assert name == HIDDEN or name in DOCUMENTED or name not in seen
        assert (
            name == HIDDEN
            or name in DOCUMENTED
            or {word.lower() for word in re.findall("[A-Z]*[a-z]*", name) if word}
        )


public = st.sampled_from(
    ["count", "created", "limit", "name", "page", "state", "status", "requestBody", "status_code"]
)
simple = st.sampled_from(FORMS)


def shapes_of(depth):
    inner = simple if depth == 0 else simple | shapes_of(depth - 1)
    return st.dictionaries(
        public, st.lists(inner, min_size=1, max_size=3, unique_by=json.dumps), max_size=3
    ).map(lambda fields: {"object": fields}) | st.lists(inner, max_size=3, unique_by=json.dumps).map(
        lambda members: {"list": members}
    )


def normal(shape):
    """A shape as it is written: sorted, with one list and one object at most."""
    found = {"list": [], "object": {}}
    kinds = [kind for form in shape if isinstance(form, dict) for kind in form]
    for form in shape:
        if isinstance(form, dict):
            for kind, inner in form.items():
                found[kind] = inner
    return [
        *sorted(form for form in shape if isinstance(form, str)),
        *([{"list": normal(found["list"])}] if "list" in kinds else []),
        *(
            [{"object": {name: normal(found["object"][name]) for name in sorted(found["object"])}}]
            if "object" in kinds
            else []
        ),
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(shape=st.lists(simple | shapes_of(2), min_size=1, max_size=4, unique_by=json.dumps).map(normal))
def test_the_values_of_a_shape_have_this_shape(shape):
    assert shape_of(*(shaped(None, shape, turn) for turn in range(600))) == shape
