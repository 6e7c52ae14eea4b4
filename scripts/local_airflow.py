"""A whole Airflow on SQLite in a folder of its own: scheduler, triggerer, DAG processor, API server."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
from airflow_api import IS_AIRFLOW_3, AirflowApi

#: The file of passwords by user in AIRFLOW_HOME, which Airflow 3 makes.
PASSWORDS = "simple_auth_manager_passwords.json.generated"
_LOGIN = {
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,op:op,viewer:viewer",
}
#: The timeout of a start, generous for small machines.
START_SECONDS = 300.0


# A process of its own, whose standard input ends with the process that started Airflow, however that ended.
_GUARD = """
import os, signal, sys, psutil

sys.stdin.read()
group = int(sys.argv[1])
for process in psutil.process_iter():
    try:
        if os.getpgid(process.pid) == group:
            for each in (*process.children(recursive=True), process):
                each.kill()
    except (psutil.Error, ProcessLookupError):
        pass
"""


class AirflowStartError(Exception):
    """The processes ended or didn't become healthy; the message has the end of their output."""


class LocalAirflow:
    """A context manager that runs ``airflow standalone`` and stops all of its processes.

    :param home: AIRFLOW_HOME; created if missing.
    :param dags: The folder of the DAG files.
    :param environment: More environment variables, such as ``AIRFLOW__CORE__PARALLELISM``.
    :param host: The address of the UI and the API.
    :param port: The port of the UI and the API; None: a free one.
    :param stop_seconds: How long the processes may take to stop before they are killed.
    :param has_login: Whether Airflow 3 asks for a login, as user ``op`` or ``viewer``, say; if not, everybody is an
        admin.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        environment: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        stop_seconds: float = 30.0,
        *,
        has_login: bool = False,
    ) -> None:
        self.home = home
        self._has_login = has_login and IS_AIRFLOW_3
        self._stop_seconds = stop_seconds
        own, *servers = _free_ports(4)
        self.url = f"http://localhost:{port or own}"
        self.output = home / "airflow.log"
        self.api = AirflowApi(f"http://127.0.0.1:{port or own}")
        self._processes: list[subprocess.Popen[bytes]] = []
        self._guards: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            **_settings(home, dags, self.url, servers),
            **_page_settings(host, port or own),
            **(_LOGIN if self._has_login else {}),
            **(environment or {}),
        }

    def __enter__(self) -> LocalAirflow:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def password(self) -> str | None:
        """The password of the user ``admin``; None on an Airflow 3 that needs none."""
        if self._has_login:
            return str(json.loads((self.home / PASSWORDS).read_text())["admin"])
        if IS_AIRFLOW_3:
            return None
        return (self.home / "standalone_admin_password.txt").read_text().strip()

    def start(self) -> None:
        """Start all processes and wait until they are healthy.

        :raises AirflowStartError: The processes ended, or aren't healthy in time.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        # Stale files of a killed Airflow, due to which the API server would refuse to start.
        for pid_file in self.home.glob("*.pid"):
            pid_file.unlink()
        self.output.unlink(missing_ok=True)
        # Readers don't keep SQLite's one writer waiting, for which a busy machine's triggerer or scheduler would end.
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            database.execute("PRAGMA journal_mode=WAL")
        try:
            self._run("standalone")
            self._wait_until_healthy()
            self.api.log_in(self.password)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all processes, ignoring Ctrl-C until they have ended."""
        with _no_interrupts():
            family = self._family()
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
            _, alive = psutil.wait_procs(family, self._stop_seconds)
            # processes that ignored SIGTERM, and those started since
            for process in {*alive, *self._family()}:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            for guard in self._guards:
                guard.kill()
            for process in (*self._processes, *self._guards):
                process.wait()
            self._processes.clear()
            self._guards.clear()
            self.api.close()

    def kill_triggerer(self) -> None:
        """Kill the triggerer and the process of its triggers with SIGKILL.

        :raises RuntimeError: No triggerer is running.
        """
        triggerers = self._triggerers()
        if not triggerers:
            raise RuntimeError("No triggerer is running")
        family = {child for process in triggerers for child in process.children(recursive=True)}
        for process in {*triggerers, *family}:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs([*triggerers, *family], self._stop_seconds)

    def has_triggerer(self) -> bool:
        """Return whether a triggerer is running; one ends if SQLite's one writer keeps it waiting for 5 s."""
        return bool(self._triggerers())

    def start_triggerer(self) -> None:
        """Start a triggerer, as standalone doesn't restart one that has ended."""
        self._run("triggerer")

    def task_logs(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> list[Path]:
        """List the log files of a task's attempts, of worker and triggerer."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        if map_index >= 0:
            folder /= f"map_index={map_index}"
        return sorted(folder.glob("*.log*"))

    def task_log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
        """Return the logs of all attempts of a task, as text."""
        files = self.task_logs(dag_id, run_id, task_id, map_index)
        return "\n".join(_as_text(line) for path in files for line in path.read_text("utf-8").splitlines())

    def _run(self, command: str) -> None:
        with self.output.open("ab") as output:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "airflow", command],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # keeps Ctrl-C from the children, which stop() ends in order
                    start_new_session=True,
                )
            )
        guard = [sys.executable, "-c", _GUARD, str(self._processes[-1].pid)]
        self._guards.append(subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True))

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.api.is_healthy():
            if self._processes[0].poll() is not None or time.monotonic() > deadline:
                raise AirflowStartError(self.output.read_text("utf-8", "replace")[-4000:])
            time.sleep(0.5)

    def _triggerers(self) -> list[psutil.Process]:
        return [process for process in self._family() if "triggerer" in _command(process)]

    def _family(self) -> set[psutil.Process]:
        """Find all descendants of the started processes, including orphaned ones."""
        groups = {process.pid for process in self._processes}
        found: set[psutil.Process] = set()
        children = defaultdict(list)
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                children[process.ppid()].append(process)
                if os.getpgid(process.pid) in groups:
                    found.add(process)
        unseen = list(found)
        while unseen:
            new = [child for child in children[unseen.pop().pid] if child not in found]
            found.update(new)
            unseen += new
        return found


def end_by_signals() -> None:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP, as on Ctrl-C.

    A signal that is ignored, for example by nohup, stays ignored.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C within the context."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, the only one that gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _as_text(line: str) -> str:
    """Format a line of a task's log as text; Airflow 3 writes JSON."""
    try:
        entry: Any = json.loads(line)
        text = f"{entry['timestamp']} {entry['level'].upper()} {entry['event']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    # other fields of the entry, such as a logger's arguments
    rest = {name: value for name, value in entry.items() if name not in _ENTRY_KEYS}
    return "\n".join([f"{text} {json.dumps(rest)}" if rest else text, *errors])


_ENTRY_KEYS = ("timestamp", "level", "event", "logger", "filename", "lineno", "error_detail")


def _free_ports(count: int) -> list[int]:
    """Find different TCP ports that are free."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _settings(home: Path, dags: Path, url: str, servers: list[int]) -> dict[str, str]:
    worker_logs, trigger_logs, health = map(str, servers)
    return {
        "AIRFLOW_HOME": str(home),
        # else output appears only when a buffer is full
        "PYTHONUNBUFFERED": "1",
        # standalone runs the airflow command by name
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        # Airflow starts a process for each slot
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": worker_logs,
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": trigger_logs,
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": health,
        "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "NO_COLOR": "1",
        "no_proxy": "localhost,127.0.0.1",
        "NO_PROXY": "localhost,127.0.0.1",
    } | (
        {
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            # a busy machine's server takes longer than the five seconds after which a worker gives its task up
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            # 3.0 has none by default, which recent PyJWT rejects
            "AIRFLOW__API_AUTH__JWT_ISSUER": "airflow",
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        }
        if IS_AIRFLOW_3
        else {
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.session",
            "AIRFLOW__WEBSERVER__BASE_URL": url,
            "AIRFLOW__WEBSERVER__WORKERS": "1",
        }
    )


def _page_settings(host: str, port: int) -> dict[str, str]:
    if IS_AIRFLOW_3:
        return {"AIRFLOW__API__HOST": host, "AIRFLOW__API__PORT": str(port)}
    return {
        "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": host,
        "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
    }
