"""Unreadable logs beside good ones, and process groups that are neither flows nor projects."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# Far above the log ids of good logs.
_FIRST_ID = 9_000_000_000
_IDS_ON_PAGE = 1_000
_NO_LOGS: list[Any] = [None, "a text", 7, [], [[{"id": 1}]], {}, {"id": {}}]
_OTHER_GROUPS: list[Any] = [
    {"id": "canvas-1", "state": "RUNNING"},
    {"id": "canvas-2", "state": None, "component": None},
    {"id": "canvas-3", "component": {"id": "canvas-3", "name": "Funnel", "parentGroupId": None}},
    {"id": "canvas-4", "component": {"name": "Notes", "variables": None}},
    {"id": "canvas-5", "component": {"name": 5, "variables": ["!flowSlug", "!projectSlug"]}},
    {"id": "canvas-6", "state": 6, "component": "Retry queue"},
    {"id": "canvas-7", "component": {"variables": {"!flowSlug": None, "!projectSlug": {}, "!inbound": []}}},
    {"component": {"name": "Without an id", "variables": {}}},
    None,
    "canvas-10",
    11,
    [],
]


def with_other_groups(document: Any) -> Any:
    """Put other process groups of a NiFi canvas before and after the flows or projects.

    :param document: A list of flows or projects; a page of logs stays as it is.
    :return: The list with groups that have no slug, no variables, no component or an odd type.
    """
    if not isinstance(document, list):
        return document
    half = len(_OTHER_GROUPS) // 2
    return [*_OTHER_GROUPS[:half], *document, *_OTHER_GROUPS[half:]]


def with_garbage(document: Any, number: int) -> Any:
    """Put unreadable logs between the logs of a page, and unreadable steps between their steps.

    :param document: A page of List logs; a list of flows or projects stays as it is, and so does an empty page.
    :param number: How many unreadable logs the page gets.
    :return: The page. The good logs stand at another place of each page.
    """
    if isinstance(document, list) or not document["results"]:
        return document
    logs = [_with_garbage_steps(log) for log in document["results"]]
    page = int(document["page"])
    ids = count(_FIRST_ID + page * _IDS_ON_PAGE)
    garbage = list(islice(_garbage_like(logs[0], ids), number))
    at = page * 31 % (number + 1)
    return {**document, "results": [*garbage[:at], *logs, *garbage[at:]]}


def _with_garbage_steps(log: dict[str, Any]) -> dict[str, Any]:
    steps = log.get("sub_flows")
    if not steps:
        return log
    garbage = [*_NO_LOGS, *_steps_without_id(steps[0])]
    half = len(garbage) // 2
    return {**log, "sub_flows": [*garbage[:half], *steps, *garbage[half:]]}


def _garbage_like(log: dict[str, Any], ids: Iterator[int]) -> Iterator[Any]:
    """Make unreadable logs without end: executions if the log is one, and else steps or lines."""
    odd_logs = _executions_like if "sub_flows" in log else _steps_without_id
    while True:
        yield from ({"id": next(ids), **odd} for odd in odd_logs(log))
        yield from _NO_LOGS


def _steps_without_id(log: dict[str, Any]) -> list[dict[str, Any]]:
    """Make steps or lines that can't be asked for."""
    no_ids: list[Any] = [None, "", [1], {}]
    return [{**log, "id": odd} for odd in no_ids]


def _executions_like(log: dict[str, Any]) -> list[dict[str, Any]]:
    """Make executions without an id, or with an outcome that can't be read; each would be a success otherwise."""
    success = {name: value for name, value in log.items() if name not in ("id", "filename_uuid")}
    success |= {"state": 3, "status": 2, "sub_flows": {}}
    named = {**success, "filename_uuid": "garbage"}
    no_ids: list[Any] = [None, "", {}, []]
    no_states: list[Any] = [99, None, 2.5, "x"]
    no_statuses: list[Any] = [0, None, [], "ok"]
    return [
        success,
        *({**success, "filename_uuid": odd} for odd in no_ids),
        *({**named, "state": odd} for odd in no_states),
        *({**named, "status": odd} for odd in no_statuses),
        {name: value for name, value in named.items() if name != "status"},
    ]
