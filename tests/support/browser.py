"""Chromium without a window, controlled through the DevTools protocol over a pipe.

The protocol can set any size and color scheme, run JavaScript in the page, and report
what the console says, which the options of the command line cannot.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

ANSWER_S = 60


def chromium_path():
    """Returns None if Chromium is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    @classmethod
    def of(cls, case):
        """The browser of a class of tests, until all of them have run"""
        folder = tempfile.TemporaryDirectory(prefix="waybill-page-", ignore_cleanup_errors=True)
        case.addClassCleanup(folder.cleanup)
        browser = cls(folder.name)
        case.addClassCleanup(browser.close)
        return browser

    def __init__(self, directory):
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        arguments = [
            chromium_path(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--lang=en",
            "--remote-debugging-pipe",
            f"--user-data-dir={directory}/chromium",
            "about:blank",
        ]
        # Chromium reads commands from descriptor 3 and writes to 4.
        script = f'exec "$@" 3<&{commands} 4>&{answers}'
        self._child = subprocess.Popen(
            ["bash", "-c", script, "bash", *arguments],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._received = b""
        self._number = 0
        self.events = []

    def close(self):
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            self.call("Browser.close")
        os.close(self._write)
        os.close(self._read)
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _message(self, deadline):
        while b"\0" not in self._received:
            rest = deadline - time.monotonic()
            if rest <= 0 or not select.select([self._read], [], [], rest)[0]:
                raise TimeoutError("Chromium does not answer")
            data = os.read(self._read, 1 << 20)
            if not data:
                raise EOFError("Chromium has ended")
            self._received += data
        text, _, self._received = self._received.partition(b"\0")
        return json.loads(text)

    def call(self, method, session=None, **parameters):
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        os.write(self._write, json.dumps(command).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_S
        while (message := self._message(deadline)).get("id") != self._number:
            self.events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def page(self, width, height, dark=False):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, target, session, width, height, dark)


class Page:
    """A tab"""

    def __init__(self, browser, target, session, width, height, dark):
        self._browser, self._target, self._session = browser, target, session
        self.width, self.height = width, height
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, expression):
        """Returns the value as JSON; promises are awaited."""
        done = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"])[:2000])
        return done["result"].get("value")

    def text(self, selector):
        """Returns the text of the first such element, as a person sees it."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def count(self, selector):
        return self.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")

    def wait_for(self, expression, seconds=30):
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                text = self.evaluate("document.body ? document.body.innerText : ''")
                raise TimeoutError(f"{expression}: {text[:2000]}")
            time.sleep(0.05)
        return value

    def complaints(self):
        """Returns what the console has shown: errors, exceptions, violations of a policy."""
        self.evaluate("1")
        found = []
        for event in self._browser.events:
            parameters = event.get("params", {})
            if event.get("sessionId") != self._session:
                continue
            if event["method"] == "Log.entryAdded":
                found.append(parameters["entry"]["text"])
            elif event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"]))
        return found

    def screenshot(self, path, whole=False):
        size = {}
        if whole:
            height = self.evaluate("document.documentElement.scrollHeight")
            clip = {"x": 0, "y": 0, "width": self.width, "height": height, "scale": 1}
            size = {"clip": clip, "captureBeyondViewport": True}
        data = self.call("Page.captureScreenshot", format="png", **size)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self._browser.call("Target.closeTarget", targetId=self._target)
