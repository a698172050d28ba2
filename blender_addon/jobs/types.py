"""What a job is, and what is known of it while it runs."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

PROTOCOL_VERSION = 2
"""Of the JSON lines that the engine, child Blenders and the add-on exchange; see `simcraft/worker.py`."""


@dataclass(frozen=True)
class EngineCommand:
    """How the engine is started."""

    arguments: tuple[str, ...]
    """The program and its arguments, e.g. (PYTHON, "-P", "-m", "simcraft.worker"), ("ssh", HOST, "simcraft worker")."""
    remote: bool = False
    """Does it run where our paths mean nothing? Files then travel through its stdin and stdout."""


@dataclass(frozen=True)
class BlenderCommand:
    """How a child Blender is started for one request, which it then reads from its stdin."""

    arguments: tuple[str, ...]
    """The program and its arguments, e.g. (BLENDER, "-b", "copy.blend", "-P", "child.py")."""


@dataclass(frozen=True)
class Step:
    """One thing that one process is asked."""

    process: Literal["engine", "blender"]
    request: dict[str, Any]
    """The message without "version" and "id"; paths may be `Path`s."""


@dataclass(frozen=True)
class Job:
    """Steps that are done in order; where one fails the others are not done."""

    name: str
    """For people."""
    steps: tuple[Step, ...]
    work: Path
    """A folder for its log and for previews; made where it is missing."""

    @property
    def log(self) -> Path:
        """Everything that its processes print beside their protocol."""
        return self.work / "log.txt"


class State(enum.Enum):
    """Where a job is; the last three are ends."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (State.DONE, State.STOPPED, State.FAILED)


ACTIONS = ("offload", "smaller", "fewer frames", "retry", "open log", "preferences")
"""What a `Problem` can offer."""


@dataclass(frozen=True)
class Problem:
    """What went wrong, and what to do about it."""

    message: str
    fix: str = ""
    """One sentence; may be empty."""
    actions: tuple[str, ...] = ()
    """Some of `ACTIONS`, the most useful first: a panel makes a button of each."""
    log: Path | None = None
    about: tuple[str, ...] = ()
    """What `fix` calls by names of the command line, see `simcraft/errors.py`; `in_panel.py` has words for it."""


@dataclass(frozen=True)
class Patience:
    """How long processes are waited for, in seconds."""

    start: float = 120.0
    """Until one says that it is ready: a first start compiles, and reads a slow disk."""
    silence: float = 90.0
    """Between two signs of life. There is one every two seconds, but libraries that compile hold all of a process up,
    and on a busy computer for long."""
    stop: float = 1.5
    """Until a process that was asked to stop is killed."""
    leave: float = 3.0
    """Until a process whose stdin was closed is killed."""


@dataclass(eq=False)
class Ticket:
    """A job in the queue. Changes only in `JobQueue.pump`, `cancel` and `close`: read it on their thread."""

    job: Job
    state: State = State.WAITING
    stage: str = ""
    """What is being done, for people."""
    step: int = 0
    """Of the stage's `steps`, how many are done."""
    steps: int = 0
    """0 where it is not known."""
    eta_seconds: float | None = None
    """Until the stage ends; None where nothing is known yet."""
    detail: str = ""
    """A few figures; of a job that was stopped, what is kept of it."""
    newest_frame: Path | None = None
    """A PNG of the newest finished frame."""
    frame: int = 0
    """Which one that is; 0 is the first of all `frames`."""
    frames: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)
    """One for every finished step of the job: the fields of its "result" event."""
    warnings: list[str] = field(default_factory=list)
    problem: Problem | None = None
    """Why it has failed."""

    @property
    def fraction(self) -> float | None:
        """How much of the stage is done, 0 to 1; 1 for a job that is done, None where nothing is known."""
        if self.state is State.DONE:
            return 1.0
        return min(max(self.step / self.steps, 0.0), 1.0) if self.steps > 0 else None
