"""Values in the shapes that a report of ``airflow-integrator doctor`` describes."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_integrator.simulator.forms import EPOCH, moment_of
from airflow_provider_integrator.simulator.log_ids import opaque_id

#: What may stand at one place: names of forms, ``{"list": shape}`` and ``{"object": {name: shape}}``.
Shape = Sequence[Any]

_ABSENT = object()
#: Stands in a report for the fields whose names it doesn't show.
_HIDDEN = "*"
_OTHER_OFFSET = timezone(timedelta(hours=3))
# For what has no time of its own.
_SOME_TIME = datetime(2026, 1, 31, 6, tzinfo=timezone.utc)
_SOME_URL = "https://integrator.invalid/"
_LOOKS_LIKE_ANOTHER = re.compile(r"\d+|(?i:true|false)|https?://.*|\d{4}-\d\d-\d\d.*", re.DOTALL)
_NOTHING = ("null", "text: empty", "missing")
# Whether these have a value isn't a matter of form: there is an end, or another page, or there isn't.
_ENDS, _LINKS = ("finished",), ("next", "previous")


def shaped(base: Any, shape: Shape, turn: int, name: str = "") -> Any:
    """Bring a value into a shape.

    :param base: The value as the vendor's pages show it; None if they show none.
    :param shape: The forms to choose from.
    :param turn: Chooses one of several forms; consecutive turns show all of them.
    :param name: The field's name.
    :return: The value in the chosen form; ``_ABSENT`` if it is missing there.
    """
    forms = _possible(base, shape, name)
    if not forms:
        return base
    form, rest = forms[turn % len(forms)], turn // len(forms)
    if isinstance(form, str):
        return FORMS.get(form, lambda base: base)(base)
    if "object" in form:
        return with_fields(base if isinstance(base, dict) else {}, form["object"], rest)
    if not form["list"]:
        return []
    members = base if isinstance(base, list) else [None] * len(form["list"])
    return [shaped(member, form["list"], rest + place) for place, member in enumerate(members)]


def with_fields(base: Mapping[str, Any], fields: Mapping[str, Shape], turn: int) -> dict[str, Any]:
    """Bring an object into a shape.

    :param base: The object as the vendor's pages show it.
    :param fields: The shapes of its fields; under ``*`` the shape of those whose names the report doesn't show.
    :param turn: As :func:`shaped` takes it.
    :return: An object with these fields alone.
    """
    made = {
        name: shaped(base.get(name), shape, turn, name) for name, shape in fields.items() if name != _HIDDEN
    }
    hidden = fields.get(_HIDDEN, ())
    made |= {f"field-{place}": shaped(None, hidden, turn + place) for place in range(len(hidden))}
    return {name: value for name, value in made.items() if value is not _ABSENT}


def _possible(base: Any, shape: Shape, name: str) -> Shape:
    """Choose the forms that a value may have; none if it is to stay as it is."""
    something = [form for form in shape if form not in _NOTHING]
    if name in _ENDS:
        return (something or shape) if base is not None else []
    if name in _LINKS:
        nothing = [form for form in shape if form in _NOTHING]
        return (something or nothing) if base else nothing
    return shape


def _number(base: Any) -> int:
    if isinstance(base, (bool, int, float)):
        number = int(base)
    else:
        text = _text(base)
        number = int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else zlib.crc32(text.encode()) % 10**6
    return number % 10**12  # no epoch in milliseconds


def _moment(base: Any) -> datetime:
    text = str(base)
    if not re.fullmatch(r"1\d{12}|\d{4}-.*", text, re.ASCII):
        return _SOME_TIME
    try:
        return moment_of(text).astimezone(timezone.utc)
    except ValueError:
        return _SOME_TIME


def _milliseconds(base: Any) -> int:
    return (_moment(base) - EPOCH) // timedelta(milliseconds=1)


def _truth(base: Any) -> bool:
    return str(base).lower() in ("true", "1")


def _text(base: Any) -> str:
    return base if isinstance(base, str) else json.dumps(base)


def _plain_text(base: Any) -> str:
    if isinstance(base, int) and not isinstance(base, bool):
        return opaque_id(base)
    text = _text(base).strip()
    return f"text {text}".strip() if not text or _LOOKS_LIKE_ANOTHER.fullmatch(text) else text


def _iso(zone: str) -> Callable[[Any], str]:
    def write(base: Any) -> str:
        if zone == "+00:00" and isinstance(base, str) and base.endswith(zone):
            return base  # with as many digits as it has
        moment = _moment(base)
        if zone == "another offset":
            return moment.astimezone(_OTHER_OFFSET).isoformat(timespec="microseconds")
        text = moment.isoformat(timespec="microseconds").removesuffix("+00:00")
        return text + ("" if zone == "no offset" else zone)

    return write


#: How each form of a value is written.
FORMS: Mapping[str, Callable[[Any], Any]] = {
    "missing": lambda _: _ABSENT,
    "null": lambda _: None,
    "boolean": _truth,
    "number: whole": _number,
    "number: x.0": lambda base: float(_number(base)),
    "number: fraction": lambda base: _number(base) + 0.5,
    "number: epoch milliseconds": _milliseconds,
    "text": _plain_text,
    "text: empty": lambda _: "",
    "text: digits": lambda base: str(_number(base)),
    "text: epoch milliseconds": lambda base: str(_milliseconds(base)),
    "text: true or false": lambda base: str(_truth(base)).lower(),
    "text: URL": lambda base: base if str(base).startswith("http") else _SOME_URL,
    "text: white space around": lambda base: f"{_plain_text(base)}\n",
    **{f"text: ISO 8601, {zone}": _iso(zone) for zone in ("Z", "+00:00", "another offset", "no offset")},
}
