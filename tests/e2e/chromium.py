"""A headless Chromium and its pages, over the DevTools protocol: what a person sees, types and clicks."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

#: Generous, for a machine on which an Airflow is busy.
SECONDS = 90.0
#: Puts the pipe's ends where Chromium expects them, then becomes Chromium.
_LAUNCH = """
import os, sys
for end, number in zip([os.dup(int(each)) for each in sys.argv[1:3]], (3, 4)):
    os.dup2(end, number)
    os.set_inheritable(number, True)
os.execv(sys.argv[3], sys.argv[3:])
"""
#: ``view`` is the document of the page in Airflow's frame, or else the one around it.
_VIEW = "const view = document.querySelector('iframe')?.contentDocument ?? document;"


class Chromium:
    """A context manager that runs Chromium; use it from one thread.

    :param program: Its path.
    :param folder: The folder of its profile.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._numbers = itertools.count(1)
        self._unread = b""
        self._pages: dict[str, Page] = {}
        options = [
            "--headless",
            "--no-sandbox",  # root, as in CI's containers, has none
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--no-first-run",
            f"--user-data-dir={folder}",
            "--remote-debugging-pipe",
        ]
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        launch = [sys.executable, "-c", _LAUNCH, str(commands), str(answers)]
        self._process = subprocess.Popen(
            [*launch, program, *options], pass_fds=(commands, answers), stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(answers)

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)
        os.close(self._commands)
        os.close(self._answers)

    def page(self) -> Page:
        """Open a window that shares no cookies with others."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._pages[session] = page = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            page.send(f"{domain}.enable")
        return page

    def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer.

        :raises RuntimeError: Chromium refuses.
        """
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._receive()).get("id") != number:
            if (page := self._pages.get(message.get("sessionId", ""))) is not None:
                page.note(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            if not select.select([self._answers], [], [], SECONDS)[0]:
                raise TimeoutError("Chromium doesn't answer")
            part = os.read(self._answers, 1 << 20)
            if not part:
                raise ConnectionError("Chromium has ended")
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


class Page:
    """A window.

    :ivar complaints: What its console shows of errors of this provider's page and of content policies.
    """

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command to this window."""
        return self._browser.send(method, self._session, **parameters)

    def note(self, event: dict[str, Any]) -> None:
        """Keep what a console would show in red; Airflow's own page may have its errors."""
        if event["method"] not in ("Log.entryAdded", "Runtime.exceptionThrown"):
            return
        text = json.dumps(event["params"])
        is_error = '"level": "error"' in text or event["method"] == "Runtime.exceptionThrown"
        if is_error and ("/integrator/" in text or "Content Security Policy" in text):
            self.complaints.append(text)

    def look(self, width: int = 1360, height: int = 900, scheme: str = "light") -> None:
        """Make the window so large, and the system's colours light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def open(self, url: str) -> None:
        """Go to an address."""
        self.send("Page.navigate", url=url)

    def ask(self, expression: str) -> Any:
        """Evaluate JavaScript, in which ``view`` is the shown document.

        :return: Its value, as JSON, or True for an element; None while the page isn't so far.
        """
        code = f"(() => {{ {_VIEW} const value = {expression}; return value?.nodeType ? true : value; }})()"
        try:
            answer = self.send("Runtime.evaluate", expression=code, returnByValue=True)
        except RuntimeError:  # it goes to another address just now
            return None
        return None if "exceptionDetails" in answer else answer["result"].get("value")

    def until(self, expression: str, seconds: float = SECONDS) -> Any:
        """Wait until an expression is true.

        :return: Its value.
        :raises AssertionError: It isn't in time; the message has the page's text.
        """
        deadline = time.monotonic() + seconds
        while not (value := self.ask(expression)):
            text = f"{expression} on {self.ask('[location.href, view.body.innerText]')}"
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        return value

    def shows(self, text: str) -> None:
        """Wait until a text is to be read."""
        self.until(f"view.body.innerText.includes({json.dumps(text)})")

    def click(self, selector: str, text: str = "") -> None:
        """Click the first element of a selector that has a text, once it is there."""
        self.until(
            f"[...view.querySelectorAll({json.dumps(selector)})]"
            f".filter((each) => each.textContent.includes({json.dumps(text)}))"
            ".slice(0, 1).map((each) => (each.click(), true))[0]"
        )

    def write(self, selector: str, text: str) -> None:
        """Write into a field, in place of what it holds."""
        self.until(f"view.querySelector({json.dumps(selector)}).select() ?? true")
        self.until(f"view.querySelector({json.dumps(selector)}).focus() ?? true")
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press a key: a letter, or Enter."""
        text, code = ("\r", 13) if key == "Enter" else (key, ord(key.upper()))
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path) -> None:
        """Take a picture."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))
