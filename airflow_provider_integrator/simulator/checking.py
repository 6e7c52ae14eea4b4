"""The check of a report before a simulator speaks like it: it may come from anybody."""

from __future__ import annotations

from typing import Any

_MAX_DEPTH = 50
_RECORDS = ("execution", "step", "line")
_PAGES = ("more pages", "last page", "page behind")
_ODD = ("odd steps of an execution", "odd pages")


def check_report(report: dict[str, Any]) -> None:
    """Check all parts of a report that a simulator reads.

    :param report: The report.
    :raises ValueError: A part has another form than the doctor writes.
    :raises AttributeError: The same, of an object.
    :raises TypeError: The same, of a list.
    """
    for way in report.get("ways", {}).values():
        _check_words(list(way.values()))
    for status in report["calls"].get("Login", {}).get("statuses", []):
        _expect(isinstance(status, int) and 200 <= status < 600, "statuses")
    for name in ("List projects", "List flows"):
        _check_records(report.get(name, {}))
    for name, value in report.get("List logs", {}).items():
        if name in _RECORDS:
            _check_records(value)
        elif name in _PAGES:
            _check_fields(value)
        elif name in _ODD:
            _check_shapes(value)
        else:
            _check_words([value])
    download = dict(report.get("Download log", {}))
    _check_shape(download.pop("contents", []))
    _check_words(list(download.values()))


def _check_records(records: dict[str, Any]) -> None:
    _check_fields(records.get("each", {}))
    _check_shapes(records.get("odd", []))


def _check_fields(fields: dict[str, Any], depth: int = 0) -> None:
    for shape in fields.values():
        _check_shape(shape, depth)


def _check_shapes(shapes: list[Any]) -> None:
    for shape in shapes:
        _check_shape(shape)


def _check_shape(shape: Any, depth: int = 0) -> None:
    _expect(isinstance(shape, list) and depth < _MAX_DEPTH, "a shape")
    for form in shape:
        if isinstance(form, dict):
            ((kind, inner),) = form.items()
            _expect(kind in ("list", "object"), "a form")
            (_check_shape if kind == "list" else _check_fields)(inner, depth + 1)
        else:
            _check_words([form])


def _check_words(words: list[Any]) -> None:
    _expect(all(isinstance(word, str) for word in words), "a word")


def _expect(is_so: bool, what: str) -> None:
    if not is_so:
        raise ValueError(f"there is something else in place of {what}")
