"""Answers in the forms that a report of ``airflow-integrator doctor --report`` describes.

The report has no values: they are the simulated world's. What it says of fields, types, order, pages and refusals is
how this server speaks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.simulator.checking import check_report
from airflow_provider_integrator.simulator.forms import LOGS, Asked, End, Forms, is_last
from airflow_provider_integrator.simulator.shaping import Shape, shaped, with_fields
from airflow_provider_integrator.simulator.spoiling import ARCHIVES, BASE64, spoil_archive

_VERSION = 1
_ACCEPTED = "accepted"
_MAIN_STEPS = "odd steps of an execution"
_TYPES = {LogType.MAIN: "execution", LogType.SUB: "step", LogType.LINE: "line"}
_ORDERS = {"newest first": "newest", "oldest first": "oldest", "neither newest nor oldest first": "shuffled"}
_DEFAULT_TYPES = {kind.name.lower(): kind for kind in LogType}
#: Whether ``both``, ``projectid`` and ``projectId`` are accepted, and the setting that does the same.
_PROJECT_PARAMETERS = {
    (True, True, True): "either",
    (True, True, False): "projectid",
    (True, False, True): "projectId",
    (False, True, False): "projectid-only",
    (False, False, True): "projectId-only",
}
_LATE_STATUSES = (400, 404)
# Values that no client can read, whatever their form, and ids far above those of good logs.
_UNREADABLE = {"state": 99, "status": 99, "!flowSlug": "\x7f", "!projectSlug": "\x7f"}
_NO_ID = "\x7f"
# The forms of log ids that aren't digits.
_OPAQUE = frozenset({"text", "text: white space around"})
# What requests name: it keeps its value, in whatever form the report has it, so that it is found again.
_KEYS_OF_LOG = frozenset({"filename_uuid", "original_filename_uuid", "process_group_id"})
_KEYS_OF_GROUP = frozenset({"id", "parentGroupId", "!flowId", "!flowSlug", "!projectId", "!projectSlug"})
_FIRST_ID, _IDS_ON_PAGE = 9_000_000_000, 1_000


class Reported(Forms):
    """The forms of a report.

    :param path: The report's file.
    :raises ValueError: It isn't a report that this version can read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.names = (str(path),)
        try:
            self._report = json.loads(path.read_text("utf-8"))
            version = self._report["report"]
            if version == _VERSION:
                check_report(self._report)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path} isn't a report of airflow-integrator doctor ({error!r})") from None
        if version != _VERSION:
            raise ValueError(
                f"{path} is a report of version {version!r}; this simulator reads version {_VERSION}"
            )
        logs = self._logs = self._report.get(LOGS, {})
        self.behind = _end(logs.get("behind the last page"))
        self.nothing = _end(logs.get("nothing matches"))
        self.login_status = next(iter(self._report["calls"].get("Login", {}).get("statuses", [])), 200)
        self.opaque_ids = not _OPAQUE.isdisjoint(map(str, self._each("execution").get("id", ())))
        self._turns: dict[Any, int] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a simulator that are like the server's, as far as the report knows them."""
        ways = self._report.get("ways", {})
        headers = [name for name, outcome in ways.get("auth_header", {}).items() if outcome == _ACCEPTED]
        spellings = ways.get("project_parameter", {})
        accepted = tuple(spellings.get(name) == _ACCEPTED for name in ("both", "projectid", "projectId"))
        status = _status(self._report.get("Download log", {}).get("a log that isn't stored"))
        found = {
            "order": _ORDERS.get(self._logs.get("order")),
            "default_log_type": _DEFAULT_TYPES.get(self._logs.get("without log_type")),
            "auth_header": "either" if len(headers) > 1 else next(iter(headers), None),
            "project_parameter": _PROJECT_PARAMETERS.get(accepted),
            "late_log_status": status if status in _LATE_STATUSES else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def readable_logs(self, limit: int, kind: LogType) -> int:
        """The number of the world's logs on a page; each kind of unreadable log gets a place beside readable ones."""
        beside = len(self._odd(_TYPES[kind])) if self._each(_TYPES[kind]) else 0
        return max(1, limit - beside)

    def shape(self, document: Any, asked: Asked) -> Any:
        """Bring a document into the report's forms."""
        if asked.call == LOGS:
            return self._page(document, asked)
        each, odd = self._each(asked.call), self._odd(asked.call)
        groups = [
            _with_keys(with_fields(group, each, turn), group, _KEYS_OF_GROUP) if each else group
            for turn, group in enumerate(document)
        ]
        if odd and not each:  # the server has none that can be read
            groups = []
        others = [shaped(_odd_group(number), variant, 0) for number, variant in enumerate(odd, start=1)]
        half = len(others) // 2
        return [*others[:half], *groups, *others[half:]]

    def contents(self, document: Any) -> Any:
        """Bring the contents of a log into the report's form."""
        return shaped(document, self._report.get("Download log", {}).get("contents", []), 0)

    def packed(self, encoded: bytes) -> bytes:
        """Bring the base64 text of a log into the report's form."""
        found = self._report.get("Download log", {})
        if found.get("files") == "several":
            encoded = spoil_archive(ARCHIVES["several files"])(encoded)
        return BASE64["line breaks"](encoded) if found.get("base64") == "in lines" else encoded

    def _each(self, records: str) -> Mapping[str, Shape]:
        found: Mapping[str, Shape] = self._records(records).get("each", {})
        return found

    def _odd(self, records: str) -> list[Shape]:
        found: list[Shape] = self._records(records).get("odd", [])
        return found

    def _records(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self._logs if name in _TYPES.values() else self._report).get(name, {})
        return found

    def _page(self, page: dict[str, Any], asked: Asked) -> dict[str, Any]:
        logs = page["results"]
        place = "page behind" if not logs else "last page" if is_last(page) else "more pages"
        fields = self._logs.get(place) or self._logs.get("last page")
        envelope = with_fields(page, fields, 0) if fields else page
        results = [self._log(log, asked.kind) for log in logs]
        if logs:
            odd = islice(cycle(self._odd(_TYPES[asked.kind]) or [["null"]]), asked.garbage)
            first = _FIRST_ID + page["page"] * _IDS_ON_PAGE
            unreadable = [
                shaped(_odd_log(logs[0], asked.kind, number), variant, 0)
                for number, variant in enumerate(odd, start=first)
            ]
            half = len(unreadable) // 2
            results = [*unreadable[:half], *results, *unreadable[half:]]
        return {**envelope, "results": results}

    def _log(self, log: dict[str, Any], kind: LogType) -> Any:
        fields, odd = self._each(_TYPES[kind]), self._odd(_TYPES[kind])
        turn = self._turns.setdefault(log["id"], len(self._turns))
        if not fields:  # the server has none, or none that can be read
            return shaped(_odd_log(log, kind, log["id"]), odd[turn % len(odd)], 0) if odd else log
        made = _with_keys(with_fields(log, fields, turn), log, _KEYS_OF_LOG)
        steps = made.get("sub_flows")
        if kind is LogType.MAIN and isinstance(steps, list) and log["sub_flows"]:
            odd_step = {**log["sub_flows"][0], "id": _NO_ID}
            made["sub_flows"] = [
                *steps,
                *(shaped(odd_step, one, 0) for one in self._logs.get(_MAIN_STEPS, ())),
            ]
        return made


def speaking(forms: str | Path | Iterable[str], garbage_share: float) -> Forms:
    """Make the forms that a simulator is to speak.

    :param forms: Names of forms, or the path of a report.
    :param garbage_share: The share of unreadable logs in the form ``garbage``.
    :return: The forms.
    :raises ValueError: A name is unknown, forms exclude each other, or the file isn't a report.
    """
    return Reported(forms) if isinstance(forms, Path) else Forms(forms, garbage_share)


def _with_keys(made: dict[str, Any], base: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in made.items():
        own = base.get(name)
        if isinstance(value, dict) and isinstance(own, dict):
            kept[name] = _with_keys(value, own, keys)
        else:
            is_other = name in keys and None not in (own, value) and str(value).strip() != own
            kept[name] = own if is_other else value
    return kept


def _status(outcome: str | None) -> int | None:
    found = re.fullmatch(r"status (\d+)", outcome or "")
    return int(found[1]) if found else None


def _end(outcome: str | None) -> End:
    if outcome == "no results":
        return "empty"
    if outcome == "the last page again":
        return "repeat"
    return _status(outcome) or 404


def _odd_group(number: int) -> dict[str, Any]:
    group = {"id": f"group-{number}", "name": f"Group {number}", "state": "STOPPED"}
    return {**group, "component": {**group, "variables": _UNREADABLE}}


def _odd_log(log: dict[str, Any], kind: LogType, number: int) -> dict[str, Any]:
    if kind is LogType.MAIN:
        return {**log, **_UNREADABLE, "id": number, "filename_uuid": "unreadable"}
    return {**log, "id": _NO_ID}
