"""One job from its first step to its end, on a thread of its own."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
import traceback
from collections.abc import Sequence
from typing import Any

from . import problems
from .changes import ended, finished
from .conversation import NotHeard, Talk, ask, await_ready
from .in_panel import in_the_panel
from .peer import Peer
from .problems import Stopped, Trouble
from .processes import Processes
from .remote import ask_remote
from .types import BlenderCommand, EngineCommand, Job, Problem, State, Step


def run_job(talk: Talk, processes: Processes, commands: Sequence[EngineCommand | BlenderCommand]) -> None:
    """Do all steps, each with its command. Every end, a good one or not, is told; nothing is raised."""
    job = talk.job
    try:
        job.work.mkdir(parents=True, exist_ok=True)
        for step, command in zip(job.steps, commands, strict=True):
            if talk.stop.is_set():
                raise Stopped
            _note(job, f"{step.process}: {shlex.join(command.arguments)}\n{json.dumps(step.request, default=str)}")
            talk.tell(finished(_run_step(talk, processes, step, command)))
    except Stopped as stopped:
        _end(talk, State.STOPPED, detail=stopped.kept)
    except Trouble as trouble:
        _end(talk, State.FAILED, in_the_panel(trouble.problem))
    except OSError as error:
        fix = "Free some space, or choose another folder in the preferences."
        message = f"{error.filename or job.work}: {error.strerror or error}."
        _end(talk, State.FAILED, Problem(message, fix, ("preferences", "retry"), job.log))
    except Exception as error:
        _note(job, traceback.format_exc())
        _end(talk, State.FAILED, problems.defect(error, job.log))
    else:
        _end(talk, State.DONE)


def _end(talk: Talk, state: State, problem: Problem | None = None, detail: str = "") -> None:
    _note(talk.job, state.value + (f": {problem.message} {problem.fix}" if problem else ""))
    talk.tell(ended(state, problem, detail))


def _note(job: Job, text: str) -> None:
    """Add to the job's log, which is what to send when asking for help."""
    with contextlib.suppress(OSError), job.log.open("a", encoding="utf-8") as log:
        log.write(f"# {time.strftime('%H:%M:%S')} {job.name}: {text}\n")


def _run_step(talk: Talk, processes: Processes, step: Step, command: EngineCommand | BlenderCommand) -> dict[str, Any]:
    """The result of one step."""
    if isinstance(command, BlenderCommand):
        return _ask_blender(talk, processes, step, command)
    engine = processes.running_engine(command)
    if engine is not None:
        engine.log_to(talk.job.log)
        # it may have died while nobody used it: then it is started again
        with contextlib.suppress(NotHeard):
            return _ask_engine(talk, processes, engine, step, command)
    engine = processes.start_engine(command, talk.job.log)
    with _killed_on_failure(engine):
        await_ready(talk, engine)
    return _ask_engine(talk, processes, engine, step, command)


def _ask_engine(talk: Talk, processes: Processes, engine: Peer, step: Step, command: EngineCommand) -> dict[str, Any]:
    if command.remote:
        return ask_remote(talk, engine, step.request, processes.session)
    return ask(talk, engine, step.request)


def _ask_blender(talk: Talk, processes: Processes, step: Step, command: BlenderCommand) -> dict[str, Any]:
    blender = processes.start_blender(command, talk.job.log)
    with _killed_on_failure(blender):
        await_ready(talk, blender)
        result = ask(talk, blender, step.request)
    blender.end(talk.patience.leave)
    return result


@contextlib.contextmanager
def _killed_on_failure(peer: Peer) -> Any:
    try:
        yield
    except BaseException:
        peer.kill()
        raise
