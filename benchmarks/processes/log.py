"""A process that saves or decodes one log, by this provider or by the documented recipe."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import requests

from benchmarks.measuring import Heartbeat, available_bytes, own_bytes, peak_resident_bytes, quantile
from benchmarks.processes.store import STORE, attach_store
from benchmarks.processes.talking import answer_requests

_PARSED_SIZE = 8

#: A way's figures, once it has saved the log.
Measured = dict[str, Any]


def save_log(
    way: str, connection: dict[str, Any], flow: str, log: str, path: str, idle: bool, collector: bool = True
) -> dict[str, Any]:
    """Save or decode a log.

    :param way: ``hook``, ``async hook``, ``store`` (the hook to a store that isn't local) or ``recipe``, which save
        it; ``async load`` or ``recipe in a thread``, which decode it into memory beside an event loop.
    :param connection: The Airflow connection.
    :param flow: The flow's id.
    :param log: The log's id.
    :param path: Where to put it, if it is saved.
    :param idle: Whether only to get ready, for the memory that this takes.
    :param collector: Whether Python's garbage collector is on.
    :return: Seconds, the peak of memory in bytes, and what else the way measures.
    """
    save = _WAYS[way](connection, flow, log, path)
    if idle:
        return {"peak": peak_resident_bytes(), "own": own_bytes(os.getpid())}
    if not collector:
        gc.disable()
    began = time.perf_counter()
    measured = save()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak": peak_resident_bytes(), **measured}


def _prepared_hook(connection: dict[str, Any], path: str) -> Any:
    os.environ["AIRFLOW_CONN_INTEGRATOR_DEFAULT"] = json.dumps(connection)
    from airflow_provider_integrator.api import async_client, client
    from airflow_provider_integrator.hooks.integrator import IntegratorHook
    from airflow_provider_integrator.logs import receiver, storage

    # Imported and made before the clock starts.
    assert all((receiver, async_client, client, storage.open_store(path)))  # noqa: S101
    return IntegratorHook()


def _hook(connection: dict[str, Any], flow: str, log: str, path: str) -> Callable[[], Measured]:
    hook = _prepared_hook(connection, path)
    hook.log_in()

    def save() -> Measured:
        hook.save_log(flow, log, path)
        return {}

    return save


def _hook_to_store(connection: dict[str, Any], flow: str, log: str, path: str) -> Callable[[], Measured]:
    """Save to a store that isn't local for the hook, though it puts its objects into a folder of this machine."""
    attach_store()
    return _hook(connection, flow, log, f"{STORE}://{path}")


def _async_hook(connection: dict[str, Any], flow: str, log: str, path: str) -> Callable[[], Measured]:
    hook = _prepared_hook(connection, path)

    async def save() -> Measured:
        async with hook:
            await hook.alog_in()
            return await _beside_a_loop(hook.asave_log(flow, log, path))

    return lambda: asyncio.run(save())


def _async_load(connection: dict[str, Any], flow: str, log: str, path: str) -> Callable[[], Measured]:
    hook = _prepared_hook(connection, path)

    async def load() -> Measured:
        async with hook:
            await hook.alog_in()
            return await _beside_a_loop(hook.aload_log(flow, log))

    return lambda: asyncio.run(load())


def _recipe_in_a_thread(connection: dict[str, Any], flow: str, log: str, path: str) -> Callable[[], Measured]:
    download = _download(connection, flow, log)

    async def load() -> Measured:
        return await _beside_a_loop(asyncio.to_thread(lambda: json.loads(download())))

    return lambda: asyncio.run(load())


async def _beside_a_loop(work: Coroutine[None, None, Any]) -> Measured:
    async with Heartbeat() as heartbeat:
        began = time.perf_counter()
        outcome = await work
        seconds = time.perf_counter() - began
    del outcome  # not earlier: to release it stops the loop as well
    lags = heartbeat.lags or [0.0]
    return {"seconds": seconds, "lag_max": max(lags), "lag_p99": quantile(lags, 0.99)}


def _recipe(connection: dict[str, Any], flow: str, log: str, path: str) -> Callable[[], Measured]:
    download = _download(connection, flow, log)

    def save() -> Measured:
        contents = download()
        # What is parsed takes some five times the text, and would end this process where there isn't as much.
        parses = available_bytes() > _PARSED_SIZE * len(contents)
        peak, began = peak_resident_bytes(), time.perf_counter()
        if parses:
            json.loads(contents)
        json_seconds = time.perf_counter() - began
        Path(path).write_bytes(contents)
        return {"parses": parses, "json_seconds": json_seconds, "peak_without_json": peak}

    return save


def _download(connection: dict[str, Any], flow: str, log: str) -> Callable[[], bytes]:
    """Log in, as the documented recipe does, and get ready to download."""
    host, project = connection["host"], connection["extra"]
    form = {"username": connection["login"], "password": connection["password"]}
    login = requests.post(f"{host}/api/nifi/login", data=form, timeout=60)
    login.raise_for_status()
    query = {
        "id": log,
        "projectId": project["project_id"],
        "flowId": flow,
        "projectslug": project["project_slug"],
    }

    def download() -> bytes:
        headers = {"Authorization": f"Bearer {login.text}"}
        response = requests.get(f"{host}/logs/download", query, headers=headers, timeout=600)
        response.raise_for_status()
        packed = base64.b64decode(response.text)
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return archive.read(archive.namelist()[0])

    return download


_WAYS = {
    "hook": _hook,
    "async hook": _async_hook,
    "store": _hook_to_store,
    "recipe": _recipe,
    "async load": _async_load,
    "recipe in a thread": _recipe_in_a_thread,
}


if __name__ == "__main__":
    answer_requests(lambda request: save_log(**request))
