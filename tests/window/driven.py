"""A real window of Blender on a screen without a monitor: looked at by pictures of it, used by its mouse and keys."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
SIZE = (1500, 940)
"""Pixels of the screen, all of which the window covers."""
PATIENCE = 120.0
"""Seconds until something that does not come is given up; machines that test are busy."""
PROGRAMS = ("Xvfb", "xdotool")
SCREEN = "Xvfb_screen0"
"""The file in which Xvfb keeps the picture of its screen."""


def missing_programs() -> list[str]:
    """Which of the programs are not on PATH."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class DrivenError(AssertionError):
    """The window did not do what was waited for; says what was seen last."""


class DrivenBlender:
    """A running Blender with a window, and the mouse and keyboard of its screen."""

    def __init__(self, process: subprocess.Popen, display: str, work: Path, pictures: Path) -> None:
        self.process, self.work, self.pictures = process, work, pictures
        self._environment = {**os.environ, "DISPLAY": display}

    def ask(self, code: str) -> Any:
        """Run `code` in Blender's main thread and return its `result`. Raises `DrivenError` with the traceback."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self.work / "ask"))
            connection.sendall((json.dumps({"code": code}) + "\n").encode())
            reply = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
        if "problem" in reply:
            raise DrivenError(reply["problem"])
        return reply["result"]

    def value(self, expression: str) -> Any:
        return self.ask(f"result = {expression}")

    def wait(self, expression: str, seconds: float = PATIENCE) -> Any:
        """What `expression` is as soon as it is true. Raises `DrivenError` where it does not become so."""
        try:
            return wait_for(lambda: self.value(expression), expression, seconds)
        except DrivenError:
            self.picture("failure")
            raise

    def xdotool(self, *words: object) -> None:
        subprocess.run(["xdotool", *map(str, words)], env=self._environment, check=True, timeout=60)

    def move(self, x: float, y: float) -> None:
        """In two steps: Blender notices what is under the mouse when the mouse moves there, not when it appears."""
        self.xdotool("mousemove", round(x) - 3, round(y) - 2)
        time.sleep(0.1)
        self.xdotool("mousemove", round(x), round(y))

    def click(self, x: float, y: float) -> None:
        self.move(x, y)
        time.sleep(0.5)
        self.xdotool("click", 1)
        time.sleep(0.3)

    def press(self, wanted: str, **where: Any) -> None:
        """Click the button that `find` finds."""
        self.click(*self.find(wanted, **where))

    def key(self, *names: str) -> None:
        self.xdotool("key", *names)
        time.sleep(0.3)

    def find(self, wanted: str, *, across: float = 0.4, kind: str = "UI", area: str = "VIEW_3D") -> tuple[int, int]:
        """Where on the screen the button is whose Python command, or data path, has `wanted` in it.

        The mouse goes down along a line through the region, at the fraction `across` of its width: first as the region
        is scrolled just now, then from its top on. Raises `DrivenError` that lists what there is.
        """
        found: list[str] = []
        for notches in (0, -50, 10, 10, 10, 10):
            if notches:
                self.scroll(notches, kind, area)
            for name, place in self.buttons(across=across, kind=kind, area=area):
                if wanted in name and wanted in self.under(*place, kind=kind, area=area):
                    return place
                found.append(name)
        self.picture("failure")
        raise DrivenError(f"No button '{wanted}' among {sorted(set(found))}")

    def buttons(
        self, *, across: float = 0.4, kind: str = "UI", area: str = "VIEW_3D"
    ) -> Iterator[tuple[str, tuple[int, int]]]:
        """What the mouse is over on its way down through a region, and where; see `find`."""
        left, top, width, height = self.value(f"rectangle('{kind}', '{area}')")
        x = left + round(width * across)
        for y in range(top + 4, top + height, 12):
            self.xdotool("mousemove", x, y)
            time.sleep(0.05)
            if name := self.value(f"under_mouse('{kind}', '{area}')"):
                yield name, (x, y)

    def under(self, x: int, y: int, *, kind: str = "UI", area: str = "VIEW_3D") -> str:
        """What Blender says is there, when it has had time to notice."""
        self.move(x, y)
        time.sleep(0.5)
        return str(self.value(f"under_mouse('{kind}', '{area}')"))

    def find_picture(self, path: Path, size: int) -> tuple[int, int]:
        """The middle of where the screen shows a picture, `size` pixels large.

        For what `find` does not see: pictures that are buttons, and lists that are open. Raises `DrivenError`.
        """
        import cv2

        wanted = cv2.resize(cv2.imread(str(path)), (size, size), interpolation=cv2.INTER_AREA)

        def seen() -> tuple[int, int] | None:
            screen = cv2.cvtColor(read_screen(self.work / SCREEN), cv2.COLOR_RGB2BGR)
            _, alike, _, (left, top) = cv2.minMaxLoc(cv2.matchTemplate(screen, wanted, cv2.TM_CCOEFF_NORMED))
            return (left + size // 2, top + size // 2) if alike > 0.9 else None

        try:
            return wait_for(seen, f"the screen shows {path.name}", 30)
        except DrivenError:
            self.picture("failure")
            raise

    def scroll(self, notches: int, kind: str = "UI", area: str = "VIEW_3D") -> None:
        """Turn the wheel over a region, down where `notches` is positive."""
        left, top, width, _ = self.value(f"rectangle('{kind}', '{area}')")
        # over a panel: beside one, the wheel is for what lies behind the region
        self.move(left + width * 0.4, top + 30)
        self.xdotool("click", "--repeat", abs(notches), "--delay", 20, 5 if notches > 0 else 4)
        time.sleep(0.5)

    def picture(self, name: str, patience: int = 8) -> Path:
        """Keep what the screen shows, without a tooltip, as `name`.png, and return its path.

        It is taken when all is drawn and stands still, or after `patience` seconds as it is.
        """
        from PIL import Image

        self.move(SIZE[0] * 0.3, SIZE[1] * 0.8)
        self.ask("redraw()")
        path, screen = self.pictures / f"{name}.png", self.work / SCREEN
        seen = read_screen(screen)
        for _ in range(patience):
            time.sleep(1)
            before, seen = seen, read_screen(screen)
            if np.array_equal(before, seen):
                break
        Image.fromarray(seen).save(path)
        return path

    def errors(self) -> str:
        """What Blender has written so far where that tells of an exception, else ""."""
        log = (self.work / "blender.log").read_text(errors="replace")
        return log if "Traceback" in log or "Error:" in log else ""


def wait_for(check: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if found := check():
                return found
        time.sleep(0.2)
    raise DrivenError(f"In {seconds:.0f} s this did not come true: {what}")


def read_screen(path: Path) -> np.ndarray:
    """The picture in the X window dump that Xvfb keeps of its screen, (H, W, 3) uint8."""
    data = path.read_bytes()
    header = np.frombuffer(data, ">u4", 25)
    size, width, height, line, colours = header[0], header[4], header[5], header[12], header[19]
    rows = np.frombuffer(data, np.uint8, height * line, int(size + 12 * colours)).reshape(height, line)
    # 32 bits a pixel, the least significant byte first: blue, green, red
    return rows[:, : 4 * width].reshape(height, width, 4)[:, :, 2::-1]


@contextlib.contextmanager
def driven_blender(executable: str, home: Path, pictures: Path, *arguments: object) -> Iterator[DrivenBlender]:
    """A Blender in a window of its own screen, with `home` as home folder; everything is ended afterwards."""
    work = Path(tempfile.mkdtemp(prefix="window-"))
    pictures.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        display = stack.enter_context(_screen(work))
        environment = {**os.environ, "DISPLAY": display, "HOME": str(home), "LP_NUM_THREADS": "1"}
        for name in ("WAYLAND_DISPLAY", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "BLENDER_USER_RESOURCES"):
            environment.pop(name, None)
        command = [executable, "--gpu-backend", "opengl", "--window-geometry", 0, 0, *SIZE, *arguments]
        command += ["-P", HERE / "listener.py", "--", work / "ask"]
        log = stack.enter_context((work / "blender.log").open("wb"))
        process = subprocess.Popen([str(word) for word in command], env=environment, stdout=log, stderr=log)
        stack.callback(_end, process)
        blender = DrivenBlender(process, display, work, pictures)
        wait_for(lambda: blender.value("True"), "Blender answers")
        # a screen without a window manager: this gives the window the keyboard
        blender.xdotool("mousemove", SIZE[0] // 2, SIZE[1] // 2, "click", 2)
        yield blender


@contextlib.contextmanager
def _screen(work: Path) -> Iterator[str]:
    """A screen without a monitor, whose picture is the file `SCREEN` in `work`; gives its DISPLAY."""
    reading, writing = os.pipe()
    width, height = SIZE
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-fbdir", str(work)]
    command += ["+extension", "GLX", "-nolisten", "tcp", "-noreset"]
    process = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as number:
            yield f":{int(number.readline())}"
    finally:
        _end(process)


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
