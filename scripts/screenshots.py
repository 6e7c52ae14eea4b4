"""``make screenshots``: docs/images/, taken from the pages of the Airflow that ``make airflow`` starts.

Runs in an environment of its own, which has Playwright and no Airflow; needs Chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import APIRequestContext, FrameLocator, Page, Playwright, sync_playwright

CHECKOUT = Path(__file__).resolve().parents[1]
IMAGES = CHECKOUT / "docs" / "images"
#: What the pictures show instead of this machine's path.
SHOWN_CHECKOUT = "/opt/airflow"
FAILED_DAG, FAILED_TASK = "integrator_failed_execution", "judge_price"
WOKEN_DAG, ASSET = "integrator_woken_by_flow", "integrator://integrator_default/stock"
ENDED = ("success", "failed")
DOWN_CONNECTION = "integrator_down"
_READY = "Ctrl-C stops it"


def main() -> int:
    """Take the pictures.

    :return: The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="the interpreter of the environment that has Airflow")
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"only these of {list(SUBJECTS)}")
    options = parser.parse_args()
    subjects = options.subjects or list(SUBJECTS)
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("There is no Chromium: apt-get install chromium")
        return 1
    IMAGES.mkdir(exist_ok=True)
    with airflow(options.python) as (url, password), sync_playwright() as playwright:
        print("Running the DAGs for the pictures …", flush=True)
        api = authorised(playwright, url, password)
        failed = run_failed_dag(api)
        task = f"{url}/dags/{FAILED_DAG}/runs/{failed}/tasks/{FAILED_TASK}"
        with unpaused(api, WOKEN_DAG), connection_to_nowhere(api):
            wait(lambda: has_run(api, WOKEN_DAG), f"A run of {WOKEN_DAG}")
            # Chromium's sandbox doesn't work for root.
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            with playwright.chromium.launch(executable_path=browser, args=arguments) as chromium:
                page = chromium.new_page()
                log_in(page, url, password)
                for subject in subjects:
                    SUBJECTS[subject](page, url, task)
    return 0


@contextmanager
def airflow(python: str) -> Iterator[tuple[str, str]]:
    """Run ``make airflow``'s script, with a login.

    :param python: The interpreter of the environment that has Airflow.
    :return: The URL of the pages, and the password of the user ``admin``.
    :raises RuntimeError: It doesn't start; its output has been printed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [python, str(CHECKOUT / "scripts/standalone.py"), "--login", "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    password = ""
    try:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if found := re.search(r"user admin, password (\S+)\)", line):
                password = found[1]
            if line.startswith(_READY):
                break
        else:
            raise RuntimeError("Airflow did not start")
        yield f"http://localhost:{port}", password
    finally:
        process.terminate()
        process.communicate(timeout=120)


def authorised(playwright: Playwright, url: str, password: str) -> APIRequestContext:
    """Make a client of Airflow's API."""
    login = {"username": "admin", "password": password}
    token = answer(playwright.request.new_context().post(f"{url}/auth/token", data=login))["access_token"]
    return playwright.request.new_context(
        base_url=f"{url}/api/v2/", extra_http_headers={"Authorization": f"Bearer {token}"}
    )


def log_in(page: Page, url: str, password: str) -> None:
    """Log in by Airflow's own form."""
    page.goto(url)
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Dags").first.wait_for()


def run_failed_dag(api: APIRequestContext) -> str:
    """Run the DAG until it fails, which it does every third time or so.

    :return: The failed run's id.
    """
    wait(lambda: api.get(f"dags/{FAILED_DAG}").ok, f"DAG {FAILED_DAG}")
    path = f"dags/{FAILED_DAG}/dagRuns"
    while True:
        run_id = str(answer(api.post(path, data={"logical_date": None}))["dag_run_id"])
        wait(lambda run_id=run_id: state(api, f"{path}/{run_id}") in ENDED, f"The end of {run_id}")
        if state(api, f"{path}/{run_id}") == "failed":
            return run_id


def state(api: APIRequestContext, run: str) -> str:
    """Read the state of a DAG run."""
    return str(answer(api.get(run))["state"])


@contextmanager
def unpaused(api: APIRequestContext, dag_id: str) -> Iterator[None]:
    """Let a DAG run for a while."""
    wait(lambda: api.get(f"dags/{dag_id}").ok, f"DAG {dag_id}")
    answer(api.patch(f"dags/{dag_id}", data={"is_paused": False}))
    try:
        yield
    finally:
        answer(api.patch(f"dags/{dag_id}", data={"is_paused": True}))


@contextmanager
def connection_to_nowhere(api: APIRequestContext) -> Iterator[None]:
    """Add a connection to an Integrator that is down."""
    api.delete(f"connections/{DOWN_CONNECTION}")  # of a run that was killed
    connection = {
        "connection_id": DOWN_CONNECTION,
        "conn_type": "integrator",
        "host": "http://127.0.0.1:9",
        "login": "user@example.com",
        "password": "nobody-asks",
        "extra": '{"project_id": "project"}',
    }
    answer(api.post("connections", data=connection))
    try:
        yield
    finally:
        api.delete(f"connections/{DOWN_CONNECTION}")


def has_run(api: APIRequestContext, dag_id: str) -> bool:
    """Look whether a run of a DAG has succeeded."""
    return bool(answer(api.get(f"dags/{dag_id}/dagRuns", params={"state": "success"}))["dag_runs"])


def take_connection(page: Page, url: str, task: str) -> None:
    """Take the connection's form: its standard fields, and its own."""
    page.set_viewport_size({"width": 1000, "height": 1600})
    page.goto(f"{url}/connections")
    connection = page.get_by_role("row").filter(has_text="integrator_default")
    connection.get_by_role("button", name="Edit Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_role("textbox", name="Host").wait_for()
    take(page, "connection-form", form)
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.get_by_text("Project slug").wait_for()
    take(page, "connection-form-extra", form.locator("[data-scope=accordion][data-part=root]").first)


def take_failed_task(page: Page, url: str, task: str) -> None:
    """Take a failed task's page, with the message in its log."""
    page.set_viewport_size({"width": 1280, "height": 760})
    page.goto(task)
    page.get_by_text("Task failed with exception").wait_for()
    page.keyboard.press("w")  # wraps the lines
    page.keyboard.press("t")  # hides the times
    page.get_by_text("ExecutionFailedError").first.click()  # folds the traceback
    page.get_by_text("Pre Execute").scroll_into_view_if_needed()
    take(page, "failed-task")


def take_assets(page: Page, url: str, task: str) -> None:
    """Take the list of assets, and one of them with its events."""
    page.set_viewport_size({"width": 1100, "height": 300})
    page.goto(f"{url}/assets")
    page.get_by_role("link", name=ASSET).wait_for()
    take(page, "assets")
    page.set_viewport_size({"width": 1300, "height": 800})
    page.get_by_role("link", name=ASSET).click()
    for _ in ("extra", "its payload"):  # of the newest event
        page.get_by_title("Click to expand the range.").first.click()
        page.wait_for_timeout(500)
    take(page, "asset-events")


def take_page(page: Page, url: str, task: str) -> None:
    """Take the page Integrator: its views, light, dark and narrow, and the tab of a task instance."""
    page.set_viewport_size({"width": 1360, "height": 860})
    frame = open_overview(page, url)
    take(page, "page-overview")
    frame.get_by_role("link", name="Price", exact=True).click()
    frame.get_by_role("heading", name="Executions").wait_for()
    take(page, "page-flow")
    page.set_viewport_size({"width": 1360, "height": 1180})
    frame.locator("tr", has_text="Failed").get_by_role("link").first.click()
    frame.locator(".log-errors").wait_for()
    take(page, "page-execution")
    page.set_viewport_size({"width": 1360, "height": 860})
    page.goto(f"{task}/plugin/integrator_execution")
    page.frame_locator("iframe").locator(".log-errors").wait_for()
    take(page, "page-task")
    page.set_viewport_size({"width": 900, "height": 520})
    frame = open_overview(page, url)
    take(page, "page-narrow")
    frame.get_by_label("Connection").select_option(label=DOWN_CONNECTION)
    frame.locator(".message").wait_for()
    take(page, "page-down")
    page.set_viewport_size({"width": 1360, "height": 860})
    page.evaluate("localStorage.setItem('theme', 'dark')")
    open_overview(page, url)
    take(page, "page-overview-dark")
    page.evaluate("localStorage.setItem('theme', 'light')")


def open_overview(page: Page, url: str) -> FrameLocator:
    """Open the page on the project that has a past."""
    page.goto(f"{url}/plugin/integrator")
    frame = page.frame_locator("iframe")
    frame.get_by_label("Project").select_option(label="Acme Fashion")
    frame.get_by_role("link", name="Shipment", exact=True).wait_for()
    return frame


def take(page: Page, name: str, part: Any = None) -> None:
    """Take one picture.

    :param page: The page as it is to be shown.
    :param name: The file's name, without its suffix.
    :param part: A locator of the part to show; None: all that the window shows.
    """
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)  # what unfolds, unfolds slowly
    page.evaluate(_REPLACE_TEXT, [str(CHECKOUT), SHOWN_CHECKOUT])
    target = IMAGES / f"{name}.png"
    (part or page).screenshot(path=target)
    print(f"{target.relative_to(CHECKOUT)}: {target.stat().st_size // 1024} KiB", flush=True)


#: What takes the pictures of a subject: called with the browser's page, Airflow's URL and that of the failed task.
SUBJECTS: dict[str, Callable[[Page, str, str], None]] = {
    "connection": take_connection,
    "task": take_failed_task,
    "assets": take_assets,
    "page": take_page,
}
_REPLACE_TEXT = """([from, to]) => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) walker.currentNode.data = walker.currentNode.data.replaceAll(from, to);
}"""


def answer(response: Any) -> Any:
    """Read an answer of Airflow's API.

    :raises RuntimeError: It says no.
    """
    if not response.ok:
        raise RuntimeError(f"{response.url}: {response.status} {response.text()[:500]}")
    return response.json()


def wait(is_so: Callable[[], bool], what: str, seconds: float = 180.0) -> None:
    """Wait for something.

    :raises TimeoutError: It doesn't come in time.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
