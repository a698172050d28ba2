"""Carry out what a scene asks for beside Blender's own physics: each `Effect` of a recording becomes bodies."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from simcraft.errors import UserError
from simcraft.progress import Progress, silent
from simcraft.recording import Body, ChangingBody, Effect, Instances, Material, Particles, Recording
from simcraft.recording.format import KINDS, SettingError, complete, convert
from simcraft.sim.solver import Contribution, SimulationStopped, Solver, simulate_frames
from simcraft.sim.standstill import standstill_warnings
from simcraft.sim.surroundings import Surroundings

SOLVERS = {
    "smoke": "simcraft.sim.fluid.smoke_effect",
    "fire": "simcraft.sim.fluid.smoke_effect",
    "liquid": "simcraft.sim.fluid.liquid_effect",
    "material": "simcraft.sim.mpm.effect",
    "flock": "simcraft.sim.agents.flock_effect",
    "crowd": "simcraft.sim.agents.crowd_effect",
    "traffic": "simcraft.sim.agents.traffic_effect",
}
"""Kind -> the module whose `solver(effect, surroundings, seed)` makes the `Solver`; imported on use."""


def simulate_effects(recording: Recording, *, seed: int | None = None, progress: Progress = silent) -> Recording:
    """`recording` with what its effects add, in their order; those that are solved already stay as they are.

    Later effects see the bodies of earlier ones. `seed` is the recording's own by default, else 0.

    Raises
    ------
    UserError: a setting or role makes no sense.
    SimulationStopped: an effect diverged; the error's `recording` holds the frames until then, of everything.
    """
    if not recording.materials and not all(effect.solved for effect in recording.effects):
        # what has none is grey, and stays so when effects add the first
        recording = replace(recording, materials=(Material("default"),))
    for number, effect in enumerate(recording.effects):
        if effect.solved:
            continue
        solver = solver_of(effect, Surroundings(recording), _seed(recording, seed) + number)
        warm_up = float(settings_of(effect).get("warm_up", 0.0))
        try:
            snapshots = simulate_frames(solver, recording.frame_count, recording.fps, warm_up, progress)
        except SimulationStopped as stopped:
            count = len(stopped.snapshots)
            if count > 1:
                stopped.recording = _with(cut(recording, count), number, solver.gather(stopped.snapshots))
            raise
        recording = _with(recording, number, solver.gather(snapshots))
    return recording


def solver_of(effect: Effect, surroundings: Surroundings, seed: int) -> Solver[Any]:
    """The solver that carries out `effect`. Raises `UserError` where its settings or roles make no sense."""
    make: Callable[..., Solver[Any]] = importlib.import_module(SOLVERS[effect.kind]).solver
    return make(effect, surroundings, seed)


def settings_of(effect: Effect) -> dict[str, Any]:
    """All settings of `effect`, with the defaults of what it does not say."""
    return complete(KINDS[effect.kind].parameters, effect.settings)


def change_settings(recording: Recording, changes: Mapping[str, Any]) -> Recording:
    """`recording` with some settings of its effects changed.

    A name is "setting", for all effects that have it, or "effect.setting", or "effect.thing.setting" for a thing that
    takes part. Values may be texts. Raises `UserError` where nothing has such a setting, or the value is wrong.
    """
    effects = list(recording.effects)
    for name, value in changes.items():
        changed = [_changed(effect, name, value) for effect in effects]
        if all(new is None for new in changed):
            raise UserError(f"There is no setting '{name}'.", _there_is(recording.effects))
        effects = [new or old for new, old in zip(changed, effects, strict=True)]
    return replace(recording, effects=tuple(effects))


def _changed(effect: Effect, name: str, value: Any) -> Effect | None:
    """`effect` with one setting changed, or None where the name is not one of its."""
    kind = KINDS[effect.kind]
    own = name.removeprefix(f"{effect.name}.")
    for parameter in kind.parameters:
        if parameter.name == own:
            return replace(effect, settings={**effect.settings, own: _value(parameter, value, name)})
    for number, role in enumerate(effect.roles):
        for parameter in kind.roles[role.role]:
            if name == f"{effect.name}.{role.name}.{parameter.name}":
                new = replace(role, settings={**role.settings, parameter.name: _value(parameter, value, name)})
                return replace(effect, roles=(*effect.roles[:number], new, *effect.roles[number + 1 :]))
    return None


def _value(parameter: Any, value: Any, name: str) -> Any:
    try:
        return convert(parameter, value)
    except SettingError as error:
        raise UserError(f"Setting '{name}': {error}.") from None


def _there_is(effects: tuple[Effect, ...]) -> str:
    names = [f"{e.name}.{p.name}" for e in effects for p in KINDS[e.kind].parameters]
    return f"There are: {', '.join(names)}." if names else "The scene asks for no effects."


def cut(recording: Recording, count: int) -> Recording:
    """The first `count` frames of `recording`."""
    from simcraft.recording import CameraTrack

    camera = recording.camera
    return replace(
        recording,
        frame_numbers=recording.frame_numbers[:count],
        frames=None if recording.frames is None else recording.frames[:count],
        camera=CameraTrack(
            camera.projection,
            camera.intrinsics[:count],
            camera.camera_to_world[:count],
            np.asarray(camera.clip_start)[:count],
            np.asarray(camera.clip_end)[:count],
        ),
        bodies=tuple(_cut_body(body, count) for body in recording.bodies),
        effects=tuple(_cut_effect(effect, count) for effect in recording.effects),
    )


def _cut_body(body: Any, count: int) -> Any:
    present = {} if body.present is None else {"present": body.present[:count]}
    if body.kind == "changing":
        vertices, faces = int(body.vertex_offsets[count]), int(body.face_offsets[count])
        return replace(
            body,
            **present,
            vertices=body.vertices[:vertices],
            velocity=None if body.velocity is None else body.velocity[:vertices],
            vertex_offsets=body.vertex_offsets[: count + 1],
            faces=body.faces[:faces],
            face_offsets=body.face_offsets[: count + 1],
        )
    in_time = {
        "rigid": ("transforms",),
        "instances": ("transforms",),
        "deforming": ("vertices",),
        "particles": ("positions", "velocity"),
        "volume": ("density", "velocity", "grid_to_world", "glow"),
    }[body.kind]
    known = {name: getattr(body, name)[:count] for name in in_time if getattr(body, name) is not None}
    return replace(body, **present, **known)


def _cut_effect(effect: Effect, count: int) -> Effect:
    shorter = (r if r.points is None else replace(r, points=r.points[:count]) for r in effect.roles)
    return replace(effect, roles=tuple(shorter))


def _with(recording: Recording, number: int, made: Contribution) -> Recording:
    """`recording` with the contribution of its effect `number`."""
    solved = replace(recording.effects[number], solved=True)
    bodies = _told_apart(made.bodies, {b.name for b in recording.bodies})
    return replace(
        recording,
        bodies=(*(_hidden(b) if b.name in made.hidden else b for b in recording.bodies), *bodies),
        materials=(*recording.materials, *made.materials),
        effects=(*recording.effects[:number], solved, *recording.effects[number + 1 :]),
        warnings=(*recording.warnings, *standstill_warnings(made.bodies, recording.fps)),
    )


def _told_apart(bodies: tuple[Body, ...], taken: set[str]) -> tuple[Body, ...]:
    """`bodies` with other names where theirs are `taken`: later effects, and Blender, know bodies by their names."""
    names = {}
    for body in bodies:
        names[body.name] = body.name
        while names[body.name] in taken:
            names[body.name] += " result"
    return tuple(
        replace(b, name=names[b.name], part_of=names.get(b.part_of, ""))
        if isinstance(b, Instances)
        else replace(b, name=names[b.name])
        for b in bodies
    )


def _hidden(body: Body) -> Body:
    """`body` where nobody sees it; later effects still run into it."""
    never = np.zeros(_times_present(body), bool)
    return replace(body, present=never)


def _times_present(body: Body) -> tuple[int, ...]:
    """Shape of `present`: a truth value a frame, and for particles and instances one each."""
    if isinstance(body, Instances):
        return body.transforms.shape[:2]
    if isinstance(body, Particles):
        return body.positions.shape[:2]
    if isinstance(body, ChangingBody):
        return (len(body.vertex_offsets) - 1,)
    frames = {"rigid": "transforms", "deforming": "vertices", "volume": "density"}[body.kind]
    return (len(getattr(body, frames)),)


def _seed(recording: Recording, seed: int | None) -> int:
    return seed if seed is not None else recording.seed or 0
