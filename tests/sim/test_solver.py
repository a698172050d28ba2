"""The driver of all solvers: free fall in closed form, substeps, what happens when a step diverges."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from simcraft.recording import Particles
from simcraft.sim.solver import MOST_STEPS, Contribution, Diverged, SimulationStopped, Snapshot, Solver, advance, record

GRAVITY = 9.81


@dataclass(frozen=True)
class Fall:
    time: float = 0.0
    height: float = 0.0
    speed: float = 0.0
    steps: int = 0


def falling(stable: float = 0.01, longest: float = np.inf, warm_up: float = 0.0) -> Solver[Fall]:
    """A falling point by the leapfrog scheme, exact for any step; steps longer than `longest` diverge."""

    def step(state: Fall, dt: float) -> Fall:
        if dt > longest:
            raise Diverged("speed")
        height = state.height + state.speed * dt - GRAVITY * dt**2 / 2
        return Fall(state.time + dt, height, state.speed - GRAVITY * dt, state.steps + 1)

    def gather(snapshots: list[Snapshot]) -> Contribution:
        places = np.stack([s["place"] for s in snapshots]).astype(np.float32)[:, None]
        return Contribution((Particles("ball", places, np.full(1, 0.1, np.float32)),))

    return Solver(
        "fall",
        init=lambda: Fall(-warm_up),
        step=step,
        stable_step=lambda state: stable,
        measure=lambda state: {"speed m/s": state.speed},
        capture=lambda state: {"place": np.array([0.0, 0.0, state.height]), "steps": np.array(state.steps)},
        gather=gather,
        bounds=np.array([[-1.0, -1, -2], [1, 1, 0]]),
    )


def test_free_fall_is_recorded_as_in_closed_form() -> None:
    recording = record(falling(), frames=12, fps=24)
    time = np.arange(12) / 24
    np.testing.assert_allclose(recording.bodies[0].positions[:, 0, 2], -GRAVITY * time**2 / 2, atol=1e-6)
    assert recording.frame_count == 12 and recording.fps == 24


def test_steps_are_equal_and_stable() -> None:
    seen: list[str] = []
    record(falling(stable=0.011), frames=3, fps=10, progress=lambda *a: seen.append(a[3] if len(a) > 3 else ""))
    # 0.1 s in steps of at most 0.011 s are ten of 0.01 s
    assert [text.split(", ")[0] for text in seen[1:]] == ["step 0", "step 10", "step 20"]
    assert "dt 0.01 s" in seen[2] and "speed m/s" in seen[2]


def test_warm_up_ends_at_the_first_frame() -> None:
    recording = record(falling(warm_up=0.5), frames=2, warm_up=0.5)
    np.testing.assert_allclose(recording.bodies[0].positions[0, 0, 2], -GRAVITY * 0.25 / 2, rtol=1e-5)


def test_a_diverging_step_is_halved() -> None:
    recording = record(falling(stable=0.04, longest=0.006), frames=6)
    np.testing.assert_allclose(recording.bodies[0].positions[5, 0, 2], -GRAVITY * (5 / 24) ** 2 / 2, rtol=1e-5)


def test_what_cannot_be_saved_stops_with_solver_step_and_quantity_and_keeps_the_frames() -> None:
    solver = falling()

    def breaks(state: Fall, dt: float) -> Fall:
        following = solver.step(state, dt)
        return replace(following, speed=np.nan) if following.time > 0.2 else following

    with pytest.raises(SimulationStopped) as stopped:
        record(replace(solver, step=breaks), frames=12, fps=24)
    assert "fall diverged at 0.199 s" in stopped.value.message or "fall diverged at 0.2" in stopped.value.message
    assert "speed m/s" in stopped.value.message and "frame 6 of 12" in stopped.value.message
    kept = stopped.value.recording
    assert kept is not None and kept.frame_count == 5
    np.testing.assert_allclose(kept.bodies[0].positions[4, 0, 2], -GRAVITY * (4 / 24) ** 2 / 2, rtol=1e-5)


def test_what_would_crawl_stops_at_once_and_keeps_the_frames() -> None:
    """Speeds that grow without end make steps ever shorter, and no step diverges."""
    solver = falling()
    exploding = replace(solver, stable_step=lambda state: 0.01 if state.time < 0.12 else 0.5 / 24 / MOST_STEPS)
    with pytest.raises(SimulationStopped) as stopped:
        record(exploding, frames=12, fps=24)
    assert "its stable step has no sane value" in stopped.value.message and "frame 5 of 12" in stopped.value.message
    assert stopped.value.recording is not None and stopped.value.recording.frame_count == 4
    shrinking = replace(solver, stable_step=lambda state: (1.0 - state.time) / 3)
    steps = 0
    with pytest.raises(SimulationStopped, match="stable step"):
        for _ in advance(shrinking, Fall(), 1.0, most_steps=20):
            steps += 1
    assert steps == 20


def test_a_long_warm_up_may_take_more_steps_than_a_frame() -> None:
    solver = falling(stable=0.9 / MOST_STEPS, warm_up=1.0)
    assert record(solver, frames=2, fps=2 * MOST_STEPS, warm_up=1.0).frame_count == 2


def test_a_simulation_that_stands_still_says_so() -> None:
    solver = falling()

    def lands(state: Fall, dt: float) -> Fall:
        return solver.step(state, dt) if state.time < 0.1 else replace(state, time=state.time + dt)

    recording = record(replace(solver, step=lands), frames=24)
    assert any("does not move any more after frame" in warning for warning in recording.warnings)
    assert not record(solver, frames=24).warnings
