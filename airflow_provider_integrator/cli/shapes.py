"""The shape of JSON: which fields there are, and of which type and form. No value is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_integrator.cli.names import HIDDEN, Names

#: What may stand at one place: forms of texts and numbers, ``{"list": shape}`` and ``{"object": {name: shape}}``.
Shape = list[Any]

MISSING = "missing"
#: Stands for what is nested more deeply than anything in an answer.
DEEPER = "deeper"
# The digits of an id mean no time.
_FORMS_OF_ID = {"number: epoch milliseconds": "number: whole", "text: epoch milliseconds": "text: digits"}
_MAX_DEPTH = 12
_MAX_VARIANTS = 40

_EPOCH = re.compile(r"1\d{12}", re.ASCII)  # from 2001 to 2033
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_ZONES = {None: "no offset", "Z": "Z", "+00:00": "+00:00"}


def form_of(value: object) -> str:
    """Name the form of a value that is neither a list nor an object.

    :param value: Null, a truth value, a number or a text.
    :return: One of a fixed set of names.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return f"number: {'epoch milliseconds' if _EPOCH.fullmatch(str(value)) else 'whole'}"
    if isinstance(value, float):
        return f"number: {'x.0' if value.is_integer() else 'fraction'}"
    return _form_of_text(str(value))


def _form_of_text(text: str) -> str:
    if not text.strip():
        return "text: empty"
    if _EPOCH.fullmatch(text):
        return "text: epoch milliseconds"
    if re.fullmatch(r"\d+", text, re.ASCII):
        return "text: digits"
    if text.lower() in ("true", "false"):
        return "text: true or false"
    if moment := _ISO.fullmatch(text):
        return f"text: ISO 8601, {_ZONES.get(moment[1], 'another offset')}"
    if re.match(r"https?://", text):
        return "text: URL"
    return "text" if text == text.strip() else "text: white space around"


class Shapes:
    """Describes values by their shapes.

    :param names: Decides which names of fields are shown.
    """

    def __init__(self, names: Names) -> None:
        self.names = names

    def of(self, values: Iterable[Any], depth: int = 0) -> Shape:
        """Describe what stands at one place.

        :param values: All values that were seen there.
        :param depth: How deeply the place is nested.
        :return: The forms of the values, each once.
        """
        scalars, lists, objects = set(), [], []
        for value in values:
            if isinstance(value, dict):
                objects.append(value)
            elif isinstance(value, list):
                lists.append(value)
            else:
                scalars.add(form_of(value))
        if (lists or objects) and depth >= _MAX_DEPTH:
            return [*sorted(scalars), DEEPER]
        shape: Shape = sorted(scalars)
        if lists:
            shape.append({"list": self.of((member for each in lists for member in each), depth + 1)})
        if objects:
            shape.append({"object": self.fields(objects, depth + 1)})
        return shape

    def fields(self, objects: Sequence[Mapping[str, Any]], depth: int = 0) -> dict[str, Shape]:
        """Describe the fields of objects at one place.

        :param objects: All objects that were seen there.
        :param depth: How deeply the fields are nested.
        :return: The shape of each field that is shown, and under :data:`HIDDEN` that of all others.
        """
        found: dict[str, list[Any]] = {}
        for each in objects:
            for name, value in each.items():
                found.setdefault(self.names.shown(name), []).append(value)
        return {
            name: [
                *([MISSING] if name != HIDDEN and len(found[name]) < len(objects) else []),
                *(self._of_ids if name.lower().endswith(("id", "ids")) else self.of)(found[name], depth),
            ]
            for name in sorted(found)
        }

    def _of_ids(self, values: Sequence[Any], depth: int) -> Shape:
        shape = self.of(values, depth)
        forms = {_FORMS_OF_ID.get(form, form) for form in shape if isinstance(form, str)}
        return [*sorted(forms), *(form for form in shape if not isinstance(form, str))]

    def variants(self, values: Iterable[Any]) -> list[Shape]:
        """Describe values that have little in common, one by one.

        :param values: The values.
        :return: The different shapes, at most ``_MAX_VARIANTS``.
        """
        known = {json.dumps(shape): shape for shape in (self.of([value]) for value in values)}
        return [known[text] for text in sorted(known)][:_MAX_VARIANTS]
