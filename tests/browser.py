"""A tab of headless Chromium, driven in real time through its debugging pipe: pages, scripts, mouse, keys, pictures."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium on PATH")

_PATIENCE = 60.0
"""Seconds until a browser that does not answer is given up; machines that test are busy."""
_COMPLAINTS = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
_UNTIL = """
const until = async (check) => {
  for (let k = 0; k < 1000 && !check(); k++) await new Promise((done) => setTimeout(done, 20));
  return check();
};
"""


class Tab:
    """One tab; `console` is what its page wrote there, errors among it."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, answers
        self._buffer, self._count, self._session = b"", 0, ""
        self._events: list[dict[str, Any]] = []
        self.console: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def open(self, page: Path, address: str = "", *, size: tuple[int, int] = (1280, 900), dark: bool = False) -> None:
        """Load `page`#`address` afresh in a window of (width, height) pixels."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call(
            "Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False
        )
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=0, y=0)
        for url in ("about:blank", f"{page.as_uri()}#{address}"):
            self._events.clear()
            self.call("Page.navigate", url=url)
            self._wait_for("Page.loadEventFired")
        self.console.clear()
        self._events.clear()

    def run(self, body: str) -> Any:
        """What `body`, that of an async function, returns in the page; it may `await until(() => ...)`."""
        script = f"(async () => {{ {_UNTIL} {body} }})()"
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def move(self, x: float, y: float, *, pressed: bool = False) -> None:
        """Move the mouse to a place in the window."""
        buttons = {"button": "left", "buttons": 1} if pressed else {}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, **buttons)

    def press(self, x: float, y: float) -> None:
        """Press the left mouse button there."""
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)

    def release(self, x: float, y: float) -> None:
        """Release the left mouse button there."""
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def click(self, x: float, y: float) -> None:
        """Click there."""
        self.move(x, y)
        self.press(x, y)
        self.release(x, y)

    def key(self, key: str) -> None:
        """Press and release a key by its name in JavaScript: "a", "Escape", "ArrowLeft"."""
        codes = {"Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Tab": 9}
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        code = {"windowsVirtualKeyCode": codes.get(key, ord(key.upper()[0]))}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    def screenshot(self, path: Path) -> Path:
        """Save what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return path

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its result."""
        self._count += 1
        number = self._count
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = self._next(deadline, method)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _wait_for(self, event: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not any(seen["method"] == event for seen in self._events):
            self._next(deadline, event)

    def _next(self, deadline: float, waiting_for: str) -> dict[str, Any]:
        """The next message; events are sorted in."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"Chromium did not answer: {waiting_for}."
            data = os.read(self._answers, 2**20)
            assert data, "Chromium has ended."
            self._buffer += data
        text, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(text)
        if message.get("method") in _COMPLAINTS:
            self.console.append(message)
        elif "method" in message:
            self._events.append(message)
        return message


def contrasts(tab: Tab, parts: Sequence[str]) -> dict[str, float]:
    """Selector -> contrast of the first such text with what is behind it, as in WCAG 2.1, 1.4.3: 4.5 is readable."""
    colours = tab.run(
        """return SELECTORS.map((s) => {
          let e = document.querySelector(s);
          const ink = getComputedStyle(e).color;
          while (e && /rgba\\(.*, 0\\)|^transparent/.test(getComputedStyle(e).backgroundColor)) e = e.parentElement;
          return [ink, getComputedStyle(e ?? document.body).backgroundColor];
        });""".replace("SELECTORS", json.dumps(list(parts)))
    )
    return {part: _contrast(ink, paper) for part, (ink, paper) in zip(parts, colours, strict=True)}


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        channels = [float(c) / 255 for c in re.findall(r"[\d.]+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@contextlib.contextmanager
def chromium_tab() -> Iterator[Tab]:
    """Start Chromium with one tab; it ends with the block."""
    # its ends of the pipes have to be 3 and 4; canvases of file:// pages may be read only with the last flag
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--remote-debugging-pipe",
    ]
    profile = tempfile.mkdtemp(prefix="chromium-")
    command += [f"--user-data-dir={profile}", "--no-first-run", "--allow-file-access-from-files", "about:blank"]
    to_read, requests = os.pipe()
    answers, to_write = os.pipe()

    def place_pipes() -> None:
        spare = os.dup(to_write), os.dup(to_read)
        os.dup2(spare[1], 3)
        os.dup2(spare[0], 4)

    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=place_pipes
    )
    try:
        os.close(to_read)
        os.close(to_write)
        yield Tab(requests, answers)
    finally:
        os.close(requests)  # Chromium leaves when its pipe is closed
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(answers)
        shutil.rmtree(profile, ignore_errors=True)
