"""The forms of an answer: the vendor's pages by default, and variants of them that a server may speak.

The pages show one sample of each answer, and a real Integrator may differ from it in form. Each variant here
is a pure function from a JSON document as the pages show it to the same document in another form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.simulator.garbage import with_garbage, with_other_groups
from airflow_provider_integrator.simulator.log_ids import opaque_id

#: The name of the default, which changes nothing.
PAGES = "pages"
#: The calls whose answers have forms.
PROJECTS = "List projects"
FLOWS = "List flows"
LOGS = "List logs"
#: An answer without logs: an HTTP status, ``empty`` (200 without results), or ``repeat`` (the last page again).
End = int | Literal["empty", "repeat"]
_TIMES = ("created", "finished")
_CREATED_DATE = "!createdDate"
_DIRECTIONS = ("!inbound", "!outbound")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_OFFSET = timezone(timedelta(hours=3))
_NEEDED_OF_EXECUTION = ("id", "filename_uuid", "state", "status", "created")
_NEEDED_OF_GROUP = ("!flowSlug", "!projectSlug")


class Asked(NamedTuple):
    """What a form needs to know of the request.

    :param call: The call: one of :data:`PROJECTS`, :data:`FLOWS` and :data:`LOGS`.
    :param kind: The type of the logs that List logs is asked for.
    :param searched: Names and values of the searched fields.
    :param garbage: How many unreadable logs a page is to hold.
    """

    call: str
    kind: LogType = LogType.MAIN
    searched: Mapping[str, str] = {}
    garbage: int = 0


class Form(NamedTuple):
    """One variant.

    :param kind: What it changes; of each kind at most one form can be chosen.
    :param change: Takes the document and what was asked, and returns the document in this form.
    """

    kind: str
    change: Callable[[Any, Asked], Any] = lambda document, _: document


class Forms:
    """The forms that are chosen together, in the order in which they are applied.

    :param names: One name or several; ``pages`` changes nothing.
    :param garbage_share: The share of unreadable logs on a page of List logs, if ``garbage`` is chosen.
    :raises ValueError: If a name is unknown, or two forms exclude each other.
    """

    def __init__(self, names: str | Iterable[str] = (), garbage_share: float = 0.99) -> None:
        wanted = {names} if isinstance(names, str) else set(names)
        if unknown := wanted - {PAGES, *FORMS}:
            raise ValueError(f"there is no form {', '.join(sorted(unknown))}: {', '.join([PAGES, *FORMS])}")
        if not 0 <= garbage_share <= 1:
            raise ValueError(f"garbage_share is a share from 0 to 1, not {garbage_share}")
        self.names = tuple(name for name in FORMS if name in wanted)
        self.garbage_share = garbage_share
        by_kind: dict[str, str] = {}
        for name in self.names:
            other = by_kind.setdefault(FORMS[name].kind, name)
            if other != name:
                raise ValueError(f"the forms {other} and {name} exclude each other")
        end = by_kind.get("ends", "end-404")
        #: What is answered for a page behind the last one, and if nothing matches at all.
        self.behind: End = {"end-empty": "empty", "end-repeat": "repeat"}.get(end, 404)  # type: ignore[assignment]
        self.nothing: End = "empty" if end == "end-empty" else 404
        self.login_status = 200
        self.opaque_ids = "hex-ids" in self.names

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a simulator that the forms bring along."""
        return {}

    def readable_logs(self, limit: int, kind: LogType) -> int:
        """The number of good logs on a page of List logs.

        :param limit: Logs on a page.
        :param kind: The type of the logs.
        :return: All of them, or at least one if the others are garbage.
        """
        return max(1, round(limit * (1 - self.garbage_share))) if "garbage" in self.names else limit

    def shape(self, document: Any, asked: Asked) -> Any:
        """Bring a document into the chosen forms.

        :param document: The JSON document as the vendor's pages show it.
        :param asked: What was requested.
        :return: The document to send.
        """
        for name in self.names:
            document = FORMS[name].change(document, asked)
        return document

    def contents(self, document: Any) -> Any:
        """Bring the contents of a log into the chosen forms.

        :param document: The contents that the simulator has made up.
        :return: The contents to send.
        """
        return document

    def packed(self, encoded: bytes) -> bytes:
        """Bring a log into the chosen forms.

        :param encoded: The base64 text of its ZIP.
        :return: The text to send.
        """
        return encoded


def _over_logs(document: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Change each log of a page and each of their steps; lists of projects and flows stay as they are."""
    if isinstance(document, list):
        return document

    def changed(log: dict[str, Any]) -> dict[str, Any]:
        if "sub_flows" in log:
            log = {**log, "sub_flows": [change(step) for step in log["sub_flows"]]}
        return change(log)

    return {**document, "results": [changed(log) for log in document["results"]]}


def _over_ids(document: Any, change: Callable[[int], str]) -> Any:
    """Change each log id."""
    return _over_logs(document, lambda log: {**log, "id": change(log["id"])})


def _over_variables(document: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Change the variables of each project or flow; a page of logs stays as it is."""
    if not isinstance(document, list):
        return document
    return [
        {**group, "component": {**group["component"], "variables": change(group["component"]["variables"])}}
        for group in document
    ]


def _over_truths(document: Any, values: Mapping[str, Any]) -> Any:
    """Change the direction of each flow, which the pages show as a text."""
    return _over_variables(
        document,
        lambda variables: {
            name: values[value] if name in _DIRECTIONS else value for name, value in variables.items()
        },
    )


def _over_values(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change each text, number, truth value and null of a document."""
    if isinstance(value, dict):
        return {name: _over_values(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_over_values(inner, change) for inner in value]
    return change(value)


def _over_times(document: Any, change: Callable[[str], Any]) -> Any:
    """Change each time, wherever it stands; null stays null."""

    def changed(names: Iterable[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
        return lambda fields: {
            name: change(value) if name in names and value is not None else value
            for name, value in fields.items()
        }

    return _over_variables(_over_logs(document, changed(_TIMES)), changed([_CREATED_DATE]))


def moment_of(text: str) -> datetime:
    """Read a time as the vendor's pages show it.

    :param text: Epoch milliseconds, or ISO 8601 with a fraction and an offset.
    :return: The time.
    :raises ValueError: If it is neither.
    """
    if text.isdigit():
        return EPOCH + timedelta(milliseconds=int(text))
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def _with_z(text: str) -> str:
    return moment_of(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _with_offset(text: str) -> str:
    return moment_of(text).astimezone(_OFFSET).isoformat(timespec="microseconds")


def _as_epoch(text: str) -> str:
    return str((moment_of(text) - EPOCH) // timedelta(milliseconds=1))


def _number_of_digits(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _numbers(document: Any, _: Asked) -> Any:
    return _over_times(_over_truths(document, {"true": True, "false": False}), _number_of_digits)


def _floats(document: Any, _: Asked) -> Any:
    return _over_values(_over_truths(document, {"true": 1, "false": 0}), _as_float)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _as_float(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, int) else value


def _sparse(document: Any, asked: Asked) -> Any:
    if isinstance(document, list):
        return [
            {
                "id": group["id"],
                "component": {
                    "variables": {
                        name: value
                        for name, value in group["component"]["variables"].items()
                        if name in _NEEDED_OF_GROUP
                    }
                },
            }
            for group in document
        ]

    def sparse(log: dict[str, Any]) -> dict[str, Any]:
        if "sub_flows" not in log:
            return {"id": log["id"], **asked.searched}
        needed = {name: log[name] for name in _NEEDED_OF_EXECUTION}
        return {**needed, "process_group_name": None, "sub_flows": log["sub_flows"]}

    return _over_logs(document, sparse)


def is_last(page: Mapping[str, Any]) -> bool:
    """Check whether a page of List logs is the last one.

    :param page: The page as the vendor's pages show it.
    :return: Whether no log is behind it.
    """
    return bool(page["page"] * page["limit"] >= page["count"])


def _no_next(document: Any, _: Asked) -> Any:
    if isinstance(document, list) or not is_last(document):
        return document
    return {**document, "next": ""}


def _no_next_field(document: Any, _: Asked) -> Any:
    if isinstance(document, list) or not is_last(document):
        return document
    return {name: value for name, value in document.items() if name not in ("next", "previous", "count")}


#: Each form by its name, in the order in which chosen forms are applied: a form that reads a field comes before
#: those that change its type, and what can't be read is added last.
FORMS: dict[str, Form] = {
    "iso-z": Form("times", lambda document, _: _over_times(document, _with_z)),
    "iso-offset": Form("times", lambda document, _: _over_times(document, _with_offset)),
    "epoch": Form("times", lambda document, _: _over_times(document, _as_epoch)),
    "text-ids": Form("ids", lambda document, _: _over_ids(document, str)),
    "hex-ids": Form("ids", lambda document, _: _over_ids(document, opaque_id)),
    "end-404": Form("ends"),
    "end-empty": Form("ends"),
    "end-repeat": Form("ends"),
    "no-next": Form("ends", _no_next),
    "no-next-field": Form("ends", _no_next_field),
    "numbers": Form("values", _numbers),
    "texts": Form("values", lambda document, _: _over_values(document, _as_text)),
    "floats": Form("values", _floats),
    "sparse": Form("fields", _sparse),
    "canvas": Form("groups", lambda document, _: with_other_groups(document)),
    "garbage": Form("neighbours", lambda document, asked: with_garbage(document, asked.garbage)),
}
