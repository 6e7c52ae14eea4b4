"""A client of a running Airflow's public API, for demo and tests: /api/v2 of Airflow 3, /api/v1 of 2.11."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

AIRFLOW_VERSION = version("apache-airflow")
IS_AIRFLOW_3 = int(AIRFLOW_VERSION.split(".")[0]) >= 3

_ENDED = ("success", "failed")
# Requests to the webserver of 2.11 are slow, and slow down the scheduler.
_POLL_SECONDS = 0.5 if IS_AIRFLOW_3 else 1.5
# In seconds. A server's threads may all wait for SQLite's one writer, for 20 s each.
_PATIENCE = 300


class TaskRun(NamedTuple):
    """A task instance of the API; ``map_index`` is -1 if the task isn't mapped."""

    task_id: str
    map_index: int
    state: str | None
    tries: int


class AirflowApi:
    """A client of one Airflow.

    :param url: The base URL of its UI.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._api = f"{url}/api/{'v2' if IS_AIRFLOW_3 else 'v1'}"
        self._session = requests.Session()
        # Local requests need neither a proxy nor .netrc.
        self._session.trust_env = False
        # The server of a busy machine drops connections, and answers 500 if SQLite was locked for too long.
        again = Retry(
            10, connect=0, allowed_methods=["GET"], status_forcelist=[500], backoff_factor=0.3, backoff_max=2
        )
        self._session.mount(url, HTTPAdapter(max_retries=again))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def is_healthy(self) -> bool:
        """Return whether all components are healthy; False if Airflow doesn't answer."""
        path = "/api/v2/monitor/health" if IS_AIRFLOW_3 else "/health"
        try:
            health = self._session.get(f"{self._url}{path}", timeout=10).json()
        except (requests.RequestException, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "triggerer", *(("dag_processor",) if IS_AIRFLOW_3 else ()))
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def log_in(self, password: str | None) -> None:
        """Log in.

        :param password: The password of the user ``admin``; None: an Airflow 3 where everybody is an admin.
        """
        if password is not None and not IS_AIRFLOW_3:
            self._log_in_by_form(password)
            return
        address = f"{self._url}/auth/token"
        if password is None:
            answer = self._session.get(address, timeout=_PATIENCE)
        else:
            login = {"username": "admin", "password": password}
            answer = self._session.post(address, json=login, timeout=_PATIENCE)
        answer.raise_for_status()
        self.token: str = answer.json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {self.token}"

    def _log_in_by_form(self, password: str) -> None:
        """Log in to a session, as basic authentication of 2.11 is slow with every request."""
        page = self._session.get(f"{self._url}/login/", timeout=_PATIENCE)
        page.raise_for_status()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        form = {"csrf_token": token[1] if token else "", "username": "admin", "password": password}
        self._session.post(f"{self._url}/login/", data=form, timeout=_PATIENCE).raise_for_status()
        self.get("dags")

    def get(self, path: str, **parameters: str) -> Any:
        """GET a path below ``/api/v…/``.

        :param path: The path.
        :param parameters: The query parameters.
        :return: The decoded JSON.
        :raises requests.HTTPError: The request failed.
        """
        answer = self._session.get(f"{self._api}/{path}", params=parameters, timeout=_PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST JSON to a path below ``/api/v…/``.

        :param path: The path.
        :param body: The JSON object to post.
        :return: The decoded JSON.
        :raises requests.HTTPError: The request failed; the message has the answer.
        """
        answer = self._session.post(f"{self._api}/{path}", json=body, timeout=_PATIENCE)
        if not answer.ok:
            raise requests.HTTPError(
                f"POST {path}: {answer.status_code} {answer.text[:1000]}", response=answer
            )
        return answer.json()

    def set_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Store a connection, replacing one with the same id.

        :param conn_id: The connection's id.
        :param connection: The connection, in the JSON form of an ``AIRFLOW_CONN_…`` variable.
        """
        self._session.delete(f"{self._api}/connections/{conn_id}", timeout=_PATIENCE)
        self.post("connections", connection_body(conn_id, connection))

    def pause(self, dag_id: str, *, is_paused: bool = True) -> None:
        """Pause or unpause a DAG, once it is parsed.

        :param dag_id: The DAG.
        :param is_paused: False: unpause it.
        """
        self.wait_for_dag(dag_id)
        answer = self._session.patch(
            f"{self._api}/dags/{dag_id}", json={"is_paused": is_paused}, timeout=_PATIENCE
        )
        answer.raise_for_status()

    def forms(self) -> list[dict[str, Any]]:
        """List the connection forms, by the internal API of Airflow 3's UI.

        :return: The forms.
        """
        answer = self._session.get(f"{self._url}/ui/connections/hook_meta", timeout=_PATIENCE)
        answer.raise_for_status()
        return list(answer.json())

    def trigger(self, dag_id: str, run_id: str | None = None) -> str:
        """Trigger a DAG run, once the DAG is parsed.

        :param dag_id: The DAG.
        :param run_id: The run's id; None: Airflow generates one.
        :return: The run's id.
        """
        self.wait_for_dag(dag_id)
        body: dict[str, Any] = {"conf": {}} | ({} if run_id is None else {"dag_run_id": run_id})
        if IS_AIRFLOW_3:
            body["logical_date"] = None
        return str(self.post(f"dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def wait_for_dag(self, dag_id: str, seconds: float = 180.0) -> None:
        """Wait until a DAG is parsed.

        :param dag_id: The DAG.
        :param seconds: The timeout.
        :raises TimeoutError: The DAG isn't parsed in time; the message has the import errors.
        """
        _wait(
            lambda: self._session.get(f"{self._api}/dags/{dag_id}", timeout=_PATIENCE).status_code == 200,
            seconds,
            lambda: f"There is no DAG {dag_id}: {self.get('importErrors')}",
        )

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float = 300.0) -> str:
        """Wait until a DAG run has ended.

        :param dag_id: The DAG.
        :param run_id: The run.
        :param seconds: The timeout.
        :return: ``success`` or ``failed``.
        :raises TimeoutError: The run hasn't ended in time; the message has the tasks' states.
        """
        _wait(
            lambda: self.run_state(dag_id, run_id) in _ENDED,
            seconds,
            lambda: f"{dag_id} {run_id} has not ended: {self.tasks(dag_id, run_id)}",
        )
        return self.run_state(dag_id, run_id)

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return a DAG run's state."""
        return str(self.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[TaskRun]:
        """List a run's task instances, by task id and map index."""
        found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return sorted(
            (
                TaskRun(task["task_id"], task["map_index"], task["state"], task["try_number"])
                for task in found
            ),
            key=lambda task: (task.task_id, task.map_index),
        )

    def wait_for_task(
        self, dag_id: str, run_id: str, task_id: str, state: str, seconds: float = 180.0
    ) -> None:
        """Wait until all instances of a task are in a state.

        :param dag_id: The DAG.
        :param run_id: The run.
        :param task_id: The task.
        :param state: The state.
        :param seconds: The timeout.
        :raises TimeoutError: They aren't in time; the message has their states.
        """

        def find() -> list[TaskRun]:
            return [task for task in self.tasks(dag_id, run_id) if task.task_id == task_id]

        _wait(
            lambda: {task.state for task in find()} == {state},
            seconds,
            lambda: f"{dag_id}.{task_id} is not {state}: {find()}",
        )

    def fail_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task instance as failed, as a user does.

        :param dag_id: The DAG.
        :param run_id: The run.
        :param task_id: The task.
        :raises requests.HTTPError: The request failed.
        """
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        body = {"new_state": "failed"} | ({} if IS_AIRFLOW_3 else {"dry_run": False})
        self._session.patch(f"{self._api}/{path}", json=body, timeout=_PATIENCE).raise_for_status()

    def approve(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Approve what an ``ApprovalOperator`` asks for, as a user does.

        :param dag_id: The DAG.
        :param run_id: The run.
        :param task_id: The task.
        :raises requests.HTTPError: The request failed.
        """
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        body = {"chosen_options": ["Approve"], "params_input": {}}
        self._session.patch(f"{self._api}/{path}", json=body, timeout=_PATIENCE).raise_for_status()

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """Return an XCom of a task; None if there is none."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self._session.get(
            f"{self._api}/{path}", params={"map_index": map_index, "stringify": "false"}, timeout=_PATIENCE
        )
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return _read_value(answer.json()["value"])


def connection_body(conn_id: str, connection: Mapping[str, Any]) -> dict[str, Any]:
    """Build the API's body of a connection.

    :param conn_id: The connection's id.
    :param connection: The connection, in the JSON form of an ``AIRFLOW_CONN_…`` variable.
    :return: The body to post.
    """
    return {**connection, "connection_id": conn_id, "extra": json.dumps(connection.get("extra", {}))}


def _read_value(value: Any) -> Any:
    """Decode an XCom, which some versions return as JSON or as a Python literal."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return ast.literal_eval(value)


def _wait(condition: Callable[[], bool], seconds: float, explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(explain())
        time.sleep(_POLL_SECONDS)
