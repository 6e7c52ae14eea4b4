"""Plays the transport for a script: answers its calls from a list of logs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from airflow_provider_integrator.api.endpoints import Pause
from airflow_provider_integrator.api.pages import EMPTY_PAGE, Page
from tests.api.samples import EXECUTION

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def main_log(number, minutes, **changes):
    """A main log that was created so many minutes after START."""
    milliseconds = int((START + timedelta(minutes=minutes)).timestamp() * 1000)
    name = f"execution-{number}"
    return {
        **EXECUTION,
        "id": number,
        "filename_uuid": name,
        "original_filename_uuid": name,
        "created": str(milliseconds),
        "finished": str(milliseconds + 1000),
        **changes,
    }


def page(logs, has_next=True):
    """A page that hints at another one, as the sample does whatever page it is."""
    body = json.dumps({"results": logs, "next": "https://…" if has_next else ""}).encode()
    return Page.decode("List logs", body, 1)


def play(script, answer):
    """Drive a script; ``answer`` makes a call's value, or an error to be thrown in.

    :return: What the script returns; the calls and pauses that it yielded.
    """
    yielded = []
    try:
        effect = next(script)
        while True:
            yielded.append(effect)
            value = None if isinstance(effect, Pause) else answer(effect)
            effect = script.throw(value) if isinstance(value, Exception) else script.send(value)
    except StopIteration as stop:
        return stop.value, yielded


def pages_of(logs, size, *, end="404"):
    """Answer List logs from a list, page by page.

    :param end: What comes behind the last page: ``404``, ``empty``, ``repeat``, or nothing, as the last page has no
        ``next``.
    """

    def answer(call):
        query = dict(call.query)
        wanted = [log for log in logs if query.get("filename_uuid") in (None, log["filename_uuid"])]
        first = (int(query["page"]) - 1) * size
        if wanted[first:]:
            return page(wanted[first : first + size], end != "next" or first + size < len(wanted))
        if end == "repeat" and wanted:
            return page(wanted[(len(wanted) - 1) // size * size :])
        return page([]) if end == "empty" else EMPTY_PAGE

    return answer
