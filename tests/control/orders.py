"""Orders without a scene, and a session whose engine and Blender are small programs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from blender_addon.control.orders import MotionOrder, Order, VideoOrder
from blender_addon.control.session import Session
from blender_addon.control.stores import Facts
from tests.jobs.stand_ins import blender, engine

SCENE = "/films/fall.blend|Scene"
ENGINE = """
ready()
while True:
    message = hear()
    kind, name = message["request"], message.get("id")
    if kind == "cancel":
        continue
    with open("{asked}", "a") as log:
        print(json.dumps(message), file=log)
    if kind == "generate" and os.path.exists("{begin_painting}"):
        say(event="preview", id=name, frame=1, frames=4, path="1.png")
    if os.path.exists("{refuse}" + kind):
        say(event="error", id=name, message="No.", fix="Ask again.", exit_code=1)
    elif kind == "describe":
        say(event="result", id=name, device="A CPU", best="paint: it scored best", generators=[
            {{"name": "paint", "summary": "Paints.", "options": [{{"name": "seed", "type": "int"}}]}}])
    elif kind == "estimate":
        say(event="result", id=name, seconds=4.0 * message["frames"], bytes=1e9, basis="Guessed.")
    elif kind == "generate" and not os.path.exists(message["clip"]):
        say(event="error", id=name, message="There is no clip.", fix="", exit_code=2)
    elif kind == "generate":
        open(message["out"], "w").close()
        open(message["report"], "w").close()
        say(event="result", id=name, video=message["out"], generator="paint", summary="It moves.", warnings=[])
    else:
        if kind == "observe":
            open(message["clip"], "w").close()
        say(event="result", id=name, warnings=["Far away."] if kind == "observe" else [])
"""
BLENDER = """
ready()
message = hear()
say(event="progress", id=message["id"], stage="simulate", step=0, steps=2)
while os.path.exists("{hold}"):
    time.sleep(0.02)
say(event="result", id=message["id"], warnings=["Slow."])
hear()
"""


class Studio:
    """A session, and files that tell its engine and Blender what to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = folder / "asked"
        self.hold = folder / "hold"
        """While it exists, Blender does not finish."""
        self.begin_painting = folder / "begin-painting"
        """While it exists, the engine finishes a frame before anything else is seen to."""
        self.refuse = str(folder / "refuse-")
        engine_text = ENGINE.format(asked=self.asked, refuse=self.refuse, begin_painting=self.begin_painting)
        blender_text = BLENDER.format(hold=self.hold)
        self.session = Session(folder / "work", lambda: engine(engine_text), lambda _: blender(blender_text))

    def motion(self, **facts: object) -> MotionOrder:
        folder = self.session.motions.new("fall")
        copy = MotionOrder(folder, "Scene", facts_of(**facts), 5, False, None, False)
        copy.copy.touch()
        return copy

    def video(self, motion: MotionOrder, seed: int = 0) -> VideoOrder:
        out = self.folder / f"fall_{seed}.mp4"
        folder = self.session.results.new("fall")
        return VideoOrder(SCENE, motion.folder, folder, out, out, "paint", {"seed": seed})

    def order(self, motion: MotionOrder | None, video: VideoOrder | None) -> Order:
        return Order("fall", motion, video)

    def pump_until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        last = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < last, [(t.state, t.stage, t.problem) for t in self.session.tickets]
            self.session.pump()
            time.sleep(0.01)

    def finish(self) -> None:
        self.pump_until(lambda: not self.session.busy)

    def requests(self) -> list[str]:
        """What the engine was asked, in order."""
        import json

        lines = self.asked.read_text().splitlines() if self.asked.exists() else []
        return [json.loads(line)["request"] for line in lines]


def facts_of(**changes: object) -> Facts:
    """What might be known of a motion."""
    return Facts(**{"scene": SCENE, "signature": "s", "stamp": None, "frames": (1, 4), "size": (64, 64),
                    "warnings": (), "made": 1.0, **changes})  # type: ignore[arg-type]  # fmt: skip
