"""One job from its first step to its end, on a thread of its own."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Sequence
from typing import Any

from . import problems
from .changes import ended, finished
from .conversation import NotHeard, Talk, ask, await_ready
from .peer import Peer
from .problems import Stopped, Trouble
from .processes import Processes
from .remote import ask_remote
from .types import BlenderCommand, EngineCommand, Problem, State, Step


def run_job(talk: Talk, processes: Processes, commands: Sequence[EngineCommand | BlenderCommand]) -> None:
    """Do all steps, each with its command. Every end, a good one or not, is told; nothing is raised."""
    job = talk.job
    try:
        job.work.mkdir(parents=True, exist_ok=True)
        for step, command in zip(job.steps, commands, strict=True):
            if talk.stop.is_set():
                raise Stopped
            talk.tell(finished(_run_step(talk, processes, step, command)))
    except Stopped as stopped:
        talk.tell(ended(State.STOPPED, detail=stopped.kept))
    except Trouble as trouble:
        talk.tell(ended(State.FAILED, trouble.problem))
    except OSError as error:
        fix = "Free some space, or choose another folder in the preferences."
        message = f"{error.filename or job.work}: {error.strerror or error}."
        talk.tell(ended(State.FAILED, Problem(message, fix, ("preferences", "retry"), job.log)))
    except Exception as error:
        with contextlib.suppress(OSError), job.log.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        talk.tell(ended(State.FAILED, problems.defect(error, job.log)))
    else:
        talk.tell(ended(State.DONE))


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
