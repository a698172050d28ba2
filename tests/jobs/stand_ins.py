"""Small programs in place of the engine or of Blender, and a queue that is pumped to the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blender_addon.jobs import BlenderCommand, EngineCommand, Job, JobQueue, Patience, Step, Ticket

REAL = EngineCommand((sys.executable, "-P", "-m", "simcraft.worker"))
PRELUDE = """
import json, os, signal, sys, time
def say(**event):
    print(json.dumps(event), flush=True)
def ready():
    say(event="ready", version=2)
def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    message = json.loads(line)
    return sys.exit() if message["request"] == "quit" else message
"""
"""What every stand-in begins with."""
OBEDIENT = """
ready()
while True:
    message = hear()
    if message["request"] != "cancel":
        say(event="progress", id=message["id"], stage="work", step=1, steps=2, eta_seconds=0.5, detail="half")
        say(event="result", id=message["id"], pid=os.getpid(), warnings=["careful"])
"""
"""An engine that does everything at once, and says which process it is."""


def program(text: str) -> tuple[str, ...]:
    """A command that runs `text` after `PRELUDE`."""
    return (sys.executable, "-c", PRELUDE + text)


def engine(text: str) -> EngineCommand:
    return EngineCommand(program(text))


def blender(text: str) -> BlenderCommand:
    return BlenderCommand(program(text))


def job(work: Path, *steps: Step, name: str = "job") -> Job:
    """A job of these steps, by default one of the engine."""
    return Job(name, steps or (Step("engine", {"request": "work"}),), work)


def queue_of(command: EngineCommand | Callable[[], Any], child: BlenderCommand | None = None, **patience: float) -> Any:
    """A queue with this engine, and this child Blender."""
    ask = command if callable(command) else lambda: command
    return JobQueue(ask, lambda request: child or blender(OBEDIENT), Patience(**patience))


def pump_until(queue: JobQueue, condition: Callable[[], bool], seconds: float = 120.0) -> list[Ticket]:
    """Pump until something is so; returns all tickets that changed, as often as they did."""
    changed, last = [], time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, [(t.state, t.stage, t.problem) for t in queue.tickets]
        changed += queue.pump()
        time.sleep(0.01)
    return changed


def finish(queue: JobQueue, *tickets: Ticket) -> None:
    """Pump until these jobs have ended."""
    pump_until(queue, lambda: all(ticket.state.ended for ticket in tickets))
