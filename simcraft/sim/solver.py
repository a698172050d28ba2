"""One way to write a solver: pure functions on a frozen state, and one driver that all of them share.

A solver is three functions and three views of the state. `init()` makes the state, `step(state, dt)` returns the next
one and changes nothing, `stable_step(state)` says how long a step may be (CFL); the driver chooses the substeps from
it, repeats a diverging step with half its length, and stops with an error that names solver, time, step and quantity
where that does not help. `capture` keeps of a state what a frame needs, `gather` makes bodies of all frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import Failure
from simcraft.progress import Progress, silent
from simcraft.recording import Body, Material, Recording
from simcraft.sim.setting import Setting, default_setting

HALVINGS = 5
"""How often a diverging step is halved before the simulation stops."""
MOST_STEPS = 20_000
"""In a frame. What needs more is exploding: speeds grow and steps shrink, so that it would crawl rather than end."""


class Timed(Protocol):
    """A solver's state: a frozen dataclass that knows its time."""

    @property
    def time(self) -> float:
        """Seconds since the first frame; negative while warming up."""
        ...


State = TypeVar("State", bound=Timed)
Snapshot = Mapping[str, np.ndarray]
"""What one frame keeps of a state."""


class Diverged(ArithmeticError):
    """A step has no sane result; the driver tries again with half of it. The text names the quantity."""


class SimulationStopped(Failure):
    """The simulation diverged for good.

    `recording`, or for a fluid in a picture `clip`, holds the frames until then; None for fewer than two.
    """

    def __init__(self, message: str, fix: str, snapshots: Sequence[Snapshot] = ()) -> None:
        super().__init__(message, fix)
        self.snapshots = tuple(snapshots)
        self.recording: Recording | None = None
        self.clip: MotionClip | None = None


@dataclass(frozen=True)
class Contribution:
    """What a solver adds to a recording."""

    bodies: tuple[Body, ...]
    """All frames of each; material indices count the recording's own materials first, then `materials`."""
    materials: tuple[Material, ...] = ()
    hidden: tuple[str, ...] = ()
    """Names of bodies of the recording that `bodies` stand for: they are not seen any more."""


@dataclass(frozen=True)
class Solver(Generic[State]):
    """A simulation that is ready to run."""

    name: str
    init: Callable[[], State]
    """The state at the start of the warm-up."""
    step: Callable[[State, float], State]
    """The state `dt` seconds later. Raises `Diverged`."""
    stable_step: Callable[[State], float]
    """The longest stable step from here, in seconds."""
    measure: Callable[[State], Mapping[str, float]]
    """Figures to show and to watch ("speed m/s", "divergence", "particles"): one that is not finite has diverged."""
    capture: Callable[[State], Snapshot]
    """Copies, not views, of what a frame needs."""
    gather: Callable[[Sequence[Snapshot]], Contribution]
    """Bodies from the snapshots of all frames; may be given fewer frames than asked for, at least two."""
    bounds: np.ndarray
    """(2, 3) float64, lowest and highest corner of the world that it fills, metres: what a default camera looks at."""
    fix: str = "Lower the speeds or forces, or raise the resolution."
    """What to do when it diverges."""


def advance(
    solver: Solver[State], state: State, until: float, most_steps: int = MOST_STEPS
) -> Iterator[tuple[State, float]]:
    """Step `state` to time `until` in equal substeps that are stable; yields each new state and its step in seconds.

    Raises `SimulationStopped`, also as soon as more than `most_steps` are taken or would be needed from here.
    """
    taken = 0
    while (rest := until - state.time) > 1e-9 * max(1.0, abs(until)):
        longest = solver.stable_step(state)
        if not longest > 0 or rest / longest > most_steps or taken >= most_steps:
            raise _stopped(solver, state, longest, "stable step")
        taken += 1
        dt = rest / max(1, math.ceil(rest / longest - 1e-9))
        state = _careful_step(solver, state, dt, HALVINGS)
        yield state, dt


def _careful_step(solver: Solver[State], state: State, dt: float, halvings: int) -> State:
    """One step of `dt`, or where that diverges two of half its length, and so on."""
    try:
        following = solver.step(state, dt)
        for quantity, value in solver.measure(following).items():
            if not math.isfinite(value):
                raise Diverged(quantity)
        return following
    except Diverged as diverged:
        if halvings == 0:
            raise _stopped(solver, state, dt, str(diverged)) from None
    middle = _careful_step(solver, state, dt / 2, halvings - 1)
    return _careful_step(solver, middle, dt / 2, halvings - 1)


def _stopped(solver: Solver[State], state: State, dt: float, quantity: str) -> SimulationStopped:
    return SimulationStopped(
        f"{solver.name} diverged at {state.time:.3f} s: its {quantity} has no sane value, even in steps of {dt:.2g} s.",
        solver.fix,
    )


def simulate_frames(
    solver: Solver[State], frames: int, fps: float, warm_up: float = 0.0, progress: Progress = silent
) -> list[Snapshot]:
    """One snapshot a frame, the first at time 0 after `warm_up` seconds.

    Raises `SimulationStopped` with the snapshots so far.
    """
    state = solver.init()
    snapshots: list[Snapshot] = []
    number = 0
    try:
        if warm_up > 0:
            for following, dt in advance(solver, state, 0.0, MOST_STEPS * max(1, math.ceil(warm_up * fps))):
                state, number = following, number + 1
                done = min(max(1 + state.time / warm_up, 0), 1)
                progress(f"{solver.name}: warm up", round(100 * done), 100, _figures(solver, state, number, dt))
        progress(solver.name, 0, frames)
        for frame in range(frames):
            dt = 0.0
            for following, step in advance(solver, state, frame / fps):
                state, dt, number = following, step, number + 1
            snapshots.append(solver.capture(state))
            progress(solver.name, frame + 1, frames, _figures(solver, state, number, dt))
    except SimulationStopped as stopped:
        stopped.message = stopped.message.rstrip(".") + f" (step {number + 1}, frame {len(snapshots) + 1} of {frames})."
        stopped.snapshots = tuple(snapshots)
        raise
    return snapshots


def _figures(solver: Solver[State], state: State, number: int, dt: float) -> str:
    figures = ", ".join(f"{name} {value:.3g}" for name, value in solver.measure(state).items())
    return f"step {number}, dt {dt:.2g} s, {figures}"


def record(
    solver: Solver[State],
    frames: int = 48,
    fps: float = 24.0,
    *,
    size: tuple[int, int] = (512, 512),
    setting: Setting | None = None,
    warm_up: float = 0.0,
    seed: int | None = None,
    progress: Progress = silent,
) -> Recording:
    """Run `solver` for `frames` frames and record it.

    Parameters
    ----------
    size: (width, height) of the picture in pixels.
    setting: camera, light and things that stand around; by default a camera that sees all of the solver's bounds.
    warm_up: seconds that the solver's `init` starts before the first frame.
    seed: kept in the recording; the solver drew its random numbers from it.

    Raises
    ------
    SimulationStopped: it diverged; the error's `recording` holds the frames until then.
    """
    setting = setting or default_setting(solver.bounds, size)
    try:
        snapshots = simulate_frames(solver, frames, fps, warm_up, progress)
    except SimulationStopped as stopped:
        if len(stopped.snapshots) > 1:
            stopped.recording = _recording(solver, stopped.snapshots, fps, setting, seed)
        raise
    return _recording(solver, snapshots, fps, setting, seed)


def _recording(
    solver: Solver[State], snapshots: Sequence[Snapshot], fps: float, setting: Setting, seed: int | None
) -> Recording:
    from simcraft.sim.standstill import standstill_warnings

    stage = setting.stage(solver.name, len(snapshots), fps)
    made = solver.gather(snapshots)
    whole = replace(
        stage,
        bodies=(*stage.bodies, *made.bodies),
        materials=(*stage.materials, *made.materials),
        seed=seed,
    )
    return replace(whole, warnings=(*whole.warnings, *standstill_warnings(made.bodies, fps)))
