"""Runs inside the Blender that a test drives, and answers its questions: `blender -P listener.py -- SOCKET`.

A question is one JSON line {"code": "..."} whose code sets `result`. It is answered between two of Blender's redraws,
as an add-on's own timers are called. Nothing here presses a button: that is done with the mouse.
"""

from __future__ import annotations

import json
import queue
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import bpy

QUESTIONS: queue.Queue[tuple[str, socket.socket]] = queue.Queue()
NAMES: dict[str, Any] = {"bpy": bpy, "time": time}
"""What the code of one question has named, the next one finds."""
GAPS = {"last": 0.0, "largest": 0.0, "sum": 0.0, "count": 0}
"""Seconds between two rounds of Blender's main loop: how long the window did not react."""


def listen(path: str) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    while True:
        connection = server.accept()[0]
        QUESTIONS.put((connection.makefile("r", encoding="utf-8").readline(), connection))


def answer() -> float:
    """Answer what was asked meanwhile; called again after the seconds that it returns."""
    while not QUESTIONS.empty():
        line, connection = QUESTIONS.get()
        try:
            exec(json.loads(line)["code"], NAMES)
            reply = json.dumps({"result": NAMES.pop("result", None)})
        except Exception:
            reply = json.dumps({"problem": traceback.format_exc()})
        connection.sendall(reply.encode())
        connection.close()
        measure.forget = True
    return 0.02


def measure() -> float:
    """Called in every round of the main loop; rounds that answered a question do not count."""
    now = time.perf_counter()
    if GAPS["last"] and not measure.forget:
        gap = now - GAPS["last"]
        GAPS.update(largest=max(gap, GAPS["largest"]), sum=GAPS["sum"] + gap, count=GAPS["count"] + 1)
    measure.forget = False
    GAPS["last"] = now
    return 0.0


measure.forget = False
NAMES["GAPS"] = GAPS


def region_of(kind: str, area_kind: str = "VIEW_3D") -> dict[str, Any]:
    """The context of a region of the largest area of that kind."""
    found = [
        {"window": window, "area": area, "region": region}
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == area_kind
        for region in area.regions
        if region.type == kind
    ]
    return max(found, key=lambda context: context["area"].width * context["area"].height)


def under_mouse(kind: str, area_kind: str = "VIEW_3D") -> str:
    """The operator, or the data path of the property, of the button that the mouse is over; "" where there is none."""
    manager = bpy.context.window_manager
    with bpy.context.temp_override(**region_of(kind, area_kind)):
        manager.clipboard = ""
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
        elif bpy.ops.ui.copy_data_path_button.poll():
            bpy.ops.ui.copy_data_path_button(full_path=True)
    return manager.clipboard


def rectangle(kind: str, area_kind: str = "VIEW_3D") -> tuple[int, int, int, int]:
    """(left, top, width, height) of a region on the screen, y down; the first window covers all of the screen."""
    context = region_of(kind, area_kind)
    region, window = context["region"], context["window"]
    bottom = bpy.context.window_manager.windows[0].height - window.y - region.y
    return window.x + region.x, bottom - region.height, region.width, region.height


def redraw() -> None:
    """Draw everything now."""
    for window in bpy.context.window_manager.windows:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)


NAMES.update(region_of=region_of, under_mouse=under_mouse, rectangle=rectangle, redraw=redraw)

if __name__ == "__main__":
    path = sys.argv[sys.argv.index("--") + 1]
    Path(path).unlink(missing_ok=True)
    threading.Thread(target=listen, args=(path,), daemon=True).start()
    bpy.app.timers.register(answer, first_interval=1.0, persistent=True)
    bpy.app.timers.register(measure, first_interval=1.0, persistent=True)
