"""The cache: each value once, whoever asks; errors, too; and no more values than it may keep."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_integrator.exceptions import ConfigurationError, UnavailableError
from airflow_provider_integrator.ui.cache import Cache


@pytest.fixture
def load(mocker):
    return mocker.Mock(side_effect=range(1000))


def test_a_value_is_loaded_once(load):
    cache = Cache(60, 10, 1)

    assert [cache.get("a", load), cache.get("a", load), cache.get("b", load)] == [0, 0, 1]


def test_an_old_value_is_loaded_again(load):
    cache = Cache(0, 10, 1)

    assert [cache.get("a", load), cache.get("a", load)] == [0, 1]


def test_the_least_used_is_forgotten(load):
    cache = Cache(60, 2, 1)
    for key in ("a", "b", "a", "c"):
        cache.get(key, load)

    assert [cache.get("a", load), cache.get("b", load)] == [0, 3]


@pytest.mark.parametrize("error", [ConfigurationError("wrong"), TimeoutError("the load's own")])
def test_an_error_is_kept_too(error, mocker):
    cache, load = Cache(60, 10, 1), mocker.Mock(side_effect=error)
    for _ in range(2):
        with pytest.raises(type(error), match=str(error)):
            cache.get("a", load)

    assert load.call_count == 1


def test_callers_at_the_same_time_share_a_load():
    cache, entered, go_on = Cache(60, 10, 10), threading.Event(), threading.Event()
    loads = []

    def load():
        loads.append(1)
        entered.set()
        assert go_on.wait(10)
        return "value"

    with ThreadPoolExecutor(5) as executor:
        first = executor.submit(cache.get, "a", load)
        assert entered.wait(10)
        others = [executor.submit(cache.get, "a", load) for _ in range(4)]
        go_on.set()
        assert [each.result() for each in (first, *others)] == ["value"] * 5
    assert len(loads) == 1


def test_a_caller_waits_only_so_long():
    cache, entered, go_on = Cache(60, 10, 0.01), threading.Event(), threading.Event()

    def load():
        entered.set()
        assert go_on.wait(10)
        return "value"

    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(cache.get, "a", load)
        assert entered.wait(10)
        with pytest.raises(UnavailableError, match="takes long"):
            cache.get("a", load)
        go_on.set()
        assert first.result() == "value"
