"""Every way in which a process can be wrong ends in one clear sentence, a fix, buttons, and a queue that goes on."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from blender_addon.jobs import BlenderCommand, EngineCommand, Problem, State, Step
from blender_addon.jobs.types import ACTIONS
from simcraft.recording import save_recording
from tests.jobs.stand_ins import OBEDIENT, REAL, blender, engine, finish, job, pump_until, queue_of
from tests.scenes import sliding_square

HEARD = "ready()\nmessage = hear()\n"


def error(message: str, reason: str, code: int = 1, fix: str = "", about: Sequence[str] = ()) -> str:
    event = {"event": "error", "message": message, "fix": fix, "exit_code": code, "reason": reason, "about": [*about]}
    return f"{HEARD}say(id=message['id'], **{event!r})\nhear()"


@pytest.mark.parametrize(
    ("text", "words", "first_action"),
    [
        (HEARD + "os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)", "retry"),
        (HEARD + "os.kill(os.getpid(), signal.SIGKILL)", "memory ran out", "offload"),
        (HEARD + "sys.exit(137)", "memory ran out", "offload"),
        (HEARD + "sys.exit('the disk is on fire')", "exit code 1). Its last words: the disk is on fire", "retry"),
        (HEARD + "print('hello', flush=True)\nhear()", "'hello'", "preferences"),
        (HEARD + "say(event='progress', id=message['id'], stage=1)\nhear()", "not its protocol", "preferences"),
        (HEARD + "os.close(1)\nsignal.pause()", "left without an answer", "retry"),
        (HEARD + "os.kill(os.getpid(), signal.SIGSTOP)", "not shown a sign of life", "retry"),
        (error("CUDA is out of memory.", "memory"), "CUDA is out of memory.", "offload"),
        (error("Nothing moves.", "request", 2), "Nothing moves.", "retry"),
        (error("KeyError: 'x'", "defect"), "KeyError: 'x'", "retry"),
        ("say(event='ready', version=1)\nhear()", "protocol version 1", "preferences"),
        (
            "sys.exit('No module named simcraft')",
            "did not start (exit code 1). Its last words: No module",
            "preferences",
        ),
        ("signal.pause()", "did not answer within 1 s", "preferences"),
        ("while True: print('y' * 1000)", "not its protocol", "preferences"),
    ],
)
def test_an_engine_that_goes_wrong(tmp_path: Path, text: str, words: str, first_action: str) -> None:
    commands = [engine(text), engine(OBEDIENT)]
    queue = queue_of(lambda: commands.pop(0), start=1.0, silence=1.0, stop=0.2, leave=0.2)
    bad, good = queue.add(job(tmp_path / "bad")), queue.add(job(tmp_path / "good"))
    finish(queue, bad, good)
    queue.close()
    problem = bad.problem
    assert isinstance(problem, Problem) and bad.state is State.FAILED
    assert words in problem.message
    assert problem.actions[0] == first_action and set(problem.actions) <= set(ACTIONS)
    assert problem.log == bad.job.log and problem.message in problem.log.read_text()
    assert good.state is State.DONE, good.problem


@pytest.mark.parametrize(
    ("fix", "about", "told", "first_action"),
    [
        ("Use --device cpu.", ["device"], "Choose another 'Device' in 'Size and Output'.", "retry"),
        ("Give --hub yes or --model PATH.", ["hub", "model"], "Choose another 'Model' in 'Painting'.", "retry"),
        ("Run: make demo", ["engine"], "Install the engine again, in the preferences.", "preferences"),
        ("Give --model-config FOLDER.", ["model_config"], "Give --model-config FOLDER.", "retry"),
        ("Make the box larger.", [], "Make the box larger.", "retry"),
    ],
)
def test_a_fix_is_told_in_the_words_of_the_panel(
    fix: str, about: list[str], told: str, first_action: str, tmp_path: Path
) -> None:
    queue = queue_of(engine(error("It cannot be.", "request", 2, fix, about)))
    ticket = queue.add(job(tmp_path))
    finish(queue, ticket)
    queue.close()
    assert ticket.problem is not None
    assert (ticket.problem.fix, ticket.problem.actions[0]) == (told, first_action)


def test_a_blender_that_crashes_says_so(tmp_path: Path) -> None:
    child = blender(HEARD + "print('Cycles: oh', file=sys.stderr, flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)")
    queue = queue_of(engine(OBEDIENT), child)
    ticket = queue.add(job(tmp_path, Step("blender", {"request": "record"}), Step("engine", {"request": "x"})))
    finish(queue, ticket)
    queue.close()
    assert ticket.problem is not None and ticket.results == []
    assert "Blender in the background has crashed (SIGSEGV). Its last words: Cycles: oh" in ticket.problem.message
    assert "Cycles: oh" in ticket.job.log.read_text()


CHILD = """
import sys
sys.path.insert(0, {root!r})
from blender_addon.jobs.child_side import serve
def answer(request, progress):
    print("chatter")
    for n in range(request["steps"]):
        progress("count", n, request["steps"])
        if n == request.get("wrong"):
            raise ValueError("unlucky")
    return {{"counted": request["steps"]}}
sys.exit(serve(answer))
"""


def test_the_child_side_answers_fails_and_stops(tmp_path: Path) -> None:
    child = BlenderCommand((sys.executable, "-c", CHILD.format(root=str(Path.cwd()))))
    queue = queue_of(engine(OBEDIENT), child)
    steps = [Step("blender", {"request": "count", "steps": n, **more}) for n, more in ((3, {}), (9, {"wrong": 4}))]
    good, bad = (queue.add(job(tmp_path / str(n), step)) for n, step in enumerate(steps))
    endless = queue.add(job(tmp_path / "endless", Step("blender", {"request": "count", "steps": 10**9})))
    pump_until(queue, lambda: endless.stage == "count")
    queue.cancel(endless)
    finish(queue, endless)
    queue.close()
    assert (good.state, good.results) == (State.DONE, [{"counted": 3}])
    assert "chatter" in good.job.log.read_text()
    assert bad.problem is not None and "ValueError: unlucky" in bad.problem.message
    assert "Traceback" in bad.job.log.read_text()
    assert endless.state is State.STOPPED


def test_an_engine_that_computes_gives_signs_of_life(tmp_path: Path) -> None:
    short = BUSY.replace("time.sleep(600)", "time.sleep(3)\n    return {}").replace(
        "def", "worker.ALIVE_SECONDS = 0.2\ndef"
    )
    queue = queue_of(EngineCommand((sys.executable, "-c", short)), silence=1.5)
    ticket = queue.add(job(tmp_path))
    finish(queue, ticket)
    queue.close()
    assert ticket.state is State.DONE, ticket.problem


# ---------------------------------------------------------------------------------------------------------- no orphans

CALLER = """
import sys, time
sys.path.insert(0, {root!r})
from collections.abc import Sequence
from pathlib import Path
from tests.jobs.stand_ins import *
from tests.jobs.test_failures import BUSY, CHILD
commands = dict(
    engine=EngineCommand((sys.executable, "-c", BUSY)),
    blender=BlenderCommand((sys.executable, "-c", CHILD.format(root={root!r}))),
)
queue = queue_of(commands["engine"], commands["blender"])
process = sys.argv[1]
ticket = queue.add(job(Path(sys.argv[2]), Step(process, {{"request": "count", "steps": 10**9}})))
pump_until(queue, lambda: ticket.stage in ("count", "busy"))
print("running", flush=True)
time.sleep(600)
"""
BUSY = """
import threading, time
from simcraft import worker
def compute(request, desk, progress, *_):
    progress("busy", 0, 1)
    time.sleep(600)
worker.carry_out_request = compute
worker.parse_request = lambda message, place: message
worker.main()
"""
"""The real worker in the middle of something that takes ten minutes, and never looks up."""


@pytest.mark.parametrize("process", ["engine", "blender"])
def test_nothing_survives_a_caller_that_is_killed(tmp_path: Path, process: str) -> None:
    program = CALLER.format(root=str(Path.cwd()))
    caller = subprocess.Popen([sys.executable, "-c", program, process, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert caller.stdout is not None and caller.stdout.readline() == b"running\n"
        children = psutil.Process(caller.pid).children(recursive=True)
        assert len(children) == 1
    finally:
        caller.kill()
        caller.wait()
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert (len(gone), alive) == (1, [])


def test_closing_ends_a_deaf_process_and_its_children(tmp_path: Path) -> None:
    parent = (
        HEARD
        + "import subprocess\nsubprocess.Popen(['sleep', '600'])\nprint('both', 'run', file=sys.stderr)\nsignal.pause()"
    )
    queue = queue_of(engine(parent), leave=0.2, stop=30)
    ticket = queue.add(job(tmp_path))
    pump_until(queue, lambda: ticket.job.log.exists() and "both run" in ticket.job.log.read_text())
    processes = psutil.Process().children(recursive=True)
    processes = [p for p in processes if "sleep" in p.name() or "ready()" in " ".join(p.cmdline())]
    assert len(processes) == 2
    queue.close()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []


# ------------------------------------------------------------------------------------------------- killed at any moment


def _kill_engines() -> None:
    """End the workers that this process has started."""
    for child in psutil.Process().children(recursive=True):
        if "simcraft.worker" in " ".join(child.cmdline()):
            os.kill(child.pid, signal.SIGKILL)
            # looked at, not waited for: its exit code belongs to the one who has started it
            with contextlib.suppress(psutil.NoSuchProcess):
                while child.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.01)


@pytest.mark.slow
def test_the_worker_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    recording = save_recording(sliding_square(), tmp_path / "r.recording")
    step = Step(
        "engine",
        {"request": "render", "recording": recording, "out": tmp_path / "v.mp4", "size": [64, 48], "force": True},
    )
    queue = queue_of(REAL)
    whole = queue.add(job(tmp_path / "whole", step))
    begun = time.monotonic()
    finish(queue, whole)
    assert whole.state is State.DONE, whole.problem
    longest = time.monotonic() - begun
    moments = random.Random(6)
    for n in range(20):
        victim = queue.add(job(tmp_path / f"victim{n}", step))
        moment = time.monotonic() + moments.uniform(0, longest)
        pump_until(queue, lambda victim=victim, moment=moment: victim.state.ended or time.monotonic() > moment)
        _kill_engines()
        after = queue.add(job(tmp_path / f"after{n}", step))
        finish(queue, after)
        assert victim.state in (State.DONE, State.FAILED)
        assert victim.state is State.DONE or (victim.problem is not None and "killed" in victim.problem.message)
        assert after.state is State.DONE, after.problem
    queue.close()
